from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from camproxy.runtime import Runtime


class Part:
    """Writes down what is asked of it."""

    def __init__(self, name: str, diary: list[str], *, fails_at: str = "") -> None:
        self.name = name
        self.diary = diary
        self.fails_at = fails_at

    def _do(self, what: str) -> None:
        self.diary.append(f"{what} {self.name}")
        if self.fails_at == what:
            raise OSError(f"{self.name} cannot {what}")

    def start(self) -> None:
        self._do("start")

    def stop(self) -> None:
        self._do("stop")

    def state(self) -> dict[str, Any]:
        return {"name": self.name}


@pytest.fixture
def diary() -> list[str]:
    return []


def make_runtime(diary: list[str], **fails_at: str) -> Runtime:
    runtime = Runtime()
    for name in ("one", "two", "three"):
        runtime.add(name, Part(name, diary, fails_at=fails_at.get(name, "")))
    return runtime


def test_parts_start_in_order_and_stop_in_reverse(diary: list[str]) -> None:
    runtime = make_runtime(diary)
    assert not runtime.running
    runtime.start()
    assert runtime.running
    assert diary == ["start one", "start two", "start three"]
    diary.clear()
    runtime.stop()
    assert not runtime.running
    assert diary == ["stop three", "stop two", "stop one"]


def test_starting_and_stopping_again_does_nothing(diary: list[str]) -> None:
    runtime = make_runtime(diary)
    runtime.start()
    runtime.start()
    assert len(diary) == 3
    runtime.stop()
    runtime.stop()
    assert len(diary) == 6


def test_what_never_started_is_not_stopped(diary: list[str]) -> None:
    runtime = make_runtime(diary)
    runtime.stop()
    assert diary == []
    assert runtime.stopping


def test_a_failing_stop_is_logged_and_spares_nobody(diary: list[str], caplog: pytest.LogCaptureFixture) -> None:
    runtime = make_runtime(diary, three="stop", two="stop")
    runtime.start()
    diary.clear()
    with caplog.at_level(logging.ERROR):
        runtime.stop()
    assert diary == ["stop three", "stop two", "stop one"]
    assert [record.getMessage() for record in caplog.records] == ["stopping three failed", "stopping two failed"]
    assert "two cannot stop" in caplog.text
    assert not runtime.running


def test_a_failing_start_is_raised_and_what_had_started_is_stopped(diary: list[str]) -> None:
    runtime = make_runtime(diary, two="start")
    with pytest.raises(OSError, match="two cannot start"):
        runtime.start()
    # The one that failed may have got half way.
    assert diary == ["start one", "start two", "stop two", "stop one"]
    assert not runtime.running


def test_a_start_that_is_interrupted_is_cleaned_up_too(diary: list[str]) -> None:
    class Interrupted(Part):
        def start(self) -> None:
            raise KeyboardInterrupt

    runtime = make_runtime(diary)
    runtime.add("four", Interrupted("four", diary))
    with pytest.raises(KeyboardInterrupt):
        runtime.start()
    assert diary[3:] == ["stop four", "stop three", "stop two", "stop one"]


def test_a_stop_during_the_start_waits_for_it_and_then_stops_everything(diary: list[str]) -> None:
    half_way, go_on = threading.Event(), threading.Event()

    class Slow(Part):
        def start(self) -> None:
            half_way.set()
            go_on.wait(10)
            super().start()

    runtime = make_runtime(diary)
    runtime.add("slow", Slow("slow", diary))
    starting = threading.Thread(target=runtime.start)
    stopping = threading.Thread(target=runtime.stop)
    starting.start()
    assert half_way.wait(10)
    stopping.start()
    go_on.set()
    starting.join(10)
    stopping.join(10)
    assert diary[3:] == ["start slow", "stop slow", "stop three", "stop two", "stop one"]
    assert not runtime.running


def test_the_state_is_that_of_each_part(diary: list[str]) -> None:
    runtime = make_runtime(diary)
    assert runtime.state() == {"one": {"name": "one"}, "two": {"name": "two"}, "three": {"name": "three"}}
    assert list(runtime.state()) == ["one", "two", "three"]
