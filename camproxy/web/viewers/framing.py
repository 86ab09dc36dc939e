"""How bytes are framed on a handed-over socket: as a WebSocket (RFC 6455) or as multipart JPEG over HTTP."""

from __future__ import annotations

import json
from typing import Any

from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Ping
from wsproto.utilities import ProtocolError

from camproxy.frames import Frame
from camproxy.rfc6455 import BINARY, TEXT, switching, whole

BOUNDARY = "frame"


class Goodbye(Exception):
    """The other side has left, or is to be left. `last` are the bytes that good manners still ask for."""

    def __init__(self, last: bytes = b"") -> None:
        super().__init__()
        self.last = last


class MultipartFraming:
    """multipart/x-mixed-replace. The client has nothing to say; there are no side messages."""

    talks = False

    def opening(self) -> bytes:
        return (
            "HTTP/1.1 200 OK\r\n"
            f"Content-Type: multipart/x-mixed-replace; boundary={BOUNDARY}\r\n"
            "Cache-Control: no-store\r\n"
            "X-Accel-Buffering: no\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Connection: close\r\n"
            f"\r\n--{BOUNDARY}\r\n"
        ).encode()

    @staticmethod
    def frame(frame: Frame) -> bytes:
        # The next boundary goes out with the frame, so that a browser shows it at once and not when the next one comes.
        head = f"Content-Type: image/jpeg\r\nContent-Length: {len(frame.data)}\r\n\r\n"
        return b"".join((head.encode(), frame.data, f"\r\n--{BOUNDARY}\r\n".encode()))

    def text(self, message: dict[str, Any]) -> bytes:
        return b""

    def ping(self) -> bytes:
        return b""

    def close(self, code: int) -> bytes:
        return b""

    def received(self, data: bytes) -> bytes:
        return b""


class WebSocketFraming:
    """Server side of one WebSocket after the route has checked the request. No extensions."""

    talks = True

    def __init__(self, key: str) -> None:
        self._key = key
        self._connection = Connection(ConnectionType.SERVER)

    def opening(self) -> bytes:
        return switching(self._key)

    @staticmethod
    def frame(frame: Frame) -> bytes:
        return whole(BINARY, frame.data)

    @staticmethod
    def text(message: dict[str, Any]) -> bytes:
        return whole(TEXT, json.dumps(message, separators=(",", ":")).encode())

    def ping(self) -> bytes:
        return self._connection.send(Ping())

    def close(self, code: int) -> bytes:
        return self._connection.send(CloseConnection(code))

    def received(self, data: bytes) -> bytes:
        """Take what the client sent; returns what is to be answered. Raises Goodbye."""
        answer = b""
        try:
            self._connection.receive_data(data)
            for event in self._connection.events():
                if isinstance(event, CloseConnection):
                    raise Goodbye(answer + self._connection.send(event.response()))
                if isinstance(event, Ping):
                    answer += self._connection.send(event.response())
                # Whatever else a client says: there is nothing that it could ask for here.
        except ProtocolError:
            raise Goodbye from None
        return answer


Framing = MultipartFraming | WebSocketFraming
