"""The audit log's table."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from camproxy.tables.base import UtcDateTime, db, now


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
