"""A database that cannot be used at start is refused in a sentence, and left exactly as it is."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.integration.test_database_trouble import locked
from tests.integration.test_serving import GUNICORN, refusal
from tests.running import PROJECT, RunningServer

MakeServer = Callable[..., RunningServer]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a server left that was stopped."""
    server = RunningServer(tmp_path_factory.mktemp("data"))
    assert server.stop() == 0
    return server.data_dir


@pytest.fixture
def data_dir(left: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(left, tmp_path / "data"))


def damaged(database: Path) -> None:
    whole = bytearray(database.read_bytes())
    whole[4096:4196] = b"\xff" * 100
    database.write_bytes(whole)


def torn(database: Path) -> None:
    os.truncate(database, database.stat().st_size // 2)


def no_database(database: Path) -> None:
    database.write_bytes(b"not a database" * 1000)


def newer(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [(damaged, "is damaged"), (torn, "is damaged"), (no_database, "is damaged"), (newer, "is of a newer release")],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_it_is_refused_and_kept(data_dir: Path, spoil: Callable[[Path], None], says: str) -> None:
    database = data_dir / "robocam.db"
    spoil(database)
    before = hashlib.sha256(database.read_bytes()).hexdigest()
    there = {file.name for file in data_dir.iterdir()}
    said = refusal(data_dir, GUNICORN)
    assert f"the database {database} {says}" in said
    assert "backup_db.py --restore" in said
    assert hashlib.sha256(database.read_bytes()).hexdigest() == before
    assert {file.name for file in data_dir.iterdir()} == there
    script = [sys.executable, "scripts/create_admin.py", "--username", "anna", "--promote"]
    environment = os.environ | {"DATA_DIR": str(data_dir)}
    done = subprocess.run(script, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert hashlib.sha256(database.read_bytes()).hexdigest() == before


def test_one_that_is_locked_while_its_tables_have_to_change(tmp_path: Path) -> None:
    database = tmp_path / "robocam.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    own = {"DATA_DIR": str(tmp_path), "HOST": "127.0.0.1"}
    with locked(database):
        done = subprocess.run(
            [sys.executable, *GUNICORN], cwd=PROJECT, env=os.environ | own, capture_output=True, text=True, timeout=30
        )
    assert done.returncode not in (0, None)
    assert f"CamProxy cannot start: the database {database} cannot be used: database is locked\n" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_that_is_locked_and_has_the_present_form_is_no_obstacle(data_dir: Path, make_server: MakeServer) -> None:
    with locked(data_dir / "robocam.db"):
        server = make_server(data_dir=data_dir)
        assert server.url
