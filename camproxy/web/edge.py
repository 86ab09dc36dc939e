"""The outermost WSGI layers: whom a request comes from, and what every socket has in common."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from werkzeug.middleware.proxy_fix import ProxyFix

from camproxy.addresses import Network, within
from camproxy.sockets import tune

log = logging.getLogger(__name__)

Environ = dict[str, Any]

FORWARDED = [
    "HTTP_FORWARDED",
    *(f"HTTP_X_FORWARDED_{name}" for name in ("FOR", "PROTO", "HOST", "PORT", "PREFIX")),
]


def server_socket(environ: Environ) -> socket.socket | None:
    """The connection that a request came on, where the server shows it."""
    if sock := environ.get("gunicorn.socket") or environ.get("werkzeug.socket"):
        return sock  # type: ignore[no-any-return]
    # Not asked for first: python-engineio pretends to be eventlet where there is gunicorn.
    return environ["eventlet.input"].get_socket() if "eventlet.input" in environ else None


class TrustedProxies:
    """Believes X-Forwarded-* from the named networks only, and hides it from everything behind otherwise."""

    def __init__(self, app: Any, networks: Iterable[Network], scheme: str) -> None:
        """`scheme`: what this server itself speaks, "http" or "https"."""
        self._app = app
        self._scheme = scheme
        self._forwarded = ProxyFix(app, x_for=1, x_proto=1, x_host=1)
        self._networks = tuple(networks)

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        # gunicorn has believed X-Forwarded-Proto of programs on this machine, or of all (FORWARDED_ALLOW_IPS).
        environ["wsgi.url_scheme"] = self._scheme
        if within(environ.get("REMOTE_ADDR", ""), self._networks):
            answer: Iterable[bytes] = self._forwarded(environ, start_response)
            return answer
        for name in FORWARDED:
            environ.pop(name, None)
        return self._app(environ, start_response)  # type: ignore[no-any-return]


class Sockets:
    """What holds for every WebSocket and for Socket.IO: who may open one, how it is tuned, how it ends.

    - A page of another site cannot open a socket with this user's cookie (`Origin`, RFC 6455 section 10.2). A program
      sends no Origin and has no user's cookie by accident.
    - permessage-deflate is not offered to the libraries: they would accept it and spend a millisecond on
      each JPEG, which cannot shrink.
    """

    def __init__(self, app: Any, allowed_origins: Iterable[str]) -> None:
        self._app = app
        self._allowed = frozenset(allowed_origins)
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._closing = False

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        upgrade = environ.get("HTTP_UPGRADE", "").lower() == "websocket"
        if not upgrade and not environ.get("PATH_INFO", "").startswith("/socket.io"):
            return self._app(environ, start_response)  # type: ignore[no-any-return]
        if not self._origin_allowed(environ):
            log.warning("refused a socket for a page of %r", environ.get("HTTP_ORIGIN", "")[:200])
            start_response("403 Forbidden", [("Content-Type", "application/json")])
            return [b'{"error":"forbidden","message":"This origin may not open sockets here."}']
        if self._closing and (upgrade or "sid=" not in environ.get("QUERY_STRING", "")):
            # Who polls may still fetch that the server stops.
            start_response("503 Service Unavailable", [("Content-Type", "application/json")])
            return [b'{"error":"unavailable","message":"The server is stopping."}']
        if not upgrade:
            return self._app(environ, start_response)  # type: ignore[no-any-return]
        environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        with self._tracked(server_socket(environ)):
            return self._app(environ, start_response)  # type: ignore[no-any-return]

    def close(self) -> None:
        """From now on nobody may open one."""
        self._closing = True

    def leave(self, sock: socket.socket) -> None:
        """Somebody else will end that one, with a goodbye of its own."""
        with self._changed:
            self._open.discard(sock)
            self._changed.notify_all()

    def end_all(self, within: float) -> None:
        """Wait `within` seconds for sockets that are served by a thread to end, then end them."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open, within)
            for sock in self._open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    log.debug("a socket had ended by itself")

    def _origin_allowed(self, environ: Environ) -> bool:
        origin = environ.get("HTTP_ORIGIN", "").lower()
        if not origin:
            return True
        return origin in self._allowed or urlsplit(origin).netloc == environ.get("HTTP_HOST", "").lower()

    @contextmanager
    def _tracked(self, sock: socket.socket | None) -> Iterator[None]:
        if sock is None:
            yield
            return
        tune(sock)
        with self._changed:
            self._open.add(sock)
        try:
            yield
        finally:
            self.leave(sock)
