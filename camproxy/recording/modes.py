"""Modes: what an admin set for the recording of one camera, and when that wants to see its pictures. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo

from camproxy.recording.schedule import Schedule, active_within, is_active


@dataclass(frozen=True, slots=True)
class CameraRecording:
    """`folder` is where its recordings lie. `fps` are recorded at most; `crf` from 0 (lossless) to 51 is for h264.

    `pre_seconds` and `post_seconds` are what is kept before and after motion. `days` and `bytes` limit what is kept of
    this camera; None leaves it to the server's settings.
    """

    folder: str
    mode: str = "off"
    codec: str = "h264"
    fps: float = 10.0
    crf: int = 23
    pre_seconds: float = 5.0
    post_seconds: float = 10.0
    schedule: Schedule = ()
    days: int | None = None
    bytes: int | None = None

    def watches(self, at: float, zone: tzinfo) -> bool:
        """Whether it is to see the pictures of that moment: to record them, or to have them when something moves."""
        return self.mode in ("continuous", "motion") or (self.mode == "schedule" and is_active(self.schedule, at, zone))

    def watches_within(self, begin: float, end: float, zone: tzinfo) -> Iterator[tuple[float, float]]:
        """What of the stretch from `begin` to `end` it is to see, as stretches. Seconds since 1970."""
        if self.mode in ("continuous", "motion") and begin < end:
            yield begin, end
        elif self.mode == "schedule":
            yield from active_within(self.schedule, begin, end, zone)
