"""When to ask a camera for its next frame: the pull mode's `getframe`."""

from __future__ import annotations

import threading
from collections.abc import Callable

from camproxy.clock import Clock
from camproxy.errors import ChannelError

#: Seconds until a request that brought nothing is repeated.
ASK_AGAIN_AFTER = 2.0
#: Requests without a frame until the link is given up.
MISSES_ALLOWED = 3


class FramePull:
    """At most one request is outstanding; between two requests pass at least 1/fps seconds.

    `ask` belongs to the sending thread, `arrived` to the receiving one.
    """

    def __init__(self, wanted: Callable[[], bool], fps: Callable[[], float], clock: Clock) -> None:
        self._wanted = wanted
        self._fps = fps
        self._clock = clock
        self._lock = threading.Lock()
        self._asked_at: float | None = None
        self._next = float("-inf")
        self._misses = 0

    def ask(self) -> bool:
        """Whether a frame is to be asked for now. Raises ChannelError("silent") when too many brought nothing."""
        now = self._clock.monotonic()
        with self._lock:
            if self._asked_at is not None:
                if now - self._asked_at < ASK_AGAIN_AFTER:
                    return False
                self._asked_at = None
                self._misses += 1
                if self._misses >= MISSES_ALLOWED:
                    raise ChannelError("silent", f"no frame after {MISSES_ALLOWED} requests")
            if now < self._next or not self._wanted():
                return False
            # Counted from when it was due, so that the rate does not sink by the time a request takes.
            interval = 1 / self._fps()
            self._next = max(self._next, now - interval / 2) + interval
            self._asked_at = now
            return True

    def next_moment(self) -> float:
        """The monotonic time at which `ask` may change its mind by itself."""
        with self._lock:
            if self._asked_at is not None:
                return self._asked_at + ASK_AGAIN_AFTER
            return self._next if self._wanted() else float("inf")

    def arrived(self) -> None:
        """A frame has come, valid or not."""
        with self._lock:
            self._asked_at = None
            self._misses = 0
