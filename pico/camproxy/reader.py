# Reads a stream by way of one buffer that is made once: the heap of a board that runs for months must not crumble.


class TooLong(Exception):
    """The other side says more than it may."""


class Reader:
    """Over a stream of asyncio. `buffer` is used again for the next connection."""

    def __init__(self, stream, buffer):
        self._stream = stream
        self._buffer = buffer
        self._view = memoryview(buffer)
        self._start = 0
        self._end = 0

    async def _more(self):
        """Wait for more bytes. Raises EOFError at the end, TooLong when there is no room, OSError."""
        if self._start and self._start == self._end:
            self._start = self._end = 0
        if self._end == len(self._buffer):
            if not self._start:
                raise TooLong()
            rest = self._end - self._start
            self._buffer[:rest] = self._buffer[self._start : self._end]
            self._start, self._end = 0, rest
        count = None
        while count is None:  # woken, and nothing there: TLS has its own records
            count = await self._stream.readinto(self._view[self._end :])
        if not count:
            raise EOFError()
        self._end += count

    async def until(self, ending):
        """The bytes up to and with that ending."""
        while True:
            at = self._buffer.find(ending, self._start, self._end)
            if at >= 0:
                break
            await self._more()
        at += len(ending)
        found = bytes(self._view[self._start : at])
        self._start = at
        return found

    async def exactly(self, count):
        """So many bytes, as a view that holds until the next call."""
        if count > len(self._buffer):
            raise TooLong()
        while self._end - self._start < count:
            await self._more()
        found = self._view[self._start : self._start + count]
        self._start += count
        return found
