"""Probe: what it finds, how often it looks, and that looking costs the disk nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app import create_app
from camproxy import schema
from camproxy.probe import Condition, Probe
from camproxy.settings import load
from models import db
from tests.clocks import FakeClock

Database = Callable[[], dict[str, str]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def url(tmp_path: Path, database: Database) -> str:
    settings = {"DATA_DIR": str(tmp_path)} | database()
    app = create_app(settings)
    with app.app_context():
        schema.upgrade()
        db.engine.dispose()
    return load(settings).database


@pytest.mark.both_databases
def test_a_sound_one(url: str, clock: FakeClock) -> None:
    assert Probe(url, clock).look() == Condition()


@pytest.mark.both_databases
def test_one_without_our_tables(url: str, clock: FakeClock, database: Database, tmp_path: Path) -> None:
    empty = load({"DATA_DIR": str(tmp_path / "new")} | database()).database
    assert Probe(empty, clock).look().unreadable
    assert Probe(empty, clock).look().unwritable is None


def test_a_locked_one_and_when_it_looks_again(url: str, clock: FakeClock, tmp_path: Path) -> None:
    probe = Probe(url, clock)
    with closing(sqlite3.connect(tmp_path / "robocam.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert probe.look() == Condition(unwritable="database is locked")
        other.execute("ROLLBACK")
    assert probe.look() == Condition(unwritable="database is locked"), "it does not look twice a second"
    clock.advance(1.0)
    assert probe.look() == Condition()


def test_it_writes_once_a_minute_and_whenever_there_is_doubt(url: str, clock: FakeClock, tmp_path: Path) -> None:
    probe, log = Probe(url, clock), tmp_path / "robocam.db-wal"
    with closing(sqlite3.connect(tmp_path / "robocam.db")) as other:
        other.execute("SELECT * FROM alembic_version").fetchall()  # keeps the log there

        def grows() -> bool:
            before = log.stat().st_size
            assert probe.look() == Condition()
            return log.stat().st_size > before

        assert grows()
        for _ in range(59):
            clock.advance(1.0)
            assert not grows()
        clock.advance(1.0)
        assert grows()
        probe.doubt()
        assert grows(), "somebody was refused"
