"""Time as a parameter, so that tests bring their own and nothing has to sleep."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two times: one that people read and that may jump, one to measure with that never does."""

    def wall(self) -> float:
        """Seconds since 1970, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def wall(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


def moment(wall: float) -> datetime:
    """An aware datetime, for seconds since 1970."""
    return datetime.fromtimestamp(wall, UTC)


def iso(at: float | datetime, timespec: str = "seconds") -> str:
    """`2026-11-21T10:00:00Z` for seconds since 1970 or an aware datetime; `timespec` as for `datetime.isoformat`."""
    at = at.astimezone(UTC) if isinstance(at, datetime) else moment(at)
    return at.isoformat(timespec=timespec).replace("+00:00", "Z")
