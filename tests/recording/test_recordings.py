"""Recording as a whole: real ffmpeg, real database, restarts, and servers that are killed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from camproxy.recording import keeper
from camproxy.recording.footage import read_footage
from camproxy.recording.retention import Limits
from tests.integration.people import wait_until
from tests.mounts import with_mounts
from tests.recording.playback import decode, probe
from tests.recording.station import PICTURES, Station
from tests.running import PROJECT

pytestmark = pytest.mark.ffmpeg

CONTINUOUS = {"mode": "continuous"}


def films(station: Station, count: int = 1) -> None:
    """Wait until so many cameras are being recorded."""

    def recorded() -> int:
        for camera in station.cameras:
            camera.hub.publish(PICTURES[0])
        return sum(camera["recording"] is not None for camera in station.recordings.state()["cameras"])

    wait_until(lambda: recorded() == count, "they are recorded")


def test_what_is_recorded_is_in_the_catalogue_and_plays(tmp_path: Path) -> None:
    with Station(tmp_path, [CONTINUOUS]) as station:
        films(station)
        station.film(2)
    (row,) = station.rows()
    assert (row.state, row.camera_id, row.zone, row.codec) == ("complete", 1, station.zone.key, "mjpeg")
    file = station.storage.file(row.path)
    assert row.path.startswith("AA-BB-CC-DD-EE-01/")
    assert decode(file) == row.frames >= 20
    assert file.stat().st_size == row.bytes
    assert row.ended_at
    assert (row.ended_at - row.started_at).total_seconds() == pytest.approx(probe(file).seconds, abs=0.1)
    assert station.missed(row) == []


def test_an_orderly_restart_leaves_one_gap_with_its_cause(tmp_path: Path) -> None:
    with Station(tmp_path, [CONTINUOUS]) as station:
        films(station)
        station.film(1)
    stopped = datetime.now(UTC)
    with Station(tmp_path) as station:
        films(station)
        station.film(1)
    first, second = station.rows()
    assert (first.state, second.state) == ("complete", "complete")
    (gap,) = station.missed(first)
    assert gap.cause == "server_stopped"
    assert gap.ended_at
    assert first.ended_at
    assert first.ended_at - timedelta(seconds=0.7) < gap.started_at < stopped
    assert abs((gap.ended_at - second.started_at).total_seconds()) < 0.01


def test_servers_killed_at_twenty_random_moments_lose_two_seconds_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("camproxy.recording.recordings.TICK", 0.02)
    dice = random.Random(17)
    command = [sys.executable, "-m", "tests.recording.station", str(tmp_path), "20"]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as stations:
        assert stations.stdout
        running = dict(map(int, stations.stdout.readline().split()) for _ in range(20))
        for number in running:  # all of them record
            wait_until(
                lambda n=number: len(list((tmp_path / str(n) / "recordings").rglob("*.mp4"))) >= 2, "it films", 60
            )
        for pid in running.values():
            time.sleep(dice.uniform(0.1, 0.4))
            os.kill(pid, signal.SIGKILL)
    for number in running:
        at = (tmp_path / f"{number}.filmed").stat().st_mtime
        with Station(tmp_path / str(number)) as station:
            rows = station.rows()
            assert len(rows) == 2
            for row in rows:
                file = station.storage.file(row.path)
                assert row.state == "recovered"
                assert decode(file) == row.frames == read_footage(file).frames
                assert row.ended_at
                assert at - row.ended_at.timestamp() < 2
            first = min(rows, key=lambda row: row.camera_id or 0)
            wait_until(lambda station=station, first=first: station.missed(first), "it is written down")
            (gap,) = station.missed(first)
            assert (gap.cause, gap.started_at) == ("server_stopped", first.ended_at)


def test_files_and_rows_are_made_to_agree_and_nothing_is_deleted(tmp_path: Path) -> None:
    with Station(tmp_path, [CONTINUOUS]) as station:
        films(station)
        station.film(1)
    (row,) = station.rows()
    whole = station.storage.file(row.path)
    day = whole.parent
    shutil.copy(whole, day / "23-7.mp4")  # of a database that was restored
    (day / "23-8.mp4").write_bytes(b"no video at all")
    (day / "23-9.mp4").write_bytes(whole.read_bytes()[: row.bytes // 2])
    (day / "notes.txt").write_text("somebody's own")
    whole.rename(tmp_path / "away.mp4")
    with Station(tmp_path) as station:
        wait_until(lambda: len(station.rows()) == 3, "it has looked")
        wait_until(lambda: "missing" in {one.state for one in station.rows()}, "both ways")
    found = {Path(one.path).name: one for one in station.rows()}
    assert found[Path(row.path).name].state == "missing"
    adopted, torn = found["23-7.mp4"], found["23-9.mp4"]
    assert (adopted.state, adopted.camera_id, adopted.frames) == ("recovered", 1, row.frames)
    assert abs((adopted.started_at - row.started_at).total_seconds()) < 0.01, "it says so itself"
    assert decode(day / "23-9.mp4") == torn.frames < row.frames
    assert (station.storage.root / "quarantine" / day.relative_to(station.storage.root) / "23-8.mp4").exists()
    assert (day / "notes.txt").exists()
    (tmp_path / "away.mp4").rename(whole)
    with Station(tmp_path) as station:
        wait_until(lambda: "missing" not in {one.state for one in station.rows()}, "it is there again")


def test_a_disk_that_is_not_mounted_is_no_reason_to_forget_anything(tmp_path: Path) -> None:
    with Station(tmp_path, [CONTINUOUS]) as station:
        films(station)
        station.film(1)
    before = [(row.path, row.state) for row in station.rows()]
    station.storage.root.rename(tmp_path / "elsewhere")
    station.storage.root.mkdir()  # as a mount point
    with Station(tmp_path) as station:
        station.film(2)
        (alarm,) = station.recordings.alarms()
        assert "may not be mounted" in alarm
        assert [(row.path, row.state) for row in station.rows()] == before
        assert list(station.storage.root.iterdir()) == [], "nothing is written beneath the mount point"
        station.storage.root.rmdir()
        (tmp_path / "elsewhere").rename(station.storage.root)
        films(station)
        assert station.recordings.alarms() == []


def test_fifty_cameras_end_within_ten_seconds_with_whole_files(tmp_path: Path) -> None:
    with Station(tmp_path, [CONTINUOUS] * 50) as station:
        films(station, 50)
        station.film(2, fps=5)
        begun = time.monotonic()
        station.recordings.stop()
        assert time.monotonic() - begun < 10
    rows = station.rows()
    assert len({row.camera_id for row in rows}) == 50
    assert {row.state for row in rows} == {"complete"}
    assert sum(row.lost for row in rows) == 0
    for row in rows:
        assert read_footage(station.storage.file(row.path)).frames == row.frames
    assert decode(station.storage.file(rows[-1].path)) == rows[-1].frames


def test_what_is_too_much_goes_oldest_first_and_what_is_protected_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "LOOK_EVERY", 0.1)
    with Station(tmp_path, [{"mode": "off"}]) as station:
        for _ in range(4):
            wait_until(lambda: station.recordings.state()["cameras"], "there is a recorder")
            station.recordings.record_for(1, 60)
            films(station)
            station.film(0.5)
            station.recordings.record_for(1, 0)
            wait_until(lambda: not station.recordings.state()["cameras"][0]["recording"], "it has ended")
            station.rows()
    rows = station.rows()
    assert len(rows) == 4
    with station.session() as session:
        session.merge(rows[0]).protected = True
        session.commit()
    room = rows[0].bytes + rows[3].bytes
    station = Station(tmp_path, limits=Limits(7, room))
    assert [file.id for file, _ in station.recordings.would_go()] == [rows[1].id, rows[2].id]
    with station:
        wait_until(lambda: len(station.rows()) == 2, "two are gone")
    assert [row.id for row in station.rows()] == [rows[0].id, rows[3].id]
    assert sorted(station.storage.walk()) == sorted(row.path for row in station.rows())


FULL = """
import sys, time
from pathlib import Path
from camproxy.recording import keeper, storage
from tests.recording.station import Station
from tests.recording.test_recordings import films
from tests.integration.people import wait_until
keeper.LOOK_EVERY, storage.REFUSED_FOR = 0.2, 0.5
home, disk = Path(sys.argv[1]), Path(sys.argv[2])
with Station(home, [{"mode": "continuous"}], root=disk, reserve=int(sys.argv[3])) as station:
    films(station)
    (disk / "somebody's").write_bytes(b"")
    relayed = station.camera().hub.received
    filler = open(disk / "somebody's", "wb", buffering=0)
    try:
        while True:
            filler.write(bytes(65536))
    except OSError:
        pass
    def filmed_until(holds, what):
        wait_until(lambda: station.film(0.2) or holds(), what)
    filmed_until(lambda: station.recordings.state()["trouble"] == "disk_full", "it is noticed")
    assert station.camera().hub.received > relayed, "the relay goes on"
    wait_until(lambda: [one for one in station.recordings.alarms() if "disk" in one], "there is an alarm")
    last = lambda: [(gap.cause, gap.ended_at) for gap in station.gaps()][-1:]
    filmed_until(lambda: last() == [("disk_full", None)], "it is written down")
    filler.truncate(0)
    filler.close()
    films(station)
    filmed_until(lambda: station.recordings.alarms() == [], "all is well")
    filmed_until(lambda: all(gap.ended_at for gap in station.gaps()), "and that is written down")
