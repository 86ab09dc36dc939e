"""The real server, with log-in and permissions as in use, on a core of its own."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.machine import MEASURED, Process, pinned
from tests.running import Person, RunningServer

PASSWORD = "eight and more"
#: The limits that hundreds of viewers from one address would meet.
ROOM = {
    "MAX_CLIENTS": 300,
    "MAX_VIEWERS": 2000,
    "VIEWERS_EACH": 2000,
    "CONNECTIONS_PER_ADDRESS": 2000,
    "MOVES_PER_SECOND": 1000,
}


class Server:
    """`python app.py` in an empty directory; `admin` made it up, `watcher` may look and no more. A context manager."""

    def __init__(self, *cores: int, **settings: Any) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="camproxy-benchmark-")
        with pinned(*(cores or (MEASURED,))):
            self.running = RunningServer(Path(self._directory.name), **(ROOM | settings))
        #: gunicorn's one worker, which does everything.
        self.worker = Process(self.running.process.pid).children[0]
        self.port = self.running.port
        self.settings = self.running.settings
        self.recordings = self.running.data_dir / "recordings"
        self.admin = self.running.person()
        user = {"username": "watcher", "password": PASSWORD, "role": "viewer"}
        self._watcher_id = self.admin.made("/api/users", user)["id"]
        self.watcher: Person = self.running.person("watcher", PASSWORD)
        self._permissions: list[dict[str, Any]] = []

    def add_camera(self, name: str, url: str, **more: Any) -> None:
        """A camera that `watcher` may see because a permission says so."""
        made = self.admin.made("/api/cameras", {"name": name, "url": url, "fps": 10, "everyone": "none"} | more)
        self._permissions.append({"camera": made["id"], "level": "view"})
        answer = self.admin.ask("PUT", f"/api/users/{self._watcher_id}/permissions", {"permissions": self._permissions})
        assert answer.ok, answer.text

    def status(self, camera: str) -> dict[str, Any]:
        """camera_status."""
        found: dict[str, Any] = self.admin.get(f"/api/cameras/{camera}").json()["status"]
        return found

    def received(self, cameras: list[str]) -> int:
        """Pictures that came in from these cameras so far."""
        listed = self.admin.get("/api/cameras").json()["items"]
        return sum(camera["status"]["frames"]["received"] for camera in listed if camera["slug"] in cameras)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.admin.close()
        self.watcher.close()
        self.running.stop()
        self._directory.cleanup()


def until(holds: Callable[[], Any], what: str, within: float = 20.0) -> None:
    """Wait until `holds` is true. Raises TimeoutError."""
    end = time.monotonic() + within
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {within:g} s: {what}")
        time.sleep(0.05)
