"""/api/recordings and the timeline of a camera: what was recorded, what is missing, where in a file each moment is."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from flask import Blueprint, g
from flask_login import current_user
from sqlalchemy.orm.exc import StaleDataError

from camproxy import audit
from camproxy.access import levels
from camproxy.audit import Action
from camproxy.clock import moment
from camproxy.errors import BadRequest, Conflict, NotFound, Unavailable
from camproxy.motion import past
from camproxy.recording import archive
from camproxy.recording.book import MISSING, QUARANTINED, RECORDING
from camproxy.recording.boxes import Unreadable
from camproxy.web.api.recording_schemas import (
    GapOut,
    Goes,
    IndexOut,
    RecordingChange,
    RecordingList,
    RecordingOut,
    RecordingQuery,
    TimelineOut,
    TimelineQuery,
    WouldGo,
    recording_out,
)
from camproxy.web.api.spec import api, gives
from camproxy.web.guards import ADMIN, SEE, STEER, allow, camera_for
from camproxy.web.services import services
from models import Camera, Recording, db

log = logging.getLogger(__name__)

bp = Blueprint("recordings_api", __name__, url_prefix="/api")

#: No timeline is longer.
LONGEST = timedelta(days=31)


def listed(query: RecordingQuery) -> RecordingList:
    """Those that the user may see. Raises BadRequest, NotFound."""
    cameras: list[int] | None = None
    if query.camera is not None:
        cameras = [camera_for(current_user, query.camera, "view").id]
    elif not current_user.is_admin:
        cameras = [number for number, granted in levels(current_user).items() if granted != "none"]
    wanted = archive.Wanted(cameras, query.begin, query.end, query.state, query.protected)
    rows, following = archive.page(db.session(), wanted, query.limit, query.cursor)
    return RecordingList(recordings=[recording_out(row) for row in rows], next=following)


@bp.get("/recordings/<int:recording_id>")
@allow(SEE)
@api.validate(resp=gives(RecordingOut, errors=(404,)), tags=["recordings"])
def show(recording_id: int) -> RecordingOut:
    return recording_out(g.recording_row)


@bp.put("/recordings/<int:recording_id>")
@allow(STEER)
@api.validate(resp=gives(RecordingOut, errors=(404,)), tags=["recordings"])
def change(recording_id: int, json: RecordingChange) -> RecordingOut:
    """What is protected stays, whatever else would have to go."""
    row: Recording = g.recording_row
    if row.protected != json.protected:
        row.protected = json.protected
        action = Action.RECORDING_PROTECTED if json.protected else Action.RECORDING_RELEASED
        audit.note(action, named(row), row.path)
        try:
            db.session.commit()
        except StaleDataError:  # it was removed meanwhile
            db.session.rollback()
            raise NotFound("There is no such recording.") from None
    return recording_out(row)


@bp.delete("/recordings/<int:recording_id>")
@allow(STEER)
@api.validate(resp=gives(status=204, errors=(404, 409, 503)), tags=["recordings"])
def remove(recording_id: int) -> tuple[str, int]:
    """With its file; one that was put in quarantine stays there, for whoever looks after the server."""
    row: Recording = g.recording_row
    path = row.path
    # A missing file's path may be that of another by now.
    shared = db.select(Recording.id).where(Recording.path == path, Recording.id != recording_id)
    has_file = row.state not in (MISSING, QUARANTINED) and db.session.scalar(shared) is None
    if has_file:
        services().recordings.check_removable(path)
    audit.note(Action.RECORDING_REMOVED, named(row), path)
    free = Recording.id == recording_id, Recording.protected.is_(False), Recording.state != RECORDING
    # As it is at this moment, not as it was when it was looked up.
    if not db.session.scalars(db.delete(Recording).where(*free).returning(Recording.id)).all():
        db.session.rollback()
        raise Conflict("It is being recorded, or protected.")
    db.session.commit()
    if has_file:
        services().recordings.remove(recording_id, path, by=current_user.username)
    return "", 204


def named(row: Recording) -> str:
    """Its camera, for the audit log."""
    camera = row.camera_id and db.session.get(Camera, row.camera_id)
    return camera.name if camera else f"{row.id}"


@bp.get("/recordings/<int:recording_id>/index")
@allow(SEE)
@api.validate(resp=gives(IndexOut, errors=(404, 503)), tags=["recordings"])
def index(recording_id: int) -> IndexOut:
    """Of a file that is still being recorded: what is whole so far."""
    row: Recording = g.recording_row
    with its_file(row):
        found = services().indexes.of(row.id, row.path)
        video = found.codec == "h264"
        codec = found.track.codec_string
    return IndexOut(
        codec=codec,
        mime=f'video/mp4; codecs="{codec}"' if video else "image/jpeg",
        init=(0, found.head),
        fragments=list(found.spans) if video else [],
        seconds=found.seconds,
        frames=None if video else list(found.spans),
    )


@contextmanager
def its_file(row: Recording) -> Iterator[None]:
    """Around what reads the file of a recording: what is wrong with it, in words. Raises NotFound, Unavailable."""
    if row.state == QUARANTINED:
        raise NotFound("This recording could not be read, and its file was put aside.")
    if row.state == MISSING:  # what lies at its path by now may be another
        raise NotFound("The file of this recording is missing.")
    try:
        yield
    except FileNotFoundError:
        raise NotFound("The file of this recording is missing.") from None
    except Unreadable as fault:
        if row.state == RECORDING:
            raise Unavailable("Nothing of it is written yet. Try again shortly.") from None
        log.warning("recordings: %s: %s", row.path, fault)
        raise NotFound("The file of this recording cannot be read.") from None
    except (OSError, ValueError) as error:
        log.warning("recordings: %s: %s", row.path, error)
        raise NotFound("The file of this recording cannot be read.") from None


@bp.get("/cameras/<camera>/timeline")
@allow(SEE)
@api.validate(resp=gives(TimelineOut, errors=(404,)), tags=["recordings"])
def timeline(camera: str, query: TimelineQuery) -> TimelineOut:
    """What overlaps the time from `from` to `to`, at most 31 days."""
    if not timedelta(0) < query.end - query.begin <= LONGEST:
        raise BadRequest("must be after from, and at most 31 days", where="to")
    asked = db.session(), g.camera_row.id, query.begin, query.end
    return TimelineOut.model_construct(
        camera=g.camera_row.id,
        zone=services().settings.recording_zone.key,
        recordings=archive.spans(*asked),
        gaps=[
            GapOut.model_construct(begin=gap.started_at, end=gap.ended_at, cause=gap.cause)
            for gap in archive.gaps(*asked)
        ],
        events=past.events(*asked),
        poses=past.poses(*asked),
    )


@bp.get("/recordings/retention")
@allow(ADMIN)
@api.validate(resp=gives(WouldGo), tags=["recordings"])
def would_go() -> WouldGo:
    """What would be removed if it were done now; nothing is."""
    going = services().recordings.would_go()
    return WouldGo(
        would_go=[
            Goes.model_validate(
                {
                    "id": file.id,
                    "camera": file.camera_id,
                    "started_at": moment(file.started_at),
                    "bytes": file.bytes,
                    "reason": reason,
                }
            )
            for file, reason in going
        ],
        bytes=sum(file.bytes for file, _ in going),
    )
