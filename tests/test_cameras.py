"""Cameras on lines made by hand: what they tell, what they count, and that they leave nothing behind."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from camproxy.camera import STALLED_AFTER, STOP_WITHIN, Camera, CameraConfig, Outcome, Policy
from camproxy.cameras import Cameras
from camproxy.control.commands import Aim, AskPosition, Light, Step
from camproxy.control.pan_tilt import Limits, Pose
from camproxy.errors import BadRequest, ChannelError, DeviceError, DeviceOffline, NoAnswer, NotFound
from camproxy.frames import Viewer
from camproxy.links import SCHEMES, Scheme
from camproxy.links.link import DeviceLink
from tests.clocks import FakeClock
from tests.integration.people import wait_until
from tests.lines import Exchange, Line
from tests.pictures import jpeg

DOOR = CameraConfig(id=1, name="Door", slug="door", url="test://board/ws")
GARDEN = CameraConfig(id=2, name="Garden", slug="garden", url="demo:garden")
POLICY = Policy(frame_bytes=20_000, linger_seconds=5.0, reconnect_seconds=0.001)


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Exchange:
    exchange = Exchange()
    monkeypatch.setitem(SCHEMES, "test", Scheme(exchange.dial))
    return exchange


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


class Watched:
    """A camera on its own, and what it told."""

    def __init__(self, exchange: Exchange, config: CameraConfig = DOOR) -> None:
        self.clock = FakeClock()
        self.exchange = exchange
        self.news: queue.Queue[str] = queue.Queue()
        self.camera = Camera(config, POLICY, lambda camera, what: self.news.put(what), self.clock)

    def connect(self) -> Line:
        line = self.exchange.connect()
        self.until(lambda: self.camera.online)
        return line

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for news after which `holds` is true."""
        while not holds():
            self.news.get(timeout=10)

    def state(self) -> str:
        self.camera.observe()
        state: str = self.camera.status()["state"]
        return state

    def pose(self) -> tuple[int, int] | None:
        return self.camera.head.pose

    def say(self, line: Line, **message: Any) -> None:
        line.say(json.dumps(message))

    def show(self, line: Line, picture: bytes) -> None:
        """Have a picture sent, and wait until it has been looked at."""
        seen = self.camera.hub.received + sum(self.camera.hub.bad.values())
        line.say(picture)
        self.say(line, type="position", servo1=seen % 180, servo2=0)
        self.until(lambda: self.pose() == (seen % 180, 0))


@pytest.fixture
def door(exchange: Exchange) -> Iterator[Watched]:
    watched = Watched(exchange)
    watched.camera.start()
    yield watched
    exchange.refuse()
    watched.camera.stop()


class TestState:
    def test_from_the_first_attempt_to_a_picture(self, door: Watched) -> None:
        assert door.state() == "connecting"
        line = door.connect()
        assert door.state() == "idle"
        with Viewer(door.camera.hub) as viewer:
            assert line.heard() == "getframe"
            assert door.state() == "connecting", "asked, and nothing has come so far"
            line.say(jpeg())
            assert viewer.next(10)
            assert door.state() == "live"
            assert door.camera.status()["viewers"] == 1
        assert door.state() == "live", "while it lingers"
        door.clock.advance(5)
        assert door.state() == "idle"
        assert door.camera.status()["viewers"] == 0

    def test_without_a_picture_for_three_seconds_it_is_stalled(self, door: Watched) -> None:
        line = door.connect()
        with Viewer(door.camera.hub):
            door.clock.advance(STALLED_AFTER)
            assert door.state() == "connecting"
            door.clock.advance(0.1)
            assert door.state() == "stalled"
            status = door.camera.status()
            assert (status["reason"], status["detail"], status["fps"]) == ("silent", "no picture came", 0.0)
            assert not door.camera.online
            door.show(line, jpeg())
            assert door.state() == "live"
            assert door.camera.status()["reason"] is None
            door.clock.advance(STALLED_AFTER + 0.1)
            assert door.state() == "stalled"
            door.show(line, b"no picture")
            assert door.state() == "stalled"
            assert door.camera.status()["reason"] == "bad_frames"

    def test_offline_says_why_since_when_and_until_when(self, exchange: Exchange) -> None:
        watched = Watched(exchange)
        watched.camera._policy = replace(POLICY, reconnect_seconds=10.0)
        watched.camera.start()
        line = watched.connect()
        watched.clock.advance(60)
        line.cut()
        watched.until(lambda: watched.state() == "offline")
        status = watched.camera.status()
        assert (status["reason"], status["detail"], status["since"]) == (
            "closed",
            "cut by the test",
            "2026-11-18T11:07:40Z",
        )
        assert 8 <= status["retry_in"] <= 12
        watched.clock.advance(20)
        assert watched.camera.status()["retry_in"] == 0, "never in the past"
        watched.camera.stop()

    def test_each_change_is_told_once(self, door: Watched) -> None:
        line = door.connect()
        assert door.state() == "idle"
        door.say(line, type="position", servo1=1, servo2=2)
        while door.news.get(timeout=10) != "pose":
            pass  # what comes before it has been told
        for _ in range(5):
            door.camera.observe()
        assert door.news.empty()
        line.cut()
        door.until(lambda: door.state() == "offline")

    def test_switched_off(self, exchange: Exchange) -> None:
        watched = Watched(exchange, replace(DOOR, enabled=False))
        watched.camera.start()
        assert watched.state() == "disabled"
        assert not exchange.dialling.is_set()
        with pytest.raises(BadRequest, match="switched off"):
            watched.camera.execute(Aim(1, 2))


