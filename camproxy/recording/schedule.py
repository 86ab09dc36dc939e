"""Schedule: the weekly table of when a camera records. Pure.

A table is a list of spans `[day, begin, end]`: the day of the week from 0 (Monday), minutes since midnight by the clock
on the wall, `end` exclusive and up to 1440. An hour that a change of the clocks repeats is recorded twice; one that it
leaves out never comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo

from camproxy.errors import N_

Span = tuple[int, int, int]
Schedule = tuple[Span, ...]

MINUTE = 60
DAY = 24 * 60


def read_schedule(table: Sequence[Sequence[int]]) -> Schedule:
    """A checked table. Raises ValueError."""
    spans = []
    for row in table:
        if len(row) != 3 or not all(type(value) is int for value in row):
            raise ValueError(N_("a span is a day and two minutes, all whole numbers"))
        day, begin, end = row
        if not (0 <= day <= 6 and 0 <= begin < end <= DAY):
            raise ValueError(N_("a day is from 0 to 6, and its minutes from 0 to 1440, the first before the last"))
        spans.append((day, begin, end))
    return tuple(sorted(spans))


def is_active(schedule: Schedule, at: float, zone: tzinfo) -> bool:
    """Whether the schedule wants that moment, in seconds since 1970."""
    local = datetime.fromtimestamp(at, zone)
    minute = local.hour * 60 + local.minute
    return any(day == local.weekday() and begin <= minute < end for day, begin, end in schedule)


def active_within(schedule: Schedule, begin: float, end: float, zone: tzinfo) -> Iterator[tuple[float, float]]:
    """What of the stretch from `begin` to `end` the schedule wants, as stretches. Seconds since 1970."""
    since = begin if is_active(schedule, begin, zone) else None
    # Every zone's offset from UTC has been a whole number of minutes for a hundred years.
    minute = (int(begin) // MINUTE + 1) * MINUTE
    while minute < end:
        active = is_active(schedule, minute, zone)
        if active and since is None:
            since = minute
        elif not active and since is not None:
            yield since, minute
            since = None
        minute += MINUTE
    if since is not None and since < end:
        yield since, end
