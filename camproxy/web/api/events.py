"""/api/events: what happened by itself. Devices came and went; something moved before a camera."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from flask import Blueprint, Response, request
from flask_login import current_user
from pydantic import Field, StringConstraints
from sqlalchemy import and_, or_

from camproxy.access import levels, managed_devices
from camproxy.errors import NotFound
from camproxy.motion.past import overlaps
from camproxy.web.api.recording_schemas import Moment
from camproxy.web.api.schemas import Answer, Body
from camproxy.web.api.spec import api, gives
from camproxy.web.guards import LOGIN, allow, camera_for, managed_device
from camproxy.web.services import services
from models import MOTION, Event, db

bp = Blueprint("events", __name__, url_prefix="/api/events")

EPOCH, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)


class EventQuery(Body):
    device: int | None = Field(None, ge=1, le=2**31 - 1)
    camera: Annotated[str, StringConstraints(max_length=80)] | None = None
    kind: Annotated[str, StringConstraints(max_length=40)] | None = None
    begin: Moment | None = Field(None, alias="from")
    end: Moment | None = Field(None, alias="to")
    before: int | None = Field(None, ge=1, le=2**31 - 1)
    limit: int = Field(100, ge=1, le=500)


class EventOut(Answer):
    """Something that happened by itself. Motion has a source, and an end when it is over."""

    id: int
    at: datetime
    kind: str
    device: int | None
    camera: int | None
    detail: str
    source: Literal["pir", "picture"] | None = Field(description="what noticed motion")
    ended_at: datetime | None
    score: float | None = Field(description="how much of the watched picture moved at most, 0…1")
    thumbnail: bool = Field(description="whether there is /api/events/<id>/thumbnail.jpg")


class EventList(Answer):
    items: list[EventOut]
    before: int | None = Field(description="ask for this to get the page after; null on the last")


@bp.get("")
@allow(LOGIN)
@api.validate(resp=gives(EventList, errors=(404,)), tags=["events"])
def list_events(query: EventQuery) -> EventList:
    """Those of devices that the user may manage, and motion before cameras that the user may see, the latest first.

    `before` is the number of the last event of the page before.
    """
    found = db.select(Event).where(visible(query)).order_by(Event.id.desc())
    if query.kind is not None:
        found = found.where(Event.kind == query.kind)
    if query.begin is not None or query.end is not None:
        found = found.where(*overlaps(query.begin or EPOCH, query.end or LATEST))
    if query.before is not None:
        found = found.where(Event.id < query.before)
    items = [event_out(row) for row in db.session.scalars(found.limit(query.limit))]
    return EventList(items=items, before=items[-1].id if len(items) == query.limit else None)


@bp.get("/<int:event_id>/thumbnail.jpg")
@allow(LOGIN)
@api.validate(resp=gives(errors=(404,)), tags=["events"])
def show_thumbnail(event_id: int) -> Response:
    """The frame in which the most moved, a JPEG of at most 320 pixels."""
    row = db.session.get(Event, event_id)
    if row is None or row.camera_id is None or not row.thumbnail:
        raise NotFound("There is no such picture.")
    camera_for(current_user, row.camera_id, "view")
    try:
        jpeg = services().pictures.file(row.thumbnail).read_bytes()
    except (OSError, ValueError):  # it has just been removed
        raise NotFound("There is no such picture.") from None
    # A better one may come while it goes on.
    response = Response(jpeg, content_type="image/jpeg", headers={"Cache-Control": "private, no-cache"})
    response.add_etag()
    response.make_conditional(request.environ)
    return response


def visible(query: EventQuery) -> object:
    """Raises Forbidden or NotFound for a device or camera that is none of the user's business."""
    seen = [number for number, granted in levels(current_user).items() if granted != "none"]
    if query.device is not None:
        managed_device(query.device)
        return Event.device_id == query.device
    if query.camera is not None:
        seen = [camera_for(current_user, query.camera, "view").id]
    moved = and_(Event.kind == MOTION, Event.camera_id.in_(seen))
    if query.camera is not None or current_user.role == "viewer":
        return moved
    return or_(moved, and_(Event.kind != MOTION, Event.device_id.in_(managed_devices(current_user))))


def event_out(row: Event) -> EventOut:
    own = ("id", "at", "kind", "detail", "source", "ended_at", "score")
    whose = {"device": row.device_id, "camera": row.camera_id, "thumbnail": bool(row.thumbnail)}
    return EventOut.model_validate({name: getattr(row, name) for name in own} | whose)
