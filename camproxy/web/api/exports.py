"""/api/exports: films of what was recorded. Each is for whoever ordered it, and for admins."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from flask import Blueprint, request, send_file
from flask.typing import ResponseReturnValue
from flask_login import current_user
from pydantic import ConfigDict, Field, model_validator

from camproxy import audit
from camproxy.access import level
from camproxy.audit import Action
from camproxy.clock import iso
from camproxy.errors import N_, BadRequest, NotFound
from camproxy.messages import CameraKey
from camproxy.recording.export import Export
from camproxy.web.api.recording_schemas import Moment
from camproxy.web.api.schemas import Answer, Body
from camproxy.web.api.spec import api, gives
from camproxy.web.errors import problem
from camproxy.web.guards import LOGIN, allow, camera_for
from camproxy.web.services import services
from models import Camera, db

bp = Blueprint("exports", __name__)

#: How long a stretch may be. Seconds.
LONGEST = {"video": 86_400, "timelapse": 31 * 86_400}


class ExportIn(Body):
    camera: CameraKey
    from_: Annotated[Moment, Field(alias="from", description="with a zone")]
    to: Moment
    kind: Literal["video", "timelapse"] = "video"
    speed: Annotated[float, Field(ge=2, le=3600, allow_inf_nan=False, description="how many times as fast")] | None = (
        None
    )
    seconds: Annotated[int, Field(strict=True, ge=1, le=3600, description="how long it is to play")] | None = None
    fps: Annotated[int, Field(strict=True, ge=1, le=60, description="pictures a second of a time-lapse")] = 25

    @model_validator(mode="after")
    def fits(self) -> ExportIn:
        if (self.kind == "timelapse") != ((self.speed is None) != (self.seconds is None)):
            raise ValueError(N_("a time-lapse has either a speed or a length in seconds, a video has neither"))
        return self


#: From when to when. A tuple is nothing that OpenAPI 3.0 can say.
Stretch = Annotated[list[str], Field(min_length=2, max_length=2)]


class ExportOut(Answer):
    """A film of what a camera recorded. It is removed when it expires, and when the server starts."""

    model_config = ConfigDict(serialize_by_alias=True)

    id: str
    camera: int
    from_: Annotated[str, Field(alias="from")]
    to: str
    kind: Literal["video", "timelapse"]
    speed: float | None
    fps: int | None
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: float = Field(ge=0, le=1)
    bytes: int
    seconds: float | None = Field(description="how long it plays, once it is done")
    missing: list[Stretch] = Field(description="from when to when recordings were not there any more")
    error: str | None = Field(description="a sentence for a person")
    created_at: str
    expires_at: str | None


class ExportList(Answer):
    exports: list[ExportOut]


@bp.post("/api/exports")
@allow(LOGIN)
@api.validate(resp=gives(ExportOut, status=202, errors=(404, 429, 503, 507)), tags=["exports"])
def order(json: ExportIn) -> tuple[ExportOut, int]:
    camera = camera_for(current_user, json.camera, "view")
    begin, end = json.from_.timestamp(), json.to.timestamp()
    if not 0 < end - begin <= LONGEST[json.kind]:
        raise BadRequest("must be later than from, by at most 24 hours, or 31 days for a time-lapse", where="to")
    export = services().exports.order(
        current_user.id, camera.id, begin, end, speed=json.speed, seconds=json.seconds, fps=json.fps
    )
    note(Action.EXPORT_ORDERED, camera, f"{iso(begin)} – {iso(end)}, {json.kind}")
    return export_out(export), 202


@bp.get("/api/exports")
@allow(LOGIN)
@api.validate(resp=gives(ExportList), tags=["exports"])
def list_exports() -> ExportList:
    return ExportList(exports=[export_out(export) for export in services().exports.all() if camera_of(export)])


@bp.get("/api/exports/<export_id>")
@allow(LOGIN)
@api.validate(resp=gives(ExportOut, errors=(404,)), tags=["exports"])
def show(export_id: str) -> ExportOut:
    return export_out(export_for(export_id)[0])


@bp.delete("/api/exports/<export_id>")
@allow(LOGIN)
@api.validate(resp=gives(status=204, errors=(404,)), tags=["exports"])
def end(export_id: str) -> tuple[str, int]:
    """Cancel it at once; one that is over already is removed."""
    export, camera = export_for(export_id)
    detail = "removed" if export.is_over else "cancelled"
    services().exports.end(export_id)
    note(Action.EXPORT_ENDED, camera, detail)
    return "", 204


@bp.get("/exports/<export_id>/file")
@allow(LOGIN)
def file(export_id: str) -> ResponseReturnValue:
    """The film, by Range if asked so."""
    export, camera = export_for(export_id)
    path = services().exports.file(export)
    if request.method == "GET" and request.headers.get("Range", "bytes=0-").startswith("bytes=0-"):
        # A player asks for it piece by piece: the first one counts.
        note(Action.EXPORT_DOWNLOADED, camera, f"{iso(export.begin)} – {iso(export.end)}")
    try:
        answer = send_file(
            path,
            mimetype="video/mp4",
            as_attachment=True,
            download_name=readable_name(export, camera),
            conditional=True,
            etag=export.id,
        )
    except FileNotFoundError:
        raise NotFound("There is no such export.") from None  # it expired just now
    answer.headers["Cache-Control"] = "private, no-cache"  # who has it may keep it, and asks again each time
    return answer


def note(action: Action, camera: Camera, detail: str) -> None:
    """For the audit log: it has happened, whether or not it can be written down just now."""
    services().later.note(audit.event(action, camera.name, detail))


def readable_name(export: Export, camera: Camera) -> str:
    """`garden 2026-11-21 09-00-00 to 10-00-00.mp4`, by the clock on the wall that recordings are filed by."""
    zone = services().settings.recording_zone
    begin, end = (datetime.fromtimestamp(at, UTC).astimezone(zone) for at in (export.begin, export.end))
    until = f"{end:%H-%M-%S}" if begin.date() == end.date() else f"{end:%Y-%m-%d %H-%M-%S}"
    faster = f" ({export.lapse.speed:g}x)" if export.lapse else ""
    return f"{camera.slug} {begin:%Y-%m-%d %H-%M-%S} to {until}{faster}.mp4"


def export_for(export_id: str) -> tuple[Export, Camera]:
    """Raises NotFound for one that is not this user's business, or not any more."""
    export = services().exports.get(export_id)
    if camera := camera_of(export):
        return export, camera
    raise NotFound("There is no such export.")


def camera_of(export: Export) -> Camera | None:
    """Its camera, if the user may see this export: own ones of cameras that are still theirs to see, or as an admin."""
    camera = db.session.get(Camera, export.camera_id)
    if camera is None or (export.user_id != current_user.id and not current_user.is_admin):
        return None
    return camera if level(current_user, camera) != "none" else None


def export_out(export: Export) -> ExportOut:
    lapse = export.lapse
    return ExportOut.model_validate(
        {
            "id": export.id,
            "camera": export.camera_id,
            "from": iso(export.begin),
            "to": iso(export.end),
            "kind": "timelapse" if lapse else "video",
            "speed": round(lapse.speed, 3) if lapse else None,
            "fps": lapse.fps if lapse else None,
            "state": export.state,
            "progress": export.progress,
            "bytes": export.bytes,
            "seconds": export.seconds,
            "missing": [[iso(begin), iso(end)] for begin, end in export.missing],
            "error": problem(export.error)["message"] if export.error else None,
            "created_at": iso(export.created_at),
            "expires_at": iso(export.expires_at) if export.expires_at else None,
        }
    )
