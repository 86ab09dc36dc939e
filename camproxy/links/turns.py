"""A TLS socket that one thread may read while another writes.

Python lets go of its lock inside OpenSSL, and before 3.13 nothing else keeps two threads out of one connection's state:
now and then a message was lost for good. Here they take turns, and neither holds its turn while it waits for the line.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


class TurnTakingSocket(ssl.SSLSocket):
    """For `SSLContext.sslsocket_class`, with websocket-client: `recv` and `send` only. Its time-out is kept."""

    _turn: threading.Lock | None = None
    _timeout: float | None = None

    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        self._timeout, self._turn = super().gettimeout(), threading.Lock()
        super().settimeout(0)

    def gettimeout(self) -> float | None:
        return self._timeout if self._turn else super().gettimeout()

    def settimeout(self, value: float | None) -> None:
        if self._turn:
            self._timeout = value
        else:
            super().settimeout(value)

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        return self._in_turn(super().recv, buflen, flags)

    def send(self, data: Any, flags: int = 0) -> int:
        return self._in_turn(super().send, data, flags)

    def pending(self) -> int:
        if self._turn is None:
            return super().pending()
        with self._turn:
            return super().pending()

    def shutdown(self, how: int) -> None:
        # SSLSocket would forget the TLS, and whoever reads just then would take ciphertext for text.
        socket.socket.shutdown(self, how)

    def _in_turn(self, call: Callable[..., Result], *arguments: Any) -> Result:
        if self._turn is None:
            return call(*arguments)
        until = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            try:
                with self._turn:
                    return call(*arguments)
            except ssl.SSLWantReadError:
                self._wait(selectors.EVENT_READ, until)
            except ssl.SSLWantWriteError:
                self._wait(selectors.EVENT_WRITE, until)

    def _wait(self, event: int, until: float | None) -> None:
        left = None if until is None else until - time.monotonic()
        with selectors.DefaultSelector() as selector:  # which eventlet knows, unlike poll
            selector.register(self, event)
            if not selector.select(left):
                raise TimeoutError("timed out")


def client_context(ca_file: str | None = None) -> ssl.SSLContext:
    """Trusts what the machine trusts, or only `ca_file`."""
    context = ssl.create_default_context(cafile=ca_file)
    context.sslsocket_class = TurnTakingSocket
    return context
