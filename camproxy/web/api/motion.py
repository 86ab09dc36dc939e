"""/api/cameras/<camera>/motion: how motion is looked for in a camera's pictures, and what moves right now."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask import Blueprint
from flask_login import current_user
from pydantic import AfterValidator, ConfigDict, Field
from sqlalchemy.exc import IntegrityError

from camproxy import audit
from camproxy.audit import Action
from camproxy.errors import N_
from camproxy.messages import Slot, Switch
from camproxy.motion.settings import motion_config
from camproxy.web.api.schemas import Answer, Body
from camproxy.web.api.spec import api, gives
from camproxy.web.guards import ADMIN, allow, camera_for
from camproxy.web.services import services
from models import Camera, MotionSettings, db

bp = Blueprint("motion", __name__, url_prefix="/api/cameras/<camera>/motion")

Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]


def distinct(slots: list[int]) -> list[int]:
    if len(set(slots)) < len(slots):
        raise ValueError(N_("must not name anything twice"))
    return sorted(slots)


class ZoneModel(Body):
    """A polygon in the picture; 0, 0 is its upper left corner and 1, 1 the lower right one."""

    kind: Literal["include", "exclude"]
    points: Annotated[list[tuple[Share, Share]], Field(min_length=3, max_length=40)]


class MotionIn(Body):
    enabled: Switch = False
    sensitivity: Annotated[int, Field(strict=True, ge=1, le=100)] = 50
    zones: Annotated[list[ZoneModel], Field(max_length=20)] = Field(default_factory=list)
    settle_seconds: Annotated[float, Field(strict=True, ge=0, le=60, allow_inf_nan=False)] = 1.0
    muted_presets: Annotated[list[Slot], Field(max_length=9), AfterValidator(distinct)] = Field(default_factory=list)


class MotionNow(Answer):
    """`muted`: the head moves, has just moved, or points where nothing is to be looked for."""

    state: Literal["off", "no_picture", "muted", "still", "moving"]
    share: float | None = Field(description="how much of the watched picture has changed, 0…1")
    box: tuple[float, float, float, float] | None = Field(description="around it: left, top, right, bottom, 0…1")


class MotionOut(Answer):
    model_config = ConfigDict(from_attributes=True)

    enabled: bool
    sensitivity: int
    zones: list[ZoneModel]
    settle_seconds: float
    muted_presets: list[int]
    now: MotionNow


@bp.get("")
@allow(ADMIN)
@api.validate(resp=gives(MotionOut, errors=(404,)), tags=["motion"])
def show_motion(camera: str) -> MotionOut:
    return motion_out(camera_for(current_user, camera, "view"))


@bp.put("")
@allow(ADMIN)
@api.validate(resp=gives(MotionOut, errors=(404,)), tags=["motion"])
def set_motion(camera: str, json: MotionIn) -> MotionOut:
    """What is left out stays as it is."""
    row = camera_for(current_user, camera, "view")
    sent = json.model_dump(mode="json", exclude_unset=True)
    try:
        store(row, sent)
    except IntegrityError:  # another stored some between the look and the commit, or the camera has gone
        db.session.rollback()
        row = camera_for(current_user, camera, "view")
        store(row, sent)
    follow_motion(row)
    return motion_out(row)


def store(row: Camera, sent: dict[str, Any]) -> None:
    known = db.session.get(MotionSettings, row.id)
    if known is None:
        known = MotionSettings(camera_id=row.id, **MotionIn().model_dump(mode="json"))
        db.session.add(known)
    changed = [name for name, value in sent.items() if value != getattr(known, name)]
    for name in changed:
        setattr(known, name, sent[name])
    audit.note(Action.MOTION_CONFIGURED, row.name, ", ".join(changed))
    db.session.commit()


def follow_motion(row: Camera) -> None:
    """Let the watch know, after the settings or the presets of a camera were changed."""
    services().motion.put(row.id, motion_config(db.session.get(MotionSettings, row.id), row))


def motion_out(row: Camera) -> MotionOut:
    state, look = services().motion.now(row.id)
    now = {"state": state, "share": look and look.share, "box": look and look.box}
    known = db.session.get(MotionSettings, row.id)
    settings = {name: getattr(known, name) for name in MotionIn.model_fields} if known else MotionIn().model_dump()
    return MotionOut.model_validate(settings | {"now": now})
