"""/api/devices: boards that have enrolled; /device: for a device itself."""

from __future__ import annotations

import logging
import time
from concurrent.futures import TimeoutError as TooLate
from dataclasses import asdict
from typing import Any

from flask import Blueprint, g
from flask_login import current_user

from camproxy import audit
from camproxy.access import managed_devices
from camproxy.audit import Action
from camproxy.device_config import whole_config
from camproxy.errors import BadRequest, NoAnswer, NotFound, Unavailable
from camproxy.rows import settings_of
from camproxy.web.api.device_schemas import (
    ConfigBody,
    ConfigOut,
    DeviceChange,
    DeviceList,
    DeviceOut,
    DeviceQuery,
    DeviceStatus,
    LogLine,
    LogLines,
    LogQuery,
    NewKey,
    Obeyed,
    SleepBody,
    config_out,
    device_out,
)
from camproxy.web.api.spec import api, gives
from camproxy.web.guards import ADMIN, ITSELF, MANAGE, allow
from camproxy.web.review import announce_cameras, follow_devices, running_device
from camproxy.web.rotation import give_new_key
from camproxy.web.services import services
from models import OVERLAP, Device, db, now

log = logging.getLogger(__name__)

bp = Blueprint("device_api", __name__)

#: A command has its own limit of two seconds; this only bounds what may go wrong on top.
ANSWER_WITHIN = 5.0
COMMAND_ERRORS = (404, 502, 503, 504)


@bp.get("/api/devices")
@allow(MANAGE)
@api.validate(resp=gives(DeviceList), tags=["devices"])
def list_devices() -> DeviceList:
    return DeviceList(items=managed())


def managed() -> list[DeviceOut]:
    """Those that are the user's business."""
    numbers = managed_devices(current_user)
    rows = db.session.scalars(db.select(Device).where(Device.id.in_(numbers)).order_by(Device.id))
    return [device_out(row) for row in rows]


@bp.get("/api/devices/<int:device>")
@allow(MANAGE)
@api.validate(resp=gives(DeviceOut, errors=(404,)), tags=["devices"])
def show(device: int) -> DeviceOut:
    return device_out(g.device_row)


@bp.patch("/api/devices/<int:device>")
@allow(ADMIN)
@api.validate(resp=gives(DeviceOut, errors=(404,)), tags=["devices"])
def change(device: int, json: DeviceChange) -> DeviceOut:
    """`enabled: false` is a revocation: its connection ends, and none is accepted until it is enabled again."""
    row = row_of(device)
    sent = json.changes()
    if missing := [name for name, value in sent.items() if value is None]:
        raise BadRequest("must have a value", where=missing[0])
    for name, value in sent.items():
        setattr(row, name, value)
    audit.note(Action.DEVICE_CHANGED, row.name, ", ".join(f"{name}: {value}" for name, value in sent.items()))
    db.session.commit()
    follow_devices()
    return device_out(row)


@bp.delete("/api/devices/<int:device>")
@allow(ADMIN)
@api.validate(resp=gives(status=204, errors=(404,)), tags=["devices"])
def remove(device: int) -> tuple[str, int]:
    """Its camera stays, and says that its device is gone."""
    row = row_of(device)
    db.session.delete(row)
    audit.note(Action.DEVICE_REMOVED, row.name, row.mac)
    db.session.commit()
    follow_devices()
    try:
        services().device_logs.forget(device)
    except OSError as error:
        log.warning("the log of device %d cannot be removed: %s", device, error.strerror)
    announce_cameras()
    return "", 204


@bp.post("/api/devices/<int:device>/key")
@allow(ADMIN)
@api.validate(resp=gives(NewKey, status=201, errors=(404,)), tags=["devices"])
def issue_key(device: int) -> tuple[NewKey, int]:
    """A new key, for a board that is given it by hand."""
    row = row_of(device)
    text = row.issue_key()
    audit.note(Action.DEVICE_KEY_ISSUED, row.name, row.mac)
    db.session.commit()
    return NewKey(api_key=text, others_end=now() + OVERLAP), 201


@bp.post("/api/devices/<int:device>/key/give")
@allow(ADMIN)
@api.validate(resp=gives(status=204, errors=COMMAND_ERRORS), tags=["devices"])
def give_key(device: int) -> tuple[str, int]:
    """A new key that the device is given over its connection, and nobody sees."""
    row = row_of(device)
    give_new_key(row)
    audit.note(Action.DEVICE_KEY_ISSUED, row.name, row.mac)
    db.session.commit()
    return "", 204


