"""A clock that stands still until it is told otherwise."""

from __future__ import annotations


class FakeClock:
    def __init__(self, wall: float = 1_795_000_000.0) -> None:
        self._wall = wall
        self._monotonic = 1000.0

    def wall(self) -> float:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        self._wall += seconds
        self._monotonic += seconds
