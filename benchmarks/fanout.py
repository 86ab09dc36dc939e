"""What a picture costs for each viewer, on every way out, beside a C program that does nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack

from benchmarks.board import BoardProcess
from benchmarks.load import Cost, Reference, cost
from benchmarks.motion import Motion, installed
from benchmarks.server import Server
from benchmarks.load import Viewers
from benchmarks.table import Table, verdict
from benchmarks.ways import BASE64, BASE64_DEFLATE, MJPEG, WEBSOCKET, Way

RATES = (10, 150)
ROUNDS = 3
REFERENCE = "C, newest frame wins"
#: How many times the C program's CPU a picture may cost.
CLAIMS = {WEBSOCKET: 1.5, MJPEG: 1.5, BASE64: 10.0, BASE64_DEFLATE: 10.0}


def run(seconds: float = 2.0, count: int = 200, rates: tuple[int, ...] = RATES, rounds: int = ROUNDS) -> Table:
    """`seconds` is a window; each is measured `rounds` times, in turn, and the cheapest counts: noise only adds."""
    table = Table(
        f"Fan-out: CPU for one picture to one viewer, {count} viewers",
        "The server (log-in and permissions on, one core) takes 24 KB pictures from a board and sends them to all. The C "
        f"program (reference.c) writes the same bytes to as many sockets. Cheapest of {rounds} windows of {seconds:g} s.",
        ("way ", "fps sent", "fps seen", "µs CPU", "× C", "at most", "holds"),
    )
    with ExitStack() as stack:
        boards = {rate: stack.enter_context(BoardProcess(rate)) for rate in rates}
        server = stack.enter_context(Server())
        for rate, board in boards.items():
            server.add_camera(f"board-{rate}", board.stream_url)
        for rate in rates:
            costs: dict[str, list[Cost]] = {}
            for _ in range(rounds):
                for name, measure in ways(server, boards[rate], rate, count, seconds).items():
                    costs.setdefault(name, []).append(measure())
            add_rows(table, rate, {name: min(found, key=lambda one: one.micros) for name, found in costs.items()})
    if not installed():
        table.add("motion", "", "", "", "", "", "not installed")
    return table


def ways(server: Server, board: BoardProcess, rate: int, count: int, seconds: float) -> dict[str, Callable[[], Cost]]:
    def of_server(way: Way) -> Callable[[], Cost]:
        def measure() -> Cost:
            server.worker.settle()
            with Viewers.of(server, way, f"board-{rate}", count, "discard") as viewers:
                return cost(server.worker, viewers, count, way, seconds)

        return measure

    def of_reference() -> Cost:
        with Reference(rate) as reference, reference.watched_by(count) as viewers:
            return cost(reference.process, viewers, count, WEBSOCKET, seconds)

    def of_motion() -> Cost:
        with Motion(board.stream_url, rate) as motion, motion.watched_by(count) as viewers:
            return cost(motion.process, viewers, count, MJPEG, seconds)

    found: dict[str, Callable[[], Cost]] = {REFERENCE: of_reference}
    found |= {way.name: of_server(way) for way in CLAIMS}
    return found | ({"motion": of_motion} if installed() else {})


def add_rows(table: Table, rate: int, costs: dict[str, Cost]) -> None:
    limits = {way.name: limit for way, limit in CLAIMS.items()}
    yardstick = costs[REFERENCE].micros
    for name, one in costs.items():
        ratio, limit = one.micros / yardstick, limits.get(name)
        claim = (f"{limit:g}", verdict(ratio, limit)) if limit else ("", "")
        table.add(name, f"{rate}", f"{one.fps:.1f}", f"{one.micros:.1f}", f"{ratio:.2f}", *claim)
