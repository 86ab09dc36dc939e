"""Hashes of finished files: in the manifest first, then in the row; and what is removed is noted."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from camproxy.recording.book import Begun
from camproxy.recording.manifest import read_chain
from tests.copies.archive import FOLDER, MORNING, UTC, Archive, flip
from tests.integration.people import wait_until
from tests.mounts import with_mounts
from tests.running import PROJECT


def lines(archive: Archive) -> list[tuple[str, str]]:
    chain = read_chain(archive.manifest.read_bytes(), FOLDER)
    assert chain.faults == []
    return [(line.kind, line.path) for line in chain.lines]


def test_a_finished_file_gets_its_hash_and_a_line_by_itself(tmp_path: Path) -> None:
    with Archive(tmp_path) as archive:
        archive.sealer.start()
        path = archive.record(seal=False)
        wait_until(lambda: archive.station.rows()[0].sha256, "it has its hash")
        archive.sealer.stop()
        (row,) = archive.station.rows()
        assert row.sha256 == hashlib.sha256(archive.file(path).read_bytes()).hexdigest()
        (line,) = read_chain(archive.manifest.read_bytes(), FOLDER).lines
    assert (line.kind, line.path, line.bytes, line.sha256) == ("recorded", path, 5000, row.sha256)
    assert (line.started_at, line.ended_at) == (row.started_at, row.ended_at)


def test_what_is_being_recorded_is_left_alone(tmp_path: Path) -> None:
    with Archive(tmp_path) as archive:
        made = archive.storage.create(FOLDER, MORNING, UTC)
        os.close(made.descriptor)
        archive.catalogue.begun(Begun(str(made.path), 1, MORNING, "UTC", "mjpeg", 160, 120))
        assert archive.catalogue.flush(10)
        assert archive.sealer.look() == 0
        assert not archive.manifest.exists()


def test_killed_between_line_and_row_makes_no_second_line(tmp_path: Path) -> None:
    with Archive(tmp_path) as archive:
        path = archive.record()
        archive.forget_hashes()
    with Archive(tmp_path) as archive:
        assert archive.sealer.look() == 1
        assert lines(archive) == [("recorded", path)]
        assert archive.station.rows()[0].sha256


def test_a_file_that_was_changed_before_its_row_was_made_anew_is_no_recording(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A restored database must not make a tampered file a good one."""
    with Archive(tmp_path) as archive:
        path = archive.record()
        before = archive.station.rows()[0].sha256
        archive.forget_hashes()
        flip(archive.file(path))
        archive.sealer.look()
        assert archive.station.rows()[0].sha256 == before
        assert lines(archive) == [("recorded", path)]
    assert f"{path} is not what was recorded" in caplog.text


def test_what_retention_or_a_person_removes_is_noted_with_who_and_why(tmp_path: Path) -> None:
    with Archive(tmp_path) as archive:
        first, second, third = (archive.record() for _ in range(3))
        archive.remove(first)
        archive.remove(second, "on demand", "alice")
        archive.storage.remove(third)  # by who says nothing
        noted = [line for line in read_chain(archive.manifest.read_bytes(), FOLDER).lines if line.kind == "removed"]
    assert [(line.path, line.why, line.by) for line in noted] == [
        (first, "too old", "retention"),
        (second, "on demand", "alice"),
        (third, None, None),
    ]
    assert not archive.file(first).exists()


def test_a_clean_up_says_why(tmp_path: Path) -> None:
    with Archive(tmp_path) as archive:
        path = archive.record()
        archive.clock.advance(8 * 86_400)
        assert archive.station.recordings._keeper.clean() == 1
        line = read_chain(archive.manifest.read_bytes(), FOLDER).lines[-1]
    assert (line.kind, line.path, line.why, line.by) == ("removed", path, "too_old", "retention")


