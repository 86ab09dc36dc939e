"""The end of a Socket.IO client's WebSocket is heard by whoever listens, in whichever order its threads come to run."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import simple_websocket

from camproxy.web.socketio_limits import PatientWebSocket

TOO_LARGE = 1000


class Listened(threading.Event):
    """Tells when it is waited for once more."""

    def __init__(self) -> None:
        super().__init__()
        self.once = threading.Event()
        self.again = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        (self.again if self.once.is_set() else self.once).set()
        return super().wait(timeout)


class Server:
    """The server's end of a connection. Before it says goodbye, the listener has come round."""

    def __init__(self, sock: socket.socket, listened: Listened) -> None:
        self._sock, self._listened = sock, listened

    def send(self, data: bytes) -> None:
        if data[0] == 0x88:  # a close frame
            assert self._listened.again.wait(10)
        self._sock.sendall(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def masked(opcode: int, payload: bytes) -> bytes:
    return bytes((0x80 | opcode, 0xFE)) + len(payload).to_bytes(2) + bytes(4) + payload


def test_who_listens_hears_of_the_end_after_a_message_that_is_too_large(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    listened = Listened()
    environ = {
        "gunicorn.socket": Server(ours, listened),
        "PATH_INFO": "/",
        "HTTP_HOST": "camproxy",
        "HTTP_CONNECTION": "Upgrade",
        "HTTP_UPGRADE": "websocket",
        "HTTP_SEC_WEBSOCKET_VERSION": "13",
        "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    websocket = PatientWebSocket(environ, max_message_size=TOO_LARGE, event_class=lambda: listened)
    ended = threading.Event()

    def listen() -> None:
        with pytest.raises(simple_websocket.ConnectionClosed):
            websocket.receive()
        ended.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    assert listened.once.wait(10)
    theirs.sendall(masked(1, b"x" * (TOO_LARGE + 1)))
    assert ended.wait(10), "it would listen for ever"
    listener.join(10)
    websocket.thread.join(10)
