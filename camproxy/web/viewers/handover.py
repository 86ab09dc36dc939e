"""Taking a connection over from the web server, so that a viewer or a device holds no worker thread."""

from __future__ import annotations

import importlib
import os
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any

from flask import Response

from camproxy.web.edge import server_socket


def can_hand_over(environ: dict[str, Any]) -> bool:
    """Whether the connection is one that we can have: not eventlet's, and no TLS of Werkzeug's, whose state stays."""
    sock = environ.get("gunicorn.socket") or environ.get("werkzeug.socket")
    return sock is not None and not isinstance(sock, ssl.SSLSocket)


class HandedOver(Response):
    """A response that answers nothing: it gives the connection to `take` and ends the request."""

    def __init__(self, take: Callable[[socket.socket], object], status: int) -> None:
        super().__init__(status=status)  # for the request log; nothing of it is sent
        self._take = take

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        sock = server_socket(environ)
        assert sock is not None
        ours = sock.dup()
        # The server will shut down and close what it believes to be the connection. `detach` would make it fail in the
        # middle of its book-keeping, a mere `dup` would let it half-close ours: so it gets an unconnected socket.
        with socket.socket() as nothing:
            os.dup2(nothing.fileno(), sock.fileno())
        self._take(ours)
        return dealt_with(environ)(environ, start_response)


def dealt_with(environ: dict[str, Any]) -> Response:
    """What each server knows as "the application has dealt with the connection itself"."""
    if "gunicorn.socket" in environ:
        raise StopIteration
    if "werkzeug.socket" in environ:
        raise ConnectionError
    return DealtWith()


class DealtWith(Response):
    """The same for eventlet's server."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        wsgi = importlib.import_module("eventlet.wsgi")
        wsgi.WSGI_LOCAL.already_handled = True
        return []
