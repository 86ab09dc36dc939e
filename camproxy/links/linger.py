"""Linger: connections that were said goodbye to, kept until the other side can have read it.

A socket that is closed while there is something unread in it resets the connection, and the reset overtakes the
goodbye: a camera in the middle of a picture would never learn why it was sent away.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any


class Linger:
    """A subsystem: start, stop, state. At most `room` connections; when more come, the oldest goes at once."""

    #: Seconds.
    FOR = 1.0

    def __init__(self, room: int = 64) -> None:
        self._room = room
        self._changed = threading.Condition()
        self._kept: deque[tuple[float, socket.socket]] = deque()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="linger", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def state(self) -> dict[str, Any]:
        return {"kept": len(self._kept)}

    def keep(self, sock: socket.socket) -> None:
        """It becomes ours. What it had to say has been sent, and nothing will be read from it."""
        with suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
        with self._changed:
            self._kept.append((time.monotonic() + self.FOR, sock))
            if len(self._kept) > self._room or not self._thread.is_alive():
                self._kept.popleft()[1].close()
            self._changed.notify_all()

    def _run(self) -> None:
        with self._changed:
            while self._kept or not self._stopping:
                if not self._kept:
                    self._changed.wait()
                elif (left := self._kept[0][0] - time.monotonic()) > 0:
                    self._changed.wait(left)
                else:
                    self._kept.popleft()[1].close()
