"""From an exception to one of the words that docs/protocol.md lists as reasons."""

from __future__ import annotations

import socket
import ssl

import websocket

# The first row that fits counts, so the special comes before the general.
REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLError, "tls"),
    (socket.gaierror, "unknown_host"),
    (websocket.WebSocketAddressException, "unknown_host"),
    (ConnectionRefusedError, "refused"),
    (TimeoutError, "timeout"),
    (websocket.WebSocketTimeoutException, "timeout"),
    (ConnectionError, "closed"),
    (websocket.WebSocketConnectionClosedException, "closed"),
    (websocket.WebSocketProtocolException, "handshake"),
    (websocket.WebSocketPayloadException, "handshake"),
    (websocket.WebSocketException, "handshake"),
    (OSError, "unreachable"),
)


def reason_of(error: BaseException) -> str:
    if isinstance(error, websocket.WebSocketBadStatusException) and error.status_code in (401, 403):
        return "unauthorized"
    for kind, reason in REASONS:
        if isinstance(error, kind):
            return reason
    return "unknown"
