"""What lets somebody in, and what was refused."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any, Self

from flask import current_app
from sqlalchemy import ColumnElement, ForeignKey, Select, String, and_, func, or_
from sqlalchemy.orm import Mapped, contains_eager, declared_attr, mapped_column, relationship

from camproxy.tables.base import UtcDateTime, db, now
from camproxy.tables.people import User


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
