"""The tables. Nothing here knows about the web or about cameras that run; rows are only what is kept.

The names of the design card work as written there: `User(username=…, password=…)`, `.is_active`, `.is_admin`,
`.set_password(…)`, `User.query.filter_by(username=…)`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import current_app
from flask_login import UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ColumnElement, DateTime, ForeignKey, MetaData, Select, String, and_, func, or_
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import DeclarativeBase, Mapped, contains_eager, declared_attr, mapped_column, relationship
from sqlalchemy.types import TypeDecorator
from werkzeug.security import check_password_hash

ROLES = ("viewer", "operator", "admin")
LEVELS = ("none", "view", "control")


class Base(DeclarativeBase):
    # Named constraints, because SQLite's migrations can only change what has a name.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base)

hasher = PasswordHasher()
# Verified for names that do not exist, so that the answer takes as long as for those that do.
NOBODYS_HASH = hasher.hash(secrets.token_urlsafe(16))


def now() -> datetime:
    return datetime.now(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC; SQLite forgets time zones, so none is stored."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value else None


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
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)

    presets: Mapped[list[Preset]] = relationship(
        back_populates="camera", cascade="all, delete-orphan", order_by="Preset.slot"
    )
    permissions: Mapped[list[Permission]] = relationship(back_populates="camera", cascade="all, delete-orphan")


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


class Credential:
    """What lets a user in: a random text, of which only a hash is kept; 256 random bits need no slow one."""

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    @declared_attr
    def user(cls) -> Mapped[User]:
        return relationship(User)

    @staticmethod
    def digest(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    def valid(cls) -> Select[Any]:
        """Those that let somebody in now."""
        found: Select[Any] = db.select(cls).join(cls.user).options(contains_eager(cls.user)).where(User.is_active)
        return found

    @classmethod
    def shown(cls, text: str) -> Self | None:
        """The credential of that text, if it lets somebody in."""
        found: Self | None = db.session.scalar(cls.valid().where(cls.sha256 == cls.digest(text)))
        return found

    def is_to_be_noted(self, at: datetime) -> bool:
        """Whether to write down that it is used then. Once a minute is enough; a write for each request is too much."""
        return self.last_used_at is None or at - self.last_used_at > timedelta(minutes=1)

    def used(self, at: datetime) -> None:
        self.last_used_at = at


class ApiToken(Credential, db.Model):  # type: ignore[name-defined]
    """A personal token for a program."""

    __tablename__ = "api_token"

    name: Mapped[str] = mapped_column(String(80))

    @classmethod
    def issue(cls, user: User, name: str) -> tuple[ApiToken, str]:
        """A new token of `user`, and its text, which is known only here and now."""
        text = "cam_" + secrets.token_urlsafe(32)
        return cls(user=user, name=name, sha256=cls.digest(text)), text


class LoginSession(Credential, db.Model):  # type: ignore[name-defined]
    """A browser in which somebody logged in; the cookie holds its text.

    It ends with the log-out, at the latest at `expires_at`, and at `idle_until` if nothing is asked of it before.
    """

    __tablename__ = "login_session"

    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    idle_until: Mapped[datetime] = mapped_column(UtcDateTime)
    address: Mapped[str] = mapped_column(String(45), default="")
    agent: Mapped[str] = mapped_column(String(200), default="")

    @classmethod
    def issue(cls, user: User, address: str, agent: str) -> tuple[LoginSession, str]:
        """A new session of `user`, and the text for its cookie. Needs an application context."""
        text, begun = secrets.token_urlsafe(32), now()
        row = cls(user=user, sha256=cls.digest(text), created_at=begun, address=address[:45], agent=agent[:200])
        row.expires_at = begun + current_app.permanent_session_lifetime
        row.used(begun)
        return row, text

    def used(self, at: datetime) -> None:
        super().used(at)
        self.idle_until = at + current_app.config["SESSION_IDLE_LIFETIME"]

    @classmethod
    def valid(cls) -> Select[Any]:
        return super().valid().where(cls.expires_at > now(), cls.idle_until > now())

    @classmethod
    def next_end(cls) -> datetime | None:
        """When the first of those that are valid now will end by themselves."""
        ends = cls.valid().with_only_columns(db.func.min(cls.expires_at), db.func.min(cls.idle_until))
        return min((end for end in db.session.execute(ends).one() if end), default=None)

    @classmethod
    def end(cls, *which: ColumnElement[bool]) -> None:
        """End the sessions for which all of `which` holds, and tidy up those that ended in time."""
        over = or_(cls.expires_at <= now(), cls.idle_until <= now())
        db.session.execute(db.delete(cls).where(or_(and_(*which), over)))


class LoginFailure(db.Model):  # type: ignore[name-defined]
    """A log-in that was refused: of which account, and in which known browser (empty: in none).

    Of what was typed as the name only a keyed hash is kept: people type their password there.
    """

    __tablename__ = "login_failure"

    id: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(String(64), index=True)
    browser: Mapped[str] = mapped_column(String(32), default="")
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=now)

    @staticmethod
    def account_of(username: str) -> str:
        """The same for all ways to write a name. Needs an application context."""
        key = str(current_app.secret_key).encode()
        return hmac.digest(key, username.strip().lower().encode(), "sha256").hex()

    @classmethod
    def count(cls, account: str, browser: str, within: timedelta) -> int:
        found = db.select(func.count()).select_from(cls).filter_by(account=account, browser=browser)
        return db.session.scalar(found.where(cls.at > now() - within)) or 0

    @classmethod
    def forget(cls, account: str) -> None:
        """Let it be tried again at once; and tidy up what no limit looks at any more."""
        db.session.execute(db.delete(cls).where(or_(cls.account == account, cls.at < now() - timedelta(days=1))))


class AuditEvent(db.Model):  # type: ignore[name-defined]
    """Who did what, when and from where. It stays when the user or the camera is gone, so it names both as text."""

    __tablename__ = "audit_event"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, default=now, index=True)
    who: Mapped[str] = mapped_column(String(80))
    address: Mapped[str] = mapped_column(String(45), default="")
    action: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(120), default="")
    detail: Mapped[str] = mapped_column(String(500), default="")
