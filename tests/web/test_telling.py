"""What browsers are told: the truth in its order, of the camera that they watch, to whom may know it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from camproxy.camera import Camera, CameraConfig
from camproxy.cameras import Cameras
from camproxy.control.lease import Driver
from camproxy.devices import Devices
from camproxy.frames import Viewer
from camproxy.web import review
from camproxy.web.announcer import Announcer, announce_control
from camproxy.web.live import Client, Live, Subscription
from camproxy.web.viewers.socketio import SocketIOViewers
from tests.integration.people import wait_until
from tests.patience import PATIENCE
from tests.pictures import jpeg

ANNA, BEN = Driver(1, "anna"), Driver(2, "ben")


def meanwhile(action: Callable[[], object]) -> threading.Thread:
    """Another thread does this now, if it is let."""
    thread = threading.Thread(target=action)
    thread.start()
    thread.join(0.2)
    return thread


class House:
    """One camera, number 1, that is not started; and a Socket.IO client of anna's that watches it."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        #: Called just before the next event is sent.
        self.before: Callable[[], object] = lambda: None
        waiting = SimpleNamespace(closed=False, queue=queue.Queue())
        self.server = SimpleNamespace(
            emit=self._emit,
            manager=SimpleNamespace(eio_sid_from_sid=lambda sid, namespace: sid),
            eio=SimpleNamespace(sockets={"sid": waiting}),
        )
        self.socketio: Any = SimpleNamespace(server=self.server)
        fanout: Any = SimpleNamespace(note=lambda number, message: None)
        self.cameras, self.live = Cameras(), Live()
        self.announcer = Announcer(self.cameras, Devices(), self.live, fanout, self.socketio)
        self.viewers = SocketIOViewers(self.socketio, self.live, self.cameras)
        self.camera = self.add_camera()
        self.client = Client("sid", ANNA.id, "credential", ANNA.name, {1: "control"}, "operator")
        self.live.add(self.client)
        self.watch(self.camera)

    def _emit(self, event: str, payload: Any, to: Any = None) -> None:
        before, self.before = self.before, lambda: None
        before()
        self.told.append((event, payload))

    def add_camera(self) -> Camera:
        return self.cameras.put(CameraConfig(1, "Garden", "garden", "demo:garden"))

    def watch(self, camera: Camera) -> None:
        self.live.subscribe(self.client, Subscription(camera.id, "binary", Viewer(camera.hub)))

    @property
    def holders(self) -> list[str | None]:
        return [payload["holder"] for event, payload in self.told if event == "control_state"]


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.viewers.stop()


def test_what_was_true_before_is_not_told_after_what_is_true_now(house: House) -> None:
    threads = []

    def ben_takes_it() -> None:
        house.camera.lease.take(BEN, by_force=True)
        announce_control(house.camera, house.live, house.socketio)

    house.camera.lease.take(ANNA)
    house.before = lambda: threads.append(meanwhile(ben_takes_it))
    announce_control(house.camera, house.live, house.socketio)
    threads[0].join()
    assert house.holders == ["anna", "ben"]


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


def test_of_a_state_as_well() -> None:
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


def test_a_camera_with_the_number_of_a_removed_one_begins_anew(house: House) -> None:
    house.camera.lease.take(ANNA)
    house.announcer.changed(house.camera, "tick")
    assert house.holders == ["anna"]
    house.cameras.remove(1)
    successor = house.add_camera()
    house.watch(successor)
    house.announcer.changed(successor, "tick")
    assert house.holders == ["anna"], "nobody has let go of the new one"


def test_a_late_picture_of_a_removed_camera_is_not_of_the_one_with_its_number(house: House) -> None:
    house.viewers.start()
    house.cameras.remove(1)
    successor = house.add_camera()
    house.watch(successor)
    for grey in range(3):
        house.camera.hub.publish(jpeg(grey=grey))
    successor.hub.publish(jpeg(grey=200))
    wait_until(lambda: house.told, "a picture has come")
    assert [payload[0] for _, payload in house.told] == [jpeg(grey=200)]


def test_one_look_at_what_is_allowed_comes_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given back must not be taken away by a look that began before."""
    order: list[str] = []
    threads: list[threading.Thread] = []

    class Rights:
        def __init__(self) -> None:
            order.append("look")
            if len(order) == 1:
                threads.append(meanwhile(review.end_what_is_not_allowed))

    shared = SimpleNamespace(
        live=SimpleNamespace(review=lambda rights: order.append("act") or []),
        fanout=SimpleNamespace(close_where=lambda leaves, code: None),
        cameras=(),
    )
    monkeypatch.setattr(review, "Rights", Rights)
    monkeypatch.setattr(review, "services", lambda: shared)
    review.end_what_is_not_allowed()
    threads[0].join()
    assert order == ["look", "act", "look", "act"]
