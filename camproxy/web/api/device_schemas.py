"""What the device routes take and give."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated, Any, Literal

from flask_babel import gettext
from pydantic import Field, RootModel, StringConstraints

from camproxy.advice import advise, version_of
from camproxy.checkup import vitals_of
from camproxy.clock import moment
from camproxy.device_log_file import LEVELS
from camproxy.devices import Device as Running
from camproxy.frames import FrameHub
from camproxy.messages import Kind, Name, Switch
from camproxy.reset_reasons import Reset
from camproxy.web.api.schemas import Answer, Body
from camproxy.web.review import running_device
from camproxy.web.services import services
from models import Camera, Device, DeviceKey, Firmware, db


class DeviceStatus(Answer):
    device: int
    kind: Kind
    name: str
    state: Literal["disabled", "online", "never", "asleep", "offline", "stale"]
    online: bool
    since: str | None
    last_seen: str | None
    reason: str | None
    address: str
    frames_received: int
    ignored: int
    uptime_ms: int | None
    free_heap: int | None
    largest_block: int | None
    rssi: int | None
    temperature: float | None
    frames_sent: int | None
    frames_skipped: int | None
    reset_reason: str | None
    reset: Reset | None


class AdviceOut(Answer):
    """Something that is wrong with a board, in a sentence, and what to do about it: for people, in their language."""

    code: str
    severity: Literal["info", "warning", "error"]
    sentence: str
    remedy: str


class ItsCamera(Answer):
    id: int
    slug: str
    name: str


class ConfigOut(Answer):
    """`config` is what the device runs with, as far as is known; `pending` what it has not taken yet."""

    config: dict[str, Any]
    pending: dict[str, Any] | None
    state: Literal["", "pending", "delivered", "refused", "expired"]
    at: datetime | None
    detail: str


class KeyOut(Answer):
    created_at: datetime
    first_used_at: datetime | None
    expires_at: datetime | None


class UpdateOut(Answer):
    """What firmware the device is to have or was to have last. `detail`: why it failed, a word of ours or the board's
    own sentence. `got` of `size` bytes are fetched; both are 0 when it is over.
    """

    device: int
    firmware: int | None = Field(description="its number, as long as it is there")
    version: str
    state: Literal["pending", "offered", "downloading", "trying", "installed", "failed", "rolled_back"]
    since: datetime
    detail: str
    got: int
    size: int


class DeviceOut(Answer):
    id: int
    kind: Kind
    name: str
    mac: str
    enabled: bool
    firmware: str
    created_at: datetime
    camera: ItsCamera | None
    status: DeviceStatus
    bad_frames: int = Field(description="pictures that were dropped, since the server started")
    advice: list[AdviceOut] = Field(description="the worst first")
    configuration: ConfigOut
    update: UpdateOut | None
    keys: list[KeyOut]


class DeviceList(Answer):
    items: list[DeviceOut]


class DeviceChange(Body):
    name: Name | None = None
    enabled: Switch | None = None


class ConfigBody(RootModel[dict[str, bool | int | str]]):
    """Some or all fields of what the kind of device can be told to be like, see camproxy/device_config.py."""


class DeviceQuery(Body):
    """Which device is meant, unless it asks itself."""

    device: str | None = None


class NewKey(Answer):
    """`api_key` is shown this once. The keys before it end when it is first used, and at the latest then."""

    api_key: str
    others_end: datetime


class SleepBody(Body):
    seconds: Annotated[int, Field(strict=True, ge=1, le=604_800)]


class Obeyed(Answer):
    ok: bool
    milliseconds: int


class LogQuery(Body):
    level: Literal[LEVELS] = "debug"  # type: ignore[valid-type]
    q: Annotated[str, StringConstraints(max_length=200)] = ""
    before: Annotated[int, Field(ge=1)] | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class LogLine(Answer):
    number: int
    time: str
    level: Literal[LEVELS]  # type: ignore[valid-type]
    source: Literal["device", "server"]
    message: str


class LogLines(Answer):
    items: list[LogLine]
    before: int | None = Field(description="ask for this to get the page after; null on the last")


def device_out(row: Device) -> DeviceOut:
    camera = db.session.scalar(db.select(Camera).where((Camera.pico_id == row.id) | (Camera.url == f"device:{row.id}")))
    device = running_device(row)
    hub = hub_of(device)
    own = ("id", "kind", "name", "mac", "enabled", "firmware", "created_at")
    return DeviceOut.model_validate(
        {name: getattr(row, name) for name in own}
        | {
            "camera": camera and {"id": camera.id, "slug": camera.slug, "name": camera.name},
            "status": device.status(),
            "bad_frames": hub.bad.total() if hub else 0,
            "advice": advice_of(device, hub, row),
            "configuration": config_out(row),
            "update": update_out(row.id),
            "keys": [key_out(key) for key in row.keys],
        }
    )


def hub_of(device: Running) -> FrameHub | None:
    """Of the camera whose pictures it takes."""
    address = f"device:{device.id}"
    return next((camera.hub for camera in services().cameras if camera.config.url == address), None)


def advice_of(device: Running, hub: FrameHub | None, row: Device) -> list[dict[str, str]]:
    told = []
    for advice in advise(vitals_of(device, time.time(), hub, row.firmware, newest_firmware(row.kind))):
        sentence, remedy = advice.told(gettext)
        told.append(
            {"code": advice.code, "severity": advice.severity.name.lower(), "sentence": sentence, "remedy": remedy}
        )
    return told


def newest_firmware(kind: str) -> str:
    """The highest version that was uploaded for that kind, "" when there is none."""
    return max(db.session.scalars(db.select(Firmware.version).where(Firmware.kind == kind)), key=version_of, default="")


def update_out(device: int) -> UpdateOut | None:
    update = services().updates.of(device)
    if update is None:
        return None
    own = ("device", "version", "state", "detail", "got")
    return UpdateOut.model_validate(
        {name: getattr(update, name) for name in own}
        | {
            "firmware": update.image.id if update.image else None,
            "since": moment(update.since),
            "size": update.image.size if update.image and update.active else 0,
        }
    )


def config_out(row: Device) -> ConfigOut:
    if row.expire_config():
        db.session.commit()
        running_device(row)
    return ConfigOut.model_validate(
        {
            "config": row.config,
            "pending": row.pending,
            "state": row.config_state,
            "at": row.config_at,
            "detail": row.config_detail,
        }
    )


def key_out(row: DeviceKey) -> KeyOut:
    return KeyOut(created_at=row.created_at, first_used_at=row.first_used_at, expires_at=row.expires_at)
