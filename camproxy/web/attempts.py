"""Attempts: how often somebody may try something."""

from __future__ import annotations

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter


class Attempts:
    """A moving window for each key; `rate` as in `60 per minute`. Thread-safe."""

    def __init__(self, rate: str) -> None:
        self._rate = parse(rate)
        self._window = MovingWindowRateLimiter(MemoryStorage())

    def allow(self, key: object) -> bool:
        """Whether one more is allowed now; if so, it counts."""
        return self._window.hit(self._rate, str(key))
