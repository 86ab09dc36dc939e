"""How long a picture and a command are on their way."""

from __future__ import annotations

import statistics
import time

from benchmarks.board import BoardProcess
from benchmarks.load import Viewers
from benchmarks.server import Server
from benchmarks.table import Rounds, Table, verdict
from benchmarks.ways import BASE64, BINARY, MJPEG, WEBSOCKET

#: Milliseconds.
PICTURE_P99, COMMAND_P99 = 10.0, 50.0
CAMERA = "board"


def run(seconds: float = 2.0, count: int = 50, rounds: int = 7, commands: int = 100) -> Table:
    """`seconds` is a window; there are `rounds` of them for each way, and as many of so many `commands`."""
    table = Table(
        f"Added latency, {count} viewers × 10 fps, milliseconds",
        "From when the board begins to send a picture until its last byte is at the viewer; and from a command on one "
        "page, over the head and its answer, to the new position on another page, while as many watch. All on "
        f"one machine. Medians of {rounds} windows of {seconds:g} s or {commands} commands, in brackets the least and "
        "the most.",
        ("way ", "p50", "p99", "", "at most", "holds"),
    )
    with BoardProcess(10) as board, Server() as server:
        server.add_camera(CAMERA, board.pull_url)
        for way in (WEBSOCKET, MJPEG, BASE64, BINARY):
            with Viewers.of(server, way, CAMERA, count) as viewers:
                add_row(table, f"picture: {way.name}", [pictures(viewers, seconds) for _ in range(rounds)], PICTURE_P99)
        with Viewers.of(server, WEBSOCKET, CAMERA, count):
            add_row(table, "command → head → page", command_times(server, rounds, commands), COMMAND_P99)
    return table


def pictures(viewers: Viewers, seconds: float) -> list[float]:
    """Milliseconds."""
    viewers.seen()
    time.sleep(seconds)
    return [micros / 1000 for micros in viewers.seen().latencies]


def command_times(server: Server, rounds: int, commands: int) -> list[list[float]]:
    """Milliseconds from `position_command` on the admin's page to `position_update` on the watcher's."""
    options = {"auth": {"subscribe": False}, "transports": ["websocket"]}
    hand, eye = server.admin.listen(**options), server.watcher.listen(**options)
    for page in (hand, eye):
        assert page.call("subscribe", {"camera": CAMERA, "max_fps": 1})["ok"]
    assert hand.call("position_command", {"camera": CAMERA, "x": 0, "y": 90})["ok"]
    eye.until("position_update", lambda news: news["x"] == 0)
    found = []
    for _ in range(rounds):
        times = []
        for number in range(commands):
            asked = 1 + number % 170
            begun = time.monotonic()
            hand.client.emit("position_command", {"camera": CAMERA, "x": asked, "y": 90})
            eye.until("position_update", lambda news, asked=asked: news["x"] == asked)
            times.append((time.monotonic() - begun) * 1000)
        found.append(times)
    return found


def add_row(table: Table, name: str, rounds: list[list[float]], at_most: float) -> None:
    p50 = Rounds([statistics.median(times) for times in rounds])
    p99 = Rounds([statistics.quantiles(times, n=100, method="inclusive")[98] for times in rounds])
    table.add(name, f"{p50.median:.1f}", f"{p99.median:.1f}", p99.spread(".1f"), *verdict(p99.median, at_most))
