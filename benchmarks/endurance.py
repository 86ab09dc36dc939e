"""What it does to the others, and to the process, when viewers stop, are slow, come and go; and what cameras cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.board import PICTURE, BoardProcess
from benchmarks.clients import RECEIVE_BUFFER, all_stopped, read_slowly, watch
from benchmarks.load import Viewers
from benchmarks.machine import CORES
from benchmarks.server import Server, until
from benchmarks.table import Rounds, Table, verdict
from benchmarks.ways import BASE64, BINARY, MJPEG, WEBSOCKET

CAMERA = "board"
WAYS = (WEBSOCKET, MJPEG, BASE64, BINARY)
MB = 1 << 20
#: Bytes a second of the slow line.
SLOW = 10 * 1024


def stopped(seconds: float = 60.0, count: int = 20) -> Table:
    """`count` viewers on each way, and one who has stopped on each, for so many seconds."""
    table = Table(
        f"One viewer stopped on every way out at once, {count} others on each, 50 fps, {seconds:g} s",
        "Stopped are five who have begun to watch and read nothing: by WebSocket, MJPEG, Socket.IO base64, binary and "
        "polling. Lost are pictures that the board sent and one of the others did not get: the rest of the machine "
        "costs some. Compared with as long a time before anybody had stopped, one in a thousand may be added.",
        ("others ", "pictures", "lost before", "lost", "at most", "holds"),
    )
    with ExitStack() as stack:
        board = stack.enter_context(BoardProcess(50))
        server = stack.enter_context(Server())
        server.add_camera(CAMERA, board.stream_url)
        others = {way: stack.enter_context(Viewers.of(server, way, CAMERA, count)) for way in WAYS}
        stack.callback(lambda: [sock.close() for sock in gone])
        begun = {way: viewers.seen() for way, viewers in others.items()}
        time.sleep(seconds)
        memory, before = server.worker.memory, {way: viewers.seen() for way, viewers in others.items()}
        gone = all_stopped(server, CAMERA)
        time.sleep(seconds)
        grown = (server.worker.memory - memory) / MB
        for way, viewers in others.items():
            now = viewers.seen()
            frames, lost = now.frames - before[way].frames, now.lost - before[way].lost
            earlier = before[way].lost - begun[way].lost
            table.add(way.name, f"{frames:,}", f"{earlier}", f"{lost}", *verdict(lost, earlier + round(frames / 1000)))
        table.add("the process grew by, MB", "", "", f"{grown:.1f}", *verdict(grown, 5))
    return table


def slow(seconds: float = 30.0) -> Table:
    table = Table(
        "One viewer at 10 KB/s, a camera at 10 fps",
        f"A picture takes {PICTURE / SLOW:.1f} s on such a line. When its last byte has come, how old is it? Not older "
        "than two pictures' time, one that is on the line and then the one that was the newest, and that of what the "
        f"viewer's own system takes in ({RECEIVE_BUFFER // 1024} KB). By Socket.IO one more picture is in a queue.",
        ("way ", "pictures", "oldest, s", "at most", "holds"),
    )
    with BoardProcess(10) as board, Server() as server:
        server.add_camera(CAMERA, board.stream_url)
        for way, most in ((WEBSOCKET, 2), (MJPEG, 2), (BINARY, 3)):
            with watch(server, way, CAMERA) as sock:
                ages = list(read_slowly(sock, SLOW, seconds))
            table.add(
                way.name,
                f"{len(ages)}",
                f"{max(ages):.1f}",
                *verdict(max(ages), (most * PICTURE + RECEIVE_BUFFER) / SLOW, ".1f"),
            )
    return table


def come_and_go(visits: int = 1000, at_once: int = 20, within: float = 60.0, patience: float = 40.0) -> Table:
    """Threads and files have `patience` seconds to end: engine.io has one for each client that sleeps for up to 25."""
    table = Table(
        f"{visits:,} viewers come and go in {within:g} s",
        f"{at_once} at a time, on one way after the other; each sees two pictures. As many have come and gone before, "
        "as quickly as they could, and have filled the process's pools of threads and connections and what it keeps of "
        f"freed memory. Both figures are of {patience:g} s later at most.",
        ("", "new", "before", "after", "more by", "at most", "holds"),
    )
    with BoardProcess(10) as board, Server() as server:
        server.add_camera(CAMERA, board.stream_url)
        worker = server.worker

        def visit(number: int) -> None:
            with Viewers.of(server, WAYS[number % len(WAYS)], CAMERA, at_once):
                pass

        def figures(fit: Callable[[], bool]) -> tuple[float, int, int]:
            """When all have gone and `fit` holds, or `patience` is over."""
            until(lambda: server.status(CAMERA)["viewers"] == 0, "all have gone")
            end = time.monotonic() + patience
            while not fit() and time.monotonic() < end:
                time.sleep(0.2)
            worker.settle()
            return worker.memory / MB, worker.threads, worker.descriptors

        new = figures(lambda: True)
        with Viewers.of(server, BASE64, CAMERA, 4 * at_once):
            pass
        for number in range(visits // at_once):
            visit(number)
        before = figures(lambda: False)
        begun = time.monotonic()
        for number in range(visits // at_once):
            visit(number)
            due = begun + (number + 1) * within * at_once / visits
            time.sleep(max(due - time.monotonic(), 0))
        passed = time.monotonic() - begun
        after = figures(lambda: worker.threads <= before[1] and worker.descriptors <= before[2])
        table.add("seconds", "", "", f"{passed:.0f}", "", *verdict(passed, within + 1))
        for name, fresh, was, now, limit in zip(
            ("MB", "threads", "descriptors"), new, before, after, (10, 0, 0), strict=True
        ):
            cells = (name, f"{fresh:.0f}", f"{was:.0f}", f"{now:.0f}", f"{now - was:.0f}")
            table.add(*cells, *verdict(now - was, limit))
    return table


def cameras(seconds: float = 5.0, count: int = 50, viewers: int = 20, rounds: int = 3) -> Table:
    table = Table(
        f"{count} cameras × 10 fps arriving, {viewers} viewers",
        "Boards that are asked for each picture over WebSocket, as the card's firmware is; LINGER_SECONDS keeps them. "
        f"Each viewer watches another. Medians of {rounds} windows of {seconds:g} s.",
        ("", "measured", ""),
    )
    with ExitStack() as stack:
        board = stack.enter_context(BoardProcess(10))
        server = stack.enter_context(Server(*CORES, LINGER_SECONDS=3600))
        names = [f"board-{number}" for number in range(count)]
        for name in names:
            server.add_camera(name, board.pull_url)
        for name in names:
            server.watcher.get(f"/snapshot/{name}.jpg").raise_for_status()
        for number in range(viewers):
            stack.enter_context(Viewers.of(server, WEBSOCKET, names[number % count], 1, "discard"))
        shares, arrived = [], []
        for _ in range(rounds):
            begun, cpu, frames = time.monotonic(), server.worker.cpu, server.received(names)
            time.sleep(seconds)
            passed = time.monotonic() - begun
            shares.append((server.worker.cpu - cpu) / passed / len(CORES) * 100)
            arrived.append((server.received(names) - frames) / passed)
    share, rate = Rounds(shares), Rounds(arrived)
    table.add("pictures a second that came in", f"{rate.median:.0f}", rate.spread(".0f"))
    table.add(f"the server's share of {len(CORES)} cores, %", f"{share.median:.0f}", share.spread(".0f"))
    return table