def test_bad_pictures_are_counted_by_what_was_wrong_with_them(door: Watched) -> None:
    line = door.connect()
    for picture in (b"garbage", jpeg(), jpeg()[:-2], jpeg()[:-3], bytes(20_001), jpeg()):
        door.show(line, picture)
    assert door.camera.status()["frames"] == {
        "received": 2,
        "not_a_jpeg": 1,
        "truncated": 2,
        "too_large": 1,
        "absurd_dimensions": 0,
    }
    assert not line.closed.is_set()


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"type": "nonsense"}', '{"type": "position", "servo1": NaN}'])
def test_what_a_board_says_and_nobody_understands_is_counted(door: Watched, text: str) -> None:
    line = door.connect()
    line.say(text)
    door.say(line, type="position", servo1=1, servo2=2)
    door.until(lambda: door.pose() == (1, 2))
    assert door.camera._eye.ignored.total() == 1


class TestCommands:
    def answer(self, door: Watched, line: Line, status: str = "success", **more: Any) -> dict[str, Any]:
        """What the board was sent; it answers so."""
        sent: dict[str, Any] = json.loads(line.heard())
        door.say(line, type="ack", id=sent["id"], command=sent["type"], status=status, **more)
        return sent

    def test_a_move_is_clamped_sent_and_answered(self, door: Watched) -> None:
        line = door.connect()
        door.camera.reconfigure(replace(DOOR, limits=Limits((30, 150), (0, 90))))
        answer = door.camera.execute(Aim(180, 45))
        assert door.camera.head.asked == (150, 45)
        assert self.answer(door, line)["command"] == {"servo1": 150, "servo2": 45}
        assert answer.result(10) == Outcome(pose=Pose(150, 45))

    def test_the_pose_is_what_the_board_says_it_is(self, door: Watched) -> None:
        line = door.connect()
        door.say(line, type="connect", device="esp32cam", servo1_angle=90, servo2_angle=80)
        door.until(lambda: door.pose() == (90, 80))
        door.say(line, type="position", servo1=91.4, servo2=80)
        door.until(lambda: door.pose() == (91, 80))
        answer = door.camera.execute(Aim(10, 20))
        self.answer(door, line)
        assert answer.result(10).pose == (10, 20)
        assert door.pose() == (91, 80), "it says where it is, and has not said that it is there"

    def test_a_board_that_never_says_where_it_is_went_where_it_was_sent(self, door: Watched) -> None:
        line = door.connect()
        assert door.pose() is None
        answer = door.camera.execute(Aim(10, 20))
        self.answer(door, line)
        answer.result(10)
        assert door.pose() == (10, 20)

    def test_where_does_it_point(self, door: Watched) -> None:
        line = door.connect()
        answer = door.camera.execute(AskPosition())
        assert json.loads(line.heard())["type"] == "get_position"
        door.say(line, type="position", servo1=33, servo2=44)
        assert answer.result(10).pose == (33, 44)

    def test_the_light_is_on_when_the_board_says_so(self, door: Watched) -> None:
        line = door.connect()
        answer = door.camera.execute(Light(True))
        assert door.camera.head.light is None
        assert self.answer(door, line)["state"] is True
        assert answer.result(10).light is True
        assert door.camera.status()["light"] is True

    def test_a_move_that_failed_is_forgotten(self, door: Watched) -> None:
        line = door.connect()
        answer = door.camera.execute(Aim(10, 20))
        self.answer(door, line, "error", detail="servo stuck")
        with pytest.raises(DeviceError, match="servo stuck"):
            answer.result(10)
        assert door.camera.head.asked is None
        assert door.pose() is None

    def test_the_end_of_the_connection_is_an_answer(self, door: Watched) -> None:
        line = door.connect()
        answer = door.camera.execute(Aim(10, 20))
        line.heard()
        line.cut()
        with pytest.raises(NoAnswer):
            answer.result(10)
        door.until(lambda: door.state() == "offline")
        with pytest.raises(DeviceOffline):
            door.camera.execute(Aim(10, 20))

    @pytest.mark.parametrize("command", [Aim(1, 2), Step("left", 10), AskPosition()])
    def test_what_is_not_there_cannot_obey(self, door: Watched, command: Aim | Step | AskPosition) -> None:
        door.connect()
        door.camera.reconfigure(replace(DOOR, has_head=False))
        with pytest.raises(BadRequest, match="cannot be steered"):
            door.camera.execute(command)
        door.camera.reconfigure(replace(DOOR, has_light=False))
        with pytest.raises(BadRequest, match="no light"):
            door.camera.execute(Light(True))


