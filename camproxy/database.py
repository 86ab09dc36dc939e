"""The database: how it is opened, and brought to the present form at start."""

from __future__ import annotations

import importlib.util
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import Migrate
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.pool import NullPool

from camproxy import sqlite_file
from camproxy.errors import BadSetting, CannotStart
from models import db

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).with_name("migrations")
#: The revision whose tables are those of the card's first server, which knew no migrations.
FIRST = "0001"
#: How long a statement waits for a lock that another process holds. Milliseconds.
PATIENCE = 5000
#: While one server changes the tables of a PostgreSQL database, others wait at this lock.
UPGRADING = 0x43616D50

HOW_TO_RESTORE = "It was left as it is. To put a backup in its place: python scripts/backup_db.py --restore FILE"

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


@event.listens_for(db.metadata, "after_create")
def stamp(_metadata: Any, connection: Any, **_: Any) -> None:
    """`db.create_all()` makes the present tables: say so, that no migration makes them again."""
    context = MigrationContext.configure(connection)
    if context.get_current_revision() is None:
        context.stamp(scripts(), "head")


def is_unusable(error: BaseException) -> bool:
    """Whether the database does not answer or takes nothing just now, in distinction to a fault in what it was asked.

    Locked, read-only, full, damaged, unreachable: what each driver says of that has no class of its own.
    """
    ours = IntegrityError | DataError | ProgrammingError | NotSupportedError
    return isinstance(error, DatabaseError | InterfaceError | NoConnectionFree) and not isinstance(error, ours)


def reason(error: BaseException) -> str:
    """What the database itself said, on one line."""
    return " ".join(str(getattr(error, "orig", None) or error).split())


def check(url: str) -> None:
    """Look at the database before anything uses it, and change nothing. Raises CannotStart.

    An SQLite file that is not there is none that is wrong: it is made.
    """
    if is_sqlite(url):
        check_file(file_of(url))
        return
    engine = create_engine(url, poolclass=NullPool, connect_args=engine_options(url)["connect_args"])
    try:
        with engine.connect() as connection:
            check_postgresql(connection)
            check_revision(revision_of(connection))
    except SQLAlchemyError as error:
        raise CannotStart(f"the database {shown(url)} cannot be used: {reason(error)}") from None
    finally:
        engine.dispose()


def check_file(file: Path) -> None:
    if not file.exists():
        return
    try:
        sqlite_file.inspect(file, known_revisions(), quick=True)
    except sqlite_file.Unfit as error:
        raise CannotStart(f"the database {file} {error}. {HOW_TO_RESTORE}") from None
    except (OSError, sqlite3.Error) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise CannotStart(f"the database {file} cannot be read: {said}") from None


def check_postgresql(connection: Connection) -> None:
    encoding, lower = connection.execute(text("SELECT current_setting('server_encoding'), lower('Ä')")).one()
    if encoding != "UTF8" or lower != "ä":
        raise CannotStart(
            f"the database {connection.engine.url.database} does not know all letters (encoding {encoding}); make it "
            "with: createdb --template=template0 --encoding=UTF8 --locale=C.UTF-8 NAME"
        )


def check_revision(revision: str | None) -> None:
    if revision is not None and revision not in known_revisions():
        raise CannotStart(
            f"the database is of a newer release (revision {revision}; this one knows up to "
            f"{scripts().get_current_head()}). {HOW_TO_RESTORE}"
        )


def shown(url: str) -> str:
    """For a person to read: without the password."""
    return str(file_of(url)) if is_sqlite(url) else make_url(url).render_as_string(hide_password=True)


def upgrade() -> None:
    """Bring the database to the present form: an empty one, one of an older release, one of the card's first server.

    All of it or nothing, and one process at a time. Raises CannotStart. Needs an application context.
    """
    try:
        with db.engine.connect() as connection:
            revision = revision_of(connection)
            check_revision(revision)
            if revision != scripts().get_current_head():
                connection.rollback()
                with alone(connection):
                    upgrade_on(connection)
    except SQLAlchemyError as error:
        if not is_unusable(error):
            raise
        raise CannotStart(f"the database {shown(str(db.engine.url))} cannot be used: {reason(error)}") from None


@contextmanager
def alone(connection: Connection) -> Iterator[None]:
    """A transaction for changing tables, beside which there is no other such."""
    if connection.dialect.name != "sqlite":
        with connection.begin():
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL lock_timeout = 60000"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADING})
            yield
        return
    # SQLite changes a table by making it anew and dropping the old one, with which everything that refers to it would
    # go; and it knows no transaction around that unless it is told, so that an interrupted change would stay half done.
    connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield
        connection.commit()
    finally:
        connection.rollback()
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")


def upgrade_on(connection: Connection) -> None:
    revision, head = revision_of(connection), scripts().get_current_head()
    if revision == head:
        return  # another process was quicker
    if revision is None and inspect(connection).has_table("user"):
        log.info("the database is of a server that knew no migrations: taking it over")
        MigrationContext.configure(connection).stamp(scripts(), FIRST)
        revision = FIRST
    log.info("database: from revision %s to %s", revision or "none", head)
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def revision_of(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(configuration())


@cache
def known_revisions() -> frozenset[str]:
    return frozenset(script.revision for script in scripts().walk_revisions())
