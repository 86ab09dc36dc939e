"""The other end of worker.py: one process that looks at the pictures of all cameras."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from camproxy.motion.background import Look, Sensitivity

log = logging.getLogger(__name__)

HOME = Path(__file__).resolve().parent.parent.parent
#: A picture takes a millisecond, and the start of the process a second; one that takes longer has stopped. Seconds.
ANSWER_WITHIN = 10.0


class NoLook(Exception):
    """The process has ended or stopped; the next look starts another."""


class Process:
    """For one thread. It ends with `close`, and when this process does, however that ends: its stdin does then."""

    def __init__(self) -> None:
        self._known: dict[int, Sensitivity] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._answers: BinaryIO | None = None
        self.started = 0

    def watch(self, camera: int, sensitivity: Sensitivity) -> None:
        """What to look for. It begins with a new background, also if that is the same."""
        self._known[camera] = sensitivity
        if self._socket:
            with suppress(OSError):  # the next look finds out
                zones = [(zone.points, zone.exclude) for zone in sensitivity.zones]
                self._say(camera, level=sensitivity.level, zones=zones)

    def leave(self, camera: int) -> None:
        if self._known.pop(camera, None) and self._socket:
            with suppress(OSError):
                self._say(camera)

    def look(self, camera: int, jpeg: bytes) -> Look:
        """Raises NoLook."""
        if self._socket is None:
            self._start()
        try:
            self._say(camera, jpeg, bytes=len(jpeg))
            assert self._answers
            answer = self._answers.readline()
            if not answer.endswith(b"\n"):
                raise ConnectionError("it has ended")
        except OSError as error:
            self.close()
            raise NoLook(str(error)) from error
        found: dict[str, Any] = json.loads(answer)
        return Look(**found | {"box": found["box"] and tuple(found["box"])})

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "camproxy.motion.worker"]
            self._process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=theirs.fileno(), cwd=HOME)
        ours.settimeout(ANSWER_WITHIN)
        self._socket, self._answers = ours, ours.makefile("rb")
        self.started += 1
        for camera, sensitivity in self._known.items():
            self.watch(camera, sensitivity)

    def _say(self, camera: int, data: bytes = b"", **task: Any) -> None:
        assert self._socket
        self._socket.sendall(json.dumps({"camera": camera} | task).encode() + b"\n" + data)

    def close(self) -> None:
        """End it, whatever it does. Idempotent."""
        if self._answers and self._socket:
            self._answers.close()
            self._socket.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self._process = self._socket = self._answers = None
