"""What is read of motion and poses, and what is forgotten with the recordings."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from camproxy.motion import past
from camproxy.motion.keeping import MotionKeeper
from camproxy.motion.past import between, close_open, events, poses
from camproxy.motion.pictures import Pictures
from models import Camera, Event, PoseChange
from tests.motion.desk import Desk, at


def minutes(desk: Desk, begin: float, end: float, camera: int = 1) -> list[tuple[str, str | None]]:
    with desk.session() as session:
        found = events(session, camera, at(begin), at(end))
    return [(one["from"][14:16], one["to"] and one["to"][14:16]) for one in found]


def test_motion_of_a_stretch_is_all_that_reaches_into_it(desk: Desk) -> None:
    for begun, ended in ((0, 1), (9, 10), (9, 10.5), (11, 12), (19, 21), (20, 21), (19.5, None)):
        desk.motion(begun, ended)
    desk.motion(11, 12, camera=2)
    assert minutes(desk, 10, 20) == [("09", "10"), ("11", "12"), ("19", "21"), ("19", None)]
    assert minutes(desk, 10, 20, camera=2) == [("11", "12")]


def test_as_the_timeline_has_it(desk: Desk) -> None:
    desk.motion(1, None, score=0.25, thumbnail="1/2026-11-21/120100.000-picture.jpg")
    with desk.session() as session:
        (found,) = events(session, 1, at(0), at(2))
    assert found.pop("id")
    assert found == {
        "kind": "motion",
        "source": "picture",
        "from": "2026-11-21T12:01:00.000Z",
        "to": None,
        "thumbnail": True,
    }


def test_of_too_many_the_latest(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "MOST", 3)
    for minute in range(5):
        desk.motion(minute, minute + 0.5)
    assert [begun for begun, _ in minutes(desk, 0, 10)] == ["02", "03", "04"]


def turned(desk: Desk, begin: float, end: float) -> list[tuple[float, int]]:
    with desk.session() as session:
        return [((when - at(0)) / timedelta(minutes=1), x) for when, x, _ in poses(session, 1, at(begin), at(end))]


def test_poses_begin_with_the_one_that_the_head_had(desk: Desk) -> None:
    for minute, x in ((0, 10), (5, 20), (10, 30), (15, 40), (20, 50)):
        desk.pose(minute, x)
    desk.pose(11, 99, camera=2)
    assert turned(desk, 7, 20) == [(5, 20), (10, 30), (15, 40)]
    assert turned(desk, 10, 16) == [(10, 30), (15, 40)]
    assert turned(desk, -9, -1) == []


def test_of_too_many_poses_every_second_or_third(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past, "MOST", 4)
    for number in range(11):
        desk.pose(number, number)
    assert turned(desk, 0, 60) == [(0, 0), (3, 3), (6, 6), (9, 9)]


def test_what_is_between_recordings() -> None:
    stretches = [(at(1), at(3)), (at(2), at(2.5)), (at(3), at(4)), (at(6), at(9))]
    assert list(between(stretches, at(8))) == [(past.NEVER, at(1)), (at(4), at(6))]
    assert list(between(stretches, at(10)))[-1] == (at(9), at(10))
    assert list(between([], at(8))) == [(past.NEVER, at(8))]
    assert list(between([(at(1), past.EVER)], at(8))) == [(past.NEVER, at(1))]


def test_it_goes_with_the_recordings_but_not_before_them(desk: Desk, tmp_path: Path) -> None:
    desk.recording(10, 20)  # protected, say
    desk.recording(30, 31, state="missing")
    for begun, ended in ((1, 2), (9.5, 10.5), (12, 13), (19, 21), (30, 31), (59, 61), (70, 71)):
        desk.motion(begun, ended)
    desk.motion(1, 2, camera=2)
    for minute in (1, 5, 15, 25, 35, 65):
        desk.pose(minute, round(minute))
    MotionKeeper(desk.session, Pictures(tmp_path / "events")).forget({1: at(60).timestamp()})
    assert minutes(desk, 0, 100) == [("09", "10"), ("12", "13"), ("19", "21"), ("59", "01"), ("10", "11")]
    assert minutes(desk, 0, 100, camera=2) == [("01", "02")]
    assert turned(desk, -100, 100) == [(5, 5), (15, 15), (35, 35), (65, 65)], "what the head had as each began"


def test_thumbnails_go_with_their_events(desk: Desk, tmp_path: Path) -> None:
    pictures = Pictures(tmp_path / "events")
    kept = {}
    for camera, begun in ((1, -3000), (1, -1500), (1, 5), (2, -3000), (3, 5)):
        path = pictures.path(camera, at(begun).timestamp(), "picture")
        pictures.store(path, b"a picture")
        kept[camera, begun] = pictures.file(path)
        if camera < 3:
            desk.motion(begun, begun + 1, camera=camera, thumbnail=path)
    desk.recording(-1510, -1490)
    MotionKeeper(desk.session, pictures).forget({1: at(0).timestamp()})
    left = {name for name, file in kept.items() if file.exists()}
    assert left == {(1, -1500), (1, 5), (2, -3000)}, "of the third camera there is nothing any more"
    assert not kept[1, -3000].parent.exists()
    assert oct((tmp_path / "events").stat().st_mode)[-3:] == "700"
    with pytest.raises(ValueError, match="passwd"):
        pictures.file("../../etc/passwd")


def test_motion_that_a_server_left_open(desk: Desk) -> None:
    for begun, ended in ((0, None), (30, None), (31, 32), (50, None)):
        desk.motion(begun, ended)
    with desk.session() as session:
        close_open(session, at(40), at(33))
        session.commit()
    ends = [row.ended_at and (row.ended_at - at(0)) / timedelta(minutes=1) for row in desk.all(Event)]
    assert ends == [pytest.approx(past.LONGEST / timedelta(minutes=1)), 33, 32, None]
    with desk.session() as session:
        close_open(session, at(60), None)
        session.commit()
    assert desk.all(Event)[-1].ended_at == at(50)


def test_nothing_is_left_of_a_camera_that_is_removed(desk: Desk) -> None:
    desk.motion(1, 2)
    desk.pose(1, 2)
    with desk.session() as session:
        session.delete(session.get_one(Camera, 1))
        session.commit()
    assert desk.all(Event) == desk.all(PoseChange) == []
