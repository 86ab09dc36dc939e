"""What every socket has in common, whoever serves it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from camproxy.links.websocket import SOCKET_OPTIONS
from camproxy.sockets import SEND_BUFFER
from camproxy.web.edge import Sockets
from tests.web.stage import Stage


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    with ours, theirs:
        yield ours, theirs


def is_tuned(sock: socket.socket) -> bool:
    """Nothing is held back for an acknowledgement (45 ms), and little is stale when it is read late."""
    at_once = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    # The kernel doubles what it is told, for its own book-keeping.
    return bool(at_once) and sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) <= 2 * SEND_BUFFER


def test_a_socket_of_socket_io_is_tuned_and_offers_no_compression(pair: tuple[socket.socket, socket.socket]) -> None:
    seen: list[dict[str, Any]] = []
    environ = {
        "gunicorn.socket": pair[1],
        "HTTP_UPGRADE": "WebSocket",
        "HTTP_HOST": "camproxy",
        "HTTP_SEC_WEBSOCKET_EXTENSIONS": "permessage-deflate",
        "PATH_INFO": "/socket.io/",
    }
    assert not is_tuned(pair[1])
    Sockets(lambda environ, _: seen.append(environ) or [], ())(environ, None)
    assert is_tuned(pair[1])
    assert "HTTP_SEC_WEBSOCKET_EXTENSIONS" not in seen[0]


@pytest.mark.parametrize("mjpeg", [False, True])
def test_a_viewer_s_socket_is_tuned(mjpeg: bool) -> None:
    stage = Stage()
    try:
        assert is_tuned(stage.enter(mjpeg=mjpeg).theirs)
    finally:
        stage.end()


def test_a_board_s_socket_is_tuned() -> None:
    assert (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1) in SOCKET_OPTIONS
