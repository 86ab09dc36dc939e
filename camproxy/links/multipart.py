"""A parser for multipart/x-mixed-replace (RFC 2046), fed with bytes as they come."""

from __future__ import annotations

import re

#: Boundary line and headers of a part together; beyond that it is no MJPEG.
LONGEST_HEADER = 8192
CONTENT_LENGTH = re.compile(rb"(?im)^content-length:[ \t]*(\d{1,12})[ \t]*\r?$")


class MultipartReader:
    """Splits a byte stream into bodies. Takes parts with Content-Length, and parts that end at the next boundary.

    A body over `largest` bytes raises ValueError, as does a part header without an end.
    """

    def __init__(self, boundary: str, largest: int) -> None:
        # Firmware is found that repeats the dashes in the header's boundary, and firmware that does not.
        self._boundary = b"--" + boundary.encode("latin-1").removeprefix(b"--")
        self._largest = largest
        self._buffer = bytearray()
        self._length: int | None = None
        self._in_body = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was received; returns the bodies that are complete now."""
        self._buffer += data
        bodies = []
        while (body := self._next()) is not None:
            bodies.append(body)
        return bodies

    def _next(self) -> bytes | None:
        if not self._in_body and not self._header():
            return None
        if self._length is not None:
            if len(self._buffer) < self._length:
                return None
            end = self._length
        else:
            end = self._buffer.find(b"\r\n" + self._boundary)
            if end > self._largest or (end < 0 and len(self._buffer) > self._largest + LONGEST_HEADER):
                raise ValueError(f"a part of more than {self._largest} bytes")
            if end < 0:
                return None
        body = bytes(self._buffer[:end])
        del self._buffer[:end]
        self._in_body = False
        return body

    def _header(self) -> bool:
        start = self._buffer.find(self._boundary)
        end = self._buffer.find(b"\r\n\r\n", start) if start >= 0 else -1
        if end < 0:
            if len(self._buffer) > LONGEST_HEADER:
                raise ValueError("no part header where one was expected")
            return False
        header = bytes(self._buffer[start:end])
        del self._buffer[: end + 4]
        found = CONTENT_LENGTH.search(header)
        self._length = int(found[1]) if found else None
        if self._length is not None and self._length > self._largest:
            raise ValueError(f"a part of {self._length} bytes, {self._largest} are allowed")
        self._in_body = True
        return True
