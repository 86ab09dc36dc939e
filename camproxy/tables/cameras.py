"""Cameras, their presets, and who may do what with them."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from camproxy.addresses import device_of
from camproxy.tables.base import UtcDateTime, db, now

if TYPE_CHECKING:
    from camproxy.tables.people import User

LEVELS = ("none", "view", "control")


class Camera(db.Model):  # type: ignore[name-defined]
    """What an admin set. `everyone` is what users without a Permission of their own may do with it."""

    __tablename__ = "camera"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    url: Mapped[str] = mapped_column(String(500))
    fps: Mapped[int] = mapped_column(default=10)
    enabled: Mapped[bool] = mapped_column(default=True)
    has_head: Mapped[bool] = mapped_column(default=True)
    has_light: Mapped[bool] = mapped_column(default=True)
    everyone: Mapped[str] = mapped_column(String(8), default="control")
    x_min: Mapped[int] = mapped_column(default=0)
    x_max: Mapped[int] = mapped_column(default=180)
    y_min: Mapped[int] = mapped_column(default=0)
    y_max: Mapped[int] = mapped_column(default=180)
    #: The Pico that moves it, where that hangs on no other board.
    pico_id: Mapped[int | None] = mapped_column(ForeignKey("device.id", ondelete="SET NULL"), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)

    @property
    def device_id(self) -> int | None:
        """The device that its pictures come from, in the address `device:7`; None for every other address."""
        return device_of(self.url)

    presets: Mapped[list[Preset]] = relationship(
        back_populates="camera", cascade="all, delete-orphan", order_by="Preset.slot"
    )
    permissions: Mapped[list[Permission]] = relationship(back_populates="camera", cascade="all, delete-orphan")

    @classmethod
    def free_slug(cls, name: str) -> str:
        """A word for addresses, from the name; never a bare number, which would be another camera's."""
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60]
        base = base if base and not base.isdigit() else f"camera-{base}".rstrip("-")
        taken = set(db.session.scalars(db.select(cls.slug)))
        return next(slug for n in range(1, 10_000) if (slug := base if n == 1 else f"{base}-{n}") not in taken)

    @classmethod
    def free_name(cls, name: str) -> str:
        """The name, with a number when there is a camera of that name."""
        taken = set(db.session.scalars(db.select(cls.name)))
        numbered = (name if n == 1 else f"{name[:75].rstrip()} {n}" for n in range(1, 10_000))
        return next(free for free in numbered if free not in taken)


class Preset(db.Model):  # type: ignore[name-defined]
    """A named direction of a camera, in one of nine slots."""

    __tablename__ = "preset"

    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.id", ondelete="CASCADE"), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    x: Mapped[int] = mapped_column()
    y: Mapped[int] = mapped_column()

    camera: Mapped[Camera] = relationship(back_populates="presets")


class Permission(db.Model):  # type: ignore[name-defined]
    """What one user may do with one camera, where that differs from Camera.everyone."""

    __tablename__ = "permission"

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), primary_key=True)
    camera_id: Mapped[int] = mapped_column(ForeignKey("camera.id", ondelete="CASCADE"), primary_key=True)
    level: Mapped[str] = mapped_column(String(8))

    user: Mapped[User] = relationship(back_populates="permissions")
    camera: Mapped[Camera] = relationship(back_populates="permissions")
