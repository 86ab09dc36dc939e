"""Outlet: one viewer's socket in the fan-out. Audience: the outlets that get the same bytes."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

from camproxy.frames import Frame, FrameHub, Viewer
from camproxy.web.viewers.framing import Framing, WebSocketFraming

#: How often a viewer is told which frame it gets: number, time, frames skipped. Seconds.
DESCRIBE_EVERY = 1.0


class Audience:
    """All who watch one camera with the same framing: a frame is framed once, however many they are."""

    def __init__(self, framing: type[Framing]) -> None:
        self.outlets: dict[Outlet, None] = {}
        self._framing = framing
        self._frame: Frame | None = None
        self._framed = b""
        self._described = (-1, b"")

    def framed(self, frame: Frame) -> bytes:
        if frame is not self._frame:
            self._frame, self._framed, self._described = frame, self._framing.frame(frame), (-1, b"")
        return self._framed

    def described(self, frame: Frame, dropped: int) -> bytes:
        """The frame with what is told about it now and then; made once for all who have skipped as many as the last."""
        framed = self.framed(frame)
        if self._described[0] != dropped:
            about = {"type": "frame", "seq": frame.seq, "captured_at": frame.captured_at, "dropped": dropped}
            self._described = (dropped, WebSocketFraming.text(about) + framed)
        return self._described[1]


@dataclass(eq=False, slots=True)
class Outlet(Viewer):
    """One viewer's socket. Touched by the fan-out's thread only, once it is in.

    It is the viewer as well, because there are hundreds and each comes up for each frame: what a processor has to fetch
    from memory for that is half of what Python adds to the work of the kernel.
    """

    hub: FrameHub
    sock: socket.socket
    camera_id: int
    credential: str
    framing: Framing
    interval: float
    since: float
    left: Callable[[], None]
    audience: Audience = field(init=False)
    rest: memoryview | bytes | None = None
    notes: dict[str, bytes] = field(default_factory=dict)
    #: Not before this time it gets another frame; and with it, from this time on, a description.
    next_at: float = 0.0
    describe_at: float = 0.0
    progress_at: float = 0.0
    heard_at: float = 0.0
    pinged_at: float = 0.0
    heard: int = 0
    writing: bool = False
    closing: bool = False
    leave_by: float = 0.0

    def __post_init__(self) -> None:
        Viewer.__init__(self, self.hub)
        self.progress_at = self.heard_at = self.pinged_at = self.since
        if not self.framing.talks:
            self.describe_at = math.inf

    def due(self, frame: Frame | None, now: float) -> bool:
        return frame is not None and frame.seq > self.seq and now >= self.next_at

    def bytes_of(self, frame: Frame, now: float) -> bytes:
        """What this viewer is sent for a frame, which counts as seen from now on."""
        if self.interval:
            # Counted from when it was due, so that the rate does not sink.
            self.next_at = max(self.next_at, now - self.interval / 2) + self.interval
        self.take(frame)
        if now < self.describe_at:
            return self.audience.framed(frame)
        self.describe_at = now + DESCRIBE_EVERY
        return self.audience.described(frame, self.dropped)
