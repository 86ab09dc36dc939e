"""Ledger: every stretch that a camera should have recorded and has not, with its cause.

A camera that records on motion should have been watched all the time; where it was not, that is a gap as well.
"""

from __future__ import annotations

import threading

from camproxy.clock import Clock
from camproxy.recording.book import SERVER_STOPPED, Book

#: Without a picture for so long, something is missing; until then the picture stood still. Seconds.
MISSING_AFTER = 10.0
#: Between the end of one part and the beginning of the next, so much is no gap. Seconds.
SEAM = 2.0


class Ledger:
    """Of one camera. Thread-safe."""

    def __init__(self, camera_id: int, book: Book, clock: Clock) -> None:
        self._camera_id = camera_id
        self._book = book
        self._clock = clock
        self._lock = threading.Lock()
        #: Up to when all is well, by both clocks; None while nothing is expected.
        self._covered: tuple[float, float] | None = None
        self._open: tuple[float, str] | None = None
        self._born = clock.monotonic()

    def stopped_since(self, at: float) -> None:
        """The server did not run from then until now, when something was expected."""
        with self._lock:
            self._covered = (at, self._clock.monotonic())
            self._open_gap(at, SERVER_STOPPED)

    def seen(self, since: float, until: float, arrived: float, cause: str = "") -> None:
        """There are pictures from `since` to `until` on the wall; the last came at `arrived` by the monotonic clock.

        `cause` is that of the stretch before, if one is missing.
        """
        with self._lock:
            if self._covered and arrived <= self._covered[1]:
                return  # known
            if self._open:
                self._close_gap(since)
            elif cause and self._covered and since - self._covered[0] > SEAM:
                self._book.gap_opened(self._camera_id, self._covered[0], cause)
                self._book.gap_closed(self._camera_id, self._covered[0], since)
            self._covered = (until, arrived)

    def look(self, expected: bool, cause: str) -> None:
        """To be called about once a second: whether pictures are expected now, and why there may be none."""
        with self._lock:
            wall, now = self._clock.wall(), self._clock.monotonic()
            if not expected:
                self._close_gap(wall)
                self._covered = None
            elif self._covered is None:
                self._covered = (wall, now)
            elif self._open is None:
                if now - self._covered[1] > MISSING_AFTER:
                    self._open_gap(self._covered[0], cause)
            elif self._open[1] != cause and now - self._born > MISSING_AFTER:
                # A server that has just started is given the time to find its cameras.
                self._close_gap(wall)
                self._open_gap(wall, cause)

    def stop(self) -> None:
        """Nothing is expected any more."""
        self.look(False, "")

    def _open_gap(self, at: float, cause: str) -> None:
        self._open = (at, cause)
        self._book.gap_opened(self._camera_id, at, cause)

    def _close_gap(self, at: float) -> None:
        if self._open:
            self._book.gap_closed(self._camera_id, self._open[0], max(at, self._open[0]))
            self._open = None
