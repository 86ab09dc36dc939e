"""A process that records, seals, copies and removes, killed again and again: no chain is broken and no copy torn.

As a program it does that until it is killed: `python -m tests.copies.test_kills HOME PLACE`.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from camproxy.clock import SystemClock
from camproxy.copies.copier import Copier, CopyPolicy
from camproxy.copies.directory import DirectoryTarget
from camproxy.copies.verify import verify
from camproxy.recording.book import COMPLETE
from camproxy.recording.manifest import read_chain
from camproxy.recording.sealer import Sealer
from tests.copies.archive import FOLDER, Archive
from tests.running import PROJECT

KILLS = 4


def parts(archive: Archive, place: Path) -> tuple[Sealer, Copier]:
    sealer = Sealer(archive.catalogue, archive.storage)
    policy = CopyPolicy(archive.root.parent / "recording.copied")
    copier = Copier(archive.storage, DirectoryTarget(place), policy, SystemClock())
    sealer.listeners.append(copier.wake)
    return sealer, copier


def main(home: Path, place: Path) -> None:
    with Archive(home) as archive:
        for part in parts(archive, place):
            part.start()
        threading.Thread(target=lambda: (sys.stdin.read(), signal.raise_signal(signal.SIGKILL)), daemon=True).start()
        while True:
            archive.record(100_000, seal=False)
            sys.stdout.write("recorded\n")
            sys.stdout.flush()
            rows = [row for row in archive.station.rows() if row.state == COMPLETE]
            if len(rows) > 10:
                archive.remove(rows[0].path)


def test_killed_at_random_moments(tmp_path: Path) -> None:
    dice = random.Random(11)
    (tmp_path / "place").mkdir()
    words = [sys.executable, "-m", "tests.copies.test_kills", str(tmp_path / "home"), str(tmp_path / "place")]
    for _ in range(KILLS):
        with subprocess.Popen(words, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
            assert running.stdout
            for _ in range(5):
                assert running.stdout.readline() == b"recorded\n"
            time.sleep(dice.uniform(0, 0.2))
            running.send_signal(signal.SIGKILL)
    with Archive(tmp_path / "home") as archive:
        sealer, copier = parts(archive, tmp_path / "place")
        sealer.look()
        copier.look()
        assert copier.alarms() == []
        for place in (DirectoryTarget(archive.root), DirectoryTarget(tmp_path / "place")):
            (finding,) = verify(place)
            assert (finding.faults, finding.changed, finding.missing) == ([], [], [])
            # What no row knew yet when it was killed, the server would find at its start.
            assert len(finding.unknown) <= KILLS
        lines = read_chain(archive.manifest.read_bytes(), FOLDER).lines
        recorded = [line.path for line in lines if line.kind == "recorded"]
        assert len(recorded) == len(set(recorded)) >= 4 * KILLS
        assert DirectoryTarget(tmp_path / "place").manifest(FOLDER) == archive.manifest.read_bytes()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
