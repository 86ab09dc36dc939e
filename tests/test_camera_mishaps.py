"""What goes wrong around a camera: listeners with faults, boards that reboot, changes that cross each other."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from camproxy.camera import STALLED_AFTER
from camproxy.cameras import Cameras
from camproxy.control.commands import Aim, Step
from camproxy.control.pan_tilt import Pose
from camproxy.errors import DeviceError, DeviceOffline
from camproxy.frames import Viewer
from camproxy.links import SCHEMES, Scheme
from camproxy.links.link import DeviceLink
from camproxy.links.outbox import Answer
from tests.clocks import FakeClock
from tests.lines import Exchange
from tests.patience import PATIENCE
from tests.pictures import jpeg
from tests.test_cameras import DOOR, GARDEN, POLICY, Registry, Watched, links


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Exchange:
    exchange = Exchange()
    monkeypatch.setitem(SCHEMES, "test", Scheme(exchange.dial))
    return exchange


class Faulty:
    """A handler whose on_link_change fails once, as a listener's bug would make it."""

    def __init__(self, exchange: Exchange, fails_when_connected: bool) -> None:
        self.fails_when_connected = fails_when_connected
        self.failed = threading.Event()
        self.dialling = exchange.dialling
        self.states: queue.Queue[Any] = queue.Queue()
        self.link = DeviceLink(
            "it", exchange.dial, self, wanted=lambda: False, fps=lambda: 10.0, retry_step=0.001, clock=FakeClock()
        )

    def on_frame(self, data: bytes) -> None: ...

    def on_text(self, text: str) -> None: ...

    def on_link_change(self) -> None:
        if self.link.state.connected == self.fails_when_connected and not self.failed.is_set():
            self.dialling.clear()
            self.failed.set()
            raise RuntimeError("a listener's bug")
        self.states.put(self.link.state)


def test_a_listener_s_fault_leaves_no_open_connection(exchange: Exchange) -> None:
    handler = Faulty(exchange, fails_when_connected=True)
    first = exchange.connect()
    handler.link.start()
    assert handler.failed.wait(10)
    dialled_again = handler.dialling.wait(1)
    closed = first.closed.is_set()
    exchange.refuse()
    handler.link.stop()
    assert closed or not dialled_again


def test_a_listener_s_fault_does_not_end_the_link(exchange: Exchange) -> None:
    handler = Faulty(exchange, fails_when_connected=False)
    exchange.refuse()
    handler.link.start()
    assert handler.failed.wait(10)
    exchange.connect()
    try:
        assert handler.states.get(timeout=PATIENCE).connected
    finally:
        handler.link.stop()


def test_a_listener_s_fault_does_not_end_the_ticking() -> None:
    registry = Registry()

    def fails(camera: object, what: str) -> None:
        if what == "tick":
            registry.cameras.listeners.remove(fails)
            raise RuntimeError("a listener's bug")

    registry.cameras.put(replace(GARDEN, enabled=False))
    registry.cameras.listeners.insert(0, fails)
    registry.cameras.start()
    try:
        while registry.news.get(timeout=PATIENCE)[1] != "tick":
            pass
    finally:
        registry.cameras.stop()


def test_a_camera_that_is_removed_while_it_is_changed_is_gone(exchange: Exchange) -> None:
    cameras = Cameras(POLICY, FakeClock())
    cameras.start()
    cameras.put(DOOR)
    assert exchange.dialling.wait(10)
    changing = threading.Thread(target=cameras.put, args=(replace(DOOR, url="test://other/ws"),))
    changing.start()
    while cameras.get(1).config.url == DOOR.url:
        pass
    removing = threading.Thread(target=cameras.remove, args=(1,))
    removing.start()
    removing.join(1)  # it may wait for the change, or not
    exchange.refuse()  # the old dialling ends
    changing.join(10)
    removing.join(10)
    left = links()
    for _ in range(5):
        exchange.refuse()
    cameras.stop()
    assert left == []


def test_the_reason_is_of_now_and_not_of_yesterday(exchange: Exchange) -> None:
    door = Watched(exchange)
    door.camera.start()
    line = door.connect()
    with Viewer(door.camera.hub):
        door.show(line, b"garbage")
        door.show(line, jpeg())
        door.clock.advance(STALLED_AFTER + 0.1)
        assert door.state() == "stalled"
        reason = door.camera.status()["reason"]
    exchange.refuse()
    door.camera.stop()
    assert reason == "silent"


def test_a_refusal_that_is_here_before_the_sender_is_back_counts(exchange: Exchange) -> None:
    door = Watched(exchange)
    door.camera.start()
    door.connect()
    refused: Future[Answer] = Future()
    refused.set_exception(DeviceError("stuck"))
    assert door.camera._hand
    door.camera._hand.link.send = lambda *_: refused  # type: ignore[method-assign]
    with pytest.raises(DeviceError):
        door.camera.execute(Aim(10, 20)).result(10)
    asked = door.camera.head.asked
    exchange.refuse()
    door.camera.stop()
    assert asked is None


def test_what_cannot_be_sent_leaves_what_was_asked_before(exchange: Exchange) -> None:
    door = Watched(exchange)
    door.camera.start()
    assert exchange.dialling.wait(10)
    door.camera.head.asked = Pose(1, 2)
    with pytest.raises(DeviceOffline):
        door.camera.execute(Aim(10, 20))
    asked = door.camera.head.asked
    exchange.refuse()
    door.camera.stop()
    assert asked == (1, 2)


def test_of_many_who_step_at_once_each_counts(exchange: Exchange) -> None:
    """Each from where the one before it leads, and the last one is what is sent."""
    door = Watched(exchange)
    door.camera.start()
    line = door.connect()
    door.say(line, type="position", servo1=90, servo2=90)
    door.until(lambda: door.pose() == (90, 90))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: door.camera.execute(Step("right", 1)), range(80)))
    asked = door.camera.head.asked
    exchange.refuse()
    door.camera.stop()
    assert asked == (170, 90)


def test_after_a_reboot_steps_count_from_where_the_head_is(exchange: Exchange) -> None:
    from tests.test_cameras import TestCommands

    door = Watched(exchange)
    door.camera.start()
    line = door.connect()
    answer = door.camera.execute(Aim(10, 20))
    TestCommands().answer(door, line)
    answer.result(10)
    line.cut()
    line = exchange.connect()
    door.say(line, type="connect", device="esp32cam", servo1_angle=90, servo2_angle=90)
    door.until(lambda: door.pose() == (90, 90))
    door.camera.execute(Step("left", 10))
    sent = TestCommands().answer(door, line)["command"]
    exchange.refuse()
    door.camera.stop()
    assert sent == {"servo1": 80, "servo2": 90}
