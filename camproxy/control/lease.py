"""Lease: who has the wheel. One driver at a time; it falls back when nothing was steered for a while."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from camproxy.clock import Clock
from camproxy.errors import ControlHeld


@dataclass(frozen=True, slots=True)
class Driver:
    """A user; several tabs of one user are the same driver."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class LeaseState:
    """`expires_in` in seconds. `asked_by` is somebody who would like to steer."""

    holder: Driver | None
    expires_in: float | None
    asked_by: str | None


class Lease:
    """Thread-safe. `seconds` of not steering give the wheel back."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._holder: Driver | None = None
        self._until = 0.0
        self._asked_by: Driver | None = None

    def state(self) -> LeaseState:
        with self._lock:
            self._expire()
            left = self._until - self._clock.monotonic() if self._holder else None
            return LeaseState(self._holder, left, self._asked_by.name if self._asked_by else None)

    def take(self, driver: Driver, *, by_force: bool = False) -> bool:
        """Take the wheel, or keep it. Whether the holder changed. Raises ControlHeld, and remembers who asked."""
        with self._lock:
            self._expire()
            if self._holder and self._holder.id != driver.id and not by_force:
                self._asked_by = driver
                raise ControlHeld("%(name)s is steering.", name=self._holder.name)
            changed = self._holder is None or self._holder.id != driver.id
            self._holder = driver
            self._until = self._clock.monotonic() + self._seconds
            if changed:
                self._asked_by = None
            return changed

    def release(self, driver_id: int) -> bool:
        """Give the wheel back. Whether this driver had it."""
        with self._lock:
            self._expire()
            if self._holder is None or self._holder.id != driver_id:
                return False
            self._clear()
            return True

    def _expire(self) -> None:
        if self._holder and self._clock.monotonic() >= self._until:
            self._clear()

    def _clear(self) -> None:
        self._holder, self._asked_by = None, None
