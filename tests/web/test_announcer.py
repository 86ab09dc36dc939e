"""What is told of a camera when several threads have something to tell."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

from camproxy.cameras import Cameras
from camproxy.devices import Devices
from camproxy.web.announcer import Announcer
from camproxy.web.live import Live
from tests.patience import PATIENCE


class HoldsUp:
    """A camera. Who reads its status first is held up with what was read."""

    id = 1

    def __init__(self) -> None:
        self.state = "connecting"
        self.read = threading.Event()
        self.goes_on = threading.Event()

    def status(self) -> dict[str, Any]:
        state = self.state
        if not self.read.is_set():
            self.read.set()
            assert self.goes_on.wait(PATIENCE)
        return {"camera": 1, "state": state, "viewers": 0, "fps": 0.0, "frames": {"received": 0}}


def test_what_was_read_last_is_told_last() -> None:
    told: list[str] = []
    fanout: Any = SimpleNamespace(note=lambda camera_id, message: told.append(message["state"]))
    socketio: Any = None  # nobody is there
    announcer = Announcer(Cameras(), Devices(), Live(), fanout, socketio)
    camera: Any = HoldsUp()
    first, second = (threading.Thread(target=announcer.changed, args=(camera, "status")) for _ in range(2))
    first.start()
    assert camera.read.wait(PATIENCE)
    camera.state = "live"
    second.start()
    second.join(0.3)  # it has told it by now, unless it waits for the first
    camera.goes_on.set()
    for thread in (first, second):
        thread.join(PATIENCE)
    assert told[-1] == "live"
