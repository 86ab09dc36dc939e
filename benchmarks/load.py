"""The C programs, compiled; load.c and reference.c, started and asked."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.board import PICTURE
from benchmarks.machine import MEASURED, OTHERS, Process, pinned
from benchmarks.server import Server, until
from benchmarks.ways import FRAME, WEBSOCKET, Way
from camproxy.web.viewers.framing import WebSocketFraming

HERE = Path(__file__).parent


@cache
def programs() -> tempfile.TemporaryDirectory[str]:
    """The directory with the compiled programs; it is gone when this process ends."""
    directory = tempfile.TemporaryDirectory(prefix="camproxy-benchmark-")
    for name in ("load", "reference", "devices"):
        command = [compiler(), "-O2", "-o", f"{directory.name}/{name}", str(HERE / f"{name}.c")]
        subprocess.run(command, check=True)
    Path(directory.name, "frame").write_bytes(WebSocketFraming.frame(FRAME))
    return directory


def compiler() -> str:
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if found is None:
        raise SystemExit("The benchmarks need a C compiler (Debian: apt install gcc libc6-dev).")
    return found


@dataclass(frozen=True)
class Seen:
    """What viewers have seen so far: `bytes` behind the heads, whole `frames`, and pictures that never came (`lost`).

    `latencies` are since the last look, in microseconds. Viewers that discard know only `bytes`.
    """

    answered: int
    refused: int
    ended: int
    bytes: int
    frames: int
    lost: int
    latencies: list[int]


class Viewers:
    """Many clients in one cheap process. Use as a context manager."""

    def __init__(self, port: int, count: int, request: bytes, greeting: bytes, alive: bytes, look: str) -> None:
        numbers = [str(port), str(count), str(PICTURE), look]
        with pinned(OTHERS):
            self._process = subprocess.Popen(
                [f"{programs().name}/load", *numbers, request, greeting, alive],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        self.process = Process(self._process.pid)
        self._count = count

    @classmethod
    def of(cls, server: Server, way: Way, camera: str, count: int, look: str | None = None) -> Viewers:
        """People who watch a camera on that way, once all of them see it."""
        request = way.request(server.port, server.watcher.cookie, camera)
        viewers = cls(server.port, count, request, way.greet(camera), way.alive, look or way.look)
        return viewers.all_watch(way)

    def all_watch(self, way: Way) -> Viewers:
        until(lambda: self._all_see_two(way), f"{self._count} × {way.name}")
        return self

    def _all_see_two(self, way: Way) -> bool:
        seen = self.seen()
        if seen.refused or seen.ended:
            raise RuntimeError(f"{way.name}: {seen.refused} refused, {seen.ended} ended")
        return seen.answered == self._count and seen.bytes >= 2 * self._count * way.wire

    def seen(self) -> Seen:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"?\n")
        self._process.stdin.flush()
        told: dict[str, Any] = json.loads(self._process.stdout.readline())
        return Seen(**told)

    def __enter__(self) -> Viewers:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


class Reference:
    """reference.c on the core of what is measured. A context manager."""

    def __init__(self, fps: float) -> None:
        with pinned(MEASURED):
            self._process = subprocess.Popen(
                [f"{programs().name}/reference", str(fps), f"{programs().name}/frame"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        self.process = Process(self._process.pid)

    def watched_by(self, count: int) -> Viewers:
        return Viewers(self.port, count, b"GET / HTTP/1.1\r\n\r\n", b"", b"", "discard").all_watch(WEBSOCKET)

    def __enter__(self) -> Reference:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


@dataclass(frozen=True)
class Cost:
    """Of one picture for one viewer, over a window: microseconds of CPU; and pictures a second that each viewer got.

    `load` is the share of its core that the load generator used: near 1 the figures would be its own.
    """

    micros: float
    fps: float
    load: float


def cost(process: Process, viewers: Viewers, count: int, way: Way, seconds: float, after: float = 0.5) -> Cost:
    """Over `seconds`, which begin `after` seconds from now."""
    time.sleep(after)
    begun, cpu, load, seen = time.monotonic(), process.cpu, viewers.process.cpu, viewers.seen()
    time.sleep(seconds)
    passed = time.monotonic() - begun
    got = (viewers.seen().bytes - seen.bytes) / way.wire
    used, load = process.cpu - cpu, viewers.process.cpu - load
    return Cost(used / max(got, 1) * 1e6, got / count / passed, load / passed)
