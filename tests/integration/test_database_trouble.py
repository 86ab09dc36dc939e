"""The database is locked, full or read-only while the server runs: pictures and steering go on, the rest says so."""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import requests

from camproxy import database
from tests.integration.people import issue_token, log_in, new_camera, wait_until
from tests.integration.test_serving import workers
from tests.mounts import among_mounts_of, with_mounts
from tests.running import Person, RunningServer

MakeServer = Callable[..., RunningServer]

#: What waited for the lock would take so long. Seconds.
LOCK_WAIT = database.PATIENCE / 1000


@pytest.fixture
def admin(make_server: MakeServer) -> Iterator[Person]:
    with make_server(FRAME_RATE=10).person() as person:
        yield person


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another program writes and does not come to an end."""
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


class Watching:
    """A viewer that counts its pictures and knows the longest pause between two."""

    def __init__(self, person: Person) -> None:
        self._view = person.view("demo")
        self.pictures = 0
        self.longest = 0.0
        self._stopping = False
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Watching:
        assert self._view.recv()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._thread.join()

    def _run(self) -> None:
        last = time.monotonic()
        while not self._stopping:
            if isinstance(self._view.recv(), bytes):
                now = time.monotonic()
                self.longest = max(self.longest, now - last)
                last = now
                self.pictures += 1


def health(person: Person) -> dict[str, object]:
    answer = person.get("/health")
    assert answer.status_code == 200
    found: dict[str, object] = answer.json()
    return found


def seconds_of(action: Callable[[], object]) -> float:
    begun = time.monotonic()
    action()
    return time.monotonic() - begun


def refused(answer: requests.Response) -> None:
    assert answer.status_code == 503, answer.text
    told = {"error": "unavailable", "message": "The database does not answer just now. Try again shortly."}
    assert answer.json() == told


def test_locked_for_ten_seconds(admin: Person) -> None:
    server = admin.server
    camera = new_camera(admin)
    _, token = issue_token(admin)  # never used: its first use is to be written down
    pressing = admin.listen(transports=["websocket"])
    assert pressing.call("position_command", {"x": 90, "y": 45})["ok"]
    with Watching(admin) as watching:
        begun = time.monotonic()
        with locked(server.data_dir / "robocam.db"):
            # Reading and steering
            bearer = {"Authorization": f"Bearer {token}"}
            ask = lambda: requests.get(f"{server.url}/api/cameras", headers=bearer, timeout=10)  # noqa: E731
            assert seconds_of(lambda: ask().raise_for_status()) < LOCK_WAIT
            assert seconds_of(lambda: admin.get("/").raise_for_status()) < LOCK_WAIT
            told = {}
            assert seconds_of(lambda: told.update(pressing.call("position_command", {"x": 10, "y": 45}))) < LOCK_WAIT
            assert told["ok"]
            moved = admin.ask("POST", "/api/cameras/demo/position_command", {"x": 20, "y": 45})
            assert moved.status_code == 200
            # Health
            causes = ["the database takes nothing: database is locked"]
            wait_until(lambda: health(admin)["causes"] == causes, "it says so")
            assert health(admin)["status"] == "degraded"
            public = requests.get(f"{server.url}/health", timeout=10)
            assert public.status_code == 200
            assert public.json().keys() == {"status", "esp32_connected", "clients"}
            # Writing
            refused(admin.ask("PATCH", f"/api/cameras/{camera['slug']}", {"name": "Other"}))
            page = log_in(server, "admin", server.admin_password, headers={"Accept": "text/html"})
            assert page.status_code == 503
            assert "The database does not answer just now" in page.text
            wait_until(lambda: time.monotonic() - begun > 10, "it was locked for ten seconds")
        assert admin.ask("PATCH", f"/api/cameras/{camera['slug']}", {"name": "Other"}).ok
        wait_until(lambda: health(admin)["status"] == "healthy", "it is healthy again")
        tokens = lambda: admin.get("/api/me/tokens").json()["items"]  # noqa: E731
        wait_until(lambda: tokens()[0]["last_used_at"], "the use of the token was not forgotten")
        assert log_in(server, "admin", server.admin_password).status_code == 302
    assert watching.pictures > 20, "of about 100 on a machine that is not busy"
    assert watching.longest < LOCK_WAIT
    assert "Traceback" not in server.logged


def test_who_takes_the_wheel_over_need_not_wait_for_the_audit_log(admin: Person) -> None:
    admin.made("/api/users", {"username": "ben", "password": "eight and more", "role": "operator"})
    with admin.server.person("ben", "eight and more") as ben:
        driving, taking = ben.listen(transports=["websocket"]), admin.listen(transports=["websocket"])
        assert driving.call("position_command", {"x": 90, "y": 45})["ok"]
        with locked(admin.server.data_dir / "robocam.db"):
            assert seconds_of(lambda: taking.call("control_request", {"take_over": True})) < LOCK_WAIT
            assert taking.call("position_command", {"x": 80, "y": 45})["ok"]
    noted = lambda: "control_taken_over" in admin.get("/api/audit").text  # noqa: E731
    wait_until(noted, "it was written down afterwards")


#: Runs a server whose DATA_DIR is a disk of its own.
SMALL_DISK = with_mounts(
    f'mkdir "$DATA_DIR" && mount -t tmpfs -o size=4m tmpfs "$DATA_DIR" && exec {sys.executable} app.py'
)
#: Runs a server whose database, alone, lies on what can only be read.
FROZEN = with_mounts(
    'd="$DATA_DIR/robocam.db"; mount --bind "$d" "$d" && mount -o remount,ro,bind "$d" && exec '
    + sys.executable
    + " app.py"
)


def run_by(command: list[str]) -> tuple[str, str]:
    """For `make_server`, which starts Python."""
    return "-c", f"import os; os.execvp({command[0]!r}, {command!r})"


def write_without_end(file: Path) -> None:
    with file.open("wb", buffering=0) as full:
        while full.write(b"x" * 4096):
            pass


def test_a_full_disk(make_server: MakeServer) -> None:
    server = make_server(command=run_by(SMALL_DISK))
    disk = Path(f"/proc/{server.process.pid}/root{server.data_dir}")
    with server.person() as admin, Watching(admin) as watching:
        admin.made("/api/cameras", {"name": "Before", "url": "demo:"})
        filler = disk / "filler"
        with pytest.raises(OSError, match="No space left on device"):
            write_without_end(filler)
        # What the log beside the database has room for still goes in; then nothing does.
        names = (f"Camera {number}" for number in itertools.count())
        add = lambda: admin.ask("POST", "/api/cameras", {"name": next(names), "url": "demo:"})  # noqa: E731
        wait_until(lambda: add().status_code == 503, "the disk is full")
        refused(add())
        assert health(admin)["status"] == "degraded"
        assert "full" in str(health(admin)["causes"])
        assert admin.get("/api/cameras").ok
        assert admin.ask("POST", "/api/cameras/demo/position_command", {"x": 20, "y": 45}).ok
        seen = watching.pictures
        wait_until(lambda: watching.pictures > seen + 5, "pictures go on")
        filler.unlink()
        wait_until(lambda: add().ok, "it can write again")
        wait_until(lambda: health(admin)["status"] == "healthy", "and says so")
    with closing(sqlite3.connect(disk / "robocam.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert server.stop() == 0


def test_read_only(make_server: MakeServer) -> None:
    first = make_server()
    with first.person() as admin:
        _, token = issue_token(admin)
        cookie = admin.cookie
    assert first.stop() == 0
    server = make_server(data_dir=first.data_dir, command=run_by(FROZEN))
    bearer = {"Authorization": f"Bearer {token}"}

    def ask(method: str, path: str, json: object = None) -> requests.Response:
        return requests.request(method, server.url + path, headers=bearer, json=json, timeout=10)

    assert ask("GET", "/api/cameras").ok
    move = lambda: ask("POST", "/api/cameras/demo/position_command", {"x": 20, "y": 45})  # noqa: E731
    wait_until(lambda: move().ok, "it is connected, and can be steered")
    assert requests.get(f"{server.url}/snapshot/demo.jpg", headers={"Cookie": cookie}, timeout=10).ok
    found = ask("GET", "/health").json()
    assert found["status"] == "degraded"
    assert found["causes"] == ["the database takes nothing: attempt to write a readonly database"]
    refused(ask("POST", "/api/cameras", {"name": "New", "url": "demo:"}))
    # Made writable again, it is so for the server that runs.
    among_mounts_of(workers(server)[0], "umount", "-l", str(first.data_dir / "robocam.db"))
    wait_until(lambda: ask("POST", "/api/cameras", {"name": "New", "url": "demo:"}).ok, "it can write again")
    wait_until(lambda: ask("GET", "/health").json()["status"] == "healthy", "and says so")


def test_killed_in_the_midst_of_writing(make_server: MakeServer) -> None:
    server = make_server()
    done: list[str] = []

    def add_cameras(person: Person) -> None:
        number = 0
        while True:
            name = f"Camera {number}"
            try:
                if not person.ask("POST", "/api/cameras", {"name": name, "url": "demo:"}).ok:
                    return
            except requests.RequestException:
                return  # killed
            done.append(name)
            number += 1

    with server.person() as admin:
        writer = threading.Thread(target=add_cameras, args=(admin,))
        writer.start()
        wait_until(lambda: len(done) > 10, "it writes")
        pids = [*workers(server), server.process.pid]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        writer.join()
    server.process.wait()
    again = make_server(data_dir=server.data_dir)
    with again.person() as admin:
        names = [camera["name"] for camera in admin.get("/api/cameras").json()["items"]]
        assert set(done) <= set(names), "what was acknowledged is there"
        assert admin.ask("POST", "/api/cameras", {"name": "After", "url": "demo:"}).ok
    with closing(sqlite3.connect(server.data_dir / "robocam.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