@bp.get("/api/devices/<int:device>/config")
@allow(MANAGE)
@api.validate(resp=gives(ConfigOut, errors=(404,)), tags=["devices"])
def show_config(device: int) -> ConfigOut:
    return config_out(g.device_row)


@bp.put("/api/devices/<int:device>/config")
@allow(MANAGE)
@api.validate(resp=gives(ConfigOut, errors=(404,)), tags=["devices"])
def configure(device: int, json: ConfigBody) -> ConfigOut:
    """Some or all fields, see docs/protocol.md; the device gets them at once, or when it appears next."""
    return ask_for_config(g.device_row, json.root)


@bp.get("/api/devices/<int:device>/log")
@allow(MANAGE)
@api.validate(resp=gives(LogLines, errors=(404, 503)), tags=["devices"])
def show_log(device: int, query: LogQuery) -> LogLines:
    """What it said and what the server has to say about it, the latest first; `q` is a part of the line.

    `before` is the number of the last line of the page before.
    """
    try:
        lines = services().device_logs.search(device, query.q, query.level, query.before, query.limit)
    except OSError as error:
        log.error("the log of device %d cannot be read: %s", device, error.strerror)
        raise Unavailable("The device's log cannot be read just now.") from None
    items = [LogLine.model_validate(asdict(line)) for line in lines]
    return LogLines(items=items, before=items[-1].number if len(items) == query.limit else None)


@bp.post("/api/devices/<int:device>/ping")
@allow(MANAGE)
@api.validate(resp=gives(Obeyed, errors=COMMAND_ERRORS), tags=["devices"])
def ping(device: int) -> Obeyed:
    return carry_out("ping")


@bp.post("/api/devices/<int:device>/restart")
@allow(MANAGE)
@api.validate(resp=gives(Obeyed, errors=COMMAND_ERRORS), tags=["devices"])
def restart(device: int) -> Obeyed:
    return carry_out("restart")


@bp.post("/api/devices/<int:device>/capture")
@allow(MANAGE)
@api.validate(resp=gives(Obeyed, errors=COMMAND_ERRORS), tags=["devices"])
def capture(device: int) -> Obeyed:
    """Have it send one picture."""
    return carry_out("capture")


@bp.post("/api/devices/<int:device>/sleep")
@allow(MANAGE)
@api.validate(resp=gives(Obeyed, errors=COMMAND_ERRORS), tags=["devices"])
def sleep(device: int, json: SleepBody) -> Obeyed:
    return carry_out("sleep", seconds=json.seconds)


@bp.get("/device/status")
@allow(ITSELF)
@api.validate(resp=gives(DeviceStatus, errors=(404,)), tags=["devices"])
def own_status(query: DeviceQuery) -> DeviceStatus:
    """`?device=` names it, unless it asks itself with its key."""
    return DeviceStatus.model_validate(running_device(named()).status())


@bp.put("/device/config")
@allow(ITSELF)
@api.validate(resp=gives(ConfigOut, errors=(404,)), tags=["devices"])
def own_config(query: DeviceQuery, json: ConfigBody) -> ConfigOut:
    """A device says what it runs with; anybody else, what the device that `?device=` names is to run with."""
    row, sent = named(), json.root
    if not g.by_device:
        return ask_for_config(row, sent)
    row.config = whole_config(row.kind, row.config | sent)
    db.session.commit()
    follow_devices()
    return config_out(row)


def row_of(number: int) -> Device:
    row = db.session.get(Device, number)
    if row is None:
        raise NotFound("There is no such device.")
    return row


def named() -> Device:
    row: Device | None = g.device_row
    if row is None:
        raise BadRequest("must have a value", where="device")
    return row


def ask_for_config(row: Device, sent: dict[str, Any]) -> ConfigOut:
    """Raises BadRequest."""
    wanted = whole_config(row.kind, row.config | (row.pending or {}) | sent)
    row.pending, row.config_state, row.config_at, row.config_detail = wanted, "pending", now(), ""
    audit.note(Action.DEVICE_CONFIGURED, row.name, ", ".join(sent))
    db.session.commit()
    services().devices.put(settings_of(row))
    return config_out(row)


def carry_out(what: str, **fields: Any) -> Obeyed:
    """Send a command and wait for its answer. Raises DeviceOffline, DeviceError or NoAnswer."""
    begun = time.monotonic()
    try:
        running_device(g.device_row).ask(what, **fields).result(ANSWER_WITHIN)
    except TooLate:
        raise NoAnswer("The device did not answer in time.") from None
    return Obeyed(ok=True, milliseconds=round(1000 * (time.monotonic() - begun)))
