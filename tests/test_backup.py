"""Backups: made while the server writes, checked, rotated, put back; and everything that can go wrong."""

from __future__ import annotations

import io
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app import create_app
from camproxy import backup, schema
from camproxy.backup import BackupError
from models import User, db
from scripts.backup_db import main
from tests.integration.people import wait_until
from tests.mounts import with_mounts
from tests.running import PROJECT, RunningServer

MakeServer = Callable[..., RunningServer]
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def run(data_dir: Path, *arguments: object, code: int = 0, **settings: str) -> str:
    """What the script says, on either stream, and ends with."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in ({"DATA_DIR": str(data_dir)} | settings).items():
            patch.setenv(name, value)
        try:
            ended = main(list(map(str, arguments)))
        except SystemExit as usage:
            ended = usage.code
    said = out.getvalue() + err.getvalue()
    assert ended == code, said
    assert bool(err.getvalue()) == bool(code)
    return said


def run_alone(data_dir: Path, *arguments: object, code: int = 0, prefix: Sequence[str] = ()) -> str:
    """The same as a process of its own, from elsewhere, as cron does it."""
    done = subprocess.run(
        [*prefix, sys.executable, str(PROJECT / "scripts" / "backup_db.py"), *map(str, arguments)],
        cwd="/",
        env=os.environ | {"DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "Traceback" not in said
    return said


def make_database(data_dir: Path, *names: str, revision: str = "head") -> Path:
    """A database with these users, nobody using it."""
    data_dir.mkdir(exist_ok=True)
    app = create_app({"DATA_DIR": str(data_dir)})
    with app.app_context():
        schema.upgrade()
        for name in names:
            db.session.add(User(name, "a long password"))
        db.session.commit()
        if revision != "head":
            from alembic import command

            with db.engine.begin() as connection:
                config = schema.configuration()
                config.attributes["connection"] = connection
                command.downgrade(config, revision)
        db.session.remove()
        db.engine.dispose()
    return data_dir / "robocam.db"


def users(database: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return [name for (name,) in connection.execute('SELECT username FROM "user" ORDER BY username')]


def files(directory: Path) -> set[str]:
    return {file.name for file in directory.iterdir()}


@pytest.fixture(scope="module")
def annas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_database(tmp_path_factory.mktemp("data"), "anna")


@pytest.fixture
def data_dir(tmp_path: Path, annas: Path) -> Path:
    """One whose database knows anna."""
    directory = tmp_path / "data"
    directory.mkdir()
    shutil.copy(annas, directory)
    return directory


class TestMaking:
    def test_while_the_server_writes(self, make_server: MakeServer) -> None:
        server = make_server()
        stop = threading.Event()
        counted = 0
        with server.person() as admin:

            def write() -> None:
                nonlocal counted
                while not stop.is_set():
                    name = f"user-{counted:04}"
                    made = {"username": name, "password": "eight and more", "role": "viewer"}
                    assert admin.ask("POST", "/api/users", made).ok
                    counted += 1

            writer = threading.Thread(target=write)
            writer.start()
            try:
                said = []
                for _ in range(3):
                    said.append(run_alone(server.data_dir))
                    before = counted
                    wait_until(lambda before=before: counted > before, "it goes on writing")
            finally:
                stop.set()
                writer.join()
        made = backup.backups_in(server.data_dir / "backups")
        assert [str(each.file) in line for each, line in zip(made, said, strict=True)] == [True] * 3
        kept = [[name for name in users(each.file) if name != "admin"] for each in made]
        for names in kept:
            assert names == [f"user-{number:04}" for number in range(len(names))], "as it was at one moment"
        assert len(kept[0]) < len(kept[-1]) <= counted
        assert files(server.data_dir / "backups") == {each.file.name for each in made}, "nothing else is left"

    def test_only_the_owner_can_read_it_and_its_name_says_when(self, data_dir: Path) -> None:
        before = datetime.now(UTC).replace(microsecond=0)
        run(data_dir)
        (made,) = backup.backups_in(data_dir / "backups")
        assert before <= made.at <= datetime.now(UTC)
        assert made.file.stat().st_mode & 0o777 == 0o600
        assert (data_dir / "backups").stat().st_mode & 0o777 == 0o700
        assert users(made.file) == ["anna"]

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
    def test_what_root_makes_belongs_to_whom_the_server_runs_as(self, data_dir: Path) -> None:
        os.chown(data_dir, 12345, 12345)
        os.chown(data_dir / "robocam.db", 12345, 12345)
        run(data_dir)
        (made,) = backup.backups_in(data_dir / "backups")
        run(data_dir, "--restore", made.file)
        for path in (data_dir / "backups", made.file, data_dir / "robocam.db", data_dir / "server.lock"):
            assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12345), path

    def test_two_in_one_second_do_not_meet(self, data_dir: Path) -> None:
        made = [backup.make(data_dir / "robocam.db", data_dir / "b", now=lambda: NOON) for _ in range(3)]
        assert [each.at for each in made] == [NOON, NOON + timedelta(seconds=1), NOON + timedelta(seconds=2)]

    def test_it_says_nothing_to_cron(self, data_dir: Path) -> None:
        assert run_alone(data_dir, "--quiet", "--keep", 2) == ""
        assert len(backup.backups_in(data_dir / "backups")) == 1

    def test_there_is_none_of_a_damaged_database(self, data_dir: Path) -> None:
        damage(data_dir / "robocam.db")
        said = run(data_dir, "--quiet", code=1)
        assert "malformed" in said or "damaged" in said
        assert len(said.splitlines()) == 1
        assert files(data_dir / "backups") == set()

    def test_where_there_is_no_database(self, tmp_path: Path) -> None:
        said = run(tmp_path, code=1)
        assert said == f"backup_db.py: there is no database {tmp_path}/robocam.db\n"
        assert not (tmp_path / "robocam.db").exists()

    def test_where_nothing_can_be_written(self, data_dir: Path, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert run(data_dir, "--to", tmp_path / "file" / "b", code=1).endswith("b: Not a directory\n")
        # Root may write everywhere but where nobody can.
        frozen = tmp_path / "frozen"
        frozen.mkdir()
        here = with_mounts(f'mount --bind {frozen} {frozen} && mount -o remount,ro,bind {frozen} && exec "$@"')
        said = run_alone(data_dir, "--to", frozen, code=1, prefix=here)
        assert said == f"backup_db.py: no backup was made in {frozen}: Read-only file system\n"

    def test_a_full_disk(self, tmp_path: Path) -> None:
        database = make_database(tmp_path / "data", "anna")
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("CREATE TABLE filler AS SELECT randomblob(3000000) AS bytes")
        stick = tmp_path / "stick"
        stick.mkdir()
        # What is there afterwards only the same shell can see.
        script = f'mount -t tmpfs -o size=1m tmpfs {stick} && {{ "$@"; code=$?; ls -A {stick} >&2; exit $code; }}'
        said = run_alone(tmp_path / "data", "--to", stick, code=1, prefix=with_mounts(script))
        assert said == f"backup_db.py: no backup was made in {stick}: database or disk is full\n", "and nothing is left"

    def test_killed_while_it_is_made(self, data_dir: Path) -> None:
        directory = data_dir / "backups"
        directory.mkdir()
        old, young = (directory / f"camproxy-2026060{day}T120000Z.db.part" for day in (1, 2))
        old.touch()
        young.touch()
        os.utime(old, (time.time() - 2 * 86_400,) * 2)
        assert "There are no backups" in run(data_dir, "--list"), "half a backup is none"
        run(data_dir, "--keep", 5)
        assert not old.exists()
        assert young.exists(), "perhaps it is being made"


def damage(database: Path) -> None:
    whole = bytearray(database.read_bytes())
    whole[4096:4196] = b"\xff" * 100
    database.write_bytes(whole)


class TestRotation:
    @pytest.fixture
    def directory(self, data_dir: Path) -> Path:
        directory = data_dir / "backups"
        for day in range(5):
            backup.make(data_dir / "robocam.db", directory, now=lambda day=day: NOON + timedelta(days=day))
        return directory

    def test_the_newest_stay(self, data_dir: Path, directory: Path) -> None:
        said = run(data_dir, "--keep", 2)
        left = backup.backups_in(directory)
        assert len(left) == 2
        assert left[0].at == NOON + timedelta(days=4)
        assert said.count("Removed") == 4

    def test_what_is_not_ours_stays(self, data_dir: Path, directory: Path) -> None:
        for name in ("notes.txt", "robocam.db", "camproxy-20200101T000000Z.db.gz", "camproxy-old.db"):
            (directory / name).touch()
        run(data_dir, "--keep", 1)
        assert len(backup.backups_in(directory)) == 1
        assert len(files(directory)) == 5

    def test_nothing_is_removed_when_no_backup_could_be_made(self, data_dir: Path, directory: Path) -> None:
        damage(data_dir / "robocam.db")
        run(data_dir, "--keep", 1, code=1)
        assert len(backup.backups_in(directory)) == 5

    def test_a_number_that_makes_no_sense(self, data_dir: Path, directory: Path) -> None:
        for number in ("0", "-1", "x"):
            assert "a whole number from 1 on" in run(data_dir, "--keep", number, code=2)
        assert len(backup.backups_in(directory)) == 5

    def test_the_list(self, data_dir: Path, directory: Path) -> None:
        lines = run(data_dir, "--list").splitlines()
        assert len(lines) == 5
        assert lines[0].startswith("2026-06-01 12:00:00 UTC")
        assert lines[0].endswith(f"{directory}/camproxy-20260601T120000Z.db")


class TestChecking:
    def test_a_good_one(self, data_dir: Path) -> None:
        made = backup.make(data_dir / "robocam.db", data_dir / "backups")
        said = run(data_dir, "--check", made.file)
        assert said == f"{made.file} is whole, of revision {schema.scripts().get_current_head()}.\n"

    @pytest.mark.parametrize(
        ("spoil", "says"),
        [
            (damage, "is damaged"),
            (lambda file: file.write_bytes(b"x" * 5000), "is damaged"),
            (lambda file: os.truncate(file, 4096), "is damaged"),
            (lambda file: os.truncate(file, 0), "is no database of CamProxy"),
            (lambda file: file.unlink(), "cannot be read: No such file or directory"),
            (lambda file: execute(file, "UPDATE alembic_version SET version_num = '9999'"), "is of a newer release"),
        ],
        ids=["damaged", "something else", "torn", "empty", "gone", "newer"],
    )
    def test_a_bad_one_is_not_put_back_either(self, data_dir: Path, spoil: Callable[[Path], None], says: str) -> None:
        file = backup.make(data_dir / "robocam.db", data_dir / "backups").file
        spoil(file)
        before = (data_dir / "robocam.db").read_bytes()
        for option in ("--check", "--restore"):
            assert f"{file} {says}" in run(data_dir, option, file, code=1)
        assert (data_dir / "robocam.db").read_bytes() == before
        assert not [name for name in files(data_dir) if "restore" in name]


def execute(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(statement)
        connection.commit()


class TestRestoring:
    @pytest.fixture
    def made(self, data_dir: Path) -> Path:
        """A backup, after which ben has come."""
        made = backup.make(data_dir / "robocam.db", data_dir / "backups").file
        make_database(data_dir, "ben")
        return made

    @pytest.fixture
    def kept(self, data_dir: Path) -> Callable[[], Path]:
        return lambda: next(file for file in data_dir.iterdir() if file.match("*.before-restore-*Z"))

    def test_it_takes_the_place_of_what_is_kept(
        self, data_dir: Path, made: Path, kept: Callable[[], Path], make_server: MakeServer
    ) -> None:
        assert users(data_dir / "robocam.db") == ["anna", "ben"]
        said = run(data_dir, "--restore", made)
        assert users(data_dir / "robocam.db") == ["anna"]
        assert users(kept()) == ["anna", "ben"]
        assert str(kept()) in said
        assert (data_dir / "robocam.db").stat().st_mode & 0o777 == 0o600
        server = make_server(data_dir=data_dir)
        with server.person("anna", "a long password") as anna:
            assert anna.get("/api/me").json()["username"] == "anna"

    def test_of_an_older_release_it_is_brought_up_at_the_next_start(
        self, tmp_path: Path, make_server: MakeServer
    ) -> None:
        older = make_database(tmp_path / "older", "anna", revision="0002")
        file = backup.make(older, tmp_path / "b").file
        make_database(tmp_path / "data", "ben")
        run(tmp_path / "data", "--restore", file)
        server = make_server(data_dir=tmp_path / "data")
        assert "database: from revision 0002 to" in server.logged
        with server.person("anna", "a long password") as anna:
            assert anna.get("/api/me").ok

    def test_what_a_killed_server_left_in_its_log_is_kept_and_not_played_into_the_other(
        self, data_dir: Path, made: Path, kept: Callable[[], Path]
    ) -> None:
        code = f"""
