"""What it costs to look for motion: the server's own share, which takes the pictures in, and the detector's."""

from __future__ import annotations

import time

from benchmarks import motion
from benchmarks.board import BoardProcess
from benchmarks.load import Viewers
from benchmarks.machine import CORES
from benchmarks.recording import family
from benchmarks.server import Server, until
from benchmarks.table import Rounds, Table
from benchmarks.ways import WEBSOCKET

FPS = 10


def run(seconds: float = 10.0, count: int = 20, rounds: int = 3, settled: float = 5.0) -> Table:
    """CPU of one camera: with nothing wanted of it, watched by one person, and looked at for motion besides."""
    table = Table(
        f"Motion: CPU of one camera of {count}, SVGA, {FPS} fps",
        f"All on {len(CORES)} cores. `off`: nobody wants pictures, none are pulled. `watched`: by one WebSocket each. "
        "`looked at`: as well, five times a second; the detector is a process of its own. "
        f"Medians of {rounds} windows of {seconds:g} s, in brackets the least and the most."
        + ("" if motion.installed() else " `motion` is not installed."),
        ("", "server, % of a core", "", "detector, % of a core", "", "looks a second"),
    )
    with BoardProcess(FPS) as board, Server(*CORES) as server:
        names = [f"camera-{number}" for number in range(count)]
        for name in names:
            server.add_camera(name, board.stream_url, fps=FPS)
        add(table, "off", server, seconds, rounds, count, settled)
        viewers = [Viewers.of(server, WEBSOCKET, name, 1, "discard") for name in names]
        try:
            for viewer in viewers:
                viewer.__enter__()
            until(lambda: all(server.status(name)["state"] == "live" for name in names), "all are live")
            add(table, "watched", server, seconds, rounds, count, settled)
            for name in names:
                answer = server.admin.ask("PUT", f"/api/cameras/{name}/motion", {"enabled": True})
                assert answer.ok, answer.text
            until(lambda: server.worker.children, "the detector runs")
            add(table, "looked at", server, seconds, rounds, count, settled)
        finally:
            for viewer in viewers:
                viewer.__exit__()
    return table


def add(table: Table, what: str, server: Server, seconds: float, rounds: int, count: int, settled: float) -> None:
    time.sleep(settled)
    own, detector = [], []
    looks, begun = looks_of(server), time.monotonic()
    for _ in range(rounds):
        at, used, all_of_them = time.monotonic(), server.worker.cpu, family(server.worker)
        time.sleep(seconds)
        per = (time.monotonic() - at) * count / 100
        mine = server.worker.cpu - used
        own.append(mine / per)
        detector.append((family(server.worker) - all_of_them - mine) / per)
    figures = [
        text for found in (Rounds(own), Rounds(detector)) for text in (f"{found.median:.2f}", found.spread(".2f"))
    ]
    rate = (looks_of(server) - looks) / (time.monotonic() - begun) / count
    table.add(what, *figures, f"{rate:.1f}")


def looks_of(server: Server) -> int:
    found: int = server.admin.get("/stats").json()["motion"]["looks"]
    return found
