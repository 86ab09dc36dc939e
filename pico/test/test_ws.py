import binascii
import hashlib
import os

from helping import FakeStream, raises_later

from camproxy import http, ws
from camproxy.reader import Reader
from camproxy.ws import Closed, Refused, WebSocket


def make(incoming=b"", piece=1000):
    stream = FakeStream(incoming, piece)
    return WebSocket(Reader(stream, bytearray(1024)), stream, bytearray(ws.LARGEST)), stream


def frame(opcode, data=b"", final=True):
    """As a server sends it."""
    first = (0x80 if final else 0) | opcode
    if len(data) < 126:
        return bytes((first, len(data))) + data
    return bytes((first, 126, len(data) >> 8, len(data) & 255)) + data


def unmasked(data):
    """[(opcode, payload)] of what the board has sent; each frame must be masked."""
    found = []
    while data:
        assert data[1] & 0x80, "not masked"
        length, at = data[1] & 0x7F, 2
        if length == 126:
            length, at = data[2] << 8 | data[3], 4
        mask, payload = data[at : at + 4], data[at + 4 : at + 4 + length]
        found.append((data[0] & 15, bytes(byte ^ mask[i & 3] for i, byte in enumerate(payload))))
        data = data[at + 4 + length :]
    return found


class Upgrading(FakeStream):
    """A server that answers the handshake; `change` spoils its answer."""

    def __init__(self, change=lambda text: text, after=b""):
        super().__init__(piece=11)
        self._change, self._after = change, after

    def write(self, data):
        super().write(data)
        key = bytes(data).split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        accept = binascii.b2a_base64(hashlib.sha1(key + ws.GUID).digest()).strip().decode()
        answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        answer += "Sec-WebSocket-Accept: %s\r\n\r\n" % accept
        self.incoming = self._change(answer).encode() + self._after


def dialled(stream):
    return WebSocket(Reader(stream, bytearray(1024)), stream, bytearray(ws.LARGEST))


async def test_the_handshake_and_what_comes_right_behind_it():
    stream = Upgrading(after=frame(1, b"{}"))
    socket = dialled(stream)
    await socket.open("10.0.0.1:5000", "/ws/pico", (("Authorization", "Bearer abc"),))
    assert bytes(await socket.receive()) == b"{}"
    asked = stream.written.decode()
    assert asked.startswith("GET /ws/pico HTTP/1.1\r\nHost: 10.0.0.1:5000\r\n")
    assert "\r\nAuthorization: Bearer abc\r\n" in asked and "Sec-WebSocket-Version: 13" in asked


async def test_a_wrong_accept_key_is_no_websocket():
    for change in (
        lambda text: text.replace("Accept: ", "Accept: x"),
        lambda text: text.replace("Sec-WebSocket-Accept", "X-Other"),
        lambda text: text.replace("Upgrade: websocket\r\n", ""),
    ):
        await raises_later(http.BadAnswer, dialled(Upgrading(change)).open("h", "/", ()))


async def test_another_status_is_a_refusal():
    stream = Upgrading(lambda text: text.replace("101", "429"))
    error = await raises_later(Refused, dialled(stream).open("h", "/", ()))
    assert error.status == 429


async def test_messages_in_every_kind_of_pieces():
    long = bytes(range(32, 127)) * 15
    incoming = frame(1, b"short") + frame(1, long) + frame(1, b"a", False) + frame(0, b"", False) + frame(0, b"b")
    for piece in (1, 2, 3, 5, 100, 5000):
        socket, _ = make(incoming, piece)
        assert bytes(await socket.receive()) == b"short"
        assert bytes(await socket.receive()) == long
        assert bytes(await socket.receive()) == b"ab"
        await raises_later(EOFError, socket.receive())


async def test_pings_are_answered_also_between_fragments():
    incoming = frame(9, b"?") + frame(1, b"a", False) + frame(9, b"12345") + frame(10) + frame(0, b"b")
    socket, stream = make(incoming, 4)
    heard = []
    socket.heard = lambda: heard.append(1)
    assert bytes(await socket.receive()) == b"ab"
    assert unmasked(stream.written) == [(10, b"?"), (10, b"12345")]
    assert len(heard) == 5


async def test_the_close_code_and_reason_are_told():
    for payload, code, reason in (
        (b"\x0f\xa1Invalid token", 4001, "Invalid token"),
        (b"\x0f\xa9", 4009, ""),
        (b"", 1005, ""),
        (b"\x03\xe8\xff\xff", 1000, ""),
    ):
        socket, _ = make(frame(8, payload))
        error = await raises_later(Closed, socket.receive())
        assert (error.code, error.reason) == (code, reason)


async def test_what_cannot_be_ends_the_connection():
    for nonsense, code in (
        (bytes((0xC1, 0)), 1002),  # a reserved bit
        (bytes((0x81, 0x80)) + b"abcd", 1002),  # masked
        (bytes((0x83, 0)), 1002),  # an opcode that is none
        (frame(0, b"x"), 1002),  # goes on with nothing
        (frame(1, b"x", False) + frame(1, b"y"), 1002),  # begins anew in the middle
        (frame(9, b"x", False), 1002),  # a ping in pieces
        (bytes((0x89, 126, 0, 200)), 1002),  # a ping too long
        (bytes((0x81, 127)) + bytes(8), 1009),
        (bytes((0x81, 126, 0x08, 0x01)), 1009),  # 2049
        (frame(1, b"x" * 2000, False) + frame(0, b"y" * 49), 1009),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", 1002),
    ):
        socket, stream = make(nonsense)
        error = await raises_later(Closed, socket.receive())
        assert error.code == code, nonsense
        opcode, said = unmasked(stream.written)[-1]
        assert opcode == 8 and said[0] << 8 | said[1] == code


async def test_random_bytes_never_do_more_than_end_it():
    for _ in range(300):
        socket, _ = make(os.urandom(64), 1 + os.urandom(1)[0] % 64)
        try:
            while True:
                await socket.receive()
        except (Closed, EOFError):
            pass


async def test_what_is_sent_is_masked_with_a_new_mask_each_time():
    socket, stream = make()
    await socket.send("Grüße")
    await socket.send("x" * 300)
    await socket.ping()
    await socket.close(1001, "bye")
    assert unmasked(stream.written) == [
        (1, "Grüße".encode()), (1, b"x" * 300), (9, b""), (8, b"\x03\xe9bye")
    ]
    socket, first = make()
    await socket.send("same")
    socket, second = make()
    await socket.send("same")
    assert first.written != second.written


async def test_a_network_that_takes_nothing_is_an_error():
    import asyncio

    class Stuck(FakeStream):
        async def drain(self):
            await asyncio.sleep(60)

    within, ws.SEND_WITHIN = ws.SEND_WITHIN, 0.05
    try:
        stream = Stuck()
        socket = WebSocket(Reader(stream, bytearray(64)), stream, bytearray(ws.LARGEST))
        error = await raises_later(OSError, socket.send("x"))
        assert error.errno == 110
        await socket.close()  # which does not mind
    finally:
        ws.SEND_WITHIN = within