def test_what_was_removed_while_it_was_read_gets_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Archive(tmp_path) as archive:
        path = archive.record(seal=False)
        known = archive.catalogue.is_known

        def removed_meanwhile(recording_id: int) -> bool:
            threading.Thread(target=archive.remove, args=(path,)).start()
            wait_until(lambda: not known(recording_id), "its row is gone")
            return known(recording_id)

        monkeypatch.setattr(archive.catalogue, "is_known", removed_meanwhile)
        assert archive.sealer.look() == 0
        wait_until(lambda: not archive.file(path).exists(), "the file is gone")
        assert lines(archive) == [("removed", path)]


def test_no_number_is_given_twice(tmp_path: Path) -> None:
    with Archive(tmp_path) as archive:
        path = archive.record()
        archive.remove(path)
        made = archive.storage.create(FOLDER, MORNING, UTC)
        os.close(made.descriptor)
    assert str(made.path) == path.replace(".mp4", "-2.mp4")


def test_a_file_that_cannot_be_read_is_in_nobodys_way(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Archive(tmp_path) as archive:
        first = archive.record(seal=False)
        archive.file(first).unlink()
        second = archive.record(seal=False)
        assert archive.sealer.look() == 1
        assert archive.sealer.look() == 0
        assert lines(archive) == [("recorded", second)]
    assert caplog.text.count(f"{first} cannot be read") == 1


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    with Archive(tmp_path) as archive:
        path = archive.record(seal=False)
        shutil.move(archive.file(path), tmp_path / "elsewhere.mp4")
        archive.file(path).symlink_to(tmp_path / "elsewhere.mp4")
        assert archive.sealer.look() == 0
        assert not archive.manifest.exists()


def test_a_manifest_that_was_changed_is_told_of(tmp_path: Path) -> None:
    with Archive(tmp_path) as archive:
        for _ in range(3):
            archive.record()
        assert archive.sealer.alarms() == []
        lines = archive.manifest.read_bytes().splitlines(keepends=True)
        archive.manifest.write_bytes(lines[0] + lines[2])
        archive.record()
        assert archive.sealer.alarms() == [
            f"the manifest of {FOLDER} has been changed; scripts/verify_recordings.py tells more"
        ]


def test_while_the_disk_is_away_nothing_is_read_or_given_up(tmp_path: Path) -> None:
    with Archive(tmp_path) as archive:
        archive.record(seal=False)
        away = archive.root.rename(tmp_path / "unmounted")
        archive.root.mkdir()
        assert archive.sealer.look() == 0
        archive.root.rmdir()
        away.rename(archive.root)
        assert archive.sealer.look() == 1


FULL = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from camproxy.recording.manifest import Line, Manifest, read_chain
from camproxy.recording.storage import Storage

root = Path(sys.argv[1])
storage = Storage(root, 0)
storage.prepare(used=False)
folder = "AA-BB-CC-DD-EE-01"
path = f"{folder}/2023-12-01/08.mp4"
manifest, text, file = storage.manifest(folder), root / folder / "manifest.jsonl", root / path
while not text.exists() or -text.stat().st_size % 4096 > 200:  # bytes that are left in its last page
    manifest.write(Line(kind="recorded", path=path, at=datetime.now(UTC), sha256="0" * 64, bytes=8192))
file.parent.mkdir()
file.write_bytes(bytes(8192))
try:
    with open(root / "other", "wb", buffering=0) as other:
        while other.write(bytes(4096)) == 4096:
            pass
except OSError:
    pass
assert not storage._note_removal(path, "too little room on the disk", "retention")
storage.remove(path, "too little room on the disk", "retention")
assert not file.exists()
chain = read_chain(text.read_bytes(), folder)
assert chain.torn == 0 and chain.lines[-1].kind == "removed", chain.lines[-1]
print("good")
"""


def test_what_goes_because_the_disk_is_full_is_noted_all_the_same(tmp_path: Path) -> None:
    command = with_mounts(f'mount -t tmpfs -o size=200k tmpfs {tmp_path} && exec "$@"')
    done = subprocess.run(
        [*command, sys.executable, "-c", FULL, str(tmp_path)], cwd=PROJECT, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "good\n", done.stderr
