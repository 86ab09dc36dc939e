"""The little of the WebSocket protocol (RFC 6455) that a server writes. wsproto does the reading.

wsproto could write as well, but takes 30 µs for a text, and its state would have to be shared between threads.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha1

#: Mixed into the key of the handshake (section 1.3).
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#: Opcodes (section 11.8).
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
#: Close codes (section 7.4.1). Those of our own are in docs/protocol.md.
NORMAL, GOING_AWAY, PROTOCOL_ERROR, POLICY, TOO_BIG = 1000, 1001, 1002, 1008, 1009


def switching(key: str) -> bytes:
    """The answer that ends the handshake, to a request with that Sec-WebSocket-Key. No extensions."""
    accept = b64encode(sha1((key + GUID).encode(), usedforsecurity=False).digest()).decode()
    return (
        "HTTP/1.1 101 Switching Protocols\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n"
    ).encode()


def whole(opcode: int, data: bytes = b"") -> bytes:
    """A message in one piece, as a server sends it (section 5.2)."""
    size = len(data)
    if size < 126:
        length = bytes((size,))
    elif size < 65536:
        length = b"\x7e" + size.to_bytes(2)
    else:
        length = b"\x7f" + size.to_bytes(8)
    return b"".join((bytes((0x80 | opcode,)), length, data))


def close(code: int, reason: str = "") -> bytes:
    """`reason` has at most 123 bytes (section 5.5)."""
    return whole(CLOSE, code.to_bytes(2) + reason.encode())
