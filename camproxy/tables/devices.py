"""Boards that dial in, the keys that let them in, and how they come by one."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any, Self

from flask import current_app
from sqlalchemy import JSON, ForeignKey, Select, String, or_
from sqlalchemy.orm import Mapped, contains_eager, mapped_column, relationship

from camproxy.tables.base import UtcDateTime, db, now

KINDS = ("esp32cam", "pico")
#: How long a key still lets its device in after another was issued, unless the new one is used before.
OVERLAP = timedelta(hours=24)
#: A configuration that its device did not come for within this time is not given to it any more.
CONFIG_EXPIRES = timedelta(days=7)


def digest(text: str) -> str:
    """What is kept of a key or token; 128 random bits and more need no slow hash."""
    return hashlib.sha256(text.encode()).hexdigest()


class Device(db.Model):  # type: ignore[name-defined]
    """A board that has enrolled. It is known by its MAC for good, whatever becomes of its keys.

    `config` is what it runs with, as far as is known; `pending` is what it is to run with and has not taken yet.
    """

    __tablename__ = "device"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  # a number is in addresses: never given twice

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(80))
    mac: Mapped[str] = mapped_column(String(17), unique=True)
    enabled: Mapped[bool] = mapped_column(default=True)
    firmware: Mapped[str] = mapped_column(String(40), default="")
    address: Mapped[str] = mapped_column(String(45), default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    last_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    config: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    pending: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    #: "" (nothing was ever asked), "pending", "delivered", "refused" or "expired"; since when; what the device said.
    config_state: Mapped[str] = mapped_column(String(16), default="")
    config_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    config_detail: Mapped[str] = mapped_column(String(500), default="")

    keys: Mapped[list[DeviceKey]] = relationship(back_populates="device", cascade="all, delete-orphan")

    def expire_config(self) -> bool:
        """Give up a configuration that it did not come for. Whether there was one."""
        if self.pending is None or self.config_at is None or now() - self.config_at < CONFIG_EXPIRES:
            return False
        self.pending, self.config_state, self.config_at = None, "expired", now()
        return True

    def issue_key(self) -> str:
        """A new key, known only here and now. The others end when it is first used, or after OVERLAP."""
        text = secrets.token_urlsafe(32)
        ends = now() + OVERLAP
        for key in self.keys:
            key.expires_at = min(key.expires_at or ends, ends)
        self.keys.append(DeviceKey(sha256=digest(text)))
        return text


class DeviceKey(db.Model):  # type: ignore[name-defined]
    """What lets a device in: 32 random bytes, of which only a hash is kept."""

    __tablename__ = "device_key"

    id: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("device.id", ondelete="CASCADE"), index=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    first_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    device: Mapped[Device] = relationship(back_populates="keys")

    @classmethod
    def valid(cls) -> Select[Any]:
        """Those that let a device in now, or would if it were enabled."""
        found: Select[Any] = db.select(cls).join(cls.device).options(contains_eager(cls.device))
        return found.where(or_(cls.expires_at.is_(None), cls.expires_at > now()))

    @classmethod
    def shown(cls, text: str) -> Self | None:
        """The key of that text, if it has not ended. Whether its device is enabled is another question."""
        found: Self | None = db.session.scalar(cls.valid().where(cls.sha256 == digest(text)))
        return found

    def used(self) -> bool:
        """It lets its device in: the older ones have had their time. Whether that is news, to be committed."""
        if self.first_used_at is not None:
            return False
        self.first_used_at = now()
        older = DeviceKey.device_id == self.device_id, DeviceKey.id < self.id
        db.session.execute(db.delete(DeviceKey).where(*older))
        return True


class PairingWindow(db.Model):  # type: ignore[name-defined]
    """While it is open, devices of that kind may enrol. At most one for each kind. Closing it is removing it."""

    __tablename__ = "pairing_window"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    opened_by: Mapped[str] = mapped_column(String(80), default="")
    #: Whether GET /public/tokens hands out tokens of it, and whether /register takes them over plain HTTP.
    open_to_network: Mapped[bool] = mapped_column(default=False)
    allow_unencrypted: Mapped[bool] = mapped_column(default=False)
    wrong_tries: Mapped[int] = mapped_column(default=0)

    tokens: Mapped[list[PairingToken]] = relationship(
        back_populates="window", cascade="all, delete-orphan", passive_deletes=True
    )


class PairingToken(db.Model):  # type: ignore[name-defined]
    """Lets one device enrol, once: the one that has its text.

    With a `mac` it is the approval of that device, and its text is the code that the device shows; with an `address` it
    was handed out to whoever asked from there. `device` is who used it.
    """

    __tablename__ = "pairing_token"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(ForeignKey("pairing_window.kind", ondelete="CASCADE"), index=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    mac: Mapped[str | None] = mapped_column(String(17))
    address: Mapped[str | None] = mapped_column(String(45))
    wrong_tries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    device_id: Mapped[int | None] = mapped_column(ForeignKey("device.id", ondelete="SET NULL"))

    window: Mapped[PairingWindow] = relationship(back_populates="tokens")
    device: Mapped[Device | None] = relationship()

    @staticmethod
    def code_digest(mac: str, code: str) -> str:
        """What is kept of a code. Its 8 digits could be guessed from a bare hash, so the secret key goes in.

        Needs an application context.
        """
        key = str(current_app.secret_key).encode()
        return hmac.digest(key, f"{mac} {code}".encode(), "sha256").hex()
