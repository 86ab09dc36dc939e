"""What happened by itself: devices that went or came back, motion before a camera, and where its head pointed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from camproxy.tables.base import UtcDateTime, db, now

#: What kind an event of motion is.
MOTION = "motion"


class Event(db.Model):  # type: ignore[name-defined]
    """What happened of that kind, at that moment. What people did is in AuditEvent.

    Motion has an end as soon as it is over, and a `source`: `pir` or `picture`. `score` is how much of the watched
    picture moved at most, 0…1. `thumbnail` is a path under DATA_DIR/events.
    """

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_camera_id_at", "camera_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, index=True)
    kind: Mapped[str] = mapped_column(String(40))
    device_id: Mapped[int | None] = mapped_column(ForeignKey("device.id", ondelete="CASCADE"), index=True)
    camera_id: Mapped[int | None] = mapped_column(ForeignKey("camera.id", ondelete="CASCADE"), index=True)
    detail: Mapped[str] = mapped_column(String(500), default="")
    source: Mapped[str | None] = mapped_column(String(8))
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    score: Mapped[float | None] = mapped_column()
    thumbnail: Mapped[str | None] = mapped_column(String(60))


class PoseChange(db.Model):  # type: ignore[name-defined]
    """From then on a camera's head pointed there. Degrees, see camproxy/control/pan_tilt.py."""

    __tablename__ = "pose_change"
    __table_args__ = (Index("ix_pose_change_camera_id_at", "camera_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    x: Mapped[int] = mapped_column()
    y: Mapped[int] = mapped_column()


class MotionSettings(db.Model):  # type: ignore[name-defined]
    """How motion is looked for in the pictures of a camera, see camproxy/motion. Without a row it is not."""

    __tablename__ = "motion_settings"

    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.id", ondelete="CASCADE"), primary_key=True)
    enabled: Mapped[bool] = mapped_column(default=False)
    sensitivity: Mapped[int] = mapped_column(default=50)
    #: A list of {"kind": "include" or "exclude", "points": [[x, y], …]} in 0…1 of the picture.
    zones: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    settle_seconds: Mapped[float] = mapped_column(default=1.0)
    #: Slots of presets, from which nothing is looked for.
    muted_presets: Mapped[list[int]] = mapped_column(JSON, default=list)
