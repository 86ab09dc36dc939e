"""Probe: whether the database can be read and takes what it is given, for /health."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from camproxy.clock import Clock, SystemClock
from camproxy.database import engine_options, is_sqlite, is_unusable, reason

#: How long a lock is waited for; ordinary writing is done sooner. Milliseconds.
PATIENCE = 1000


@dataclass(frozen=True, slots=True)
class Condition:
    """What the database says when it cannot be read, and when it can but takes nothing; else None."""

    unreadable: str | None = None
    unwritable: str | None = None


class Probe:
    """Looks when it is asked, and at most once a second. Thread-safe.

    It asks for the right to write and gives it back, which costs no disk anything. A full disk shows only when
    something is really written: that is done once a minute, and always while something is or seems wrong.
    """

    EVERY = 1.0
    WRITE_EVERY = 60.0

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        options = {} if is_sqlite(url) else engine_options(url)["connect_args"]
        if options:
            options |= {"connect_timeout": 2, "options": f"-c lock_timeout={PATIENCE} -c statement_timeout=2000"}
        self._engine = create_engine(url, poolclass=NullPool, connect_args=options)
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._condition = Condition()
        self._look_at = 0.0
        self._write_at = 0.0

    def doubt(self) -> None:
        """Somebody was refused: look closely next time."""
        self._look_at = self._write_at = 0.0

    def look(self) -> Condition:
        """May take a second or two when something is wrong."""
        with self._lock:
            now = self._clock.monotonic()
            if now >= self._look_at:
                really = now >= self._write_at
                self._condition = self._seen(really)
                self._look_at = self._clock.monotonic() + self.EVERY
                if self._condition != Condition():
                    self._write_at = 0.0
                elif really:
                    self._write_at = now + self.WRITE_EVERY
            return self._condition

    def _seen(self, really: bool) -> Condition:
        try:
            with self._engine.connect() as connection:
                connection.execute(text("SELECT version_num FROM alembic_version"))
                try:
                    self._write(connection, really)
                except SQLAlchemyError as error:
                    return Condition(unwritable=said(error))
        except SQLAlchemyError as error:
            return Condition(unreadable=said(error))
        return Condition()

    def _write(self, connection: Connection, really: bool) -> None:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(f"PRAGMA busy_timeout={PATIENCE}")
        connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
        if really:
            connection.commit()
        else:
            connection.rollback()


def said(error: SQLAlchemyError) -> str:
    return reason(error) if is_unusable(error) else type(error).__name__
