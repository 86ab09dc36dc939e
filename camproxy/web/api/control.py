"""/api/cameras/<camera>/…: steering by REST, the same as the Socket.IO events; and presets."""

from __future__ import annotations

from concurrent.futures import TimeoutError as TooLate
from typing import Any

from flask import Blueprint, g
from flask_login import current_user
from sqlalchemy.exc import IntegrityError

from camproxy.camera import Camera
from camproxy.control.commands import AskPosition, Command
from camproxy.errors import BadRequest, Conflict, NoAnswer, NotFound
from camproxy.messages import LightCommand, Message, PositionCommand, PresetCommand, ServoCommand, Slot
from camproxy.web.announcer import control_state
from camproxy.web.api.motion import follow_motion
from camproxy.web.api.schemas import (
    ControlBody,
    ControlState,
    LightBody,
    LightState,
    Moved,
    PositionBody,
    PresetBody,
    PresetList,
    PresetOut,
    ServoBody,
    preset_out,
)
from camproxy.web.api.spec import api, gives
from camproxy.web.events import release_control, take_control
from camproxy.web.guards import SEE, STEER, allow
from camproxy.web.review import announce_cameras
from camproxy.web.services import services
from camproxy.web.steering import command_of, steer
from models import Preset, User, db

bp = Blueprint("control", __name__, url_prefix="/api/cameras/<camera>")

#: A command has its own limit of two seconds; this only bounds what a throttled user waits on top.
ANSWER_WITHIN = 5.0
COMMAND_ERRORS = (404, 423, 502, 503, 504)


def camera() -> Camera:
    return services().cameras.get(g.camera_row.id)


def user() -> User:
    me: User = current_user._get_current_object()
    return me


def carry_out(command: Message | Command) -> dict[str, Any]:
    """Steer and wait for the head's answer."""
    meant = command_of(command, g.camera_row.id) if isinstance(command, Message) else command
    try:
        return steer(user(), camera(), meant).result(ANSWER_WITHIN)
    except TooLate:
        raise NoAnswer("The device did not answer in time.") from None


@bp.post("/servo_command")
@allow(STEER)
@api.validate(resp=gives(Moved, errors=COMMAND_ERRORS), tags=["control"])
def servo_command(json: ServoBody, **_: str) -> Moved:
    return Moved(**carry_out(ServoCommand(command=json.command, step=json.step)))


@bp.post("/position_command")
@allow(STEER)
@api.validate(resp=gives(Moved, errors=COMMAND_ERRORS), tags=["control"])
def position_command(json: PositionBody, **_: str) -> Moved:
    return Moved(**carry_out(PositionCommand(x=json.x, y=json.y)))


@bp.get("/position")
@allow(SEE)
@api.validate(resp=gives(Moved, errors=COMMAND_ERRORS), tags=["control"])
def position(**_: str) -> Moved:
    return Moved(**carry_out(AskPosition()))


@bp.post("/light_command")
@allow(STEER)
@api.validate(resp=gives(LightState, errors=COMMAND_ERRORS), tags=["control"])
def light_command(json: LightBody, **_: str) -> LightState:
    return LightState(**carry_out(LightCommand(state=json.state)))


@bp.get("/control")
@allow(SEE)
@api.validate(resp=gives(ControlState, errors=(404,)), tags=["control"])
def who_steers(**_: str) -> ControlState:
    return ControlState(**control_state(camera(), current_user.id))


@bp.post("/control")
@allow(STEER)
@api.validate(resp=gives(ControlState, errors=(404, 423)), tags=["control"])
def take(json: ControlBody, **_: str) -> ControlState:
    return ControlState(**take_control(user(), camera(), json.take_over))


@bp.delete("/control")
@allow(STEER)
@api.validate(resp=gives(ControlState, errors=(404,)), tags=["control"])
def release(**_: str) -> ControlState:
    return ControlState(**release_control(user(), camera()))


@bp.get("/presets")
@allow(SEE)
@api.validate(resp=gives(PresetList, errors=(404,)), tags=["presets"])
def list_presets(**_: str) -> PresetList:
    return PresetList(items=[preset_out(row) for row in g.camera_row.presets])


@bp.put("/presets/<int:slot>")
@allow(STEER)
@api.validate(resp=gives(PresetOut, errors=(404, 409)), tags=["presets"])
def store_preset(slot: int, json: PresetBody, **_: str) -> PresetOut:
    checked_slot(slot)
    head = camera().head
    here = head.pose or head.asked
    x = json.x if json.x is not None else here.x if here else None
    y = json.y if json.y is not None else here.y if here else None
    if x is None or y is None:
        raise Conflict("The camera has not said yet where it points.")
    columns = {"camera_id": g.camera_row.id, "slot": slot, "name": json.name, "x": x, "y": y}
    try:
        row = db.session.merge(Preset(**columns))
        db.session.commit()
    except IntegrityError:  # another stored one between the look and the commit; this one is newer
        db.session.rollback()
        row = db.session.merge(Preset(**columns))
        db.session.commit()
    presets_changed()
    return preset_out(row)


@bp.delete("/presets/<int:slot>")
@allow(STEER)
@api.validate(resp=gives(status=204, errors=(404,)), tags=["presets"])
def delete_preset(slot: int, **_: str) -> tuple[str, int]:
    row = db.session.get(Preset, (g.camera_row.id, slot))
    if row is None:
        raise NotFound("There is no preset %(slot)s.", slot=slot)
    db.session.delete(row)
    db.session.commit()
    presets_changed()
    return "", 204


@bp.post("/presets/<int:slot>/go")
@allow(STEER)
@api.validate(resp=gives(Moved, errors=COMMAND_ERRORS), tags=["presets"])
def go_to_preset(slot: int, **_: str) -> Moved:
    return Moved(**carry_out(PresetCommand(preset=checked_slot(slot))))


def presets_changed() -> None:
    """From some of them, motion may not be looked for."""
    db.session.refresh(g.camera_row)
    follow_motion(g.camera_row)
    announce_cameras()


def checked_slot(slot: int) -> Slot:
    if not 1 <= slot <= 9:
        raise BadRequest("presets have the slots 1 to 9", where="slot")
    return slot
