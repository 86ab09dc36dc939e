"""The tables: looked at before anything uses them, and brought to the present form at start."""

from __future__ import annotations

import logging
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
from sqlalchemy import Connection, create_engine, event, inspect, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from camproxy import sqlite_file
from camproxy.database import MIGRATIONS, engine_options, file_of, is_sqlite, is_unusable, reason, shown
from camproxy.errors import CannotStart
from models import db

log = logging.getLogger(__name__)

#: The revision whose tables are those of the card's first server, which knew no migrations.
FIRST = "0001"
#: While one server changes the tables of a PostgreSQL database, others wait at this lock.
UPGRADING = 0x43616D50

HOW_TO_RESTORE = "It was left as it is. To put a backup in its place: python scripts/backup_db.py --restore FILE"


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


@event.listens_for(db.metadata, "after_create")
def stamp(_metadata: Any, connection: Any, **_: Any) -> None:
    """`db.create_all()` makes the present tables: say so, that no migration makes them again."""
    context = MigrationContext.configure(connection)
    if context.get_current_revision() is None:
        context.stamp(scripts(), "head")