states = {row.state for row in station.rows()}
assert states <= {"complete", "recovered"}, states
print("good", len(station.rows()))
"""


def test_a_full_disk_stops_recording_and_nothing_else_and_it_resumes(tmp_path: Path) -> None:
    """With a reserve recording stops before the disk is full; without one ffmpeg is refused."""
    script = 'mkdir "$2" && mount -t tmpfs -o size=4m tmpfs "$2" && exec "$5" -c "$4" "$1" "$2" "$3"'
    running = []
    for reserve in ("500000", "0"):
        words = [str(tmp_path / f"home{reserve}"), str(tmp_path / f"disk{reserve}"), reserve, FULL, sys.executable]
        command = [*with_mounts(script), *words]
        running.append(
            subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
    for one in running:
        out, err = one.communicate(timeout=100)
        assert out.startswith("good"), out + err


def test_the_repeated_night_is_not_missed_twice(tmp_path: Path) -> None:
    """What a schedule wanted while no server ran, and only that."""
    with Station(tmp_path, [{"mode": "schedule", "schedule": [[day, 0, 60] for day in range(7)]}]) as station:
        wait_until(lambda: station.recordings.state()["cameras"], "there is a recorder")
    ended = datetime.now(UTC).timestamp() - 3 * 86_400
    os.utime(tmp_path / "recording.alive", (ended, ended))
    with Station(tmp_path) as station:
        wait_until(lambda: len(station.gaps()) >= 3, "they are written down")
        lengths = [((gap.ended_at or gap.started_at) - gap.started_at).total_seconds() for gap in station.gaps()]
    assert 3 <= len(lengths) <= 4
    assert sum(lengths) == pytest.approx(3 * 3600, abs=3700)
    assert {gap.cause for gap in station.gaps()} == {"server_stopped"}
