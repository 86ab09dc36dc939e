"""A directory as the place for copies: full, gone, or with somebody else's links and pipes in it."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from camproxy.copies.copier import Copier, CopyPolicy
from camproxy.copies.directory import MARKER, DirectoryTarget
from camproxy.copies.target import CopyFailed, Pace, Refused, Source
from camproxy.copies.verify import verify
from tests.copies.archive import FOLDER, Archive
from tests.integration.people import wait_until
from tests.mounts import with_mounts
from tests.running import PROJECT

DAY = f"{FOLDER}/2023-12-01"
PATH = f"{DAY}/08.mp4"


@pytest.fixture
def target(tmp_path: Path) -> DirectoryTarget:
    (tmp_path / "place").mkdir()
    return DirectoryTarget(tmp_path / "place")


def source(tmp_path: Path, content: bytes = b"pictures" * 1000, rate: int = 0) -> Source:
    file = tmp_path / "original.mp4"
    file.write_bytes(content)
    return Source(file, PATH, len(content), hashlib.sha256(content).hexdigest(), Pace(rate))


def test_a_copy_is_its_owners_only(tmp_path: Path, target: DirectoryTarget) -> None:
    target.put(source(tmp_path))
    target.publish(FOLDER, b"{}\n")
    for made in target.root.rglob("*"):
        assert made.stat().st_mode & 0o077 == 0


def test_links_lead_nowhere(tmp_path: Path, target: DirectoryTarget) -> None:
    outside = tmp_path / "outside"
    (outside / "2023-12-01").mkdir(parents=True)
    (outside / "2023-12-01" / "08.mp4").write_bytes(b"precious")
    before = sorted(outside.rglob("*"))
    hostile = {
        "the camera's folder": lambda: (target.root / FOLDER).symlink_to(outside),
        "the day": lambda: ((target.root / FOLDER).mkdir(), (target.root / DAY).symlink_to(outside / "2023-12-01")),
        "the file": lambda: (
            (target.root / DAY).mkdir(parents=True),
            (target.root / PATH).symlink_to(outside / "2023-12-01" / "08.mp4"),
        ),
        "a file that is no directory": lambda: (target.root / FOLDER).write_text("x"),
        "a pipe": lambda: ((target.root / DAY).mkdir(parents=True), os.mkfifo(target.root / PATH)),
        "a directory": lambda: (target.root / PATH).mkdir(parents=True),
    }
    for name, make in hostile.items():
        target.root = tmp_path / name
        target.root.mkdir()
        make()
        with pytest.raises(Refused):
            target.put(source(tmp_path))
        with pytest.raises((Refused, FileNotFoundError)):
            target.open(PATH)
        assert PATH not in dict(target.names())
    assert sorted(outside.rglob("*")) == before
    assert (outside / "2023-12-01" / "08.mp4").read_bytes() == b"precious"


def test_a_manifest_that_is_a_link_is_neither_read_nor_written_through(tmp_path: Path, target: DirectoryTarget) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (target.root / FOLDER).mkdir()
    (target.root / FOLDER / "manifest.jsonl").symlink_to(tmp_path / "precious")
    with pytest.raises(Refused):
        target.manifest(FOLDER)
    target.publish(FOLDER, b"{}\n")
    assert target.manifest(FOLDER) == b"{}\n"
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_an_unfinished_copy_that_is_a_link_is_no_way_out(tmp_path: Path, target: DirectoryTarget) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (target.root / DAY).mkdir(parents=True)
    (target.root / DAY / ".08.mp4.part").symlink_to(tmp_path / "precious")
    target.put(source(tmp_path))
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_another_file_of_that_name_is_left_alone(tmp_path: Path, target: DirectoryTarget) -> None:
    (target.root / DAY).mkdir(parents=True)
    (target.root / PATH).write_bytes(b"somebody's own")
    with pytest.raises(Refused, match="left alone"):
        target.put(source(tmp_path))
    assert (target.root / PATH).read_bytes() == b"somebody's own"
    assert os.listdir(target.root / DAY) == ["08.mp4"]


def test_one_camera_whose_folder_is_in_the_way_stops_no_other(archive: Archive, target: DirectoryTarget) -> None:
    archive.record()
    (target.root / FOLDER).symlink_to(archive.root)
    other = archive.root / "AA-BB-CC-DD-EE-02"
    other.mkdir()
    copier = Copier(archive.storage, target, CopyPolicy(archive.root.parent / "recording.copied"), archive.clock)
    copier.look()
    assert copier.alarms() == [f"not copied: there is a link or something else in the way in {target.root}"]


def test_a_place_that_is_not_mounted_is_not_begun_anew(archive: Archive, target: DirectoryTarget) -> None:
    archive.record()
    policy = CopyPolicy(archive.root.parent / "recording.copied")
    Copier(archive.storage, target, policy, archive.clock).look()
    away = target.root.rename(target.root.with_name("unmounted"))
    copier = Copier(archive.storage, target, policy, archive.clock)
    archive.record()
    with pytest.raises(CopyFailed, match="may not be mounted"):
        copier.look()
    with pytest.raises(CopyFailed, match="No such file or directory"):
        target.prepare(used=False)
    target.root.mkdir()
    with pytest.raises(CopyFailed, match="may not be mounted"):
        copier.look()
    assert os.listdir(target.root) == []
    assert copier.state()["waiting"] == 1, "it is known how far it was"
    target.root.rmdir()
    away.rename(target.root)
    copier.look()
    assert copier.state()["waiting"] == 0
    assert (target.root / MARKER).is_file()


UPLOADER = """
import sys
from pathlib import Path
from camproxy.copies.directory import DirectoryTarget
from camproxy.copies.target import Pace, Source
file, path, sha256, place = sys.argv[1:]
DirectoryTarget(Path(place)).put(Source(Path(file), path, Path(file).stat().st_size, sha256, Pace(200_000)))
"""


def test_killed_in_the_middle_there_is_no_half_file_and_it_is_begun_again(
    tmp_path: Path, target: DirectoryTarget
) -> None:
    wanted = source(tmp_path, os.urandom(3_000_000))
    words = [sys.executable, "-c", UPLOADER, str(wanted.file), PATH, wanted.sha256, str(target.root)]
    with subprocess.Popen(words, cwd=PROJECT) as running:
        part = target.root / DAY / ".08.mp4.part"
        wait_until(lambda: part.exists() and part.stat().st_size > 300_000, "it copies")
        running.send_signal(signal.SIGKILL)
    assert os.listdir(target.root / DAY) == [".08.mp4.part"]
    assert list(target.names()) == []
    target.put(wanted)
    assert os.listdir(target.root / DAY) == ["08.mp4"]
    assert (target.root / PATH).read_bytes() == wanted.file.read_bytes()


def test_what_is_left_of_a_copy_nobody_wants_any_more_goes(archive: Archive, target: DirectoryTarget) -> None:
    path = archive.record()
    target.prepare(used=False)
    (target.root / DAY).mkdir(parents=True)
    part = target.root / DAY / ".08.mp4.part"
    part.write_bytes(b"half")
    archive.remove(path)
    Copier(archive.storage, target, CopyPolicy(archive.root.parent / "recording.copied"), archive.clock).look()
    assert not part.exists()


FULL = """
import shutil, sys
from pathlib import Path
from camproxy.copies.copier import Copier, CopyPolicy
from camproxy.copies.directory import DirectoryTarget
from camproxy.copies.target import CopyFailed
from camproxy.copies.verify import verify
from tests.copies.archive import Archive

