"""From a real server's recordings by way of a copy to a real server elsewhere; and copies made while it records."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from camproxy.copies.copier import Copier, CopyPolicy
from camproxy.copies.directory import DirectoryTarget
from camproxy.copies.restore import restore
from camproxy.copies.target import Target
from camproxy.copies.verify import verify
from camproxy.recording.sealer import Sealer
from tests.copies.archive import FOLDER, Archive, flip
from tests.integration.people import wait_until
from tests.recording.playback import decode, picture
from tests.recording.station import Station
from tests.running import PROJECT, RunningServer
from tests.zones import calm_zone

MakeServer = Callable[..., RunningServer]


def script(name: str, data_dir: Path, *arguments: object, code: int = 0, **settings: str) -> str:
    done = subprocess.run(
        [sys.executable, str(PROJECT / "scripts" / name), *map(str, arguments)],
        cwd="/",
        env=os.environ | {"DATA_DIR": str(data_dir)} | settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def is_begun(file: Path) -> bool:
    return file.stat().st_size > 50_000


def copied(archive: Archive, place: Target) -> None:
    Copier(archive.storage, place, CopyPolicy(archive.root.parent / "recording.copied"), archive.clock).look()


@pytest.mark.ffmpeg
def test_a_server_elsewhere_has_all_recordings_again(make_server: MakeServer, tmp_path: Path) -> None:
    (tmp_path / "nas").mkdir()
    zone = calm_zone().key
    options = {"data_dir": tmp_path / "data", "RECORDING_COPY": tmp_path / "nas", "RECORDING_TIMEZONE": zone}
    server = make_server(**options)
    wait_until(lambda: server.execute("SELECT 1 FROM recording_settings"), "there are settings")
    server.execute("UPDATE recording_settings SET mode = 'continuous', codec = 'mjpeg'")
    server.stop()
    recordings = server.data_dir / "recordings"
    server = make_server(**options)
    wait_until(lambda: any(map(is_begun, recordings.rglob("*.mp4"))), "it records")
    server.stop()  # which ends a file
    server = make_server(**options)
    with server.person() as admin:

        def is_copied() -> bool:
            state = admin.get("/stats").json()["copies"]
            return len(list((tmp_path / "nas").rglob("*.mp4"))) == 1 and state["waiting"] == 0

        wait_until(is_copied, "it is copied")
        state = admin.get("/stats").json()["copies"]
        assert (state["target"], state["error"], state["refused"]) == (str(tmp_path / "nas"), None, 0)
        assert not [cause for cause in admin.get("/health").json()["causes"] if "copies" in cause or "copied" in cause]
        assert "camproxy_copies_waiting 0.0" in admin.get("/metrics").text
    script("verify_recordings.py", server.data_dir)  # while it records
    script("verify_recordings.py", tmp_path / "nobody", tmp_path / "nas")
    said = script("restore_recordings.py", server.data_dir, tmp_path / "nas", code=1)
    assert "works in" in said
    rows = server.execute("SELECT path, frames, started_at FROM recording WHERE state = 'complete' ORDER BY started_at")
    assert len(rows) == 1
    server.stop()
    shutil.rmtree(server.data_dir)

    assert "1 recordings" in script("restore_recordings.py", tmp_path / "new", tmp_path / "nas")
    new = make_server(data_dir=tmp_path / "new", RECORDING_TIMEZONE=zone)
    query = "SELECT path, frames, started_at, state, sha256, zone, camera_id FROM recording ORDER BY started_at"
    wait_until(lambda: sum(bool(row[4]) for row in new.execute(query)) == 1, "it is known")
    for (path, frames, started_at), again in zip(rows, new.execute(query), strict=True):
        assert again[:2] == (path, frames)
        assert again[2][:23] == started_at[:23]
        assert again[3:4] + again[5:] == ("recovered", zone, 1)
        assert decode(new.data_dir / "recordings" / path) == frames
    script("verify_recordings.py", new.data_dir)


@pytest.mark.ffmpeg
def test_copies_are_made_while_two_cameras_record(tmp_path: Path) -> None:
    """Nothing is lost of what is recorded, and the copy is whole."""
    (tmp_path / "place").mkdir()
    place = DirectoryTarget(tmp_path / "place")
    sizes = [[picture(number, width, 120) for number in range(10)] for width in (160, 176)]
    with Station(tmp_path / "home", [{"mode": "continuous"}, {"mode": "continuous"}]) as station:
        sealer = Sealer(station.catalogue, station.storage)
        copier = Copier(station.storage, place, CopyPolicy(tmp_path / "recording.copied"))
        sealer.listeners.append(copier.wake)
        sealer.start()
        copier.start()
        wait_until(lambda: len(station.recordings.state()["cameras"]) == 2, "there are recorders")
        for second in range(5):  # another size begins another file
            for frame in sizes[second % 2]:
                for camera in station.cameras:
                    camera.hub.publish(frame)
                time.sleep(0.1)
        wait_until(lambda: copier.state()["copied"] >= 6, "copies come while it records")
        assert any(camera["recording"] for camera in station.recordings.state()["cameras"])
        station.recordings.stop()
        sealer.look()
        wait_until(lambda: copier.state()["copied"] == len(station.rows()), "all is copied")
        copier.stop()
        sealer.stop()
        rows = station.rows()
        copier = Copier(station.storage, place, CopyPolicy(tmp_path / "recording.copied"))
        copier.look()
    assert {row.lost for row in rows} == {0}
    assert len(rows) >= 8
    found = verify(place)
    assert [finding.good for finding in found] == [True, True]
    assert sum(finding.whole for finding in found) == len(rows)
    for row in rows:
        assert decode(tmp_path / "place" / row.path) == row.frames


def test_each_file_is_compared_and_what_is_damaged_is_told(archive: Archive, place: Target, tmp_path: Path) -> None:
    first, second = archive.record(9000), archive.record(100)
    copied(archive, place)
    (tmp_path / "new").mkdir()
    if isinstance(place, DirectoryTarget):
        flip(place.root / second, 50)
    else:
        place.remove(second)
    done = restore(place, tmp_path / "new")
    assert (done.files, done.bytes, len(done.problems)) == (1, 9000, 1)
    assert second in done.problems[0]
    assert (tmp_path / "new" / first).read_bytes() == archive.file(first).read_bytes()
    assert not (tmp_path / "new" / second).exists()
    assert (tmp_path / "new" / FOLDER / "manifest.jsonl").read_bytes() == archive.manifest.read_bytes()


def test_what_is_larger_than_was_recorded_is_not_taken_to_its_end(archive: Archive, tmp_path: Path) -> None:
    path = archive.record(1000)
    (tmp_path / "place").mkdir()
    place = DirectoryTarget(tmp_path / "place")
    copied(archive, place)
    os.truncate(place.root / path, 10**12)  # a sparse one; the disk would be full of it
    (tmp_path / "new").mkdir()
    done = restore(place, tmp_path / "new")
    assert done.problems == [f"{path} is not what was recorded, and is not copied"]
    assert not list((tmp_path / "new").rglob("*.part"))


def test_called_again_it_brings_only_what_is_missing_and_replaces_nothing(
    archive: Archive, place: Target, tmp_path: Path
) -> None:
    first, second = archive.record(), archive.record()
    copied(archive, place)
    (tmp_path / "new").mkdir()
    restore(place, tmp_path / "new")
    (tmp_path / "new" / first).unlink()
    (tmp_path / "new" / second).write_bytes(b"somebody's own")
    done = restore(place, tmp_path / "new")
    assert (tmp_path / "new" / first).exists()
    assert (tmp_path / "new" / second).read_bytes() == b"somebody's own"
    assert len(done.problems) == 1


def test_what_was_removed_comes_back_only_when_asked_for(archive: Archive, place: Target, tmp_path: Path) -> None:
    gone, kept = archive.record(), archive.record()
    copied(archive, place)
    archive.remove(gone)
    copied(archive, place)
    for name, removed, expected in (("some", False, {kept}), ("all", True, {gone, kept})):
        root = tmp_path / name
        root.mkdir()
        assert restore(place, root, removed=removed).problems == []
        assert {file.relative_to(root).as_posix() for file in root.rglob("*.mp4")} == expected


def test_recording_and_copying_go_on_after_a_restoration(archive: Archive, place: Target, tmp_path: Path) -> None:
    """The chain goes on, so that the same place can be used."""
    archive.record()
    copied(archive, place)
    (tmp_path / "new" / "recordings").mkdir(parents=True)
    restore(place, tmp_path / "new" / "recordings")
    with Archive(tmp_path / "new") as new:
        new.clock.advance(86_400)
        new.record()
        copied(new, place)
    (finding,) = verify(place)
    assert (finding.good, finding.whole, finding.lines) == (True, 2, 2)


def test_a_place_that_is_no_copy_is_told_of(tmp_path: Path) -> None:
    said = script("restore_recordings.py", tmp_path / "new", tmp_path / "nowhere", code=1)
    assert said == f"restore_recordings.py: there is no directory {tmp_path / 'nowhere'}\n"
