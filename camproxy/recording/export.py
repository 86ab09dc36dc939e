"""Export: a film that somebody has asked for, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass, field

from camproxy.errors import CamProxyError
from camproxy.recording.timelapse import TimeLapse

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"


@dataclass(slots=True)
class Export:
    """Times are in seconds since 1970. `seconds` is how long the film plays, as soon as it is there; `missing` are the
    stretches whose recordings were not there any more."""

    id: str
    user_id: int
    camera_id: int
    begin: float
    end: float
    lapse: TimeLapse | None
    created_at: float
    state: str = QUEUED
    progress: float = 0.0
    bytes: int = 0
    seconds: float | None = None
    missing: list[tuple[float, float]] = field(default_factory=list)
    error: CamProxyError | None = None
    expires_at: float | None = None

    @property
    def is_over(self) -> bool:
        return self.state not in (QUEUED, RUNNING)
