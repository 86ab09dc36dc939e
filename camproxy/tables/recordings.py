"""What was recorded, what should have been and was not, and how each camera is to be recorded."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from camproxy.tables.base import UtcDateTime, db


class RecordingSettings(db.Model):  # type: ignore[name-defined]
    """How a camera is recorded, see camproxy/recording/modes.py. `folder` is that of a camera without a MAC: it stays.

    A camera without a row is not recorded.
    """

    __tablename__ = "recording_settings"

    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.id", ondelete="CASCADE"), primary_key=True)
    folder: Mapped[str] = mapped_column(String(17), unique=True)
    mode: Mapped[str] = mapped_column(String(16), default="off")
    codec: Mapped[str] = mapped_column(String(8), default="h264")
    fps: Mapped[float] = mapped_column(default=10.0)
    crf: Mapped[int] = mapped_column(default=23)
    pre_seconds: Mapped[float] = mapped_column(default=5.0)
    post_seconds: Mapped[float] = mapped_column(default=10.0)
    #: A list of [day, first minute, last minute], see camproxy/recording/schedule.py.
    schedule: Mapped[list[list[int]]] = mapped_column(JSON, default=list)
    #: How much is kept of it; None: what the server's settings say.
    days: Mapped[int | None] = mapped_column()
    bytes: Mapped[int | None] = mapped_column(BigInteger)


class Recording(db.Model):  # type: ignore[name-defined]
    """One file. Its camera may have been removed since. `cause` is why it is missing or in quarantine."""

    __tablename__ = "recording"
    __table_args__ = (
        Index("ix_recording_camera_id_started_at", "camera_id", "started_at"),
        {"sqlite_autoincrement": True},  # a number is in addresses: never given twice
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    #: Relative to RECORDING_DIR. That of a file which is missing may be given again.
    path: Mapped[str] = mapped_column(String(60), index=True)
    camera_id: Mapped[int | None] = mapped_column(ForeignKey("camera.id", ondelete="SET NULL"))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    zone: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    frames: Mapped[int] = mapped_column(default=0)
    lost: Mapped[int] = mapped_column(default=0)
    codec: Mapped[str] = mapped_column(String(8))
    width: Mapped[int] = mapped_column()
    height: Mapped[int] = mapped_column()
    #: recording, complete, recovered, quarantined or missing.
    state: Mapped[str] = mapped_column(String(16), index=True)
    cause: Mapped[str] = mapped_column(String(200), default="")
    protected: Mapped[bool] = mapped_column(default=False)
    sha256: Mapped[str | None] = mapped_column(String(64))


class Gap(db.Model):  # type: ignore[name-defined]
    """A stretch that a camera should have recorded and has not; without an end while it lasts."""

    __tablename__ = "gap"
    __table_args__ = (Index("ix_gap_camera_id_started_at", "camera_id", "started_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.id", ondelete="CASCADE"))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    cause: Mapped[str] = mapped_column(String(20))
