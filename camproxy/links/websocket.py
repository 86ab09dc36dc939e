"""A channel over a WebSocket that we dial, by websocket-client: the card's pull mode."""

from __future__ import annotations

import selectors
import socket
import ssl
from base64 import b64encode
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import websocket
from websocket._abnf import frame_buffer

from camproxy.errors import ChannelError
from camproxy.links.reasons import reason_of
from camproxy.links.turns import client_context

CONNECT_WITHIN = 5.0
#: Seconds after which a socket call gives up; a message that comes in slowly is continued by the next one.
SOCKET_TIMEOUT = 2.0

# A peer that vanished without a word is noticed by the kernel, whatever the board's firmware knows of pings.
SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
]
for _name, _value in (("TCP_KEEPIDLE", 5), ("TCP_KEEPINTVL", 3), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 14_000)):
    if hasattr(socket, _name):
        SOCKET_OPTIONS.append((socket.IPPROTO_TCP, getattr(socket, _name), _value))


class _LimitedFrames(frame_buffer):
    """Refuses a frame by its announced length, before a byte of it is read."""

    def __init__(self, recv: Any, largest: int) -> None:
        super().__init__(recv, False)
        self._largest = largest

    def recv_length(self) -> None:
        super().recv_length()
        if self.length is not None and self.length > self._largest:
            raise ChannelError("bad_frames", f"a message of {self.length} bytes, {self._largest} are allowed")


class WebSocketChannel:
    """Dials `url`; messages over `largest` bytes end the connection. See Channel."""

    pull = True

    def __init__(self, url: str, largest: int) -> None:
        parts = urlsplit(url)
        header = []
        if parts.username:
            credentials = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            header.append("Authorization: Basic " + b64encode(credentials.encode()).decode())
            parts = parts._replace(netloc=parts.netloc.rpartition("@")[2])
        try:
            self._ws = websocket.create_connection(
                urlunsplit(parts),
                timeout=CONNECT_WITHIN,
                sockopt=SOCKET_OPTIONS,
                header=header,
                # What the machine trusts takes a while to read; without TLS nobody asks.
                sslopt={"context": client_context()} if parts.scheme == "wss" else None,
                enable_multithread=True,
                redirect_limit=0,
                http_no_proxy=["*"],
            )
        except (OSError, websocket.WebSocketException, ValueError) as error:
            raise ChannelError(reason_of(error), str(error)) from error
        self._ws.frame_buffer = _LimitedFrames(self._ws._recv, largest)
        self._ws.settimeout(SOCKET_TIMEOUT)

    def receive(self, timeout: float) -> bytes | str | None:
        try:
            if not self._readable(timeout):
                return None
            message: bytes | str = self._ws.recv()
        except websocket.WebSocketTimeoutException:
            return None
        except (OSError, ValueError, websocket.WebSocketException) as error:
            raise ChannelError(reason_of(error), str(error)) from error
        if not message and not self._ws.connected:
            raise ChannelError("closed", "by the device")
        return message

    def send(self, text: str) -> None:
        try:
            self._ws.send(text)
        except (OSError, websocket.WebSocketException) as error:
            raise ChannelError(reason_of(error), str(error)) from error

    def close(self) -> None:
        # shutdown, not close: the receiving thread may be inside a call, and the descriptor must stay its own till then
        sock = self._ws.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it is closed already

    def release(self) -> None:
        self._ws.shutdown()

    def _readable(self, timeout: float) -> bool:
        sock = self._ws.sock
        if sock is None:
            raise ChannelError("closed", "by the device")
        if isinstance(sock, ssl.SSLSocket) and sock.pending():
            return True
        with selectors.DefaultSelector() as selector:  # which eventlet knows, unlike poll
            selector.register(sock, selectors.EVENT_READ)
            return bool(selector.select(timeout))
