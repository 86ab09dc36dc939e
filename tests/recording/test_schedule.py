"""The weekly table, also over both changes of the clocks."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camproxy.recording.schedule import active_within, is_active, read_schedule

BERLIN = ZoneInfo("Europe/Berlin")
SUNDAY = 6


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def hours(begin: str, end: str, table: list[list[int]]) -> list[tuple[float, float]]:
    """Begin and length in hours of what is wanted, counted from `begin`."""
    start = moment(begin)
    wanted = active_within(read_schedule(table), start, moment(end), BERLIN)
    return [((since - start) / 3600, (until - since) / 3600) for since, until in wanted]


def test_a_span_goes_from_its_first_minute_to_before_its_last() -> None:
    table = read_schedule([[0, 8 * 60, 9 * 60]])
    for text, wanted in (("07:59:59.9", False), ("08:00:00", True), ("08:59:59.9", True), ("09:00:00", False)):
        assert is_active(table, moment(f"2026-11-23T{text}+01:00"), BERLIN) == wanted, text
    assert not is_active(table, moment("2026-11-24T08:30+01:00"), BERLIN), "a Tuesday"


def test_a_night_is_two_spans_and_one_stretch() -> None:
    night = [[0, 22 * 60, 24 * 60], [1, 0, 6 * 60]]
    assert hours("2026-11-23T12:00+01:00", "2026-11-24T12:00+01:00", night) == [(10, 8)]


def test_a_night_in_spring_is_an_hour_shorter_and_in_autumn_an_hour_longer() -> None:
    night = [[SUNDAY, 0, 6 * 60]]
    assert hours("2026-03-28T23:00+01:00", "2026-03-29T12:00+02:00", night) == [(1, 5)]
    assert hours("2026-10-24T23:00+02:00", "2026-10-25T12:00+01:00", night) == [(1, 7)]


def test_the_repeated_hour_is_recorded_twice_and_the_missing_one_never() -> None:
    two_to_three = [[SUNDAY, 120, 180]]
    assert hours("2026-10-25T00:00+02:00", "2026-10-25T12:00+01:00", two_to_three) == [(2, 2)]
    assert hours("2026-10-25T00:00+02:00", "2026-10-25T12:00+01:00", [[SUNDAY, 120, 150]]) == [(2, 0.5), (3, 0.5)]
    assert hours("2026-03-29T00:00+01:00", "2026-03-29T12:00+02:00", two_to_three) == []


def test_a_stretch_may_begin_and_end_within_a_span() -> None:
    assert hours("2026-11-23T08:15:30+01:00", "2026-11-23T08:45:30+01:00", [[0, 480, 540]]) == [(0, 0.5)]
    assert hours("2026-11-23T08:15:30+01:00", "2026-11-23T08:15:30+01:00", [[0, 480, 540]]) == []


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1439), st.integers(1, 1440)).filter(lambda s: s[1] < s[2])),
    st.floats(moment("2026-10-24T00:00+02:00"), moment("2026-10-27T00:00+01:00")),
    st.floats(1, 20_000),
)
def test_the_stretches_agree_with_every_moment(spans: list[tuple[int, int, int]], begin: float, length: float) -> None:
    table = read_schedule(spans)
    stretches = list(active_within(table, begin, begin + length, BERLIN))
    for step in range(20):
        at = begin + length * step / 20
        assert is_active(table, at, BERLIN) == any(since <= at < until for since, until in stretches)


@pytest.mark.parametrize(
    "table",
    [[[7, 0, 1]], [[0, 5, 5]], [[0, 0, 1441]], [[0, -1, 5]], [[0, 1]], [[0, True, 5]], [[0, 0.5, 5]], [["0", 1, 2]]],
)
def test_other_tables_are_refused(table: list[list[int]]) -> None:
    with pytest.raises(ValueError, match=r"a day|a span"):
        read_schedule(table)
