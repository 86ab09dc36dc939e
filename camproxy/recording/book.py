"""Book: what recording writes down, and in which words; the catalogue keeps it in the database. Pure.

Nothing here waits for the database. Times are in seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

# States of a recording.
RECORDING = "recording"
COMPLETE = "complete"
RECOVERED = "recovered"
QUARANTINED = "quarantined"
MISSING = "missing"

# Causes of a gap.
OFFLINE = "camera_offline"
ASLEEP = "camera_asleep"
DISABLED = "camera_disabled"
SERVER_STOPPED = "server_stopped"
DISK_FULL = "disk_full"
DISK_MISSING = "disk_missing"
ENCODER_FAILED = "encoder_failed"
CLOCK_CHANGED = "clock_changed"


@dataclass(frozen=True, slots=True)
class Begun:
    """A part that is being recorded. `path` is relative to RECORDING_DIR, `zone` the name of the time zone in it."""

    path: str
    camera_id: int
    started_at: float
    zone: str
    codec: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Ended:
    """What has become of it. `lost` are the frames that came and are not in it."""

    path: str
    ended_at: float
    bytes: int
    frames: int
    lost: int
    state: str = COMPLETE


class Book(Protocol):
    def begun(self, part: Begun) -> None: ...

    def ended(self, part: Ended) -> None: ...

    def dropped(self, path: str) -> None:
        """There is not one picture in it, and it has been removed."""
        ...

    def gap_opened(self, camera_id: int, started_at: float, cause: str) -> None: ...

    def gap_closed(self, camera_id: int, started_at: float, ended_at: float) -> None: ...
