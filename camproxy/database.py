"""The database: how it is opened, and what it says when it cannot be used."""

from __future__ import annotations

import importlib.util
import os
import sqlite3
from pathlib import Path
from typing import Any

from flask import Flask
from flask_migrate import Migrate
from sqlalchemy import Engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from camproxy.errors import BadSetting
from models import db

#: How long a statement waits for a lock that another process holds. Milliseconds.
PATIENCE = 5000
MIGRATIONS = Path(__file__).with_name("migrations")
migrate = Migrate(directory=str(MIGRATIONS), render_as_batch=True, compare_type=True)


def init_database(app: Flask) -> None:
    """Raises BadSetting when there is no driver for it."""
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    if not is_sqlite(url) and importlib.util.find_spec("psycopg") is None:
        raise BadSetting(
            "DATABASE_URL is of PostgreSQL, which needs psycopg: "
            ".venv/bin/python -m pip install -r requirements-postgresql.txt"
        )
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url)
    db.init_app(app)
    migrate.init_app(app, db)


def is_sqlite(url: str) -> bool:
    return url.startswith("sqlite:")


def file_of(url: str) -> Path:
    """Where an SQLite database lies."""
    return Path(make_url(url).database or "")


def engine_options(url: str) -> dict[str, Any]:
    if is_sqlite(url):
        # Who waits for a lock holds a connection; those who only read must not wait for that one too. Threads are the
        # limit, and a connection costs little.
        return {"max_overflow": -1}
    return {
        "pool_size": 5,
        "max_overflow": 25,
        "pool_timeout": PATIENCE / 1000,
        "pool_pre_ping": True,  # after PostgreSQL was restarted, the first request notices nothing
        "connect_args": {
            "connect_timeout": 5,
            "application_name": "camproxy",
            "client_encoding": "utf8",
            # A server that has vanished is given up in seconds, not in the hours that TCP would take.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 15_000,
            "options": f"-c timezone=UTC -c lock_timeout={PATIENCE} -c statement_timeout={4 * PATIENCE}",
        },
    }


@event.listens_for(Engine, "do_connect")
def make_private(dialect: Any, _record: Any, arguments: Any, _options: Any) -> None:
    """A database that SQLite makes could be read by everybody on the machine: password hashes, cameras' passwords."""
    # Only when it is not there: closing a file ends all locks that the process has on it, SQLite's as well.
    if dialect.name == "sqlite" and arguments and arguments[0] != ":memory:" and not os.path.exists(arguments[0]):
        try:
            os.close(os.open(arguments[0], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError:
            return  # another was quicker, or SQLite will say what is wrong


@event.listens_for(Engine, "connect")
def open_sqlite(connection: Any, _record: Any) -> None:
    """WAL, so that readers and the writer do not wait for each other; FULL, so that a commit survives a power loss."""
    if isinstance(connection, sqlite3.Connection):
        for pragma in (f"busy_timeout={PATIENCE}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")
        # SQLite's own knows A to Z only: "Ärger" could not log in as "ärger".
        connection.create_function("lower", 1, lambda value: value and str(value).lower(), deterministic=True)


def shown(url: str) -> str:
    """For a person to read: without the password."""
    return str(file_of(url)) if is_sqlite(url) else make_url(url).render_as_string(hide_password=True)


@event.listens_for(Engine, "handle_error")
def give_up_read_only(context: Any) -> None:
    """A connection that SQLite opened while the file could only be read stays so; the next one may be able to write."""
    if isinstance(context.original_exception, sqlite3.OperationalError) and "readonly" in str(
        context.original_exception
    ):
        context.is_disconnect = True


def is_unusable(error: BaseException) -> bool:
    """Whether the database does not answer or takes nothing just now, in distinction to a fault in what it was asked.

    Locked, read-only, full, damaged, unreachable: what each driver says of that has no class of its own.
    """
    ours = IntegrityError | DataError | ProgrammingError | NotSupportedError
    return isinstance(error, DatabaseError | InterfaceError | NoConnectionFree) and not isinstance(error, ours)


def reason(error: BaseException) -> str:
    """What the database itself said, on one line."""
    return " ".join(str(getattr(error, "orig", None) or error).split())
