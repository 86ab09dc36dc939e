"""How a socket to a browser is tuned, whoever serves it."""

from __future__ import annotations

import socket
import sys
import threading
from typing import Any

#: With more in the kernel's buffer, a slow client would see seconds-old frames. Bytes.
SEND_BUFFER = 128 * 1024
#: While more than this waits in the kernel to be sent, a socket takes nothing more: on a slow line, what it has taken
#: will be seen, however old it is by then. Bytes.
UNSENT = 16 * 1024
#: Python 3.11 has no name for it on Linux.
NOT_SENT_LOWAT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", 25 if sys.platform == "linux" else None)
#: A client that takes nothing, or has vanished, is given up by the kernel after this time. Milliseconds.
UNACKNOWLEDGED = 60_000


def tune(sock: socket.socket) -> None:
    """Nothing waits to be gathered, little is held back, who vanishes is noticed."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return  # the worker's end of a TLS connection, whose other end has been tuned
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if NOT_SENT_LOWAT is not None:
        sock.setsockopt(socket.IPPROTO_TCP, NOT_SENT_LOWAT, UNSENT)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):  # also who vanishes while there is nothing to send
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED)


class WholeSends:
    """A socket whose `send` sends everything, before anything of another thread.

    simple-websocket takes `send` for that. But its own thread answers pings while another sends a frame, which could
    end up in the middle of the frame; and with eventlet `send` sends what there is room for.
    """

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._lock = threading.Lock()

    def send(self, data: bytes) -> None:
        with self._lock:
            self._sock.sendall(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)
