"""From rows to what runs."""

from __future__ import annotations

from camproxy.camera import CameraConfig
from camproxy.control.pan_tilt import Limits
from camproxy.devices import DeviceSettings
from models import Camera, Device


def config_of(row: Camera) -> CameraConfig:
    return CameraConfig(
        id=row.id,
        name=row.name,
        slug=row.slug,
        url=row.url,
        fps=row.fps,
        pico=row.pico_id,
        enabled=row.enabled,
        has_head=row.has_head,
        has_light=row.has_light,
        limits=Limits((row.x_min, row.x_max), (row.y_min, row.y_max)),
    )


def settings_of(row: Device) -> DeviceSettings:
    return DeviceSettings(
        id=row.id,
        kind=row.kind,
        name=row.name,
        mac=row.mac,
        enabled=row.enabled,
        config=row.config,
        pending=row.pending,
        last_seen=row.last_seen_at.timestamp() if row.last_seen_at else None,
    )
