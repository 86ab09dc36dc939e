"""AcceptedChannel: the server's end of a WebSocket that a device has dialled; the device is a bare socket."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from typing import NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camproxy import rfc6455
from camproxy.errors import ChannelError
from camproxy.links import accepted
from camproxy.links.accepted import FRAMES_A_SECOND, REPLACED, SILENT_AFTER, AcceptedChannel
from camproxy.links.linger import Linger
from camproxy.messages import LONGEST_DEVICE_TEXT
from tests.clocks import FakeClock
from tests.patience import PATIENCE
from tests.wire_frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, xor

LARGEST = 100_000
#: Frames, however many seconds it takes to read them.
TOO_MANY = FRAMES_A_SECOND * 10


@cache
def linger() -> Linger:
    found = Linger()
    found.start()
    return found


@pytest.fixture(scope="module", autouse=True)
def _it_ends() -> Iterator[None]:
    yield
    linger().stop()


class Pair:
    """A device, and the channel that serves it."""

    def __init__(self, opening: bytes = b"") -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.device = socket.create_connection(listener.getsockname(), timeout=10)
            ours, _ = listener.accept()
        self.channel = AcceptedChannel(ours, LARGEST, linger(), opening)

    def say(self, data: bytes) -> None:
        self.device.sendall(data)

    def heard(self) -> list[bytes | str]:
        """What has been received so far. Raises ChannelError."""
        messages = []
        while (message := self.channel.receive(0)) is not None:
            messages.append(message)
        return messages

    def left(self, within: float = PATIENCE) -> ChannelError:
        """Why the connection has ended."""
        until = time.monotonic() + within
        try:
            while time.monotonic() < until:
                self.channel.receive(0.1)
        except ChannelError as error:
            return error
        raise AssertionError(f"it has not ended within {within} s")

    def told(self) -> bytes:
        """All that the device was sent until the connection ended."""
        self.channel.release()
        data = b""
        while piece := self.device.recv(65536):
            data += piece
        return data

    def close(self) -> None:
        self.channel.close()
        self.channel.release()
        self.device.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.close()


def send_without_end(channel: AcceptedChannel, begun: Callable[[], None] = lambda: None) -> NoReturn:
    while True:
        channel.send("x" * 8000)
        begun()


class TestMessages:
    def test_of_both_kinds_in_one_piece_or_several(self, pair: Pair) -> None:
        pair.say(frame(TEXT, b'{"type":"pong"}') + frame(BINARY, b"\xff" * 70_000))
        pair.say(frame(BINARY, b"ab", final=False) + frame(PING, b"?") + frame(CONTINUATION, b"cd"))
        found = [pair.channel.receive(PATIENCE) for _ in range(3)]
        assert found == ['{"type":"pong"}', b"\xff" * 70_000, b"abcd"]
        assert pair.device.recv(100) == rfc6455.whole(rfc6455.PONG, b"?")

    def test_a_picture_in_many_packets_is_no_flood(self, pair: Pair) -> None:
        """As a board's network brings it: 25 pictures a second, seventeen packets each."""
        picture = frame(BINARY, bytes(24_000))
        found = []
        for _ in range(25):
            for at in range(0, len(picture), 1436):
                pair.say(picture[at : at + 1436])
                found += pair.heard()
        while len(found) < 25 and (message := pair.channel.receive(PATIENCE)) is not None:
            found.append(message)
        assert found == [bytes(24_000)] * 25

    def test_what_was_said_before_the_goodbye_is_heard(self, pair: Pair) -> None:
        pair.say(frame(TEXT, b'"good night"') + frame(CLOSE, b"\x03\xe8sleep"))
        assert pair.channel.receive(PATIENCE) == '"good night"'
        assert pair.left().reason == "asleep"
        assert pair.told() == rfc6455.close(1000)

    def test_what_a_goodbye_says_writes_no_line_of_its_own(self, pair: Pair) -> None:
        pair.say(frame(CLOSE, b"\x03\xe8" + "a\nb\u202ec".encode()))
        assert pair.left().detail == "by the device: 1000 a\ufffdb\ufffdc"


class TestTheHandshake:
    """Is answered before anything else is said, whoever says it."""

    @pytest.mark.parametrize("order", [("open", "send"), ("send", "open")])
    def test_by_who_lets_it_in_or_has_news_before(self, order: tuple[str, str]) -> None:
        pair = Pair(b"welcome")
        does = {"open": pair.channel.open, "send": lambda: pair.channel.send("a")}
        for what in order:
            does[what]()
        pair.channel.close()
        assert pair.told() == b"welcome" + rfc6455.whole(rfc6455.TEXT, b"a") + rfc6455.close(rfc6455.GOING_AWAY, "")
        pair.close()

    def test_by_who_sends_it_away_before(self) -> None:
        pair = Pair(b"welcome")
        pair.channel.close(REPLACED, "Replaced")
        with pytest.raises(ChannelError):
            pair.channel.open()
        assert pair.told() == b"welcome" + rfc6455.close(REPLACED, "Replaced")
        pair.close()