home, place = Path(sys.argv[1]), Path(sys.argv[2])
with Archive(home) as archive:
    copier = Copier(archive.storage, DirectoryTarget(place), CopyPolicy(home / "recording.copied"), archive.clock)
    for _ in range(4):
        archive.record(300_000)
    try:
        copier.look()
    except CopyFailed as error:
        assert "No space left on device" in str(error), error
    else:
        raise SystemExit("it fitted")
    assert [name for name, _ in DirectoryTarget(place).names() if name.endswith("mp4")], "as many as fit"
    assert not list(place.rglob("*.part")), "and no half one"
    assert 1 <= copier.state()["waiting"] <= 3, copier.state()
    (place / "other").unlink()
    copier._failed(CopyFailed("as its thread does"))
    copier.look()
    (finding,) = verify(DirectoryTarget(place))
    assert finding.good and finding.whole == 4, finding
print("good")
"""


def test_a_full_place_is_tried_again_when_there_is_room(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    mount = f"mount -t tmpfs -o size=1500k tmpfs {tmp_path}/place && head -c 600000 /dev/zero > {tmp_path}/place/other"
    command = [*with_mounts(f'{mount} && exec "$@"'), sys.executable, "-c", FULL, str(tmp_path / "home")]
    done = subprocess.run(
        [*command, str(tmp_path / "place")], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "good\n", done.stdout + done.stderr


def test_what_the_disk_does_not_give_back_is_no_copy(
    tmp_path: Path, target: DirectoryTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stick that swallows what it is given. The disk is the only thing that is not real here."""
    real = os.posix_fadvise

    def swallow(descriptor: int, *range_and_advice: int) -> None:
        os.pwrite(descriptor, b"\0", 10)
        real(descriptor, *range_and_advice)

    monkeypatch.setattr(os, "posix_fadvise", swallow)
    with pytest.raises(CopyFailed, match="is not what was written"):
        target.put(source(tmp_path))
    assert os.listdir(target.root / DAY) == []
    monkeypatch.undo()
    target.put(source(tmp_path))
    assert [finding.unknown for finding in verify(target)] == [[PATH]]
