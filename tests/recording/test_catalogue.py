"""The catalogue, on SQLite and on PostgreSQL: what is told is what is known, in the order in which it was told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app import create_app
from camproxy import schema
from camproxy.recording.book import COMPLETE, MISSING, OFFLINE, QUARANTINED, RECORDING, RECOVERED, Begun, Ended
from camproxy.recording.catalogue import Catalogue
from camproxy.recording.footage import Footage
from models import Camera, Gap, Recording, RecordingSettings, db
from tests.patience import PATIENCE

pytestmark = pytest.mark.both_databases

Database = Callable[[], dict[str, str]]
#: A moment whose microseconds every database has to keep.
AT = 1_701_417_600.123456
FOOTAGE = Footage(5000, 12.5, 125, 800, 600, "h264", "")


class Shelf:
    """A catalogue of two cameras in a database of its own."""

    def __init__(self, home: Path, settings: dict[str, str]) -> None:
        app = create_app({"DATA_DIR": str(home)} | settings)
        with app.app_context():
            schema.upgrade()
            self.engine = db.engine
        with self.session() as session:
            session.add_all(Camera(id=n, name=f"Camera {n}", slug=f"c{n}", url="demo:test") for n in (1, 2))
            session.commit()
        self.catalogue = Catalogue(self.session)
        self.catalogue.start()

    def session(self) -> Session:
        return Session(self.engine, expire_on_commit=False)

    def begin(self, path: str, at: float = AT, camera: int = 1) -> None:
        self.catalogue.begun(Begun(path, camera, at, "Europe/Berlin", "h264", 800, 600))

    def end(self, path: str, at: float, state: str = COMPLETE, length: int = 1000) -> None:
        self.catalogue.ended(Ended(path, at, length, 100, 2, state))

    def shelve(self, path: str, at: float, seconds: float = 10, camera: int = 1, length: int = 1000) -> None:
        self.begin(path, at, camera)
        self.end(path, at + seconds, length=length)

    def rows(self) -> list[Recording]:
        assert self.catalogue.flush(PATIENCE)
        with self.session() as session:
            return list(session.scalars(select(Recording).order_by(Recording.id)))

    def gaps(self) -> list[tuple[int, float, float | None, str]]:
        assert self.catalogue.flush(PATIENCE)
        with self.session() as session:
            found = session.scalars(select(Gap).order_by(Gap.id))
            return [
                (gap.camera_id, gap.started_at.timestamp(), gap.ended_at and gap.ended_at.timestamp(), gap.cause)
                for gap in found
            ]

    def remove_camera(self, number: int) -> None:
        assert self.catalogue.flush(PATIENCE)
        with self.session() as session:
            session.execute(delete(Camera).where(Camera.id == number))
            session.commit()


@pytest.fixture
def shelf(tmp_path: Path, database: Database) -> Iterator[Shelf]:
    shelf = Shelf(tmp_path, database())
    yield shelf
    shelf.catalogue.stop()
    shelf.engine.dispose()


def test_a_recording_from_its_beginning_to_its_end(shelf: Shelf) -> None:
    shelf.begin("a")
    (row,) = shelf.rows()
    assert (row.path, row.camera_id, row.started_at.timestamp(), row.zone) == ("a", 1, AT, "Europe/Berlin")
    assert (row.codec, row.width, row.height, row.state, row.ended_at) == ("h264", 800, 600, RECORDING, None)
    assert (row.protected, row.cause, row.sha256) == (False, "", None)
    shelf.end("a", AT + 3600, length=3_000_000_000)
    (row,) = shelf.rows()
    assert row.ended_at
    assert (row.ended_at.timestamp(), row.bytes, row.frames, row.lost) == (AT + 3600, 3_000_000_000, 100, 2)
    assert row.state == COMPLETE


def test_one_without_a_picture_leaves_nothing_and_a_number_is_never_given_twice(shelf: Shelf) -> None:
    shelf.begin("a")
    shelf.begin("b")
    first, second = shelf.rows()
    shelf.catalogue.dropped("b")
    shelf.begin("c")
    kept, third = shelf.rows()
    assert kept.id == first.id
    assert third.id > second.id


def test_what_has_ended_is_not_ended_again(shelf: Shelf) -> None:
    """A path may be given again, to what comes after a file that is missing."""
    shelf.shelve("a", AT)
    shelf.begin("a", AT + 100)
    shelf.end("a", AT + 150)
    shelf.catalogue.dropped("a")
    assert [row.ended_at and row.ended_at.timestamp() for row in shelf.rows()] == [AT + 10, AT + 150]


def test_gaps_open_and_close(shelf: Shelf) -> None:
    shelf.catalogue.gap_opened(1, AT, OFFLINE)
    shelf.catalogue.gap_opened(2, AT, OFFLINE)
    shelf.catalogue.gap_closed(1, AT, AT + 20.25)
    shelf.catalogue.gap_opened(1, AT + 30, OFFLINE)
    assert shelf.gaps() == [(1, AT, AT + 20.25, OFFLINE), (2, AT, None, OFFLINE), (1, AT + 30, None, OFFLINE)]
    shelf.catalogue.close_gaps(AT + 20)
    assert [gap[2] for gap in shelf.gaps()] == [AT + 20.25, AT + 20, AT + 30], "none ends before it begins"
    shelf.catalogue.forget_gaps(AT + 21)
    assert shelf.gaps() == [(1, AT + 30, AT + 30, OFFLINE)]


def test_a_camera_that_is_removed_takes_its_gaps_and_settings_and_leaves_its_recordings(shelf: Shelf) -> None:
    shelf.catalogue.settings()
    shelf.catalogue.gap_opened(1, AT, OFFLINE)
    shelf.shelve("a", AT)
    shelf.remove_camera(1)
    shelf.begin("b")
    shelf.catalogue.gap_opened(1, AT, OFFLINE)
    shelf.catalogue.gap_opened(2, AT, OFFLINE)
    assert [row.camera_id for row in shelf.rows()] == [None, None]
    assert [gap[0] for gap in shelf.gaps()] == [2]
    with shelf.session() as session:
        assert [row.camera_id for row in session.scalars(select(RecordingSettings))] == [2]


def test_every_camera_gets_settings_once(shelf: Shelf) -> None:
    first = shelf.catalogue.settings()
    assert shelf.catalogue.flush(PATIENCE)
    again = shelf.catalogue.settings()
    assert first == again
    assert {config.mode for config in first.values()} == {"off"}
    assert len({config.folder for config in first.values()}) == 2
    with shelf.session() as session:
        row = session.get_one(RecordingSettings, 1)
        row.schedule, row.bytes, row.fps = [[0, 60, 120]], 5_000_000_000, 2.5
        session.commit()
    changed = shelf.catalogue.settings()[1]
    assert (changed.schedule, changed.bytes, changed.fps) == (((0, 60, 120),), 5_000_000_000, 2.5)


def test_what_was_found_in_files(shelf: Shelf) -> None:
    shelf.begin("a")
    (row,) = shelf.rows()
    assert shelf.catalogue.recovered(row.id, FOOTAGE) == AT + 12.5
    shelf.catalogue.adopt("b", 2, AT + 50, "UTC", FOOTAGE)
    shelf.catalogue.adopt("c", 99, AT + 60, "UTC", FOOTAGE)
    rows = shelf.rows()
    assert [(row.path, row.camera_id, row.state) for row in rows] == [
        ("a", 1, RECOVERED),
        ("b", 2, RECOVERED),
        ("c", None, RECOVERED),
    ]
    assert {(row.bytes, row.frames) for row in rows} == {(5000, 125)}
    shelf.catalogue.gone([rows[0].id, 12345], MISSING, "x" * 500)
    shelf.catalogue.gone([rows[1].id], QUARANTINED, "it cannot be read")
    assert [(known.path, known.state) for known in shelf.catalogue.known()] == [
        ("a", MISSING),
        ("b", QUARANTINED),
        ("c", RECOVERED),
    ]
    assert [known.path for known in shelf.catalogue.known(MISSING)] == ["a"]
    assert len(shelf.rows()[0].cause) == 200
    assert shelf.catalogue.is_used()
    shelf.catalogue.gone([rows[2].id], MISSING, "")
    assert not shelf.catalogue.is_used()


def test_what_is_kept_and_what_goes(shelf: Shelf) -> None:
    shelf.shelve("a", AT, length=2_000_000_000)
    shelf.shelve("b", AT + 10, length=2_000_000_000)
    shelf.shelve("c", AT, camera=2)
    shelf.begin("d", AT + 20)
    rows = shelf.rows()
    with shelf.session() as session:
        session.get_one(Recording, rows[1].id).protected = True
        session.commit()
    assert shelf.catalogue.sizes() == {1: 4_000_000_000, 2: 1000}
    kept = {one.path: one for one in shelf.catalogue.kept()}
    assert {path: (one.protected, one.active) for path, one in kept.items()} == {
        "a": (False, False),
        "b": (True, False),
        "c": (False, False),
        "d": (False, True),
    }
    assert [shelf.catalogue.forget(kept[path]) for path in ("a", "b", "d", "a")] == [True, False, False, False]
    assert [row.path for row in shelf.rows()] == ["b", "c", "d"]


def test_what_is_held_of_a_stretch(shelf: Shelf) -> None:
    for number, path in enumerate("abcd"):
        shelf.shelve(path, AT + number * 10)
    shelf.shelve("other", AT, camera=2)
    shelf.begin("now", AT + 40)
    rows = shelf.rows()
    shelf.catalogue.gone([rows[1].id], MISSING, "")

    def held(begin: float, end: float) -> list[tuple[str, bool]]:
        return [(one.path, one.there) for one in shelf.catalogue.held(1, AT + begin, AT + end)]

    assert held(5, 25) == [("a", True), ("b", False), ("c", True)]
    assert held(10, 20) == [("b", False)], "what ends or begins at an end is not in it"
    assert held(-100, 0) == []
    assert held(35, 1000) == [("d", True), ("now", True)]
    assert held(1000, 2000) == [("now", True)]
    (one,) = shelf.catalogue.held(2, AT, AT + 1)
    assert (one.started_at, one.ended_at, one.bytes) == (AT, AT + 10, 1000)
