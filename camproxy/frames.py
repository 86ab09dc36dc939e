"""Frames: what a valid JPEG is, and the hub through which a camera's frames reach everybody who wants them.

A frame's bytes are immutable and shared: one copy in memory, however many watch. Knows neither Flask nor the database.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass

from camproxy.clock import Clock, SystemClock

#: ESP32 sensors end at 2592x1944 (OV5640); anything far beyond is a broken header.
LARGEST_SIDE = 4096
#: Frames that are always kept, for the frame rate.
RING = 32
#: And how many bytes at most, when more are to be remembered: ten seconds of SVGA.
RING_BYTES = 8_000_000
#: Frame rates are measured over this many seconds.
RATE_WINDOW = 3.0

# Markers without a length field after them: TEM and RST0…RST7 (ITU-T T.81, table B.1).
STANDALONE = {0x01, *range(0xD0, 0xD8)}
# Start-of-frame markers; C4, C8 and CC in that range are something else (ITU-T T.81, table B.1).
START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}

FAULTS = ("not_a_jpeg", "truncated", "too_large", "absurd_dimensions")


class BadFrame(ValueError):
    """A picture that goes nowhere. The argument is one of FAULTS."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One JPEG. `captured_at` is when its last byte had arrived, in seconds since 1970; `arrived` is the same moment by
    the clock that never jumps."""

    data: bytes
    seq: int
    captured_at: float
    width: int
    height: int
    arrived: float


def check_jpeg(data: bytes, largest: int) -> tuple[int, int]:
    """Width and height of a JPEG, cheaply: markers, size, header; nothing is decoded. Raises BadFrame."""
    if len(data) > largest:
        raise BadFrame("too_large")
    if len(data) < 4 or data[:3] != b"\xff\xd8\xff":
        raise BadFrame("not_a_jpeg")
    # Some sensors pad with zeros behind the end marker.
    if not data[-64:].rstrip(b"\x00").endswith(b"\xff\xd9"):
        raise BadFrame("truncated")
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF or marker in STANDALONE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker in START_OF_FRAME:
            height, width = int.from_bytes(data[at + 5 : at + 7]), int.from_bytes(data[at + 7 : at + 9])
            if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
                raise BadFrame("absurd_dimensions")
            return width, height
        if marker in (0xD9, 0xDA):
            break
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    raise BadFrame("not_a_jpeg")


class FrameHub:
    """Where one camera's frames arrive. Thread-safe.

    Whoever wants frames attaches; while anybody is attached, and `linger` seconds longer, `wanted` is true and the link
    pulls. Listeners are called in the publishing thread and must not block.
    """

    def __init__(self, *, largest: int, linger: float, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._largest = largest
        self._linger = linger
        self._changed = threading.Condition()
        self._ring: deque[Frame] = deque()
        self._ring_bytes = 0
        self._remembered = 0.0
        self._seq = 0
        self.newest: Frame | None = None
        self._attached = 0
        #: How many of those who are attached are people, or programs of theirs.
        self.viewers = 0
        self._left_at = float("-inf")
        self._wanted_since = float("-inf")
        self._last_at: float | None = None
        #: How much the valid frames were so far.
        self.received_bytes = 0
        self.bad: Counter[str] = Counter()
        #: How many bad ones came since the last good one.
        self.bad_since_last = 0
        #: Called after each frame; for those who wait on many hubs at once.
        self.listeners: list[Callable[[FrameHub], None]] = []
        #: Called when somebody wants frames and nobody did before.
        self.on_demand: Callable[[], None] = lambda: None

    def publish(self, data: bytes) -> Frame:
        """Check a picture and hand it to everybody. Raises BadFrame, which is counted here."""
        try:
            width, height = check_jpeg(data, self._largest)
        except BadFrame as fault:
            self.bad[str(fault)] += 1
            self.bad_since_last += 1
            raise
        with self._changed:
            self._seq += 1
            self.received_bytes += len(data)
            self._last_at = self._clock.monotonic()
            frame = Frame(data, self._seq, self._clock.wall(), width, height, self._last_at)
            self._ring.append(frame)
            self._ring_bytes += len(data)
            self._forget(frame.arrived - self._remembered)
            self.newest = frame
            self.bad_since_last = 0
            self._changed.notify_all()
        for listener in tuple(self.listeners):
            listener(self)
        return frame

    def remember(self, seconds: float) -> None:
        """Keep the frames of so many seconds, as far as RING_BYTES allow."""
        self._remembered = seconds

    def _forget(self, before: float) -> None:
        while len(self._ring) > RING and (self._ring[0].arrived < before or self._ring_bytes > RING_BYTES):
            self._ring_bytes -= len(self._ring.popleft().data)

    @property
    def received(self) -> int:
        """How many valid frames have come so far."""
        return self._seq

    @property
    def attached(self) -> int:
        return self._attached

    @property
    def wanted(self) -> bool:
        return self._attached > 0 or self._clock.monotonic() - self._left_at < self._linger

    @property
    def waiting(self) -> float:
        """Seconds for which frames were wanted and none came; 0 when nobody is waiting."""
        if not self.wanted:
            return 0.0
        return self._clock.monotonic() - max(self._wanted_since, self._last_at or self._wanted_since)

    @property
    def age(self) -> float | None:
        """Seconds since the last valid frame, None before the first."""
        return None if self._last_at is None else self._clock.monotonic() - self._last_at

    @property
    def fps(self) -> float:
        """Frames a second over the last seconds."""
        with self._changed:
            now = self._clock.monotonic()
            recent = [frame.arrived for frame in self._ring if now - frame.arrived < RATE_WINDOW]
        if len(recent) < 2:
            return 0.0
        return (len(recent) - 1) / (recent[-1] - recent[0]) if recent[-1] > recent[0] else 0.0

    def attach(self, *, viewer: bool = True) -> None:
        with self._changed:
            self.viewers += viewer
            first = self._attached == 0
            if first and not self.wanted:
                self._wanted_since = self._clock.monotonic()
            self._attached += 1
        if first:
            self.on_demand()

    def detach(self, *, viewer: bool = True) -> None:
        with self._changed:
            self.viewers -= viewer
            self._attached -= 1
            self._left_at = self._clock.monotonic()

    def wait(self, after: int, timeout: float) -> Frame | None:
        """The newest frame with a number above `after`; None when none came within `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: self._seq > after, timeout)
            return self.newest if self._seq > after else None

    def next(self, after: int, timeout: float) -> Frame | None:
        """The oldest frame remembered with a number above `after`; None when there is none within `timeout` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._seq > after, timeout):
                return None
            return self._ring[max(after + 1 - self._ring[0].seq, 0)]

    def first_since(self, arrived: float) -> int | None:
        """The number of the oldest frame remembered that arrived then or later, by the clock that never jumps."""
        with self._changed:
            return next((frame.seq for frame in self._ring if frame.arrived >= arrived), None)


class Viewer:
    """A cursor into a hub, for eyes: the newest frame wins, what is skipped is counted. Use as a context manager."""

    __slots__ = ("dropped", "hub", "seq")

    def __init__(self, hub: FrameHub) -> None:
        self.hub = hub
        self.seq = hub.received
        self.dropped = 0

    def __enter__(self) -> Viewer:
        self.hub.attach()
        return self

    def __exit__(self, *_: object) -> None:
        self.hub.detach()

    def take(self, frame: Frame) -> None:
        """Move to this frame, counting what was passed over."""
        if frame.seq > self.seq + 1:
            self.dropped += frame.seq - self.seq - 1
        self.seq = frame.seq

    def next(self, timeout: float) -> Frame | None:
        """The newest frame not yet seen, or None after `timeout` seconds."""
        frame = self.hub.wait(self.seq, timeout)
        if frame is not None:
            self.take(frame)
        return frame


class Cursor:
    """A cursor into a hub, for the recorder: every frame counts, and what the ring lost is counted. A context manager.

    For one thread.
    """

    __slots__ = ("hub", "lost", "seq")

    def __init__(self, hub: FrameHub) -> None:
        self.hub = hub
        #: The number of the frame that was taken last.
        self.seq = hub.received
        self.lost = 0

    def __enter__(self) -> Cursor:
        self.hub.attach(viewer=False)
        return self

    def __exit__(self, *_: object) -> None:
        self.hub.detach(viewer=False)

    def seek(self, arrived: float) -> None:
        """Go to the oldest frame remembered that arrived then or later. What is passed over is not lost."""
        first = self.hub.first_since(arrived)
        self.seq = self.hub.received if first is None else first - 1

    def next(self, timeout: float) -> Frame | None:
        """The next frame, or None after `timeout` seconds."""
        frame = self.hub.next(self.seq, timeout)
        if frame is not None:
            self.lost += frame.seq - self.seq - 1
            self.seq = frame.seq
        return frame
