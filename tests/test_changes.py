"""Whether anything was committed is told for SQLite; of PostgreSQL nothing is known."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Engine, create_engine, create_mock_engine, text

from camproxy.changes import Changes


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{tmp_path / 'some.db'}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE thing (number INTEGER)"))
    return engine


def test_a_commit_is_told_whoever_made_it(engine: Engine, tmp_path: Path) -> None:
    changes = Changes(engine)
    first = changes.version()
    assert changes.version() == first, "nothing was written"
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO thing VALUES (1)"))
    second = changes.version()
    assert second != first, "written through the same engine"
    with closing(sqlite3.connect(tmp_path / "some.db")) as other, other:
        other.execute("INSERT INTO thing VALUES (2)")
    assert changes.version() != second, "written by somebody else"
    changes.close()
    engine.dispose()


def test_what_is_not_committed_is_no_change(engine: Engine) -> None:
    changes = Changes(engine)
    first = changes.version()
    with engine.connect() as connection:
        connection.execute(text("INSERT INTO thing VALUES (1)"))
        connection.rollback()
    assert changes.version() == first
    changes.close()
    engine.dispose()


def test_it_can_be_asked_again_after_it_was_closed(engine: Engine) -> None:
    changes = Changes(engine)
    before = changes.version()
    changes.close()
    assert isinstance(changes.version(), type(before))
    changes.close()
    engine.dispose()


def test_of_postgresql_everything_is_always_new() -> None:
    changes = Changes(cast(Engine, create_mock_engine("postgresql+psycopg://", lambda *_: None)))
    assert changes.version() != changes.version()
    changes.close()
