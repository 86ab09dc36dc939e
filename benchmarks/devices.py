"""Boards that dial in: cameras that push pictures, Picos that obey; how long a command takes among all that."""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.board import StampedBoard
from benchmarks.latency import COMMAND_P99
from benchmarks.load import Viewers, programs
from benchmarks.machine import CORES, OTHERS, Process, pinned
from benchmarks.server import Server, until
from benchmarks.table import Rounds, Table, verdict
from benchmarks.ways import WEBSOCKET
from tests.fakes.esp32cam import Fault
from tests.integration.boards import Enrolled, enrol_all
from tests.running import Listener

#: Pictures a second of each camera.
FPS = 10
#: How much the process may grow after it has warmed up. MB.
GROWTH = 5.0
MB = 1 << 20


@dataclass(frozen=True)
class Told:
    """What boards have seen so far: connections that ended, pictures sent and skipped, commands obeyed."""

    ended: int
    sent: int
    skipped: int
    commands: int


class Boards:
    """devices.c: enrolled boards in one cheap process, all of which have been let in. A context manager."""

    def __init__(self, port: int, enrolled: list[Enrolled]) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="camproxy-benchmark-")
        picture, boards = Path(self._directory.name, "picture"), Path(self._directory.name, "boards")
        picture.write_bytes(StampedBoard(FPS).jpeg(Fault()))
        boards.write_text("".join(f"{board.kind} {board.key}\n" for board in enrolled))
        with pinned(OTHERS):
            self._process = subprocess.Popen(
                [f"{programs().name}/devices", str(port), str(FPS), str(picture), str(boards)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        self.process = Process(self._process.pid)

    def told(self) -> Told:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"?\n")
        self._process.stdin.flush()
        return Told(**json.loads(self._process.stdout.readline()))

    def __enter__(self) -> Boards:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        self._directory.cleanup()


def run(seconds: float = 60.0, count: int = 50, viewers: int = 20, rounds: int = 6, warm_up: float = 70.0) -> Table:
    """`seconds` in all, in as many `rounds`."""
    table = Table(
        f"{count} cameras × {FPS} fps and {count} Picos dialled in, {viewers} viewers, {seconds:g} s",
        "The cameras push pictures of 24 KB by themselves, each viewer watches another; every Pico moves the head of a "
        "camera, and one page commands one head after the other, twenty a second: from the command to its "
        f"acknowledgement, which the Pico gives. The server has {len(CORES)} cores and shares one with all the others. "
        f"Medians of {rounds} windows, in brackets the least and the most.",
        ("", "measured", "", "at most", "holds"),
    )
    with ExitStack() as stack:
        server = stack.enter_context(Server(*CORES, MAX_DEVICES=2 * count))
        names = [f"board-{number}" for number in range(count)]
        cameras, picos = (enrol_all(server.admin, kind, count) for kind in ("esp32cam", "pico"))
        for name, camera, pico in zip(names, cameras, picos, strict=True):
            server.add_camera(name, f"device:{camera.id}", pico=pico.id)
        boards = stack.enter_context(Boards(server.port, cameras + picos))
        until(lambda: boards.told().sent > count, "all boards are in")
        for number in range(viewers):
            stack.enter_context(Viewers.of(server, WEBSOCKET, names[number % count], 1, "discard"))
        hand = server.admin.listen(auth={"subscribe": False}, transports=["websocket"])
        heads = itertools.cycle(names)
        command_times(hand, heads, warm_up)
        memory, shares, arrived, loads, times = server.worker.memory, [], [], [], []
        for _ in range(rounds):
            begun, cpu, load = time.monotonic(), server.worker.cpu, boards.process.cpu
            frames = server.received(names)
            times.append(command_times(hand, heads, seconds / rounds))
            passed = time.monotonic() - begun
            shares.append((server.worker.cpu - cpu) / passed / len(CORES) * 100)
            loads.append((boards.process.cpu - load) / passed * 100)
            arrived.append((server.received(names) - frames) / passed)
        grown, told = (server.worker.memory - memory) / MB, boards.told()
    add(table, "pictures a second that came in", arrived)
    add(table, f"the server's share of {len(CORES)} cores, %", shares)
    add(table, "the boards' share of one core, %", loads)
    add(table, "command → acknowledgement, p50, ms", [statistics.median(window) for window in times], ".1f")
    p99 = [statistics.quantiles(window, n=100, method="inclusive")[98] for window in times]
    add(table, "command → acknowledgement, p99, ms", p99, ".1f", COMMAND_P99)
    table.add("boards that went offline", f"{told.ended}", "", *verdict(told.ended, 0))
    table.add("the process grew by, MB", f"{grown:.1f}", "", *verdict(grown, GROWTH))
    return table


def add(table: Table, name: str, figures: list[float], form: str = ".0f", at_most: float | None = None) -> None:
    found = Rounds(figures)
    table.add(name, f"{found.median:{form}}", found.spread(form), *verdict(found.median, at_most))


def command_times(hand: Listener, heads: itertools.cycle[str], seconds: float) -> list[float]:
    """Milliseconds from `position_command` to its acknowledgement, twenty commands a second for so many seconds."""
    times: list[float] = []
    begun = due = time.monotonic()
    while due < begun + seconds:
        asked = time.monotonic()
        answer = hand.call("position_command", {"camera": next(heads), "x": 1 + len(times) % 170, "y": 90})
        if not answer["ok"]:
            raise RuntimeError(f"a command failed: {answer}")
        times.append((time.monotonic() - asked) * 1000)
        due += 0.05
        time.sleep(max(due - time.monotonic(), 0))
    return times
