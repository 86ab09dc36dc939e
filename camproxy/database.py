"""The database: how it is opened, and brought to the present form at start."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import Migrate
from sqlalchemy import Engine, event, inspect

from models import db

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).with_name("migrations")
#: The revision whose tables are those of the card's first server, which knew no migrations.
FIRST = "0001"

migrate = Migrate(directory=str(MIGRATIONS), render_as_batch=True, compare_type=True)


def init_database(app: Flask) -> None:
    db.init_app(app)
    migrate.init_app(app, db)


@event.listens_for(Engine, "connect")
def open_sqlite(connection: Any, _record: Any) -> None:
    """WAL, so that readers and the writer do not wait for each other; FULL, so that a commit survives a power loss."""
    if isinstance(connection, sqlite3.Connection):
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
            connection.execute(f"PRAGMA {pragma}")
        # SQLite's own knows A to Z only: "Ärger" could not log in as "ärger".
        connection.create_function("lower", 1, lambda value: value and str(value).lower(), deterministic=True)


@event.listens_for(db.metadata, "after_create")
def stamp(_metadata: Any, connection: Any, **_: Any) -> None:
    """`db.create_all()` makes the present tables: say so, that no migration makes them again."""
    context = MigrationContext.configure(connection)
    if context.get_current_revision() is None:
        context.stamp(scripts(), "head")


def upgrade() -> None:
    """Bring the database to the present form: an empty one, one of an older release, one of the card's first server.

    Needs an application context.
    """
    with db.engine.begin() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
        if revision is None and inspect(connection).has_table("user"):
            log.info("the database is of a server that knew no migrations: taking it over")
            MigrationContext.configure(connection).stamp(scripts(), FIRST)
            revision = FIRST
        head = scripts().get_current_head()
        if revision == head:
            return
        log.info("database: from revision %s to %s", revision or "none", head)
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(configuration())
