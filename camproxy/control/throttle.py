"""Throttle: how fast one user may steer. What comes faster is put off, not refused, so the last move always arrives."""

from __future__ import annotations

import threading

from camproxy.clock import Clock


class Throttle:
    """A token bucket for each key: `rate` a second, a second's worth at once. Thread-safe."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self._interval = 1 / rate
        self._clock = clock
        self._lock = threading.Lock()
        self._next: dict[int, float] = {}

    def not_before(self, key: int) -> float:
        """The monotonic time at which the next action of `key` may happen: now, or up to an interval from now."""
        now = self._clock.monotonic()
        with self._lock:
            # The bucket as one number: the time at which it would be full again, less its size.
            due = max(self._next.get(key, 0.0), now - 1.0)
            if due > now:
                return due
            self._next[key] = due + self._interval
            return now
