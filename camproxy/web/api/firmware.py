"""/api/firmware: images for boards; /api/devices/…/update: which device is to have which."""

from __future__ import annotations

import base64
import binascii
import time
from datetime import datetime
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from flask import Blueprint, request
from flask_login import current_user
from pydantic import Field, StringConstraints
from sqlalchemy.exc import IntegrityError

from camproxy import audit
from camproxy.audit import Action
from camproxy.errors import N_, BadRequest, Conflict, NotFound
from camproxy.firmware_image import LARGEST, ImageFacts, read_image
from camproxy.firmware_store import Received
from camproxy.messages import Kind
from camproxy.update_book import fill, image_of
from camproxy.updates import Update
from camproxy.web.api.device_schemas import UpdateOut, update_out
from camproxy.web.api.schemas import Answer, Body
from camproxy.web.api.spec import api, gives
from camproxy.web.edge import server_socket
from camproxy.web.guards import ADMIN, MANAGE, allow, takes
from camproxy.web.services import services
from models import Device, Firmware, FirmwareUpdate, db

bp = Blueprint("firmware_api", __name__)

IMAGE = "application/octet-stream"
#: What the ESP32-CAM takes, see esp32/core/update.h. Bytes.
MOST_SIGNATURE = 72
#: An upload that stalls for so long has broken off. Seconds.
STALLED_AFTER = 10.0
#: What boards are told of over the air; a Pico's programs are files, which are put onto it by USB.
KIND = "esp32cam"
NO_VERSION = N_("The image does not say its version: say which one its boards will report.")

Version = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[\x21-\x7e]{0,31}$")]


class FirmwareOut(Answer):
    id: int
    kind: Kind
    version: str = Field(description="what boards say that run it")
    project: str
    size: int
    sha256: str
    uploaded_at: datetime
    uploaded_by: str
    devices: list[int] = Field(description="those that are to have it and have not yet")


class FirmwareList(Answer):
    items: list[FirmwareOut]


class UploadQuery(Body):
    """`signature`: base64 of ECDSA P-256 in DER. `version`: for an image that does not say it, or says another."""

    signature: Annotated[str, StringConstraints(max_length=128)]
    version: Version = ""


class UpdateBody(Body):
    firmware: Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]


class UpdateAnswer(Answer):
    update: UpdateOut | None


class Assigned(Answer):
    devices: list[int] = Field(description="that are to have it now")


@bp.get("/api/firmware")
@allow(ADMIN)
@api.validate(resp=gives(FirmwareList), tags=["firmware"])
def list_firmware() -> FirmwareList:
    """The latest upload first."""
    return FirmwareList(items=every_firmware())


def every_firmware() -> list[FirmwareOut]:
    return [firmware_out(row) for row in db.session.scalars(db.select(Firmware).order_by(Firmware.id.desc()))]


@bp.post("/api/firmware")
@allow(ADMIN)
@takes(IMAGE, LARGEST)
@api.validate(resp=gives(FirmwareOut, status=201, errors=(409, 413, 503)), tags=["firmware"])
def upload(query: UploadQuery) -> tuple[FirmwareOut, int]:
    """The body is the image, as application/octet-stream with its length."""
    signature = checked_signature(query.signature)
    if request.mimetype != IMAGE or not request.content_length:
        raise BadRequest("Send the image as application/octet-stream, with its length.")
    if sock := server_socket(request.environ):
        sock.settimeout(STALLED_AFTER)
    received = services().firmware.receive(request.stream, request.content_length)
    try:
        found = read_image(received.file.read_bytes())
        row = keep(received, found, query.version or found.version, signature)
    finally:
        services().firmware.drop(received)
    return firmware_out(row), 201


def keep(received: Received, found: ImageFacts, version: str, signature: str) -> Firmware:
    """Raises BadRequest, Conflict or Unavailable."""
    if not version:
        raise BadRequest(NO_VERSION, where="version")
    row = Firmware(
        kind=KIND,
        version=version,
        project=found.project,
        size=received.size,
        sha256=received.sha256,
        signature=signature,
        uploaded_by=current_user.username,
    )
    db.session.add(row)
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        raise Conflict("This very image is here already.") from None
    services().firmware.keep(received, row.id)
    audit.note(Action.FIRMWARE_UPLOADED, f"{row.kind} {row.version}", row.sha256)
    db.session.commit()
    return row


