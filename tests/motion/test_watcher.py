"""Cameras that are watched, by the real process; their pictures come from the test."""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator

import psutil
import pytest

from camproxy.camera import Camera, CameraConfig
from camproxy.cameras import Cameras
from camproxy.control.pan_tilt import Pose
from camproxy.errors import Unavailable
from camproxy.frames import Frame
from camproxy.motion import watcher
from camproxy.motion.background import Sensitivity, Zone
from camproxy.motion.episode import STILL, Episode
from camproxy.motion.process import NoLook, Process
from camproxy.motion.watcher import FRESH, LONGEST_MOVE, MotionConfig, MotionWatch
from tests.clocks import FakeClock
from tests.integration.people import wait_until
from tests.motion.test_background import picture

SOMEBODY = (400, 150)
SETTLE = MotionConfig().settle_seconds


class Room:
    """A camera and its watch; time passes when the test says so."""

    def __init__(self, configs: Callable[[], dict[int, MotionConfig]] = dict) -> None:
        self.clock = FakeClock()
        self.cameras = Cameras(clock=self.clock)
        self.camera: Camera = self.cameras.put(CameraConfig(id=1, name="Room", slug="room", url="demo:garden"))
        self.watch = MotionWatch(self.cameras, self.clock, configs)
        self.news: queue.Queue[tuple[int, Episode, Frame]] = queue.Queue()
        self.watch.listeners.append(lambda *news: self.news.put(news))
        self.watch.start()

    def begin(self, config: MotionConfig | None = None) -> None:
        self.watch.put(1, config or MotionConfig())
        wait_until(lambda: self.watch.state()["watched"] == 1, "it is watched")
        self.show()
        self.pass_time(SETTLE)  # where it looks was not known before
        for _ in range(3):
            self.show()

    def show(self, somebody: tuple[int, int] | None = None) -> None:
        """A picture, until it has been looked at, or passed over."""
        frame = self.camera.hub.publish(picture(somebody))
        wait_until(lambda: self.watch._watched[1].seq == frame.seq, "it has been looked at, or not")

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def next(self) -> Episode:
        return self.news.get(timeout=10)[1]


def detectors() -> list[psutil.Process]:
    """Other tests' processes may be there too."""
    return [child for child in psutil.Process().children() if "camproxy.motion.worker" in child.cmdline()]


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Iterator[Room]:
    monkeypatch.setattr(watcher, "LOOK_EVERY", 0.005)
    before = set(threading.enumerate())
    room = Room()
    yield room
    room.watch.stop()
    assert set(threading.enumerate()) <= before
    assert not detectors()


def test_it_begins_and_it_ends(room: Room) -> None:
    room.begin()
    assert room.camera.hub.attached == 1, "its pictures are wanted"
    begun_at = room.clock.wall()
    for _ in range(3):
        room.show(SOMEBODY)
    begun = room.next()
    assert (begun.begun_at, begun.ended_at) == (begun_at, None)
    assert room.watch.state()["moving"] == [1]
    room.pass_time(STILL)
    for _ in range(120):  # until the background is as before
        room.show()
        if not room.news.empty():
            break
        room.pass_time(0.2)
    assert room.next().ended_at
    assert room.watch.state()["moving"] == []


def test_while_the_head_moves_and_settles_nothing_is_looked_for(room: Room) -> None:
    room.begin()
    looks = room.watch.state()["looks"]
    room.camera.head.measured(120, 90)
    for _ in range(3):
        room.show(SOMEBODY)
    assert room.watch.state()["looks"] == looks
    room.pass_time(SETTLE)
    for _ in range(3):
        room.show(SOMEBODY)
    assert room.news.empty(), "what it saw first from there is the background"
    for _ in range(3):
        room.show()
    assert room.next().ended_at is None


def test_in_a_muted_direction_nothing_is_looked_for(room: Room) -> None:
    room.camera.head.measured(30, 60)
    room.begin(MotionConfig(muted=(Pose(31, 58),)))
    for _ in range(5):
        room.show(SOMEBODY)
    assert room.watch.state()["looks"] == 0
    assert room.news.empty()


