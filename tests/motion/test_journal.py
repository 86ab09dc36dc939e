"""What moves is told to the recorder at once and for as long as it does, written down, and has a thumbnail."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from camproxy.camera import CameraConfig
from camproxy.cameras import Cameras
from camproxy.frames import Frame
from camproxy.motion import journal
from camproxy.motion.episode import LONGEST, Episode
from camproxy.motion.journal import Motion, MotionJournal
from camproxy.motion.pictures import Pictures
from camproxy.motion.thumbnail import thumbnail
from models import Event
from tests.clocks import FakeClock
from tests.integration.people import wait_until
from tests.motion.desk import Desk
from tests.motion.test_background import picture


class Office:
    """Two cameras, of which the first one's pictures come from the device 7."""

    def __init__(self, desk: Desk, home: Path) -> None:
        self.desk = desk
        self.clock = FakeClock()
        self.cameras = Cameras(clock=self.clock)
        for number, url in ((1, "device:7"), (2, "demo:test")):
            self.cameras.put(CameraConfig(id=number, name=f"Camera {number}", slug=f"c{number}", url=url))
        self.pictures = Pictures(home / "events")
        self.recorded: list[tuple[int, float | None, bool]] = []
        self.told: list[Motion] = []
        self.journal = MotionJournal(
            self.cameras, desk.later, self.pictures, lambda *news: self.recorded.append(news), clock=self.clock
        )
        self.journal.listeners.append(self.told.append)
        self.journal.start()

    def pir(self, state: bool) -> None:
        self.journal.device_changed(self.device, "motion", SimpleNamespace(state=state))

    @property
    def device(self) -> Any:
        return SimpleNamespace(id=7)

    def show(self, jpeg: bytes, camera: int = 1) -> Frame:
        return self.cameras.get(camera).hub.publish(jpeg)

    def events(self) -> list[Event]:
        return self.desk.all(Event)


@pytest.fixture
def office(desk: Desk, tmp_path: Path) -> Iterator[Office]:
    before = set(threading.enumerate())
    made = Office(desk, tmp_path)
    yield made
    made.journal.stop()
    assert set(threading.enumerate()) - before <= {desk.later._thread}


def test_motion_in_the_picture(office: Office) -> None:
    begun_at = office.clock.wall() - 0.4
    frame = office.show(picture((100, 200)))
    office.journal.episode(1, Episode(begun_at, share=0.02), frame)
    assert office.recorded[0] == (1, begun_at, True), "at once"
    assert office.told == [Motion(1, "picture", begun_at, None, 0.02)]
    wait_until(lambda: office.events()[0].thumbnail, "it has a thumbnail")
    (event,) = office.events()
    first = office.pictures.file(event.thumbnail or "").read_bytes()
    office.clock.advance(5)
    office.journal.episode(1, Episode(begun_at, begun_at + 5, share=0.3), office.show(picture((500, 200))))
    assert office.recorded[-1] == (1, begun_at + 5, False)
    assert office.told[1:] == [Motion(1, "picture", begun_at, begun_at + 5, 0.3)]
    wait_until(lambda: office.pictures.file(event.thumbnail or "").read_bytes() != first, "a better one")
    (event,) = office.events()
    assert event.ended_at
    assert (event.ended_at.timestamp(), event.score) == (pytest.approx(begun_at + 5), 0.3)


def test_a_recorder_hears_of_it_as_long_as_it_moves(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "TURN", 0.01)
    office.pir(True)
    office.journal.episode(2, Episode(office.clock.wall()), office.show(picture(), camera=2))

    def heard() -> Counter[int]:
        return Counter(camera for camera, _, goes_on in office.recorded if goes_on)

    wait_until(lambda: min(heard()[1], heard()[2]) >= 5, "both are told again and again")
    office.pir(False)
    office.journal.episode(2, Episode(office.clock.wall(), office.clock.wall()), office.show(picture(), camera=2))
    assert office.journal.state() == {"present": 0}, "both are over"
    assert not {camera: goes_on for camera, _, goes_on in office.recorded}[1]
    office.journal.stop()
    assert {camera: goes_on for camera, _, goes_on in office.recorded} == {1: False, 2: False}, "that was the last word"


def test_what_one_still_sees_goes_on_when_the_other_sees_nothing(office: Office) -> None:
    office.pir(True)
    office.journal.episode(1, Episode(office.clock.wall()), office.show(picture()))
    office.clock.advance(1)
    office.pir(False)
    assert office.recorded[-1] == (1, office.clock.wall(), True)
    office.clock.advance(1)
    office.journal.episode(1, Episode(office.clock.wall() - 2, office.clock.wall()), office.show(picture()))
    assert office.recorded[-1] == (1, office.clock.wall(), False)


def test_a_pir_tells_of_the_cameras_of_its_board(office: Office) -> None:
    for state in (True, True, False, False):
        office.pir(state)
        office.clock.advance(1)
    assert [(one.camera, one.source, bool(one.ended_at)) for one in office.told] == [
        (1, "pir", False),
        (1, "pir", True),
    ]
    (event,) = office.events()
    assert event.ended_at
    assert (event.ended_at - event.at).total_seconds() == 2
    assert (event.score, event.thumbnail) == (None, None), "there were no pictures"


def test_its_thumbnail_is_of_what_came_while_it_saw_something(office: Office) -> None:
    office.show(picture())
    office.clock.advance(3600)
    office.pir(True)  # it wakes the camera
    office.clock.advance(1)
    office.show(picture((300, 300)))
    office.pir(False)
    wait_until(lambda: office.events()[0].thumbnail, "it has one")


def test_a_pir_that_never_says_it_is_over(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "TURN", 0.01)
    office.pir(True)
    office.clock.advance(LONGEST)
    wait_until(lambda: len(office.told) == 2, "it is taken to be over")
    office.pir(True)
    office.journal.device_changed(office.device, "offline", None)
    wait_until(lambda: len(office.told) == 4, "nor does a board that is away see anything")


def test_what_goes_on_is_ended_with_the_server(office: Office) -> None:
    office.journal.episode(1, Episode(office.clock.wall(), share=0.1), office.show(picture((100, 200))))
    office.clock.advance(2)
    office.journal.stop()
    (event,) = office.events()
    assert event.ended_at
    assert event.thumbnail
    assert office.pictures.file(event.thumbnail).exists()


def test_pictures_that_cannot_be_kept_harm_nobody(office: Office, tmp_path: Path) -> None:
    (tmp_path / "events").write_text("in the way")
    frame = office.show(picture((100, 200)))
    office.journal.episode(1, Episode(office.clock.wall()), frame)
    office.journal.episode(2, Episode(office.clock.wall()), frame)
    office.journal.episode(1, Episode(office.clock.wall(), office.clock.wall()), frame)
    office.journal.stop()
    assert [event.thumbnail for event in office.events()] == [None, None]


@pytest.mark.parametrize("jpeg", [b"", b"GIF89a", picture()[:300]])
def test_what_cannot_be_decoded_has_no_thumbnail(jpeg: bytes) -> None:
    with pytest.raises((OSError, ValueError)):
        thumbnail(jpeg)


def test_a_thumbnail_is_small() -> None:
    small = thumbnail(picture((300, 300)))
    assert len(small) < 16_000
    with Image.open(BytesIO(small)) as shown:
        assert shown.size == (320, 240)