import os, sqlite3
connection = sqlite3.connect({str(data_dir / "robocam.db")!r})
connection.execute("PRAGMA journal_mode=WAL")
connection.execute("UPDATE user SET username = 'carl' WHERE username = 'ben'")
connection.commit()
os.kill(os.getpid(), 9)
"""
        subprocess.run([sys.executable, "-c", code], check=False)
        assert (data_dir / "robocam.db-wal").stat().st_size
        run(data_dir, "--restore", made)
        assert users(data_dir / "robocam.db") == ["anna"]
        assert users(kept()) == ["anna", "carl"]
        assert not (data_dir / "robocam.db-wal").exists()

    def test_in_the_place_of_a_damaged_one(self, data_dir: Path, made: Path, kept: Callable[[], Path]) -> None:
        database = data_dir / "robocam.db"
        damage(database)
        (data_dir / "robocam.db-wal").write_bytes(b"what is left of a log")
        broken = database.read_bytes()
        run(data_dir, "--restore", made)
        assert users(database) == ["anna"]
        assert kept().read_bytes() == broken, "exactly as it was"
        assert kept().with_name(kept().name + "-wal").read_bytes() == b"what is left of a log"

    def test_where_there_is_none(self, data_dir: Path, made: Path, tmp_path: Path) -> None:
        (tmp_path / "new").mkdir()
        run(tmp_path / "new", "--restore", made)
        assert users(tmp_path / "new" / "robocam.db") == ["anna"]

    def test_not_while_the_server_runs(self, make_server: MakeServer, made: Path) -> None:
        server = make_server()
        with server.person() as admin:
            said = run(server.data_dir, "--restore", made, code=1)
            assert f"process {server.process.pid}) works in {server.data_dir}. Stop it" in said
            assert admin.get("/api/me").ok
        assert server.stop() == 0
        run(server.data_dir, "--restore", made)

    def test_not_while_another_program_has_it_open(self, data_dir: Path, made: Path) -> None:
        with closing(sqlite3.connect(data_dir / "robocam.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("UPDATE alembic_version SET version_num = version_num")
            assert "another program has the database open" in run(data_dir, "--restore", made, code=1)
        assert users(data_dir / "robocam.db") == ["anna", "ben"]
        run(data_dir, "--restore", made)

    @pytest.mark.parametrize("step", ["link", "replace"])
    def test_cut_off_at_any_step_there_is_a_database(
        self, data_dir: Path, made: Path, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        def cut(*_: object, **__: object) -> None:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(os, "link", cut) if step == "link" else monkeypatch.setattr(Path, "replace", cut)
        with pytest.raises(BackupError, match="was left as it is: Input/output error"):
            backup.restore(made, data_dir / "robocam.db", data_dir)
        monkeypatch.undo()
        assert users(data_dir / "robocam.db") == ["anna", "ben"]
        assert not [name for name in files(data_dir) if name.endswith(".part")]


@pytest.mark.parametrize("arguments", [(), ("--restore", "/x"), ("--list",)])
def test_of_postgresql_it_names_the_commands(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    url = "postgresql://camproxy:hunter22@db.example/camproxy"
    said = run(tmp_path, *arguments, code=1, DATABASE_URL=url)
    assert "pg_dump --format=custom --file=camproxy.dump 'postgresql://camproxy@db.example/camproxy'" in said
    assert "pg_restore" in said
    assert "hunter22" not in said


def test_a_setting_that_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    assert "PORT cannot be 'x'" in run(tmp_path, code=1, PORT="x")


@pytest.fixture(autouse=True)
def _no_descriptors_are_left() -> Iterator[None]:
    before = set(os.listdir("/proc/self/fd"))
    yield
    left = set(os.listdir("/proc/self/fd")) - before
    assert not [number for number in left if "robocam.db" in os.path.realpath(f"/proc/self/fd/{number}")]
