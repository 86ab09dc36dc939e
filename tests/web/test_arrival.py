"""A device that is let in, in the moment between its dialling and its answer."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any, cast

import pytest
from flask import Flask

from camproxy import rfc6455
from camproxy.devices import Device
from camproxy.links.accepted import AcceptedChannel
from camproxy.links.linger import Linger
from camproxy.web.devices import let_in


class Berthed:
    """What a device does when its board arrives: here it looks whether that has been answered already."""

    def __init__(self, board: socket.socket) -> None:
        self.board = board
        self.arrived: list[AcceptedChannel] = []

    def arrive(self, channel: AcceptedChannel, address: str, credential: str) -> None:
        self.board.setblocking(False)
        with pytest.raises(BlockingIOError):  # or one that it dials after the answer could come before it
            self.board.recv(1)
        self.board.settimeout(10)
        self.arrived.append(channel)


def test_it_is_in_its_place_before_it_is_answered() -> None:
    app = Flask(__name__)
    app.extensions["camproxy"] = SimpleNamespace(settings=SimpleNamespace(frame_bytes=1000), linger=Linger())
    board, ours = socket.socketpair()
    opening = rfc6455.switching("dGhlIHNhbXBsZSBub25jZQ==")
    berthed = Berthed(board)
    with board, app.test_request_context("/ws/pico", environ_base={"gunicorn.socket": ours}) as context:
        environ: dict[str, Any] = context.request.environ
        answer = let_in(cast(Device, berthed), "", opening)
        with pytest.raises(StopIteration):  # so gunicorn knows that the connection is dealt with
            answer(environ, lambda *_: None)
        assert board.recv(1000) == opening
        (channel,) = berthed.arrived
        channel.close()
        channel.release()
    ours.close()
