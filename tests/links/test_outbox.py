from __future__ import annotations

import json
import threading

import pytest

from camproxy.errors import DeviceError, DeviceOffline, NoAnswer
from camproxy.links.outbox import Outbox
from tests.clocks import FakeClock


def taken(outbox: Outbox, clock: FakeClock) -> dict[str, object] | None:
    outbox.wake()
    text = outbox.take(clock.monotonic())
    return json.loads(text) if text else None


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def outbox(clock: FakeClock) -> Outbox:
    return Outbox(clock)


def test_a_command_is_stamped_sent_and_answered(outbox: Outbox, clock: FakeClock) -> None:
    answer = outbox.put("servo", {"type": "servo"})
    sent = taken(outbox, clock)
    assert sent is not None
    assert sent["type"] == "servo"
    assert sent["timestamp"] == "2026-11-18T11:06:40Z"
    assert sent["source"] == "web_interface"
    assert outbox.answered("servo", {"id": sent["id"]})
    assert not answer.result(0).superseded


def test_a_newer_move_replaces_an_unsent_one(outbox: Outbox, clock: FakeClock) -> None:
    answers = [outbox.put("servo", {"type": "servo", "x": x}) for x in range(5)]
    sent = taken(outbox, clock)
    assert sent is not None
    assert sent["x"] == 4
    assert [answer.result(0).superseded for answer in answers[:4]] == [True] * 4
    assert not answers[4].done()


def test_the_next_of_a_kind_waits_for_the_answer_other_kinds_do_not(outbox: Outbox, clock: FakeClock) -> None:
    outbox.put("servo", {"type": "servo", "x": 1})
    first = taken(outbox, clock)
    assert first is not None
    outbox.put("servo", {"type": "servo", "x": 2})
    assert taken(outbox, clock) is None
    outbox.put("light", {"type": "light"})
    assert (taken(outbox, clock) or {}).get("type") == "light"
    outbox.answered("servo", {"id": first["id"]})
    assert (taken(outbox, clock) or {}).get("x") == 2


def test_an_answer_without_id_is_for_what_is_on_its_way(outbox: Outbox, clock: FakeClock) -> None:
    answer = outbox.put("servo", {"type": "servo"})
    assert not outbox.answered("servo", {}), "nothing was sent yet"
    taken(outbox, clock)
    assert outbox.answered("servo", {})
    assert answer.done()
    assert not outbox.answered("servo", {}), "it was answered already"


def test_an_answer_to_something_older_is_for_nobody(outbox: Outbox, clock: FakeClock) -> None:
    answer = outbox.put("servo", {"type": "servo"})
    taken(outbox, clock)
    assert not outbox.answered("servo", {"id": "something-else"})
    assert not answer.done()


def test_no_answer_within_two_seconds(outbox: Outbox, clock: FakeClock) -> None:
    answer = outbox.put("servo", {"type": "servo"})
    taken(outbox, clock)
    clock.advance(1.9)
    taken(outbox, clock)
    assert not answer.done()
    clock.advance(0.2)
    taken(outbox, clock)
    with pytest.raises(NoAnswer):
        answer.result(0)


def test_what_could_not_be_sent_in_time_is_never_sent(outbox: Outbox, clock: FakeClock) -> None:
    answer = outbox.put("servo", {"type": "servo"})
    clock.advance(2.1)
    assert taken(outbox, clock) is None
    with pytest.raises(NoAnswer):
        answer.result(0)


def test_an_error_of_the_device_is_told(outbox: Outbox, clock: FakeClock) -> None:
    answer = outbox.put("servo", {"type": "servo"})
    taken(outbox, clock)
    outbox.answered("servo", {}, ok=False, detail="servo stuck")
    with pytest.raises(DeviceError, match="servo stuck"):
        answer.result(0)


def test_not_before(outbox: Outbox, clock: FakeClock) -> None:
    outbox.put("servo", {"type": "servo"}, not_before=clock.monotonic() + 0.5)
    assert taken(outbox, clock) is None
    clock.advance(0.5)
    assert taken(outbox, clock) is not None


def test_the_end_of_the_connection_fails_everything_and_nothing_is_kept(outbox: Outbox, clock: FakeClock) -> None:
    sent = outbox.put("servo", {"type": "servo"})
    taken(outbox, clock)
    unsent = outbox.put("servo", {"type": "servo"})
    outbox.close()
    with pytest.raises(NoAnswer):
        sent.result(0)
    with pytest.raises(DeviceOffline):
        unsent.result(0)
    with pytest.raises(DeviceOffline):
        outbox.put("servo", {"type": "servo"}).result(0)
    assert taken(outbox, clock) is None


def test_a_waiting_sender_is_woken_by_a_command() -> None:
    from camproxy.clock import SystemClock

    clock = SystemClock()
    outbox = Outbox(clock)
    texts: list[str | None] = []
    sender = threading.Thread(target=lambda: texts.append(outbox.take(clock.monotonic() + 30)))
    sender.start()
    outbox.put("light", {"type": "light"})
    sender.join(10)
    assert texts[0] is not None
    outbox.close()


def test_what_is_only_told_comes_first_and_is_not_waited_for(outbox: Outbox, clock: FakeClock) -> None:
    answer = outbox.put("servo", {"type": "servo"})
    outbox.tell("servo_command_log", {"type": "servo_command_log", "servo1": 1})
    outbox.tell("servo_command_log", {"type": "servo_command_log", "servo1": 2})
    outbox.tell("welcome", {"type": "welcome"})
    first, second, third = (taken(outbox, clock) for _ in range(3))
    assert first is not None
    assert (first["servo1"], first["source"]) == (2, "web_interface"), "a newer one takes the place of one that waits"
    assert [message and message["type"] for message in (second, third)] == ["welcome", "servo"]
    outbox.tell("welcome", {"type": "welcome"})
    outbox.close()
    assert taken(outbox, clock) is None, "nothing is told on the next connection"
    with pytest.raises(NoAnswer):
        answer.result(0)
