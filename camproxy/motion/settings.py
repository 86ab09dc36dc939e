"""From rows to how motion is looked for."""

from __future__ import annotations

from typing import Any

from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from camproxy.control.pan_tilt import Pose
from camproxy.database import is_unusable
from camproxy.errors import Unavailable
from camproxy.motion.background import Sensitivity, Zone
from camproxy.motion.watcher import MotionConfig
from models import Camera, MotionSettings, db


def motion_config(row: MotionSettings | None, camera: Camera) -> MotionConfig | None:
    """None where nothing is to be looked for."""
    if row is None or not row.enabled:
        return None
    zones = tuple(zone_of(zone) for zone in row.zones)
    muted = tuple(Pose(preset.x, preset.y) for preset in camera.presets if preset.slot in row.muted_presets)
    return MotionConfig(Sensitivity(row.sensitivity, zones), row.settle_seconds, muted)


def zone_of(zone: dict[str, Any]) -> Zone:
    return Zone(tuple((x, y) for x, y in zone["points"]), exclude=zone["kind"] == "exclude")


def all_configs(app: Flask) -> dict[int, MotionConfig]:
    """Of the cameras that are to be watched, by number. Raises Unavailable."""
    try:
        with app.app_context():
            rows = db.session.execute(
                select(MotionSettings, Camera).join(Camera, Camera.id == MotionSettings.camera_id)
            )
            return {camera.id: config for row, camera in rows if (config := motion_config(row, camera))}
    except SQLAlchemyError as error:
        if is_unusable(error):
            raise Unavailable("The database does not answer just now. Try again shortly.") from None
        raise
