# A WebSocket client (RFC 6455): the accept key is checked, what is sent is masked, what comes is bounded.
#
# Not aiohttp's of micropython-lib: it does not look at the accept key and takes a short read for a whole one.

import asyncio
import binascii
import hashlib
import os

from camproxy import http

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
NORMAL, PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1000, 1002, 1007, 1009
#: Largest message that is taken, in pieces or in one. Bytes.
LARGEST = 2048
#: Seconds in which the network has to take what is sent.
SEND_WITHIN = 5


class Closed(Exception):
    """The connection is over. `code` is the server's, or what we told it, or 1006 when nobody said anything."""

    def __init__(self, code, reason):
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class Refused(Exception):
    """The server has not made it a WebSocket. `status` is the one of its HTTP answer."""

    def __init__(self, status):
        super().__init__(status)
        self.status = status


class WebSocket:
    def __init__(self, reader, stream, message):
        """`message` is a buffer of LARGEST bytes, used again for the next connection."""
        self._reader = reader
        self._stream = stream
        self._message = message
        self._sending = asyncio.Lock()
        #: Called whenever anything has come, a ping for example.
        self.heard = lambda: None

    async def open(self, host, path, headers):
        """Ask for it. Raises Refused, http.BadAnswer, EOFError, OSError."""
        key = binascii.b2a_base64(os.urandom(16)).strip()
        asked = (
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", key.decode()),
        )
        self._stream.write(http.request("GET", path, host, asked + headers))
        await asyncio.wait_for(self._stream.drain(), SEND_WITHIN)
        status, answered = await http.read_head(self._reader)
        if status != 101:
            raise Refused(status)
        expected = binascii.b2a_base64(hashlib.sha1(key + GUID).digest()).strip().decode()
        if answered.get("sec-websocket-accept") != expected or answered.get("upgrade", "").lower() != "websocket":
            raise http.BadAnswer("what answers is no WebSocket server")

    async def receive(self):
        """The next text, as bytes that hold until the next call. Pings are answered on the way.

        Raises Closed, EOFError, OSError.
        """
        size = 0
        gathering = False
        while True:
            final, opcode, length = await self._header()
            if opcode >= CLOSE:
                await self._control(opcode, await self._reader.exactly(length))
                continue
            if gathering != (opcode == 0):
                await self._fail(PROTOCOL_ERROR, "a fragment out of turn")
            if size + length > LARGEST:
                await self._fail(TOO_BIG, "more than %d bytes" % LARGEST)
            gathering = True
            # In parts, for the reader's buffer is smaller.
            while length:
                part = await self._reader.exactly(min(length, 256))
                self._message[size : size + len(part)] = part
                size += len(part)
                length -= len(part)
            if final:
                return memoryview(self._message)[:size]

    async def _header(self):
        """(whether it is the last piece, opcode, length); what cannot be ends the connection."""
        first, second = await self._reader.exactly(2)
        self.heard()
        final, opcode, length = first & 0x80, first & 0x0F, second & 0x7F
        if first & 0x70 or second & 0x80 or opcode not in (0, TEXT, BINARY, CLOSE, PING, PONG):
            await self._fail(PROTOCOL_ERROR, "not a frame of ours")
        if opcode >= CLOSE and (length > 125 or not final):
            await self._fail(PROTOCOL_ERROR, "a control frame too long")
        if length == 127:
            await self._fail(TOO_BIG, "more than %d bytes" % LARGEST)
        if length == 126:
            high, low = await self._reader.exactly(2)
            length = high << 8 | low
        return final, opcode, length

    async def _control(self, opcode, data):
        if opcode == PING:
            await self._send(PONG, bytes(data))
        elif opcode == CLOSE:
            code = data[0] << 8 | data[1] if len(data) >= 2 else 1005
            try:
                reason = str(bytes(data[2:]), "utf-8")
            except UnicodeError:
                reason = ""
            raise Closed(code, reason)

    async def _fail(self, code, why):
        """Tell the server what it did, and leave."""
        await self.close(code, why)
        raise Closed(code, why)

    async def send(self, text):
        """Raises OSError, also when the network does not take it in time."""
        await self._send(TEXT, text.encode())

    async def ping(self):
        await self._send(PING, b"")

    async def close(self, code=NORMAL, reason=""):
        """Say goodbye, if that is possible. The stream is closed by whoever opened it."""
        try:
            await self._send(CLOSE, bytes((code >> 8, code & 255)) + reason.encode())
        except OSError:
            pass  # it is over anyhow

    async def _send(self, opcode, data):
        mask = os.urandom(4)
        length = len(data)
        if length < 126:
            frame = bytearray((0x80 | opcode, 0x80 | length))
        else:
            frame = bytearray((0x80 | opcode, 0xFE, length >> 8, length & 255))
        frame.extend(mask)
        start = len(frame)
        frame.extend(data)
        for at in range(length):
            frame[start + at] ^= mask[at & 3]
        async with self._sending:
            self._stream.write(frame)
            try:
                await asyncio.wait_for(self._stream.drain(), SEND_WITHIN)
            except asyncio.TimeoutError:
                raise OSError(110) from None  # ETIMEDOUT
