"""WebSocket frames as a client sends them (RFC 6455 section 5.2), also such as no library would send."""

from __future__ import annotations

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x37\xfa\x21\x3d"


def frame(
    opcode: int,
    data: bytes = b"",
    *,
    final: bool = True,
    mask: bytes | None = MASK,
    reserved: int = 0,
    length: int = -1,
) -> bytes:
    """`length` is what the header says, if not the truth."""
    size = len(data) if length < 0 else length
    masked = 0x80 if mask else 0
    first = (0x80 if final else 0) | reserved << 4 | opcode
    if size < 126:
        head = bytes((first, masked | size))
    elif size < 65536:
        head = bytes((first, masked | 126)) + size.to_bytes(2)
    else:
        head = bytes((first, masked | 127)) + size.to_bytes(8)
    return head + (mask + xor(data, mask) if mask else data)


def xor(data: bytes, mask: bytes) -> bytes:
    size = len(data)
    pattern = mask * (size // 4 + 1)
    return (int.from_bytes(data) ^ int.from_bytes(pattern[:size])).to_bytes(size)
