"""A board that connects anew was not therefore started anew."""

from __future__ import annotations

from typing import Any

from camproxy.messages import Connect, Heartbeat
from camproxy.starts import APART, REMEMBERED, Starts

NOW = 1_795_000_000.0


def hello(reason: str | None = None, uptime: float | None = None) -> Connect:
    return Connect(type="connect", device="pico", reset_reason=reason, uptime_ms=milliseconds(uptime))


def beat(uptime: float | None = None, reason: str | None = None) -> Heartbeat:
    return Heartbeat(type="heartbeat", reset_reason=reason, uptime_ms=milliseconds(uptime))


def milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(1000 * seconds)


def starts(*said: tuple[float, Any]) -> list[tuple[float, str]]:
    """When and why, for what was said so many seconds after NOW."""
    known = Starts()
    for after, message in said:
        known.note(NOW + after, message)
    return [(start.at - NOW, start.reason) for start in known.all()]


def test_nothing_is_made_of_nothing() -> None:
    assert starts() == []
    assert starts((0, hello()), (10, beat()), (20, hello())) == []


def test_who_says_how_long_it_is_up_says_when_it_started() -> None:
    first = (0, hello("poweron", uptime=5))
    assert starts(first, (30, beat(35)), (60, hello("poweron", uptime=65))) == [(-5, "poweron")]
    assert starts(first, (60, hello("brownout", uptime=3))) == [(-5, "poweron"), (57, "brownout")]


def test_a_slow_network_is_no_start() -> None:
    assert starts((0, beat(100, "wdt")), (30 + APART, beat(130, "wdt"))) == [(-100, "wdt")]


def test_without_an_uptime_only_another_reason_is_another_start() -> None:
    again = ((0, hello("brownout")), (60, hello("brownout")), (120, hello("brownout")))
    assert starts(*again) == [(0, "brownout")]
    assert starts(*again, (180, hello("panic")), (240, hello())) == [(0, "brownout"), (180, "panic")]


def test_a_guess_is_corrected_by_the_next_heartbeat() -> None:
    assert starts((0, hello("brownout")), (30, beat(9030))) == [(-9000, "brownout")]
    first = ((0, hello("poweron", uptime=1)), (30, beat(31)))
    assert starts(*first, (60, hello("panic")), (90, beat(91))) == [(-1, "poweron")], "it said so of an earlier one"
    assert starts(*first, (60, hello("panic")), (90, beat(32))) == [(-1, "poweron"), (58, "panic")]


def test_a_reason_that_comes_late_is_taken() -> None:
    assert starts((0, beat(10)), (30, beat(40, "brownout"))) == [(-10, "brownout")]


def test_the_oldest_are_forgotten() -> None:
    many = [(100.0 * number, hello("panic", uptime=1)) for number in range(2 * REMEMBERED)]
    assert len(starts(*many)) == REMEMBERED