def test_a_head_that_never_says_it_arrived_is_not_mute_for_ever(room: Room) -> None:
    room.camera.head.measured(90, 90)
    room.begin()
    room.camera.head.asked = Pose(180, 90)  # where its own limits do not let it go
    for _ in range(3):
        room.show(SOMEBODY)
        assert room.watch.now(1) == ("muted", None)
        room.pass_time(LONGEST_MOVE / 3)
    room.show()
    room.pass_time(SETTLE)
    room.show()
    assert room.watch.now(1)[0] == "still"


def test_so_does_the_light(room: Room) -> None:
    room.begin()
    room.camera.head.light = True
    room.show(SOMEBODY)
    assert room.watch.now(1)[0] == "muted"


def test_when_the_pictures_end_so_does_what_moved(room: Room) -> None:
    room.begin()
    for _ in range(3):
        room.show(SOMEBODY)
    assert room.next().ended_at is None
    assert room.watch.now(1)[0] == "moving"
    room.pass_time(FRESH + 0.1)
    assert room.next().ended_at
    assert room.watch.now(1) == ("no_picture", None)


def test_it_costs_nothing_while_nothing_is_watched(room: Room) -> None:
    assert not detectors()
    room.begin()
    (child,) = detectors()
    room.watch.put(1, MotionConfig(Sensitivity(80)))
    room.show()
    assert detectors() == [child], "other settings need no other process"
    room.watch.put(1, None)
    wait_until(lambda: not child.is_running(), "its process is ended")
    assert room.watch.now(1) == ("off", None)


def test_settings_that_cannot_be_read_are_read_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "RETRY", 0.01)
    tries = iter([Unavailable("locked"), Unavailable("locked"), {1: MotionConfig()}])

    def configs() -> dict[int, MotionConfig]:
        found = next(tries)
        if isinstance(found, Unavailable):
            raise found
        return found

    room = Room(configs)
    wait_until(lambda: room.watch.state()["watched"] == 1, "it is watched")
    room.watch.stop()


def test_what_is_going_on_ends_when_the_watch_does(room: Room) -> None:
    room.begin()
    for _ in range(3):
        room.show(SOMEBODY)
    assert room.next().ended_at is None
    room.watch.put(1, None)
    assert room.next().ended_at
    wait_until(lambda: room.camera.hub.attached == 0, "its pictures are not wanted any more")


def test_a_removed_camera_is_left(room: Room) -> None:
    room.begin()
    room.cameras.remove(1)
    wait_until(lambda: room.watch.state()["watched"] == 0, "it is left")
    room.watch.put(7, MotionConfig())
    room.watch.put(8, None)


def test_a_process_that_dies_has_a_successor(room: Room) -> None:
    room.begin()
    (child,) = detectors()
    os.kill(child.pid, signal.SIGKILL)
    child.wait(10)
    room.show()
    room.pass_time(watcher.RETRY)
    for _ in range(3):
        room.show()
    for _ in range(3):
        room.show(SOMEBODY)
    assert room.next().ended_at is None
    assert room.watch.state()["started"] == 2


class TestTheProcess:
    def test_one_that_stops_is_noticed_and_ended(self) -> None:
        looking = Process()
        looking.watch(1, Sensitivity())
        looking.look(1, picture())
        (child,) = detectors()
        os.kill(child.pid, signal.SIGSTOP)
        assert looking._socket
        looking._socket.settimeout(0.2)  # instead of the seconds that it has
        with pytest.raises(NoLook):
            looking.look(1, picture())
        assert not child.is_running()
        assert not looking.look(1, picture()).moves, "by another one, which knows what to look for"
        looking.close()
        looking.close()

    def test_it_ends_with_whoever_started_it(self) -> None:
        looking = Process()
        looking.watch(1, Sensitivity())
        looking.look(1, picture())
        (child,) = detectors()
        assert looking._socket
        looking._socket.shutdown(2)  # as when the server is killed
        child.wait(10)
        looking.close()

    def test_a_broken_picture_harms_nobody(self) -> None:
        looking = Process()
        looking.watch(1, Sensitivity(zones=(Zone(((0, 0), (1, 0), (1, 1))),)))
        assert not looking.look(1, b"\xff\xd8\xff nonsense").moves
        assert not looking.look(1, picture()).moves
        looking.leave(1)
        looking.leave(1)
        looking.close()
