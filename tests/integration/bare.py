"""A device's connection with nothing in between: for what no WebSocket library would send."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Self

from tests.integration.boards import Enrolled
from tests.patience import PATIENCE
from tests.running import RunningServer
from tests.wire_frames import CLOSE, TEXT, frame

REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
)


class Bare:
    """`status` is that of the handshake's answer."""

    def __init__(
        self,
        server: RunningServer,
        key: str | None,
        path: str = "/ws",
        receive_buffer: int | None = None,
        source: str = "",
    ) -> None:
        if source:
            self.sock = socket.create_connection(
                ("127.0.0.1", server.port), timeout=PATIENCE, source_address=(source, 0)
            )
        else:
            self.sock = server.connect(receive_buffer)
        more = f"Authorization: Bearer {key}\r\n" if key else ""
        self.sock.sendall(REQUEST.format(path=path, more=more).encode())
        self._heard = b""
        while b"\r\n\r\n" not in self._heard:
            piece = self.sock.recv(4096)
            assert piece, f"no answer: {self._heard!r}"
            self._heard += piece
        head, _, self._heard = self._heard.partition(b"\r\n\r\n")
        self.status = int(head.split()[1])

    @classmethod
    def of(cls, device: Enrolled, **options: int) -> Self:
        """A connection of that device, on which it has said who it is and was welcomed."""
        bare = cls(device.admin.server, device.key, receive_buffer=options.get("receive_buffer"))
        bare.say(frame(TEXT, b'{"type":"connect","device":"bare"}'))
        while b"welcome" not in bare._heard:
            piece = bare.sock.recv(4096)
            assert piece, "the server has closed"
            bare._heard += piece
        return bare

    def say(self, data: bytes) -> None:
        self.sock.sendall(data)

    def told(self) -> int | None:
        """The server's close code, once it has ended the connection; None when it said none."""
        with suppress(ConnectionError):
            while piece := self.sock.recv(65536):
                self._heard += piece
        data = self._heard
        while len(data) >= 2:
            size, at = data[1] & 127, 2
            if size == 126:
                size, at = int.from_bytes(data[2:4]), 4
            if data[0] & 15 == CLOSE:
                return int.from_bytes(data[at : at + 2])
            data = data[at + size :]
        return None

    def close(self) -> None:
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