def checked_signature(text: str) -> str:
    """Whether it is of this image only the boards can say, who know the key. Raises BadRequest."""
    try:
        signature = base64.b64decode(text, validate=True)
        decode_dss_signature(signature)
    except (binascii.Error, ValueError):
        signature = b""
    if not 0 < len(signature) <= MOST_SIGNATURE:
        raise BadRequest("must be a signature as scripts/sign_firmware.py makes it", where="signature")
    return text


@bp.get("/api/firmware/<int:firmware_id>")
@allow(ADMIN)
@api.validate(resp=gives(FirmwareOut, errors=(404,)), tags=["firmware"])
def show(firmware_id: int) -> FirmwareOut:
    return firmware_out(row_of(firmware_id))


@bp.delete("/api/firmware/<int:firmware_id>")
@allow(ADMIN)
@api.validate(resp=gives(status=204, errors=(404, 409)), tags=["firmware"])
def remove(firmware_id: int) -> tuple[str, int]:
    row = row_of(firmware_id)
    if services().updates.waiting_for(row.id):
        raise Conflict("A device is still to have it. Withdraw that first.")
    db.session.delete(row)
    audit.note(Action.FIRMWARE_REMOVED, f"{row.kind} {row.version}", row.sha256)
    db.session.commit()
    services().firmware.remove(firmware_id)
    return "", 204


@bp.post("/api/firmware/<int:firmware_id>/assign")
@allow(ADMIN)
@api.validate(resp=gives(Assigned, errors=(404,)), tags=["firmware"])
def assign_to_all(firmware_id: int) -> Assigned:
    """All devices of its kind are to have it, but for those that run it, or are being updated just now."""
    row = row_of(firmware_id)
    assigned = []
    for device in db.session.scalars(db.select(Device).where(Device.kind == row.kind).order_by(Device.id)):
        try:
            assign(row, device)
        except Conflict:
            continue
        assigned.append(device.id)
    return Assigned(devices=assigned)


@bp.get("/api/devices/<int:device>/update")
@allow(MANAGE)
@api.validate(resp=gives(UpdateAnswer, errors=(404,)), tags=["firmware"])
def show_update(device: int) -> UpdateAnswer:
    return UpdateAnswer(update=update_out(device))


@bp.put("/api/devices/<int:device>/update")
@allow(ADMIN)
@api.validate(resp=gives(UpdateAnswer, errors=(404, 409)), tags=["firmware"])
def assign_to_one(device: int, json: UpdateBody) -> UpdateAnswer:
    """It is told at once, or when it appears next."""
    assign(row_of(json.firmware), device_of(device))
    return UpdateAnswer(update=update_out(device))


@bp.delete("/api/devices/<int:device>/update")
@allow(ADMIN)
@api.validate(resp=gives(status=204, errors=(404,)), tags=["firmware"])
def withdraw(device: int) -> tuple[str, int]:
    """Forget what it is to have, or how the last update went. What a board has already, it keeps."""
    row = device_of(device)
    services().updates.withdraw(device)
    db.session.execute(db.delete(FirmwareUpdate).where(FirmwareUpdate.device_id == device))
    audit.note(Action.FIRMWARE_WITHDRAWN, row.name)
    db.session.commit()
    return "", 204


def assign(firmware: Firmware, device: Device) -> None:
    """Raises BadRequest, or Conflict when it runs that or is being updated just now."""
    if device.kind != firmware.kind:
        raise BadRequest("That firmware is for boards of another kind.")
    updates = services().updates
    if (updates.runs(device.id) or device.firmware) == firmware.version:
        raise Conflict("It runs that version already.")
    updates.check_free(device.id)
    row = db.session.get(FirmwareUpdate, device.id)
    if row is None:
        row = FirmwareUpdate(device_id=device.id)
        db.session.add(row)
    fill(row, Update(device.id, firmware.version, image_of(firmware), "pending", time.time()))
    audit.note(Action.FIRMWARE_ASSIGNED, device.name, firmware.version)
    db.session.commit()
    updates.assign(device.id, image_of(firmware))


def firmware_out(row: Firmware) -> FirmwareOut:
    own = ("id", "kind", "version", "project", "size", "sha256", "uploaded_at", "uploaded_by")
    waiting = [update.device for update in services().updates.waiting_for(row.id)]
    return FirmwareOut.model_validate({name: getattr(row, name) for name in own} | {"devices": waiting})


def row_of(number: int) -> Firmware:
    row = db.session.get(Firmware, number)
    if row is None:
        raise NotFound("There is no such firmware.")
    return row


def device_of(number: int) -> Device:
    row = db.session.get(Device, number)
    if row is None:
        raise NotFound("There is no such device.")
    return row
