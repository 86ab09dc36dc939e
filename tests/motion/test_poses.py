"""Where heads pointed: only changes, a few a second, and never on the way of a command."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from camproxy.camera import Camera, CameraConfig
from camproxy.cameras import Cameras
from camproxy.motion.poses import EVERY, TOGETHER, PoseBook
from models import PoseChange
from tests.clocks import FakeClock
from tests.motion.desk import Desk


class Head:
    """Of a camera, and a clock that the test turns."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.clock = FakeClock()
        self.cameras = Cameras(clock=self.clock)
        self.book = PoseBook(desk.later, self.clock)
        self.cameras.listeners.append(self.book.changed)
        self.camera: Camera = self.cameras.put(CameraConfig(id=1, name="Camera 1", slug="c1", url="demo:test"))

    def says(self, x: int, y: int = 90) -> None:
        if self.camera.head.measured(x, y):
            self.book.changed(self.camera, "pose")

    def tick(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.book.changed(self.camera, "tick")

    def written(self) -> list[int]:
        return [row.x for row in self.desk.all(PoseChange)]


@pytest.fixture
def head(desk: Desk) -> Iterator[Head]:
    made = Head(desk)
    yield made
    made.book.stop()


def test_changes_are_written_together(head: Head) -> None:
    head.tick(0.5)
    head.says(90)
    assert head.written() == []
    assert head.book.state() == {"waiting": 1}
    head.tick(TOGETHER)
    assert head.written() == [90]
    for _ in range(5):
        head.says(90)
        head.tick(TOGETHER)
    assert head.written() == [90], "it has not moved"


def test_of_a_turn_a_few_a_second_and_always_the_last(head: Head) -> None:
    for x in range(0, 181, 3):  # within two seconds
        head.says(x)
        head.clock.advance(2 / 60)
    head.tick(0.5)
    head.tick(TOGETHER)
    written = head.written()
    assert (written[0], written[-1]) == (0, 180)
    assert 2 / EVERY - 2 <= len(written) <= 2 / EVERY + 2
    assert written == sorted(written)


def test_there_and_back_within_a_moment_is_nothing(head: Head) -> None:
    head.says(90)
    head.clock.advance(0.1)
    head.says(95)
    head.clock.advance(0.1)
    head.says(90)
    head.tick(TOGETHER)
    assert head.written() == [90]


def test_what_waits_is_written_at_the_end(head: Head) -> None:
    head.says(10)
    head.clock.advance(0.1)
    head.says(20)
    head.book.stop()
    assert head.written() == [10, 20]
    (first, second) = head.desk.all(PoseChange)
    assert (second.at - first.at).total_seconds() == pytest.approx(0.1)


def test_a_camera_that_is_gone_takes_no_other_along(head: Head) -> None:
    gone = head.cameras.put(CameraConfig(id=77, name="Gone", slug="gone", url="demo:test"))
    gone.head.measured(1, 1)
    head.book.changed(gone, "pose")
    head.says(42)
    head.tick(TOGETHER)
    assert head.written() == [42]
