"""Firmware for boards, and which board is to have, or has had, which."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from camproxy.tables.base import UtcDateTime, db, now


class Firmware(db.Model):  # type: ignore[name-defined]
    """An image. Its bytes are in a file of its number, see camproxy/firmware_store.py."""

    __tablename__ = "firmware"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  # a number is in addresses: never given twice

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    #: What the boards that run it say in their `connect`.
    version: Mapped[str] = mapped_column(String(40))
    project: Mapped[str] = mapped_column(String(40), default="")
    size: Mapped[int] = mapped_column()
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    #: ECDSA P-256 over the hash, DER in base64; boards check it.
    signature: Mapped[str] = mapped_column(String(96))
    uploaded_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    uploaded_by: Mapped[str] = mapped_column(String(80), default="")


class FirmwareUpdate(db.Model):  # type: ignore[name-defined]
    """The latest update of a device, see camproxy/updates.py. What it was stays known when the image is removed."""

    __tablename__ = "firmware_update"

    device_id: Mapped[int] = mapped_column(ForeignKey("device.id", ondelete="CASCADE"), primary_key=True)
    firmware_id: Mapped[int | None] = mapped_column(ForeignKey("firmware.id", ondelete="SET NULL"), index=True)
    version: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(16))
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    detail: Mapped[str] = mapped_column(String(500), default="")
    tries: Mapped[int] = mapped_column(default=0)
