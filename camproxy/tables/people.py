"""People: what they may do at most, how they prove who they are, what they like."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask_login import UserMixin
from sqlalchemy import ForeignKey, String, func
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship
from werkzeug.security import check_password_hash

from camproxy.tables.base import UtcDateTime, db, now

if TYPE_CHECKING:
    from camproxy.tables.cameras import Permission

ROLES = ("viewer", "operator", "admin")

hasher = PasswordHasher()
# Verified for names that do not exist, so that the answer takes as long as for those that do.
NOBODYS_HASH = hasher.hash(secrets.token_urlsafe(16))


class User(UserMixin, db.Model):  # type: ignore[name-defined]
    """A person. `role` says what they may do at most; Camera.everyone and Permission say with which camera."""

    __tablename__ = "user"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(String(80), unique=True)
    password_hash: Mapped[str] = mapped_column(String(256))
    role: Mapped[str] = mapped_column(String(16), default="operator")
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    last_login_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    language: Mapped[str] = mapped_column(String(16), default="")
    theme: Mapped[str] = mapped_column(String(8), default="system")
    default_camera_id: Mapped[int | None] = mapped_column(ForeignKey("camera.id", ondelete="SET NULL"))
    step: Mapped[int] = mapped_column(default=10)
    max_fps: Mapped[float | None] = mapped_column()

    permissions: Mapped[list[Permission]] = relationship(back_populates="user", cascade="all, delete-orphan")

    def __init__(self, username: str, password: str | None = None, **columns: Any) -> None:
        is_admin = columns.pop("is_admin", None)
        super().__init__(username=username, **({"role": "operator", "is_active": True, "step": 10} | columns))
        if is_admin is not None:
            self.is_admin = is_admin
        if password is not None:
            self.set_password(password)

    @hybrid_property
    def is_admin(self) -> bool:
        """The card's flag: the same as the role `admin`."""
        return self.role == "admin"

    @is_admin.inplace.setter
    def _set_is_admin(self, value: bool) -> None:
        if value:
            self.role = "admin"
        elif self.role == "admin":
            self.role = "operator"

    def set_password(self, password: str) -> None:
        self.password_hash = hasher.hash(password)

    def check_password(self, password: str) -> bool:
        """Whether this is the password. An old or weak hash is renewed in passing; committing is the caller's."""
        if not self.password_hash.startswith("$argon2"):
            # A database of the card's first server: Werkzeug's hashes.
            if not check_password_hash(self.password_hash, password):
                return False
            self.set_password(password)
            return True
        try:
            hasher.verify(self.password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
        if hasher.check_needs_rehash(self.password_hash):
            self.set_password(password)
        return True

    @classmethod
    def named(cls, username: str) -> User | None:
        """The user of that name, whatever its capitals."""
        found: User | None = db.session.scalar(
            db.select(cls).where(func.lower(cls.username) == username.strip().lower())
        )
        return found

    @classmethod
    def authenticate(cls, username: str, password: str) -> User | None:
        """The active user with that name and password. Takes as long for a name that does not exist."""
        user = cls.named(username)
        if user is None:
            try:
                hasher.verify(NOBODYS_HASH, password)
            except VerificationError:
                return None
            return None
        return user if user.check_password(password) and user.is_active else None
