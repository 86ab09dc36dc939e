"""Whether all is there and unchanged: on the directory of a server, on a copy alone, in a bucket."""

from __future__ import annotations

import io
import json
import os
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from camproxy.copies.bucket import Bucket, BucketTarget
from camproxy.copies.copier import Copier, CopyPolicy
from camproxy.copies.directory import DirectoryTarget
from camproxy.copies.target import Target
from camproxy.copies.verify import verify
from camproxy.recording.book import Begun
from scripts.verify_recordings import main
from tests.copies.archive import FOLDER, UTC, Archive, flip


@pytest.fixture
def ask(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script, with the settings of that server: what it ends with, and what it says."""
    monkeypatch.setenv("DATA_DIR", str(archive.root.parent))

    def call(*arguments: object) -> tuple[int, str]:
        out = io.StringIO()
        with redirect_stdout(out), redirect_stderr(out):
            code = main(list(map(str, arguments)))
        return code, out.getvalue()

    return call


def copy_to(archive: Archive, place: Target) -> None:
    Copier(archive.storage, place, CopyPolicy(archive.root.parent / "recording.copied"), archive.clock).look()


def test_all_is_well_while_recording_goes_on(archive: Archive, ask: Any) -> None:
    archive.remove(archive.record())
    archive.record()
    archive.record(seal=False)  # finished just now
    made = archive.storage.create(FOLDER, archive.clock.wall(), UTC)  # and being recorded
    archive.catalogue.begun(Begun(str(made.path), 1, archive.clock.wall(), "UTC", "mjpeg", 160, 120))
    assert archive.catalogue.flush(10)
    assert ask() == (0, ask()[1])
    assert ask("--json")[0] == 0
    (said,) = json.loads(ask("--json")[1])
    assert (said["whole"], said["removed"], said["new"], said["lines"], said["good"]) == (1, 1, 2, 3, True)
    assert "1 files whole (0.0 MB), 1 removed, 2 new" in ask()[1]
    assert ask("--quiet") == (0, "")
    os.close(made.descriptor)


def test_a_flipped_bit_a_missing_file_and_a_strange_one_are_found(archive: Archive, ask: Any) -> None:
    changed, missing, kept = archive.record(), archive.record(), archive.record()
    flip(archive.file(changed))
    archive.file(missing).unlink()
    strange = kept.replace(".mp4", "-7.mp4")
    shutil.copy(archive.file(kept), archive.file(strange))
    code, said = ask()
    assert code == 1
    assert said.splitlines()[1:] == [f"     missing: {missing}", f"     changed: {changed}", f"     unknown: {strange}"]
    (told,) = json.loads(ask("--json")[1])
    assert (told["missing"], told["changed"], told["unknown"]) == ([missing], [changed], [strange])


def test_a_line_that_was_taken_out_is_found(archive: Archive, ask: Any) -> None:
    second = [archive.record() for _ in range(3)][1]
    lines = archive.manifest.read_bytes().splitlines(keepends=True)
    archive.manifest.write_bytes(lines[0] + lines[2])
    archive.file(second).unlink()
    code, said = ask()
    assert code == 1
    assert "manifest: line 2 was not written after the one before it" in said
    assert f"manifest: the database knows {second}, but not as the manifest does" in said


def test_lines_taken_off_the_end_are_known_to_the_database(archive: Archive, ask: Any) -> None:
    first, second = archive.record(), archive.record()
    lines = archive.manifest.read_bytes().splitlines(keepends=True)
    archive.manifest.write_bytes(lines[0])
    archive.file(second).unlink()
    assert f"the database knows {second}" in ask()[1]
    assert first not in ask()[1]


def test_a_manifest_that_is_gone_is_missed(archive: Archive, ask: Any) -> None:
    archive.record()
    archive.manifest.unlink()
    code, said = ask()
    assert code == 1
    assert "manifest: there is no manifest" in said


def test_a_torn_last_line_is_no_fault(archive: Archive, ask: Any) -> None:
    archive.record()
    with open(archive.manifest, "ab") as file:
        file.write(b'{"kind":"recor')
    assert ask()[0] == 0


def test_a_copy_needs_no_database_and_tells_the_same(archive: Archive, place: Target, ask: Any) -> None:
    gone, kept = archive.record(), archive.record()
    copy_to(archive, place)
    archive.remove(gone)
    copy_to(archive, place)
    (finding,) = verify(place)
    assert (finding.whole, finding.removed, finding.good) == (2, 1, True), "what is gone here may be there still"
    place.remove(kept)
    (finding,) = verify(place)
    assert (finding.missing, finding.good) == ([kept], False)


def test_the_script_reads_a_directory_and_the_place_of_the_settings(
    archive: Archive, ask: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive.record()
    (tmp_path / "place").mkdir()
    copy_to(archive, DirectoryTarget(tmp_path / "place"))
    assert ask(tmp_path / "place")[0] == 0
    assert ask("--copy") == (2, "verify_recordings.py: RECORDING_COPY names no place\n")
    monkeypatch.setenv("RECORDING_COPY", str(tmp_path / "place"))
    flip(tmp_path / "place" / path)
    assert ask("--copy")[0] == 1
    assert f"changed: {path}" in ask("--copy")[1]
    assert ask()[0] == 0, "here it is whole"


def test_the_script_reads_a_bucket(archive: Archive, ask: Any, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.record()
    target = BucketTarget(bucket)
    copy_to(archive, target)
    target.close()
    for name, value in {"ENDPOINT": bucket.endpoint, "REGION": bucket.region, "KEY": bucket.key}.items():
        monkeypatch.setenv(f"RECORDING_COPY_{name}", value)
    monkeypatch.setenv("RECORDING_COPY_SECRET", bucket.secret)
    code, said = ask(f"s3://{bucket.name}/{bucket.prefix}")
    assert (code, said.startswith(" ok  ")) == (0, True)
    code, said = ask("s3://no-such-bucket")
    assert code == 2
    assert bucket.secret not in said


def test_what_cannot_be_found_out_is_no_good_news(
    archive: Archive, ask: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(tmp_path / "nowhere") == (2, f"verify_recordings.py: there is no directory {tmp_path / 'nowhere'}\n")
    assert ask() == (0, " ok  There are no recordings.\n")
    (tmp_path / "broken" / "recordings").mkdir(parents=True)
    (tmp_path / "broken" / "robocam.db").write_bytes(b"no database at all" * 1000)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "broken"))
    assert ask()[0] == 2
