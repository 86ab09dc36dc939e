"""Recorder: of one camera, from its frame hub into parts.

The ring of the hub is the queue: while ffmpeg is busy, stalled or being replaced, frames wait there, and what the ring
loses is counted. Nothing here holds up who publishes them.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from camproxy.clock import Clock
from camproxy.frames import Cursor, Frame, FrameHub
from camproxy.recording.book import CLOCK_CHANGED, DISK_FULL, ENCODER_FAILED, OFFLINE, Book
from camproxy.recording.encoder import STALLED_AFTER
from camproxy.recording.fed import EncoderFailed
from camproxy.recording.gaps import MISSING_AFTER, Ledger
from camproxy.recording.modes import CameraRecording
from camproxy.recording.part import Part
from camproxy.recording.storage import Storage

log = logging.getLogger(__name__)

#: How long to wait for a frame or for motion before other things are looked at. Seconds.
TURN = 0.25
#: Frames of so many seconds are remembered while a camera records: as long as a dead ffmpeg may go unnoticed, and more.
REMEMBERED = 15.0
#: Times in files are in whole milliseconds. Seconds.
ROUNDING = 0.002
#: An ffmpeg that fails before its file has so many seconds is started again after a pause, and after a longer one the
#: next time, of so many seconds at most.
FAILS_EARLY = 5.0
LONGEST_PAUSE = 30.0
#: And it has more time to begin, as many times what the first one had: it may be that it only has no processor.
MOST_PATIENCE = 8.0


class Recorder:
    """A thread that runs while the camera's pictures are to be seen. Thread-safe.

    `cause` says why no pictures come, in the book's words.
    """

    def __init__(
        self,
        camera_id: int,
        hub: FrameHub,
        config: CameraRecording,
        zone: ZoneInfo,
        storage: Storage,
        book: Book,
        clock: Clock,
        cause: Callable[[], str],
    ) -> None:
        self.camera_id = camera_id
        self.config = config
        self.hub = hub
        self.ledger = Ledger(camera_id, book, clock)
        self._zone = zone
        self._storage = storage
        self._book = book
        self._clock = clock
        self._cause = cause
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()
        self._stopping = False
        #: Whether it records for motion until told otherwise.
        self._moving = False
        #: Until when it records after motion, and by hand; by the monotonic clock.
        self._moves_until = float("-inf")
        self._by_hand_until = float("-inf")
        #: The same as was said, by the wall clock.
        self._by_hand_ends = 0.0
        #: From when on the next part is to have its frames, by the monotonic clock; None: from now on.
        self._since: float | None = None
        self._part: Part | None = None
        #: One that is being finished.
        self._ending: Part | None = None
        self._idle = True
        #: Why there was nothing before the next part, if it was for long.
        self._missing = OFFLINE
        #: Before that moment the next frame is one too many.
        self._due = float("-inf")
        self._failures = 0
        self._not_before = float("-inf")
        self.fault = ""
        self._fault_cause = ENCODER_FAILED
        #: Frames that came and were to be recorded, but were not.
        self.lost = 0
        #: The number of the newest frame that it has seen to.
        self.taken = 0

    # What is asked of it

    def motion(self, at: float | None = None, goes_on: bool = False) -> None:
        """Something moved at that moment by the wall clock, now by default; `goes_on`: and does until the next call."""
        now = self._clock.monotonic()
        moved = now if at is None else now - min(max(self._clock.wall() - at, 0.0), REMEMBERED)
        with self._changed:
            if self.config.mode != "motion":
                self._moving = False
                return
            if not self._moves(now):
                self._since = moved - self.config.pre_seconds
            self._moving = goes_on
            self._moves_until = max(self._moves_until, moved + self.config.post_seconds)
            self._changed.notify_all()

    def record_for(self, seconds: float) -> None:
        """Record by hand, whatever the mode, for so many seconds from now; 0 ends it."""
        with self._changed:
            now = self._clock.monotonic()
            if not self.wants:
                self._since = now
            self._by_hand_until = now + seconds
            self._by_hand_ends = self._clock.wall() + seconds
            self._changed.notify_all()
        self.look()

    @property
    def by_hand(self) -> bool:
        return self._clock.monotonic() < self._by_hand_until

    @property
    def watches(self) -> bool:
        """Whether it is to see pictures now."""
        return not self._stopping and (self.by_hand or self.config.watches(self._clock.wall(), self._zone))

    @property
    def wants(self) -> bool:
        """Whether it is to record them now."""
        if not self.watches:
            return False
        return self.by_hand or self.config.mode != "motion" or self._moves(self._clock.monotonic())

    def _moves(self, at: float) -> bool:
        return self._moving or at < self._moves_until

    @property
    def by_hand_until(self) -> float | None:
        """In seconds since 1970; None while it does not record by hand."""
        return self._by_hand_ends if self.by_hand else None

    @property
    def trouble(self) -> str | None:
        """What keeps it from recording although it is to, in the book's words."""
        if not self.watches:
            return None
        return self._storage.trouble or (self._fault_cause if self.fault else None)

    @property
    def records(self) -> bool:
        """Whether there is a file that it writes just now."""
        return self._part is not None

    # Its life

    def look(self) -> None:
        """To be called about once a second, and when something was changed. Waits for nothing."""
        with self._changed:
            watches = self.watches
            if watches and self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"recorder {self.camera_id}", daemon=True)
                self._thread.start()
        newest = self.hub.newest
        if part := self._part:
            if part.has_pictures:
                self._note(part)
        elif watches and newest and not self.wants:  # nothing moves, and it would be seen
            self.ledger.seen(newest.captured_at, newest.captured_at, newest.arrived)
        self.ledger.look(watches, self._storage.trouble or (self._fault_cause if self.fault else self._cause()))

    def cancel(self) -> None:
        """Begin to stop, without waiting for it."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def stop(self, within: float) -> bool:
        """Finish the file. Whether that could be done within so many seconds."""
        self.cancel()
        if thread := self._thread:
            thread.join(max(within, 0.0))
            if thread.is_alive():
                return False
        self.ledger.stop()
        return True

    def kill(self) -> None:
        """End its ffmpeg at once; the next start recovers what there is."""
        if part := self._part or self._ending:
            part.kill()

    def state(self) -> dict[str, Any]:
        part = self._part
        return {
            "camera": self.camera_id,
            "mode": self.config.mode,
            "by_hand": self.by_hand,
            "recording": part.path if part else None,
            "fault": self.fault or None,
            "lost": self.lost,
        }

    # In its thread

    def _run(self) -> None:
        try:
            with Cursor(self.hub) as cursor:
                while self.watches or self._is_late(cursor):
                    self.hub.remember(max(REMEMBERED, self.config.pre_seconds + 2 * TURN))
                    self._turn(cursor)
        except Exception:
            log.exception("camera %s: the recorder failed", self.camera_id)  # the next look starts it anew
        finally:
            try:
                self.hub.remember(0.0)
                self._end_part()
            finally:
                with self._changed:
                    self._thread = None

    def _turn(self, cursor: Cursor) -> None:
        trouble = self._storage.trouble
        if trouble or not (self.wants or self._is_late(cursor)):
            self._missing = trouble or OFFLINE
            self._end_part()
            self._idle = True
            self._wait(TURN, lambda: self.wants and not self._storage.trouble)
            if trouble:
                cursor.seq = self.hub.received  # what came meanwhile is a gap, and not lost on the way
            return
        if (pause := self._not_before - self._clock.monotonic()) > 0:
            self._wait(min(pause, TURN))
            return
        if self._idle:
            self._begin(cursor)
        lost = cursor.lost
        frame = cursor.next(TURN)
        self._count_lost(cursor.lost - lost)
        if frame:
            self._take(frame, cursor)
            return
        self.fault = ""  # whatever it was: it is not for that that there are no pictures
        if self._part and self._clock.monotonic() - self._part.last > MISSING_AFTER:
            self._end_part()

    def _is_late(self, cursor: Cursor) -> bool:
        """Whether frames are still in the ring of a time that was to be recorded."""
        if self._stopping or (self._idle and self._since is None):
            return False
        frame = self.hub.next(cursor.seq, 0)
        if frame is None:
            return False
        if frame.arrived < self._by_hand_until:
            return True
        if self.config.mode == "motion":
            return self._moves(frame.arrived)
        return self.config.watches(frame.captured_at, self._zone)

    def _wait(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or until(), seconds)

    def _begin(self, cursor: Cursor) -> None:
        """Go to where the pre-roll begins, but not back to frames that were recorded already."""
        with self._changed:
            since, self._since = self._since, None
        if since is not None:
            recorded = cursor.seq
            cursor.seek(since)
            cursor.seq = max(cursor.seq, recorded)
        self._idle = False

    def _count_lost(self, frames: int) -> None:
        self.lost += frames
        if self._part:
            self._part.lost += frames

    def _take(self, frame: Frame, cursor: Cursor) -> None:
        self.taken = frame.seq
        if frame.arrived < self._due - 0.5 / self.config.fps:
            return  # more than are wanted
        if self._part:
            self._part_with(self._part, frame)
        try:
            if self._part is None:
                self._part = self._new_part(frame)
                self._missing = OFFLINE
            self._part.write(frame)
        except EncoderFailed as failed:
            self._replace(failed, frame, cursor)
            return
        except OSError as error:
            self.fault, self._fault_cause = f"nothing can be written: {error.strerror}", DISK_FULL
            self._storage.refuses(error.strerror or str(error))
            return
        self._due = max(self._due + 1 / self.config.fps, frame.arrived)
        if self._part.has_pictures:
            self.fault = ""
            self._note(self._part)

    def _new_part(self, first: Frame) -> Part:
        patience = STALLED_AFTER * min(2.0**self._failures, MOST_PATIENCE)
        return Part(self.camera_id, self.config, first, self._zone, self._storage, self._book, self._missing, patience)

    def _note(self, part: Part) -> None:
        """Tell the ledger that there are pictures."""
        self.ledger.seen(part.started_at, part.ended_at, part.last, part.missing)

    def _part_with(self, part: Part, frame: Frame) -> None:
        """End the part if this frame is not for it."""
        if frame.arrived - part.last > MISSING_AFTER:
            self._end_part()
        elif not part.takes(frame, self.config):
            if part.jumped(frame):
                self._missing = CLOCK_CHANGED
            self._end_part(until=frame.arrived)

    def _replace(self, failed: EncoderFailed, frame: Frame, cursor: Cursor) -> None:
        """Go back to the frames that are in no file, and begin another part with them."""
        part, self._part = self._part, None
        self.fault = str(failed)
        self._fault_cause = self._missing = DISK_FULL if failed.disk_full else ENCODER_FAILED
        log.warning("camera %s: ffmpeg is replaced: %s", self.camera_id, failed)
        if failed.disk_full:
            self._storage.refuses(os.strerror(errno.ENOSPC))
        whole = part.abandon() if part else frame.arrived
        cursor.seek(whole - ROUNDING)
        self._due = float("-inf")
        if part and whole - part.begun > FAILS_EARLY:
            self._failures = 0
        if self._failures:
            self._not_before = self._clock.monotonic() + min(2.0 ** (self._failures - 1), LONGEST_PAUSE)
        self._failures += 1

    def _end_part(self, until: float | None = None) -> None:
        part, self._part = self._part, None
        if part:
            self._ending = part
            kept = part.finish(until)
            self._ending = None
            if kept:
                self._note(part)