class TestWhatIsNoMessage:
    @pytest.mark.parametrize(
        ("data", "code"),
        [
            (frame(TEXT, b"\xff\xfe"), 1007),
            (frame(TEXT, b"\xe2\x82", final=False) + frame(CONTINUATION, b"x"), 1007),
            (frame(TEXT, b"{}", mask=None), 1002),
            (frame(TEXT, b"{}", reserved=4), 1002),
            (frame(BINARY, b"{}", reserved=1), 1002),
            (frame(3, b"{}"), 1002),
            (frame(15), 1002),
            (frame(CONTINUATION, b"{}"), 1002),
            (frame(TEXT, b"{", final=False) + frame(TEXT, b"}"), 1002),
            (frame(PING, b"", final=False), 1002),
            (frame(PING, bytes(126)), 1002),
            (frame(CLOSE, b"\x03"), 1002),
            (frame(CLOSE, b"\x03\xed"), 1002),
            (frame(CLOSE, b"\x03\xe8\xff"), 1007),
            (b"\x82\xfe\x00\x05" + bytes(9), 1002),
            (b"\x82\xff" + b"\xff" * 12, 1002),
            (b"GET / HTTP/1.1\r\n\r\n", 1002),
            (frame(BINARY, bytes(LARGEST + 1)), 1009),
            (frame(BINARY, bytes(LARGEST + 1), length=60_000_000), 1009),
            (frame(TEXT, b" " * (LONGEST_DEVICE_TEXT + 1)), 1009),
            (frame(BINARY, bytes(LARGEST // 2 + 1), final=False) + frame(CONTINUATION, bytes(LARGEST // 2)), 1009),
            (frame(TEXT, b"{}") * TOO_MANY, 1008),
            (frame(PING) * TOO_MANY, 1008),
            (frame(BINARY, final=False) + frame(CONTINUATION, final=False) * TOO_MANY, 1008),
        ],
    )
    def test_it_ends_the_connection_and_the_device_is_told(self, pair: Pair, data: bytes, code: int) -> None:
        said = threading.Thread(target=pair.say, args=(data,))
        said.start()
        assert pair.left().reason in ("handshake", "bad_frames")
        said.join(10)
        assert rfc6455.whole(rfc6455.CLOSE, code.to_bytes(2))[2:] in pair.told()

    def test_nor_is_the_beginning_of_one(self, pair: Pair) -> None:
        pair.say(frame(BINARY, bytes(1000))[:500])
        pair.device.shutdown(socket.SHUT_WR)
        assert pair.left().reason == "closed"


class TestTheOtherEnd:
    def test_one_that_takes_nothing_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(accepted, "SEND_WITHIN", 0.3)
        pair = Pair()
        begun = time.monotonic()
        with pytest.raises(ChannelError, match="timeout"):
            send_without_end(pair.channel)
        assert time.monotonic() - begun < 5
        pair.close()

    def test_one_that_is_silent_is_pinged_and_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(accepted, "PING_EVERY", 0.1)
        monkeypatch.setattr(accepted, "SILENT_AFTER", 0.5)
        pair = Pair()
        assert pair.left().reason == "silent"
        assert rfc6455.whole(rfc6455.PING) in pair.told()
        pair.close()

    def test_any_sign_of_life_is_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = FakeClock()
        monkeypatch.setattr(accepted, "time", clock)
        pair = Pair()
        picture = frame(BINARY, bytes(1000))
        for byte in picture[:12]:
            pair.say(bytes((byte,)))
            assert pair.channel.receive(0) is None
            clock.advance(SILENT_AFTER / 5)
        pair.say(picture[12:])
        assert pair.channel.receive(PATIENCE) == bytes(1000)
        pair.close()

    def test_one_that_has_spoken_while_nobody_looked_is_not_silent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = FakeClock()
        monkeypatch.setattr(accepted, "time", clock)
        pair = Pair()
        pair.say(frame(TEXT, b"{}"))
        clock.advance(SILENT_AFTER + 1)
        assert pair.channel.receive(PATIENCE) == "{}"
        clock.advance(SILENT_AFTER + 1)
        with pytest.raises(ChannelError, match="silent"):
            pair.channel.receive(0)
        pair.close()


class TestClosing:
    def test_who_waits_leaves_at_once_and_the_device_is_told(self, pair: Pair) -> None:
        ended: list[ChannelError] = []
        waiting = threading.Thread(target=lambda: ended.append(pair.left(20)))
        waiting.start()
        pair.channel.close(REPLACED, "Replaced")
        waiting.join(PATIENCE)
        assert [error.reason for error in ended] == ["replaced"]
        assert pair.told() == rfc6455.close(REPLACED, "Replaced")

    def test_who_leaves_meanwhile_takes_no_word_from_who_says_goodbye(
        self, pair: Pair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        speaking, may_speak = threading.Event(), threading.Event()
        say = AcceptedChannel._say_goodbye

        def slowly(channel: AcceptedChannel, code: int, reason: str) -> None:
            speaking.set()
            assert may_speak.wait(PATIENCE)
            say(channel, code, reason)

        monkeypatch.setattr(AcceptedChannel, "_say_goodbye", slowly)
        told: list[bytes] = []

        def serve() -> None:
            assert pair.left().reason == "replaced"
            pair.channel.close()
            told.append(pair.told())

        closing = threading.Thread(target=pair.channel.close, args=(REPLACED, "Replaced"))
        closing.start()
        assert speaking.wait(PATIENCE)
        serving = threading.Thread(target=serve)
        serving.start()
        serving.join(0.2)  # so long it has to let go of the connection too early
        may_speak.set()
        for thread in (closing, serving):
            thread.join(PATIENCE)
        assert told == [rfc6455.close(REPLACED, "Replaced")]

    def test_who_is_in_the_middle_of_sending_leaves_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(accepted, "SEND_WITHIN", 2 * PATIENCE)  # when it would leave by itself
        pair = Pair()
        begun = threading.Event()
        ended: list[ChannelError] = []

        def send() -> None:
            try:
                send_without_end(pair.channel, begun.set)
            except ChannelError as error:
                ended.append(error)

        sending = threading.Thread(target=send)
        sending.start()
        assert begun.wait(10)
        pair.channel.close(REPLACED, "Replaced")
        sending.join(PATIENCE)
        assert [error.reason for error in ended] == ["replaced"]
        pair.close()


def reference(stream: bytes) -> list[bytes | str]:
    """The messages in it, up to the first thing that is not allowed, by the letter of RFC 6455 and nothing else."""
    found: list[bytes | str] = []
    kind, message = 0, b""
    while len(stream) >= 2:
        final, reserved, opcode = stream[0] >> 7, stream[0] >> 4 & 7, stream[0] & 15
        masked, size, at = stream[1] >> 7, stream[1] & 127, 2
        if size > 125:
            at = 4 if size == 126 else 10
            if len(stream) < at:
                return found
            least, size = 126 if size == 126 else 65536, int.from_bytes(stream[2:at])
            if size < least:
                return found
        if reserved or not masked or opcode not in (0, 1, 2, 8, 9, 10) or (opcode >= 8 and (size > 125 or not final)):
            return found
        if opcode == 8 or size > LARGEST or (opcode < 8 and (opcode == 0) == (kind == 0)):
            return found
        data = stream[at + 4 : at + 4 + size]
        if len(stream) < at + 4 + size:
            return found
        if opcode < 8:
            kind, message = opcode or kind, message + xor(data, stream[at : at + 4])
            if final:
                try:
                    found.append(message.decode() if kind == 1 else message)
                except UnicodeDecodeError:
                    return found
                kind, message = 0, b""
        stream = stream[at + 4 + size :]
    return found


masks = st.binary(min_size=4, max_size=4)
#: Most are right as they are, some are not.
frames = st.builds(
    frame,
    st.sampled_from((TEXT, BINARY, CONTINUATION, PING, PONG) * 3 + (CLOSE, 3, 11)),
    st.binary(max_size=140) | st.text(max_size=40).map(str.encode),
    final=st.sampled_from((True, True, False)),
    mask=st.one_of(masks, masks, masks, st.none()),
    reserved=st.sampled_from((0,) * 9 + (1, 2, 4)),
    length=st.sampled_from((-1,) * 9 + (0, 125, 126, 65_535, 65_536, 60_000_000, 2**63)),
)


@st.composite
def message(draw: st.DrawFn) -> bytes:
    """One that is in order, in pieces, perhaps with a ping between them."""
    text = draw(st.booleans())
    data = draw(st.text(max_size=60)).encode() if text else draw(st.binary(max_size=200))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=3)))
    pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    opcodes = [TEXT if text else BINARY] + [CONTINUATION] * (len(pieces) - 1)
    sent = b""
    for number, (opcode, piece) in enumerate(zip(opcodes, pieces, strict=True)):
        sent += frame(opcode, piece, final=number == len(pieces) - 1, mask=draw(masks))
        sent += draw(st.sampled_from((b"", b"", frame(PING, b"?"), frame(PONG))))
    return sent


streams = st.one_of(
    st.binary(max_size=300),
    st.lists(message(), max_size=8).map(b"".join),
    st.lists(st.one_of(message(), frames), max_size=12).map(b"".join),
)


@given(streams, st.lists(st.floats(0, 1), max_size=6))
@settings(max_examples=200, deadline=None)
def test_whatever_comes_however_split_gives_the_messages_in_it_and_an_end(stream: bytes, split: list[float]) -> None:
    cuts = sorted({0, *(int(at * len(stream)) for at in split), len(stream)})
    pair = Pair()
    found: list[bytes | str] = []

    def hear(timeout: float) -> None:
        while (heard := pair.channel.receive(timeout)) is not None:
            found.append(heard)

    def converse() -> None:
        for begin, end in pairwise(cuts):
            pair.say(stream[begin:end])
            hear(0.001)
        pair.device.shutdown(socket.SHUT_WR)
        hear(5)

    try:
        with pytest.raises(ChannelError):
            converse()
        assert found == reference(stream)
    finally:
        pair.close()
