"""The manifest: whatever is done to it is seen, and whatever happens to its writer harms nothing that was confirmed."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from camproxy.recording.manifest import START, Line, Manifest, read_chain
from tests.mounts import with_mounts
from tests.running import PROJECT

FOLDER = "AA-BB-CC-DD-EE-FF"
AT = datetime(2026, 11, 21, 8, tzinfo=UTC)


def line(number: int, kind: str = "recorded") -> Line:
    path = f"{FOLDER}/2026-11-21/{number % 24:02}{'' if number < 24 else f'-{number}'}.mp4"
    if kind == "removed":
        return Line(kind="removed", path=path, at=AT, why="too old", by="retention")
    sha256 = hashlib.sha256(str(number).encode()).hexdigest()
    at = AT + timedelta(hours=number)
    return Line(kind="recorded", path=path, at=at, bytes=number, sha256=sha256, started_at=AT, ended_at=at)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return Manifest(tmp_path / FOLDER)


def content(tmp_path: Path) -> bytes:
    return (tmp_path / FOLDER / "manifest.jsonl").read_bytes()


def test_each_line_has_the_hash_of_the_one_before(tmp_path: Path, manifest: Manifest) -> None:
    for number in range(3):
        manifest.write(line(number))
    Manifest(tmp_path / FOLDER).write(line(1, "removed"))  # after a restart
    raw = content(tmp_path).splitlines()
    said = [json.loads(each) for each in raw]
    assert [each["previous"] for each in said] == [START, *(hashlib.sha256(each).hexdigest() for each in raw[:-1])]
    assert said[3] == {
        "kind": "removed",
        "path": f"{FOLDER}/2026-11-21/01.mp4",
        "at": "2026-11-21T08:00:00Z",
        "why": "too old",
        "by": "retention",
        "previous": said[3]["previous"],
    }
    chain = read_chain(content(tmp_path), FOLDER)
    assert (chain.faults, chain.torn, chain.length) == ([], 0, len(content(tmp_path)))
    assert set(chain.live()) == {line(0).path, line(2).path}
    assert chain.head == hashlib.sha256(raw[-1]).hexdigest()
    assert (tmp_path / FOLDER / "manifest.jsonl").stat().st_mode & 0o077 == 0


def test_every_byte_that_is_changed_is_seen(tmp_path: Path, manifest: Manifest) -> None:
    for number in range(3):
        manifest.write(line(number))
    whole = content(tmp_path)
    head = read_chain(whole, FOLDER).head
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1
        chain = read_chain(bytes(changed), FOLDER)
        # The last line has none after it; who knows its hash sees it all the same.
        assert chain.faults or chain.torn or (chain.head != head and at > whole.rindex(b"\n", 0, -1)), at


def test_lines_that_are_removed_doubled_or_moved_are_seen(tmp_path: Path, manifest: Manifest) -> None:
    for number in range(4):
        manifest.write(line(number))
    lines = content(tmp_path).splitlines(keepends=True)
    for changed in (lines[1:], lines[:1] + lines[2:], lines[:2] + lines[1:], [lines[0], lines[2], lines[1], lines[3]]):
        assert read_chain(b"".join(changed), FOLDER).faults
    assert read_chain(b"".join(lines), "00-00-00-00-00-00").faults, "of another camera"


@pytest.mark.parametrize(
    "path", ["../../etc/passwd", "/etc/passwd", f"{FOLDER}/../x.mp4", f"{FOLDER}/2026-11-21/08.mp4/..", "x" * 1000]
)
def test_a_line_about_another_file_is_a_fault_and_no_line(path: str) -> None:
    raw = json.dumps({"kind": "recorded", "path": path, "at": "2026-11-21T08:00:00Z", "sha256": "0" * 64}).encode()
    chain = read_chain(raw + b"\n", FOLDER)
    assert chain.lines == []
    assert chain.faults


def test_a_line_that_is_torn_at_any_byte_is_cut_off_and_the_chain_goes_on(tmp_path: Path, manifest: Manifest) -> None:
    manifest.write(line(0))
    kept = len(content(tmp_path))
    manifest.write(line(1))
    whole = content(tmp_path)
    for cut in range(kept, len(whole)):
        (tmp_path / FOLDER / "manifest.jsonl").write_bytes(whole[:cut])
        again = Manifest(tmp_path / FOLDER)
        assert again.live(line(1).path) is None
        again.write(line(2))
        chain = read_chain(content(tmp_path), FOLDER)
        assert chain.faults == []
        assert [each.path for each in chain.lines] == [line(0).path, line(2).path]


def test_a_chain_that_is_broken_goes_on_and_stays_visibly_broken(tmp_path: Path, manifest: Manifest) -> None:
    for number in range(3):
        manifest.write(line(number))
    lines = content(tmp_path).splitlines(keepends=True)
    (tmp_path / FOLDER / "manifest.jsonl").write_bytes(lines[0] + lines[2])
    manifest.write(line(3))
    assert manifest.faults == ["line 2 was not written after the one before it"]
    chain = read_chain(content(tmp_path), FOLDER)
    assert chain.faults == manifest.faults
    assert [each.path for each in chain.lines] == [line(0).path, line(2).path, line(3).path]


WRITER = f"""
import sys
from pathlib import Path
from camproxy.recording.manifest import Manifest
from tests.recording.test_manifest import line
manifest = Manifest(Path(sys.argv[1]) / "{FOLDER}")
for number in range(100_000):
    manifest.write(line(number))
    print(number, flush=True)
"""


def test_what_was_confirmed_survives_a_kill(tmp_path: Path) -> None:
    dice = random.Random(3)
    for attempt in range(3):
        home = tmp_path / str(attempt)
        with subprocess.Popen([sys.executable, "-c", WRITER, home], cwd=PROJECT, stdout=subprocess.PIPE) as writer:
            assert writer.stdout
            first = writer.stdout.readline()
            time.sleep(dice.uniform(0, 0.05))
            writer.send_signal(signal.SIGKILL)
            confirmed = int((first + writer.stdout.read()).split()[-1])
        after = Manifest(home / FOLDER)
        last = after.live(line(confirmed).path)
        assert last
        assert last.sha256 == line(confirmed).sha256
        after.write(line(0, "removed"))
        chain = read_chain(content(home), FOLDER)
        assert chain.faults == []
        assert confirmed + 2 <= len(chain.lines) <= confirmed + 3


FULL = f"""
import sys
from pathlib import Path
from camproxy.recording.manifest import Manifest, read_chain
from tests.recording.test_manifest import line
disk = Path(sys.argv[1])
manifest = Manifest(disk / "{FOLDER}")
manifest.write(line(0))
(disk / "other").write_bytes(bytes(54_000))
written = 1
try:
    for written in range(1, 1000):
        manifest.write(line(written))
except OSError as error:
    assert error.errno == 28, error
(disk / "other").unlink()
manifest.write(line(written))
chain = read_chain((disk / "{FOLDER}" / "manifest.jsonl").read_bytes(), "{FOLDER}")
assert chain.faults == [] and chain.torn == 0 and len(chain.lines) == written + 1, chain
print("good")
"""


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    command = with_mounts(f'mount -t tmpfs -o size=64k tmpfs {tmp_path} && exec "$@"')
    done = subprocess.run(
        [*command, sys.executable, "-c", FULL, str(tmp_path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.stdout == "good\n", done.stderr
