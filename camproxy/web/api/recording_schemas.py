"""What the routes of recordings take and give."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, WithJsonSchema

from camproxy.errors import N_
from camproxy.messages import CameraKey, Switch
from camproxy.recording.schedule import read_schedule
from camproxy.web.api.schemas import Answer, Body
from models import Recording

State = Literal["recording", "complete", "recovered", "quarantined", "missing"]
Codec = Literal["h264", "mjpeg"]
Cause = Literal[
    "camera_offline",
    "camera_asleep",
    "camera_disabled",
    "server_stopped",
    "disk_full",
    "disk_missing",
    "encoder_failed",
    "clock_changed",
]


def row_of(count: int, **items: Any) -> WithJsonSchema:
    """A list of so many values: OpenAPI 3.1 could say what each of them is, our tools cannot."""
    return WithJsonSchema({"type": "array", "items": items, "minItems": count, "maxItems": count})


Place = Annotated[tuple[float, int, int], row_of(3, type="number")]


def utc(at: datetime) -> datetime:
    """Within what every database and the arithmetic of times can do."""
    if not 1970 <= at.year < 9999:
        raise ValueError(N_("must be a time from 1970 on"))
    return at.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(utc)]


def weekly(table: list[list[int]]) -> list[list[int]]:
    return [list(span) for span in read_schedule(table)]


Span = Annotated[list[Annotated[int, Field(strict=True)]], Field(min_length=3, max_length=3)]
#: As many as there are hours in a week.
Table = Annotated[list[Span], Field(max_length=168), AfterValidator(weekly)]


class RecordingQuery(Body):
    camera: CameraKey | None = None
    begin: Moment | None = Field(None, alias="from")
    end: Moment | None = Field(None, alias="to")
    state: State | None = None
    protected: bool | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    cursor: Annotated[str, Field(max_length=40)] | None = None


class RecordingOut(Answer):
    """`camera` is null when it was removed; `ended_at` while it is recorded, or when nobody knows."""

    id: int
    camera: int | None
    started_at: datetime
    ended_at: datetime | None
    seconds: float | None
    zone: str
    bytes: int
    frames: int
    lost: int
    codec: Codec
    width: int
    height: int
    state: State
    cause: str = Field(description="why it is missing or in quarantine")
    protected: bool


class RecordingList(Answer):
    recordings: list[RecordingOut]
    next: str | None = Field(description="the cursor of the page after; null on the last")


class RecordingChange(Body):
    protected: Switch


class IndexOut(Answer):
    """Where in the file each moment is: `[seconds, offset, length]`."""

    codec: str = Field(description="of H.264 as RFC 6381 has it, avc1.64001f; mjpeg")
    mime: str
    init: Annotated[tuple[int, int], row_of(2, type="integer")] = Field(
        description="offset and length of what comes before all pictures"
    )
    fragments: list[Place] = Field(description="for H.264; each begins with a keyframe")
    seconds: float
    frames: list[Place] | None = Field(description="for MJPEG: its pictures, each a JPEG file")


class ThumbnailQuery(Body):
    at: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)] = 0.0
    width: Annotated[int, Field(ge=1, le=4096)] = 320


class TimelineQuery(Body):
    begin: Moment = Field(alias="from")
    end: Moment = Field(alias="to")


class GapOut(Answer):
    model_config = ConfigDict(serialize_by_alias=True)

    begin: datetime = Field(serialization_alias="from")
    end: datetime | None = Field(serialization_alias="to")
    cause: Cause


class TimelineOut(Answer):
    """Of one camera. A recording is `[id, from, to, state, protected, codec]`, a pose `[at, x, y]`."""

    camera: int
    zone: str
    recordings: list[Annotated[tuple[int, datetime, datetime | None, State, bool, Codec], row_of(6)]]
    gaps: list[GapOut]
    events: list[dict[str, Any]]
    poses: list[Annotated[tuple[datetime, int, int], row_of(3)]]


class Goes(Answer):
    id: int
    camera: int | None
    started_at: datetime
    bytes: int
    reason: Literal["too_old", "camera_full", "all_full", "disk_full"]


class WouldGo(Answer):
    would_go: list[Goes]
    bytes: int


# How a camera is recorded


class RecordingState(Answer):
    camera: int
    recording: bool
    mode: Literal["off", "continuous", "motion", "schedule"]
    by_hand_until: datetime | None
    fault: Cause | None


class RecordingConfig(Body):
    """What is left out stays as it is; `days` and `bytes` null leave it to the server's settings."""

    mode: Literal["off", "continuous", "motion", "schedule"] | None = None
    codec: Codec | None = None
    fps: Annotated[float, Field(strict=True, ge=0.1, le=30, allow_inf_nan=False)] | None = None
    crf: Annotated[int, Field(strict=True, ge=0, le=51)] | None = None
    pre_seconds: Annotated[float, Field(strict=True, ge=0, le=60, allow_inf_nan=False)] | None = None
    post_seconds: Annotated[float, Field(strict=True, ge=0, le=3600, allow_inf_nan=False)] | None = None
    schedule: Table | None = None
    days: Annotated[int, Field(strict=True, ge=1, le=36_500)] | None = None
    bytes: Annotated[int, Field(strict=True, ge=1_000_000, le=10**15)] | None = None


class RecordingConfigOut(Answer):
    mode: Literal["off", "continuous", "motion", "schedule"]
    codec: Codec
    fps: float
    crf: int
    pre_seconds: float
    post_seconds: float
    schedule: list[Annotated[tuple[int, int, int], row_of(3, type="integer")]]
    days: int | None
    bytes: int | None
    state: RecordingState


class ByHand(Body):
    seconds: Annotated[float, Field(strict=True, ge=0, le=86_400, allow_inf_nan=False)]


def recording_out(row: Recording) -> RecordingOut:
    own = ("id", "started_at", "ended_at", "zone", "bytes", "frames", "lost", "codec", "width", "height", "state")
    seconds = (row.ended_at - row.started_at).total_seconds() if row.ended_at else None
    return RecordingOut.model_validate(
        {name: getattr(row, name) for name in own}
        | {"camera": row.camera_id, "seconds": seconds, "cause": row.cause, "protected": row.protected}
    )
