"""A minute of everything at once; afterwards the server holds no more than before.

SOAK_SECONDS says how long (60). It is the worker's memory, threads and descriptors that count, each looked at when
nobody is there, once everything has happened a few times and again at the end.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from camproxy.serving import SPARE_THREADS
from tests.fakes import FakeEsp32Cam
from tests.integration.people import PASSWORD, new_account, wait_until
from tests.integration.test_serving import workers
from tests.running import Person, RunningServer

MakeServer = Callable[..., RunningServer]

SECONDS = float(os.environ.get("SOAK_SECONDS") or 60)
WARM_UP = min(30.0, SECONDS / 3)
#: What may have been added in the end: memory that fragments, a database connection.
MORE_BYTES, MORE_FILES = 24_000_000, 8
#: Threads: those of the pool, which stay once they are there; each client's next ping, which sleeps a while after it
#: has left; and those of the parts and the cameras.
CLIENTS = 16
MOST_THREADS = CLIENTS + SPARE_THREADS + CLIENTS + 20


class Crowd:
    """People and programs, each in a thread of its own, who do one thing after another until told to stop."""

    def __init__(self, server: RunningServer, admin: Person, accounts: list[str]) -> None:
        self.server, self.admin, self.accounts = server, admin, accounts
        self.done: Counter[str] = Counter()
        self.failed: list[str] = []

    def carry_on(self, seconds: float) -> None:
        actors = (self.watches, self.watches, self.listens, self.listens, self.comes_and_goes, self.steers)
        actors += (self.edits, self.asks)
        stop = threading.Event()
        threads = [
            threading.Thread(target=self._act, args=(actor, random.Random(number), stop))
            for number, actor in enumerate(actors)
        ]
        for thread in threads:
            thread.start()
        stop.wait(seconds)
        stop.set()
        for thread in threads:
            thread.join(60)
        assert self.failed == []

    def _act(self, turn: Callable[[random.Random], None], chance: random.Random, stop: threading.Event) -> None:
        while not stop.wait(chance.uniform(0, 0.1)):
            try:
                turn(chance)
            except Exception as error:
                self.failed.append(f"{turn.__name__}: {error!r}")
                return
            self.done[turn.__name__] += 1

    def someone(self, chance: random.Random) -> Person:
        return self.server.person(chance.choice(self.accounts), PASSWORD)

    def watches(self, chance: random.Random) -> None:
        """By WebSocket and by MJPEG, and leaves without a word as often as not."""
        with self.someone(chance) as person:
            camera = chance.choice(("demo", "board"))
            view = person.view(camera, chance.choice(("", "?max_fps=5")))
            cookie = {"Cookie": person.cookie}
            with requests.get(
                f"{self.server.url}/stream/{camera}.mjpg", headers=cookie, stream=True, timeout=15
            ) as stream:
                for _ in range(chance.randrange(1, 30)):
                    assert view.recv()
                assert stream.raw.read(10_000)
            assert person.get(f"/snapshot/{camera}.jpg").status_code == 200
            if chance.random() < 0.5:
                view.close()

    def listens(self, chance: random.Random) -> None:
        with self.someone(chance) as person:
            transports = chance.choice((["websocket"], ["polling"], ["polling", "websocket"]))
            listener = person.listen(chance.choice((None, {"subscribe": False})), transports=transports)
            # Not as binary: python-socketio's client handles each half in a thread of its own, in whichever order.
            assert listener.call("subscribe", {"camera": "board", "max_fps": chance.choice((2, 10, 60))})["ok"]
            for _ in range(chance.randrange(1, 15)):
                listener.next("video_frame")
            listener.call("position_command", {"camera": "board", "x": chance.randrange(181), "y": 90})
            assert listener.call("clock")["ok"]

    def comes_and_goes(self, chance: random.Random) -> None:
        with self.someone(chance) as person:
            for page in ("/", "/settings", "/api/me/sessions"):
                assert person.get(page).status_code == 200
            assert person.get("/users").status_code == 403
            if chance.random() < 0.8:
                assert person.get("/logout", allow_redirects=False).status_code == 302

    def steers(self, chance: random.Random) -> None:
        with self.someone(chance) as person:
            for _ in range(10):
                camera = chance.choice(("demo", "board"))
                pose = {"x": chance.randrange(181), "y": chance.randrange(181)}
                moved = person.ask("POST", f"/api/cameras/{camera}/position_command", pose)
                assert moved.status_code in (200, 423), f"{camera}: {moved.text}"
                lit = person.ask("POST", f"/api/cameras/{camera}/light_command", {"state": chance.random() < 0.5})
                assert lit.status_code in (200, 423), f"{camera}: {lit.text}"
            person.ask("DELETE", f"/api/cameras/{camera}/control")

    def edits(self, chance: random.Random) -> None:
        """Cameras, users and permissions are made, changed, watched and removed."""
        name = f"Passing {chance.randrange(10**9)}"
        camera = self.admin.made("/api/cameras", {"name": name, "url": "demo:garden"})
        view = self.admin.view(camera["slug"])
        assert view.recv()
        for change in ({"fps": 5}, {"url": "demo:workshop"}, {"enabled": False}, {"enabled": True}):
            assert self.admin.ask("PATCH", f"/api/cameras/{camera['id']}", change).ok
        account = new_account(self.admin)
        permissions = {"permissions": [{"camera": camera["id"], "level": "view"}]}
        assert self.admin.ask("PUT", f"/api/users/{account.id}/permissions", permissions).ok
        assert self.admin.ask("DELETE", f"/api/users/{account.id}").ok
        assert self.admin.ask("DELETE", f"/api/cameras/{camera['id']}").ok
        view.shutdown()
        self.admin._open.remove(view)

    def asks(self, chance: random.Random) -> None:
        with self.someone(chance) as person:
            token = person.made("/api/me/tokens", {"name": "soak"})
            bearer = {"Authorization": f"Bearer {token['token']}"}
            for path in ("/api/cameras", "/api/me", "/api/openapi.json", "/health", "/api/cameras/demo/presets"):
                assert requests.get(self.server.url + path, headers=bearer, timeout=15).ok
            assert requests.get(f"{self.server.url}/nowhere", timeout=15).status_code == 404
            assert person.ask("POST", "/api/cameras/demo/position_command", {"x": "left"}).status_code == 400
            assert person.ask("DELETE", f"/api/me/tokens/{token['id']}").ok


def held(server: RunningServer) -> dict[str, int]:
    """What the worker holds."""
    (pid,) = workers(server)
    process = Path(f"/proc/{pid}")
    status = process.joinpath("status").read_text()
    return {
        "bytes": int(status.split("VmRSS:")[1].split()[0]) * 1024,
        "threads": len(list(process.joinpath("task").iterdir())),
        "files": len(list(process.joinpath("fd").iterdir())),
    }


def at_rest(server: RunningServer, admin: Person) -> dict[str, int]:
    """What it holds when nobody is there any more."""

    def there() -> tuple[int, int, set[str]]:
        """Viewers, clients, and the states of the cameras."""
        cameras: list[dict[str, Any]] = admin.get("/api/cameras").json()["items"]
        clients = requests.get(f"{server.url}/health", timeout=15).json()["clients"]
        statuses = [camera["status"] for camera in cameras]
        return sum(status["viewers"] for status in statuses), clients, {status["state"] for status in statuses}

    until = time.monotonic() + 120  # who polled and left without a word is missed after 85 seconds
    while (left := there()) != (0, 0, {"idle"}):
        assert time.monotonic() < until, f"not everybody has left: {left}"
        time.sleep(0.1)
    steady = [held(server)]
    until = time.monotonic() + 30
    # Threads that served a connection end when its last message has timed out.
    while time.monotonic() < until and (len(steady) < 5 or steady[-1] != steady[-4]):
        time.sleep(0.5)
        steady.append(held(server))
    return steady[-1]


def obeys(admin: Person, light: bool) -> bool:
    return admin.ask("POST", "/api/cameras/demo/light_command", {"state": light}).ok


@pytest.fixture
def board_and_server(make_server: MakeServer, board: FakeEsp32Cam) -> RunningServer:
    server = make_server(MAX_CLIENTS=CLIENTS)
    with server.person() as admin:
        admin.made("/api/cameras", {"name": "Board", "url": board.url, "everyone": "control"})
        assert admin.ask("PATCH", "/api/cameras/demo", {"everyone": "control"}).ok
        # A scene is painted when it is first seen in a light, and takes its memory then.
        view = admin.view("demo")
        view.settimeout(60)
        for scene in ("garden", "workshop"):
            assert admin.ask("PATCH", "/api/cameras/demo", {"url": f"demo:{scene}"}).ok
            for state in (True, False):
                wait_until(partial(obeys, admin, state), "the light obeys", 60)
                frames = 0
                while frames < 3:  # the first may be from before
                    frames += isinstance(view.recv(), bytes)
        view.close()
        assert admin.ask("DELETE", "/api/cameras/demo/control").ok
    return server


@pytest.mark.soak
@pytest.mark.timeout(SECONDS + WARM_UP + 240)
def test_after_a_minute_of_everything_nothing_more_is_held(board_and_server: RunningServer) -> None:
    server = board_and_server
    with server.person() as admin:
        accounts = [new_account(admin).username for _ in range(6)]
        crowd = Crowd(server, admin, accounts)
        crowd.carry_on(WARM_UP)
        before = at_rest(server, admin)
        begun = time.monotonic()
        crowd.carry_on(SECONDS)
        after = at_rest(server, admin)
        print(f"{time.monotonic() - begun:.0f} s, {dict(crowd.done)}, before {before}, after {after}")  # noqa: T201
        assert all(crowd.done.values())
        assert after["bytes"] - before["bytes"] < MORE_BYTES, (before, after)
        assert after["threads"] <= MOST_THREADS, (before, after)
        assert after["files"] - before["files"] <= MORE_FILES, (before, after)
    assert server.stop() == 0
    wrong = [line for line in server.log if " ERROR " in line or " CRITICAL " in line or "Traceback" in line]
    assert wrong == []
