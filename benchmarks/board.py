"""Boards whose pictures say when they were sent: the tests' fake ESP32-CAM with a stamp in every picture.

A picture is a JPEG of 800×600 and 24 KB. Its first bytes after the start marker are a comment, `camproxy:` and then the
picture's number (8 digits) and the monotonic time in microseconds (16 digits), which all processes of a machine share.
"""

from __future__ import annotations

import argparse
import itertools
import struct
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.machine import OTHERS, pinned
from tests.fakes import esp32cam
from tests.fakes.esp32cam import BOUNDARY, Board, Server, Wire

#: Bytes of a picture.
PICTURE = 24 * 1024
MAGIC = b"camproxy:"
PROJECT = Path(__file__).resolve().parent.parent


class StampedBoard(Board):
    """Many clients may have it at a time, for each of whom it is a camera of its own."""

    def __init__(self, fps: float) -> None:
        super().__init__(old_acks=False, clients=1000, fps=fps)
        self._pictures = itertools.cycle(self.pictures)
        self._numbers = itertools.count(1)

    def jpeg(self, fault: esp32cam.Fault) -> bytes:
        with self.changed:
            return stamped(next(self._pictures), next(self._numbers), time.monotonic_ns() // 1000)


class PacedServer(Server):
    def serve_stream(self, wire: Wire) -> None:
        """As most network cameras: no chunks, and a picture comes when it is due, however long the last one took."""
        content_type = f"multipart/x-mixed-replace;boundary={BOUNDARY}"
        wire.send(f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n\r\n".encode())
        before = f"\r\n--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {PICTURE}\r\n\r\n".encode()
        due = time.monotonic()
        while True:
            wire.send(before + self.board.jpeg(esp32cam.Fault()))
            due = max(due + 1 / self.board.fps, time.monotonic() - 0.1)
            time.sleep(max(due - time.monotonic(), 0))


def stamped(picture: bytes, number: int, micros: int) -> bytes:
    """The picture with a stamp at its beginning, filled up to PICTURE bytes."""
    comment = MAGIC + b"%08d%016d" % (number, micros)
    filler = PICTURE - len(picture) - len(comment) - 8
    segments = segment(comment) + segment(b" " * filler)
    return picture[:2] + segments + picture[2:]


def segment(comment: bytes) -> bytes:
    return b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment


class BoardProcess:
    """Boards in a process of their own, on 127.0.0.1. Use as a context manager."""

    def __init__(self, fps: float) -> None:
        with pinned(OTHERS):
            self._process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.board", str(fps)],
                cwd=PROJECT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._process.stdout is not None
        port = self._process.stdout.readline().strip()
        #: Sends pictures by itself, at its own rate.
        self.stream_url = f"http://127.0.0.1:{port}/stream"
        #: Sends a picture when it is asked for one, and obeys commands.
        self.pull_url = f"ws://127.0.0.1:{port}/ws"

    def __enter__(self) -> BoardProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


def main() -> None:
    parser = argparse.ArgumentParser(
        description="A fake ESP32-CAM with stamped pictures; ends with its standard input."
    )
    parser.add_argument("fps", type=float, help="pictures a second on /stream")
    server = PacedServer(StampedBoard(parser.parse_args().fps), 0)
    print(server.port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
