"""Recording by the real server while its processes are killed: what is lost, what is left, and what goes on.

Twenty moments at random for each; one kill of a server is one for each camera that it records.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Collection
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.integration.people import new_camera, wait_until
from tests.integration.recorded import ROOMY, configure
from tests.recording.playback import decode
from tests.running import Person, RunningServer

pytestmark = pytest.mark.ffmpeg

MakeServer = Callable[..., RunningServer]
Row = tuple[int, str, float, float | None, int, str]

#: Less is lost. Seconds.
LOST = 2.0
#: A shorter stretch between two files is no gap. Seconds.
MENTIONED = 2.0


def cameras_recorded(admin: Person, count: int) -> list[dict[str, Any]]:
    """So many, with either codec, without end."""
    made = []
    for number in range(count):
        camera = new_camera(admin)
        configure(admin, camera, mode="continuous", codec=("mjpeg", "h264")[number % 2], fps=5)
        made.append(camera)
    return made


def in_seconds(at: Any) -> float:
    """Of what either database says."""
    return datetime.fromisoformat(f"{at}+00:00").timestamp()


def rows(server: RunningServer) -> list[Row]:
    """Camera, path, begin, end, frames and state; the earliest first."""
    found = server.execute(
        "SELECT camera_id, path, started_at, ended_at, frames, state FROM recording ORDER BY started_at, id"
    )

    return [
        (camera, path, in_seconds(begin), in_seconds(end) if end else None, frames, state)
        for camera, path, begin, end, frames, state in found
    ]


def open_parts(server: RunningServer) -> dict[str, psutil.Process]:
    """By the path of what it writes, each ffmpeg of the recorder. They write into their standard output."""
    found = {}
    for one in psutil.Process(server.process.pid).children(recursive=True):
        try:
            if one.name() == "ffmpeg":
                found[os.readlink(f"/proc/{one.pid}/fd/1").partition("/recordings/")[2]] = one
        except (psutil.NoSuchProcess, FileNotFoundError):
            pass  # it ended just now
    return found


def file_of(server: RunningServer, path: str) -> Path:
    return server.data_dir / "recordings" / path


def grown(server: RunningServer, count: int, without: set[str]) -> dict[str, psutil.Process]:
    """Wait until so many new files are written that each have pictures."""

    def new() -> dict[str, psutil.Process]:
        return {
            path: ffmpeg
            for path, ffmpeg in open_parts(server).items()
            if path not in without and file_of(server, path).stat().st_size > 5000
        }

    wait_until(lambda: len(new()) == count, f"{count} cameras are recorded", 90)
    return new()


def all_plays(server: RunningServer) -> None:
    """Every file is as its row says, and decodes; there is no other file and no other row."""
    known = rows(server)
    there = {
        str(file.relative_to(server.data_dir / "recordings")) for file in server.data_dir.rglob("recordings/*/*/*.mp4")
    }
    assert {path for _, path, *_ in known} == there
    for _, path, begin, end, frames, state in known:
        assert state in ("complete", "recovered")
        assert decode(file_of(server, path)) == frames
        assert end
        assert end > begin


def test_ffmpeg_killed_twenty_times(make_server: MakeServer) -> None:
    """Ten cameras, each of them twice. What was not in the file yet is in the next one."""
    dice = random.Random(23)
    server = make_server(**ROOMY)
    seen: set[str] = set()
    with server.person() as admin:
        cameras_recorded(admin, 10)
        for _ in range(2):
            parts = grown(server, 10, seen)
            seen |= set(parts)
            for ffmpeg in dice.sample(list(parts.values()), 10):
                time.sleep(dice.uniform(0.0, 0.3))
                ffmpeg.kill()
        grown(server, 10, seen)
        assert len(seen) == 20
    assert server.stop() == 0
    all_plays(server)
    assert len(by_camera(server)) == 10
    for own in by_camera(server).values():
        assert len(own) == 3
        for before, after in pairwise(own):
            assert after[2] - (before[3] or 0) < LOST


def worker_of(server: RunningServer) -> psutil.Process:
    return next(one for one in psutil.Process(server.process.pid).children() if "python" in one.name())


@pytest.mark.timeout(240)  # five starts of a server
@pytest.mark.both_databases
def test_servers_killed_at_twenty_moments(make_server: MakeServer) -> None:
    """Five cameras, four times: the worker, which the master replaces; the master, whose worker then ends; and both."""
    dice = random.Random(29)
    settings = ROOMY
    server = make_server(**settings)
    data_dir = server.data_dir
    with server.person() as admin:
        cameras_recorded(admin, 5)
    seen: set[str] = set()
    for killed in ("worker", "both", "worker", "master"):
        parts = grown(server, 5, seen)
        seen |= set(parts)
        time.sleep(dice.uniform(0.5, 2.5))
        family = psutil.Process(server.process.pid).children(recursive=True)
        worker = worker_of(server)
        if killed != "worker":
            server.process.send_signal(signal.SIGKILL)
        if killed != "master":
            worker.kill()
        at = time.time()
        _, left = psutil.wait_procs(family, timeout=15)
        assert left == [], "no ffmpeg outlives it for long"
        if killed != "worker":
            server.stop()
            server = make_server(data_dir=data_dir, **settings)
        for row in recovered(server, parts):
            assert row[5] == ("complete" if killed == "master" else "recovered")
            assert decode(file_of(server, row[1])) == row[4]
            assert at - (row[3] or 0) < LOST
    grown(server, 5, seen)
    assert server.stop() == 0
    all_plays(server)
    gaps_are_noted(server)


def recovered(server: RunningServer, paths: Collection[str]) -> list[Row]:
    """Their rows, as soon as they are known to have ended."""

    def ended() -> list[Row]:
        return [row for row in rows(server) if row[1] in paths and row[3] is not None]

    wait_until(lambda: len(ended()) == len(paths), "it has recovered", 60)
    return ended()


def gaps_are_noted(server: RunningServer) -> None:
    """Of more than two seconds between two files, from the end of the first to the beginning of the second.

    The server was away for the first part of it; a camera that takes long to come back has another cause for the rest.
    """
    told = server.execute("SELECT camera_id, started_at, ended_at, cause FROM gap ORDER BY started_at, id")
    gaps = [(camera, in_seconds(begin), in_seconds(end), cause) for camera, begin, end, cause in told]
    for camera, parts in by_camera(server).items():
        assert "server_stopped" in {gap[3] for gap in gaps if gap[0] == camera}
        for before, after in pairwise(parts):
            begin, end = before[3] or 0, after[2]
            if end - begin > MENTIONED + 0.1:
                within = [gap for gap in gaps if gap[0] == camera and gap[1] > begin - 1 and gap[2] < end + 1]
                edges = [begin, *(edge for gap in within for edge in gap[1:3]), end]
                assert len(within) >= 1, (before, after, gaps)
                assert max(abs(edges[n + 1] - edges[n]) for n in range(0, len(edges), 2)) < 1, (before, after, within)


def by_camera(server: RunningServer) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {}
    for row in rows(server):
        found.setdefault(row[0], []).append(row)
    return found
