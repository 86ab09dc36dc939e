"""Part: one file while it is being recorded, from its first frame to the moment when it is safe on the disk."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from camproxy.files import settle
from camproxy.frames import Frame
from camproxy.recording.book import COMPLETE, RECOVERED, Begun, Book, Ended
from camproxy.recording.encoder import HEAD, Encoder, Encoding
from camproxy.recording.fed import EncoderFailed
from camproxy.recording.footage import Unreadable, read_footage, trim
from camproxy.recording.hours import ends_at
from camproxy.recording.modes import CameraRecording
from camproxy.recording.storage import Storage

log = logging.getLogger(__name__)

#: The clock on the wall may drift by so much within a part; when it jumps further, a new part begins. Seconds.
DRIFT = 2.0
#: How long an ffmpeg may take to end. Seconds.
FINISH_WITHIN = 5.0


def comment(camera_id: int, at: float, zone: ZoneInfo) -> str:
    """What is written into the file, for the day when there is nothing but the file."""
    started = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return json.dumps({"camproxy": 1, "camera": camera_id, "started_at": started, "zone": zone.key})


class Part:
    """For one thread; `kill` may come from any. Raises EncoderFailed and OSError when it cannot begin."""

    def __init__(
        self,
        camera_id: int,
        config: CameraRecording,
        first: Frame,
        zone: ZoneInfo,
        storage: Storage,
        book: Book,
        missing: str,
        patience: float,
    ) -> None:
        """`patience` is for its ffmpeg, see Encoder."""
        self.config = config
        self.started_at = first.captured_at
        #: Why there is nothing before it, if there is nothing.
        self.missing = missing
        self.frames = 0
        self.last = first.arrived
        #: Frames that came and are not in it.
        self.lost = 0
        self._size = (first.width, first.height)
        #: When its first frame arrived, by the monotonic clock.
        self.begun = first.arrived
        self._ends_at = ends_at(first.captured_at, zone)
        self._storage = storage
        self._book = book
        self._newest = first.data
        made = storage.create(config.folder, first.captured_at, zone)
        self.path, self._descriptor = str(made.path), made.descriptor
        said = comment(camera_id, first.captured_at, zone)
        self._encoding = Encoding(config.codec, first.width, first.height, config.fps, config.crf, said)
        try:
            self._encoder = Encoder(self._encoding, self._descriptor, patience)
        except BaseException:
            os.close(self._descriptor)
            storage.remove(self.path)
            raise
        book.begun(Begun(self.path, camera_id, self.started_at, zone.key, config.codec, first.width, first.height))

    @property
    def pid(self) -> int:
        """ffmpeg's."""
        return self._encoder.pid

    @property
    def seconds(self) -> float:
        """How long it plays so far."""
        return self.last - self.begun + self._encoding.frame_ms / 1000

    @property
    def ended_at(self) -> float:
        """When what is in it ends, in seconds since 1970."""
        return self.started_at + self.seconds

    @property
    def has_pictures(self) -> bool:
        """Whether ffmpeg has written any. From any thread."""
        try:
            return (self._storage.root / self.path).stat().st_size > HEAD
        except OSError:
            return False

    def takes(self, frame: Frame, config: CameraRecording) -> bool:
        """Whether the frame belongs into it: of the same hour, of the same size, by the same clock, encoded alike."""
        return (
            frame.captured_at < self._ends_at
            and not self.jumped(frame)
            and self._size == (frame.width, frame.height)
            and (self.config.folder, self.config.codec, self.config.crf, self.config.fps)
            == (config.folder, config.codec, config.crf, config.fps)
        )

    def jumped(self, frame: Frame) -> bool:
        """Whether the clock on the wall was changed since the beginning."""
        return abs(self.started_at + frame.arrived - self.begun - frame.captured_at) > DRIFT

    def write(self, frame: Frame) -> None:
        """Raises EncoderFailed."""
        self._encoder.write(frame.data, frame.arrived - self.begun)
        self._newest, self.last = frame.data, frame.arrived
        self.frames += 1

    def finish(self, until: float | None = None, within: float = FINISH_WITHIN) -> bool:
        """Close the file and see that it stays. Whether there is anything in it.

        `until`: for how long its last picture stood, by the monotonic clock.
        """
        frame = self._encoding.frame_ms / 1000
        try:
            if until is not None and until - self.last > 2 * frame:
                # So that it plays as long as it lasted. Not longer than to the part's own end.
                last = min(until, self.begun + self._ends_at - self.started_at) - frame
                if last > self.last:
                    self._encoder.write(self._newest, last - self.begun)
                    self.last, self.frames = last, self.frames + 1
            orderly = self._encoder.finish(within)
        except EncoderFailed:
            self._encoder.abandon()
            orderly = False
        return self._settle(orderly, final=True) > 0

    def abandon(self) -> float:
        """Its ffmpeg is of no use any more. Up to when its file is whole, by the monotonic clock.

        What came later is in the ring, and can be given to another.
        """
        self._encoder.abandon()
        return self.begun + self._settle(orderly=False)

    def kill(self) -> None:
        self._encoder.kill()

    def _settle(self, orderly: bool, final: bool = False) -> float:
        """Fsync the file, then its directory, then tell the book. How long it plays."""
        file = self._storage.root / self.path
        seconds, frames, state = self.seconds, self.frames, COMPLETE
        try:
            if not orderly:
                footage = read_footage(file)
                trim(file, footage)
                self.lost += max(self.frames - footage.frames, 0) if final else 0
                seconds, frames, state = footage.seconds, footage.frames, RECOVERED
            os.fsync(self._descriptor)
            length = os.fstat(self._descriptor).st_size
            settle(file.parent)
        except Unreadable:
            # Made by us and with no picture in it: there is nothing to keep.
            self._storage.remove(self.path)
            self._book.dropped(self.path)
            return 0.0
        except OSError as error:
            log.error("%s: cannot be kept for certain: %s", self.path, error.strerror)
            return seconds  # the next start looks what there is
        finally:
            os.close(self._descriptor)
        self._book.ended(Ended(self.path, self.started_at + seconds, length, frames, self.lost, state))
        return seconds
