"""/api/cameras: what cameras there are; adding, changing, testing and removing them."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

from flask import Blueprint, g
from flask_login import current_user
from sqlalchemy.exc import IntegrityError

from camproxy import audit
from camproxy.access import level, levels
from camproxy.addresses import device_of
from camproxy.audit import Action
from camproxy.errors import BadRequest, ChannelError, Conflict, NotFound
from camproxy.frames import BadFrame, check_jpeg
from camproxy.links import open_channel, with_password_of, without_password
from camproxy.rows import config_of
from camproxy.web.api.schemas import (
    CameraChange,
    CameraIn,
    CameraList,
    CameraOut,
    CameraTest,
    CameraTestResult,
    camera_out,
)
from camproxy.web.api.spec import api, gives
from camproxy.web.guards import ADMIN, LOGIN, SEE, allow, camera_for
from camproxy.web.review import review_access
from camproxy.web.services import services
from camproxy.web.viewers.fanout import CAMERA_GONE
from models import Camera, Device, db

bp = Blueprint("cameras", __name__, url_prefix="/api/cameras")

#: How long a camera under test has to show a picture, after the connection stands. Seconds.
PICTURE_WITHIN = 6.0

#: Held from the commit until the running cameras are what was committed: else of two changes the older could win there.
_committing = threading.Lock()


@bp.get("")
@allow(LOGIN)
@api.validate(resp=gives(CameraList), tags=["cameras"])
def list_cameras() -> CameraList:
    return CameraList(items=visible_cameras())


def visible_cameras() -> list[CameraOut]:
    """Those that the user may see; not one that is just being added or removed, which runs not yet or no more."""
    granted = levels(current_user)
    rows = db.session.scalars(db.select(Camera).order_by(Camera.id))
    seen = []
    for row in rows:
        if granted.get(row.id, "none") != "none":
            with suppress(NotFound):
                seen.append(camera_out(row, current_user, granted[row.id]))
    return seen


@bp.get("/<camera>")
@allow(SEE)
@api.validate(resp=gives(CameraOut, errors=(404,)), tags=["cameras"])
def show(camera: str) -> CameraOut:
    return camera_out(g.camera_row, current_user, level(current_user, g.camera_row))


@bp.post("")
@allow(ADMIN)
@api.validate(resp=gives(CameraOut, status=201, errors=(409,)), tags=["cameras"])
def add(json: CameraIn) -> tuple[CameraOut, int]:
    fields = columns(json.model_dump())
    check_devices(fields)
    row = Camera(slug=Camera.free_slug(json.name), **fields)
    db.session.add(row)
    audit.note(Action.CAMERA_ADDED, row.name, without_password(row.url))
    store(row)
    return camera_out(row, current_user, "control"), 201


@bp.patch("/<camera>")
@allow(ADMIN)
@api.validate(resp=gives(CameraOut, errors=(404, 409)), tags=["cameras"])
def change(camera: str, json: CameraChange) -> CameraOut:
    row = camera_for(current_user, camera, "control")
    sent = json.changes()
    if missing := [name for name, value in sent.items() if value is None and name != "pico"]:
        raise BadRequest("must have a value", where=missing[0])
    changes = columns(sent)
    if "url" in changes:
        changes["url"] = with_password_of(changes["url"], row.url)
    check_devices(changes, row.id)
    for name, value in changes.items():
        setattr(row, name, value)
    audit.note(Action.CAMERA_CHANGED, row.name, ", ".join(changes))
    store(row)
    return camera_out(row, current_user, "control")


@bp.delete("/<camera>")
@allow(ADMIN)
@api.validate(resp=gives(status=204, errors=(404,)), tags=["cameras"])
def remove(camera: str) -> tuple[str, int]:
    row = camera_for(current_user, camera, "control")
    number = row.id
    db.session.delete(row)
    audit.note(Action.CAMERA_REMOVED, row.name)
    with _committing:
        db.session.commit()
        services().cameras.remove(number)
    services().exports.forget_camera(number)
    services().fanout.close_where(lambda outlet: outlet.camera_id == number, CAMERA_GONE)
    review_access()
    return "", 204


@bp.post("/test")
@allow(ADMIN)
@api.validate(resp=gives(CameraTestResult, errors=(404,)), tags=["cameras"])
def test(json: CameraTest) -> CameraTestResult:
    """Dial the address and get one picture, beside whatever runs."""
    url = json.url
    if json.camera is not None:
        url = with_password_of(url, camera_for(current_user, json.camera, "control").url)
    begun = time.monotonic()

    def result(ok: bool, **found: object) -> CameraTestResult:
        return CameraTestResult.model_validate(
            {"ok": ok, "milliseconds": round(1000 * (time.monotonic() - begun))} | found
        )

    try:
        picture = one_picture(url)
        width, height = check_jpeg(picture, services().settings.frame_bytes)
    except ChannelError as error:
        return result(False, reason=error.reason, detail=error.detail)
    except BadFrame as fault:
        return result(False, reason="bad_frames", detail=str(fault))
    return result(True, width=width, height=height, bytes=len(picture))


def one_picture(url: str) -> bytes:
    """Raises ChannelError."""
    channel = open_channel(url, services().settings.frame_bytes)
    try:
        if channel.pull:
            channel.send("getframe")
        until = time.monotonic() + PICTURE_WITHIN
        while (left := until - time.monotonic()) > 0:
            message = channel.receive(left)
            if isinstance(message, bytes):
                return message
        raise ChannelError("silent", "connected, but no picture came")
    finally:
        channel.close()
        channel.release()


def columns(fields: dict[str, Any]) -> dict[str, Any]:
    """The table's columns for what the API calls `limits` and `pico`; a change may name one axis only."""
    if "pico" in fields:
        fields["pico_id"] = fields.pop("pico")
    for axis, (low, high) in fields.pop("limits", {}).items():
        fields |= {f"{axis}_min": low, f"{axis}_max": high}
    return fields


def check_devices(changes: dict[str, Any], camera_id: int | None = None) -> None:
    """Raises BadRequest for a device that is none or of the wrong kind, Conflict for a Pico that another camera has."""
    if (pico := changes.get("pico_id")) is not None:
        need_device(pico, "pico", "pico")
        if db.session.scalar(db.select(Camera.id).where(Camera.pico_id == pico, Camera.id != (camera_id or 0))):
            raise Conflict("Another camera has this Pico already.")
    if (number := device_of(changes.get("url", ""))) is not None:
        need_device(number, "esp32cam", "url")


def need_device(number: int, kind: str, where: str) -> None:
    device = db.session.get(Device, number)
    if device is None or device.kind != kind:
        raise BadRequest("There is no such device.", where=where)


def store(row: Camera) -> None:
    """Commit, and let the running camera follow. Raises Conflict."""
    with _committing:
        try:
            db.session.commit()
        except IntegrityError:
            db.session.rollback()
            raise Conflict("There is a camera of that name already.") from None
        services().cameras.put(config_of(row))
    review_access()
