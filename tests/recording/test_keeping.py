"""When the keeper cleans, and what the catalogue does while the database takes nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from camproxy.recording.book import Begun, Ended
from tests.clocks import FakeClock
from tests.integration.people import wait_until
from tests.recording.station import Station


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-11-21T12:00+01:00", "2026-11-22T02:00+01:00"),
        ("2026-11-22T02:00+01:00", "2026-11-23T02:00+01:00"),
        ("2026-03-28T12:00+01:00", "2026-03-29T03:00+02:00"),  # there is no 2 o'clock
        ("2026-10-24T12:00+02:00", "2026-10-25T02:00+02:00"),  # and here there are two
        ("2026-10-25T02:00+02:00", "2026-10-26T02:00+01:00"),
    ],
)
def test_at_two_by_the_clock_on_the_wall_once_a_night(tmp_path: Path, now: str, due: str) -> None:
    station = Station(tmp_path, [], clock=FakeClock(datetime.fromisoformat(now).timestamp()))
    assert station.recordings._keeper._due == datetime.fromisoformat(due).timestamp()
    station.engine.dispose()


def test_what_is_told_while_the_database_is_locked_is_written_in_its_order_afterwards(tmp_path: Path) -> None:
    path = "AA-BB-CC-DD-EE-01/2026-11-21/08.mp4"
    with Station(tmp_path, [{"mode": "off"}]) as station:
        wait_until(lambda: station.recordings.state()["cameras"], "it runs")
        with closing(sqlite3.connect(tmp_path / "robocam.db", timeout=10)) as other:
            other.execute("BEGIN IMMEDIATE")
            station.catalogue.begun(Begun(path, 1, 1000.0, "UTC", "mjpeg", 160, 120))
            station.catalogue.ended(Ended(path, 1010.5, 5000, 100, 1))
            station.catalogue.gap_opened(1, 1010.5, "camera_offline")
            station.catalogue.gap_closed(1, 1010.5, 1020.25)
            station.catalogue.gap_opened(99, 1.0, "camera_offline")  # of a camera that was removed meanwhile
            assert not station.catalogue.flush(0.2)
            other.rollback()
        (row,) = station.rows()
        (gap,) = station.gaps()
    assert (row.path, row.state, row.frames, row.lost, row.bytes) == (path, "complete", 100, 1, 5000)
    assert row.ended_at
    assert (row.started_at.timestamp(), row.ended_at.timestamp()) == (1000.0, 1010.5)
    assert gap.ended_at
    assert (gap.cause, gap.started_at.timestamp(), gap.ended_at.timestamp()) == ("camera_offline", 1010.5, 1020.25)
