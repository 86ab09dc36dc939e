"""What a picture costs for each viewer, on every way out, beside a C program that does nothing else."""

from __future__ import annotations

from contextlib import ExitStack
from statistics import mean

from benchmarks.board import BoardProcess
from benchmarks.load import Cost, Reference, Viewers, cost
from benchmarks.motion import Motion, installed
from benchmarks.server import Server
from benchmarks.table import Rounds, Table, verdict
from benchmarks.ways import BASE64, BASE64_DEFLATE, MJPEG, WEBSOCKET, Way

RATES = (10, 150)
REFERENCE = "C, newest frame wins"
#: How many times the C program's CPU a picture may cost.
CLAIMS = {WEBSOCKET: 1.5, MJPEG: 1.5, BASE64: 10.0, BASE64_DEFLATE: 10.0}
#: After viewers have come, the server looks once more who may see what. Seconds.
SETTLED = 2.5


class Round:
    """Everything measured once. Each way is compared with the C program just before and just after it."""

    def __init__(
        self, server: Server, board: BoardProcess, rate: int, count: int, seconds: float, settled: float
    ) -> None:
        self._server, self._board, self._rate = server, board, rate
        self._count, self._seconds, self._settled = count, seconds, settled
        self._last = self._reference()
        self.costs = {REFERENCE: self._last}
        self.ratios: dict[str, float] = {}
        for way in CLAIMS:
            self._compare(way.name, self._of_server(way))
        if installed() and rate <= 30:  # it has no more to give on one core
            self._compare("motion (decodes and encodes)", self._of_motion())

    def _compare(self, name: str, found: Cost) -> None:
        before, self._last = self._last, self._reference()
        self.costs[name] = found
        self.ratios[name] = found.micros / mean((before.micros, self._last.micros))

    def _reference(self) -> Cost:
        with Reference(self._rate) as reference, reference.watched_by(self._count) as viewers:
            return cost(reference.process, viewers, self._count, WEBSOCKET, self._seconds)

    def _of_server(self, way: Way) -> Cost:
        camera = f"board-{self._rate}"
        with Viewers.of(self._server, way, camera, self._count, "discard") as viewers:
            return cost(self._server.worker, viewers, self._count, way, self._seconds, after=self._settled)

    def _of_motion(self) -> Cost:
        with Motion(self._board.stream_url, self._rate) as motion, motion.watched_by(self._count) as viewers:
            return cost(motion.process, viewers, self._count, motion.way, self._seconds)


def run(
    seconds: float = 2.0,
    count: int = 200,
    rates: tuple[int, ...] = RATES,
    rounds: int = 5,
    settled: float = SETTLED,
) -> Table:
    """`seconds` is a window, which begins `settled` seconds after all watch; each way has `rounds` of them."""
    table = Table(
        f"Fan-out: CPU for one picture to one viewer, {count} viewers",
        "The server (log-in and permissions on, one core) takes 24 KB pictures from a board and sends them to all. A C "
        "program (reference.c) writes the same bytes to as many sockets, just before and just after; its CPU is the 1. "
        f"Medians of {rounds} windows of {seconds:g} s, in brackets the least and the most.",
        ("way ", "fps sent", "fps seen", "µs CPU", "× C", "", "at most", "holds"),
    )
    with ExitStack() as stack:
        boards = {rate: stack.enter_context(BoardProcess(rate)) for rate in rates}
        server = stack.enter_context(Server())
        for rate, board in boards.items():
            server.add_camera(f"board-{rate}", board.stream_url)
        for rate, board in boards.items():
            add_rows(table, rate, [Round(server, board, rate, count, seconds, settled) for _ in range(rounds)])
    if not installed():
        table.add("motion: not installed (apt install motion)")
    return table


def add_rows(table: Table, rate: int, rounds: list[Round]) -> None:
    limits = {way.name: limit for way, limit in CLAIMS.items()}
    for name in rounds[0].costs:
        micros = Rounds([one.costs[name].micros for one in rounds])
        fps = Rounds([one.costs[name].fps for one in rounds])
        ratio = Rounds([one.ratios.get(name, 1.0) for one in rounds])
        spread = ratio.spread(".2f") if name != REFERENCE else ""
        cells = (name, f"{rate}", f"{fps.median:.1f}", f"{micros.median:.1f}", f"{ratio.median:.2f}", spread)
        table.add(*cells, *verdict(ratio.median, limits.get(name), "g"))
