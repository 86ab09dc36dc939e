"""Those who listen, one of whom has a fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from camproxy.listeners import tell


def test_all_are_told_also_those_after_one_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Any] = []

    def faulty(*_: Any) -> None:
        raise RuntimeError("a bug")

    listeners: list[Callable[..., None]] = [faulty, lambda *news: heard.append(news), faulty]
    tell(listeners, "camera", 7)
    assert heard == [("camera", 7)]
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "faulty failed over ('camera', 7)" in caplog.text
    assert "a bug" in caplog.text, "with where it happened"


def test_one_may_leave_while_it_is_told() -> None:
    heard: list[str] = []
    listeners: list[Callable[..., None]] = []

    def once() -> None:
        listeners.remove(once)
        heard.append("once")

    listeners += [once, lambda: heard.append("again")]
    tell(listeners)
    tell(listeners)
    assert heard == ["once", "again", "again"]