class Registry:
    def __init__(self) -> None:
        self.cameras = Cameras(POLICY, FakeClock())
        self.news: queue.Queue[tuple[int, str]] = queue.Queue()
        self.cameras.listeners.append(lambda camera, what: self.news.put((camera.id, what)))

    def until(self, camera_id: int, state: str) -> None:
        while self.cameras.get(camera_id).status()["state"] != state:
            self.news.get(timeout=10)


@pytest.fixture
def registry() -> Iterator[Registry]:
    registry = Registry()
    yield registry
    registry.cameras.stop()


def links() -> list[str]:
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("link-"))


class TestRegistry:
    def test_nothing_is_dialled_before_the_start(self, registry: Registry, exchange: Exchange) -> None:
        registry.cameras.put(DOOR)
        assert registry.news.get(timeout=10) == (1, "added")
        assert links() == []
        registry.cameras.start()
        assert exchange.dialling.wait(10)
        exchange.connect()
        registry.until(1, "idle")

    def test_cameras_come_change_and_go_while_it_runs(self, registry: Registry) -> None:
        registry.cameras.start()
        for number in range(1, 6):
            registry.cameras.put(CameraConfig(number, f"{number}", f"number-{number}", "demo:garden"))
            registry.until(number, "idle")
        wait_until(lambda: len(links()) == 10, "each camera has its two threads")
        for number in range(1, 6):
            registry.cameras.put(CameraConfig(number, f"{number}", f"number-{number}", "demo:workshop"))
            registry.until(number, "idle")
        wait_until(lambda: len(links()) == 10, "each camera has its two threads")
        for number in range(1, 6):
            assert registry.cameras.remove(number)
        wait_until(lambda: links() == [], "they have ended")
        assert list(registry.cameras) == []

    def test_a_new_address_is_dialled_and_who_watches_goes_on_watching(
        self, registry: Registry, exchange: Exchange
    ) -> None:
        registry.cameras.start()
        camera = registry.cameras.put(DOOR)
        old = exchange.connect()
        with Viewer(camera.hub) as viewer:
            assert old.heard() == "getframe"
            old.say(json.dumps({"type": "position", "servo1": 7, "servo2": 8}))
            old.say(jpeg())
            assert viewer.next(10)
            assert camera.head.pose == (7, 8)
            assert registry.cameras.put(replace(DOOR, url="test://other/ws")) is camera
            assert old.closed.is_set()
            assert camera.head.pose is None, "that was the other head's"
            new = exchange.connect()
            assert new.heard() == "getframe"
            new.say(jpeg())
            assert viewer.next(10)
        assert camera.status()["viewers"] == 0

    def test_another_name_or_rate_costs_no_connection(self, registry: Registry, exchange: Exchange) -> None:
        registry.cameras.start()
        registry.cameras.put(DOOR)
        line = exchange.connect()
        registry.until(1, "idle")
        camera = registry.cameras.put(replace(DOOR, name="Front door", fps=3))
        assert camera.config.name == "Front door"
        assert not line.closed.is_set()

    def test_off_and_on_again(self, registry: Registry, exchange: Exchange) -> None:
        registry.cameras.start()
        registry.cameras.put(DOOR)
        line = exchange.connect()
        registry.until(1, "idle")
        registry.cameras.put(replace(DOOR, enabled=False))
        assert line.closed.is_set()
        assert links() == []
        assert registry.cameras.get(1).status()["state"] == "disabled"
        registry.cameras.put(DOOR)
        exchange.connect()
        registry.until(1, "idle")

    def test_one_that_is_away_goes_at_once(self, registry: Registry, exchange: Exchange) -> None:
        registry.cameras._policy = replace(POLICY, reconnect_seconds=300.0)
        registry.cameras.start()
        registry.cameras.put(DOOR)
        exchange.refuse()
        registry.until(1, "offline")
        registry.cameras.remove(1)
        assert links() == []

    def test_stopping_leaves_nothing(self, registry: Registry, exchange: Exchange) -> None:
        registry.cameras.put(DOOR)
        registry.cameras.put(GARDEN)
        registry.cameras.start()
        line = exchange.connect()
        registry.until(1, "idle")
        registry.until(2, "idle")
        registry.cameras.stop()
        assert line.closed.is_set()
        assert links() == []
        assert "cameras" not in [thread.name for thread in threading.enumerate()]
        registry.cameras.stop()

    def test_stopping_waits_for_all_that_dial_together(
        self, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A board that is away is dialled for five seconds; five of them must not take half a minute."""
        dialling, told = [threading.Event() for _ in range(5)], threading.Semaphore(0)

        def dial(url: str, largest: int) -> Line:
            dialling[int(url[-1])].set()
            for _ in dialling:
                assert told.acquire(timeout=10)
            told.release(len(dialling))
            raise ChannelError("timeout")

        cancel = DeviceLink.cancel
        monkeypatch.setattr(DeviceLink, "cancel", lambda link: (cancel(link), told.release()))
        monkeypatch.setitem(SCHEMES, "test", Scheme(dial))
        for number in range(5):
            registry.cameras.put(replace(DOOR, id=number + 1, slug=f"door-{number}", url=f"test://board/{number}"))
        registry.cameras.start()
        assert all(event.wait(10) for event in dialling)
        begun = time.monotonic()
        registry.cameras.stop()
        assert time.monotonic() - begun < STOP_WITHIN
        assert links() == []

    def test_an_address_that_cannot_be_changes_nothing(self, registry: Registry, exchange: Exchange) -> None:
        with pytest.raises(BadRequest):
            registry.cameras.put(replace(DOOR, url="ftp://board"))
        assert list(registry.cameras) == []
        camera = registry.cameras.put(DOOR)
        with pytest.raises(BadRequest):
            registry.cameras.put(replace(DOOR, url="ws://"))
        assert camera.config == DOOR

    def test_by_number_or_by_slug(self, registry: Registry, exchange: Exchange) -> None:
        door, garden = registry.cameras.put(DOOR), registry.cameras.put(GARDEN)
        assert [camera.id for camera in registry.cameras] == [1, 2]
        assert registry.cameras.get(1) is registry.cameras.get("1") is registry.cameras.get("door") is door
        assert registry.cameras.get("garden") is garden
        for key in (3, "", "Door", "gate"):
            with pytest.raises(NotFound):
                registry.cameras.get(key)
        assert registry.cameras.remove(3) is None
        assert [status["camera"] for status in registry.cameras.state()["cameras"]] == [1, 2]

    def test_every_camera_is_looked_at_again_and_again(self, registry: Registry) -> None:
        registry.cameras.put(replace(GARDEN, id=1, enabled=False))
        registry.cameras.put(replace(GARDEN, enabled=False))
        registry.cameras.start()
        ticks = []
        while len(ticks) < 4:
            if (news := registry.news.get(timeout=10))[1] == "tick":
                ticks.append(news[0])
        assert ticks == [1, 2, 1, 2]
