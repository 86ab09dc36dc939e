"""A channel over a WebSocket that a device has dialled, after the handshake."""

from __future__ import annotations

import atexit
import selectors
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from functools import cache

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.utilities import ProtocolError

from camproxy import rfc6455
from camproxy.errors import ChannelError
from camproxy.links.linger import Linger
from camproxy.links.outbox import ANSWER_WITHIN
from camproxy.messages import LONGEST_DEVICE_TEXT, plain

#: How often a device is pinged, and after how long without a sign of life it is given up. Seconds.
PING_EVERY, SILENT_AFTER = 4.0, 12.0
#: Seconds after which a device that takes nothing is given up: then whoever waits for its answer has to be told.
SEND_WITHIN = ANSWER_WITHIN
#: How long a goodbye waits for who is sending: usually that is done in no time, but it may be stuck. Seconds.
GOODBYE_WITHIN = 0.1
#: Close codes of ours, see docs/protocol.md.
NOT_AUTHORIZED, REFUSED, REPLACED = 4001, 4003, 4009
CLOSED_FOR = {REFUSED: "revoked", REPLACED: "replaced"}
#: More than this from one device within a second is no camera and no Pico. Frames of the protocol, of which a message
#: has one or more.
FRAMES_A_SECOND = 200


@cache
def always_readable() -> socket.socket:
    """Put into the selector of a channel, it wakes whoever waits there."""
    ours, theirs = socket.socketpair()
    theirs.close()
    atexit.register(ours.close)
    return ours


class AcceptedChannel:
    """Serves a connected socket, which becomes its own. Messages over `largest` bytes end it. See Channel."""

    pull = False

    def __init__(self, sock: socket.socket, largest: int, linger: Linger, opening: bytes = b"") -> None:
        """`opening` is what the handshake still has to say, before anything else."""
        sock.settimeout(SEND_WITHIN)
        self._sock = sock
        self._largest = largest
        self._linger = linger
        self._opening = opening
        self._selector = selectors.DefaultSelector()
        self._selector.register(sock, selectors.EVENT_READ)
        self._connection = Connection(ConnectionType.SERVER)
        self._sending = threading.Lock()
        self._leaving = threading.Lock()
        #: The message that is coming in; None between messages.
        self._coming: bytearray | str | None = None
        self._messages: deque[bytes | str] = deque()
        self._heard_at = self._pinged_at = time.monotonic()
        self._second, self._in_second = 0, 0
        self._closed: ChannelError | None = None
        #: Set when the socket is no longer in use.
        self.released = threading.Event()

    def open(self) -> None:
        """Answer the handshake, if nobody has sent anything yet. Raises ChannelError."""
        self._write(b"")

    def receive(self, timeout: float) -> bytes | str | None:
        until = time.monotonic() + timeout
        while not self._messages:
            if self._closed:
                raise self._closed
            now = time.monotonic()
            if now - self._pinged_at > PING_EVERY:
                self._pinged_at = now
                self._write(rfc6455.whole(rfc6455.PING))
            if self._selector.select(max(until - now, 0)):
                with suppress(ChannelError):  # raised above, after what was said before
                    self._read()
            elif time.monotonic() - self._heard_at > SILENT_AFTER:  # of one that has spoken we may be behind
                raise self._left("silent", f"no sign of life for {SILENT_AFTER:.0f} seconds")
            elif now >= until:
                return None
        return self._messages.popleft()

    def _read(self) -> None:
        if self._closed:  # which was what woke us
            return
        try:
            data = self._sock.recv(65536)
        except OSError as error:
            raise self._left("closed", str(error)) from error
        if not data:
            raise self._left("closed", "by the device")
        self._heard_at = time.monotonic()
        try:
            self._connection.receive_data(data)
            for event in self._connection.events():
                if getattr(event, "frame_finished", True):  # else it is the beginning of one, as the network brought it
                    self._count()
                self._take(event)
        except ProtocolError as error:
            raise self._left("handshake", str(error), rfc6455.PROTOCOL_ERROR) from error

    def _count(self) -> None:
        second = int(self._heard_at)
        self._in_second = self._in_second + 1 if second == self._second else 1
        self._second = second
        if self._in_second > FRAMES_A_SECOND:
            detail = f"more than {FRAMES_A_SECOND} messages in a second"
            raise self._left("bad_frames", detail, rfc6455.POLICY, "Too many messages")

    def _take(self, event: Event) -> None:
        match event:
            case TextMessage() | BytesMessage():
                self._gather(event)
            case Ping(payload=payload):
                self._write(rfc6455.whole(rfc6455.PONG, bytes(payload)))
            case CloseConnection(code=code, reason=reason) if self._connection.state is ConnectionState.REMOTE_CLOSING:
                good = code in (rfc6455.NORMAL, rfc6455.GOING_AWAY)
                asleep = (reason or "").startswith("sleep")  # which is no fault
                detail = f"by the device: {int(code)} {plain(reason or '')}".rstrip()
                raise self._left("asleep" if asleep else "closed", detail, code if good else rfc6455.PROTOCOL_ERROR)
            case CloseConnection(code=code, reason=reason):  # wsproto's way to say that it cannot read that
                raise self._left("handshake", plain(reason or ""), int(code))

    def _gather(self, event: TextMessage | BytesMessage) -> None:
        """A message comes in pieces: of the protocol, and of what the network brought."""
        is_text = isinstance(event, TextMessage)
        largest = LONGEST_DEVICE_TEXT if is_text else self._largest
        if self._coming is None:
            self._coming = "" if is_text else bytearray()
        self._coming += event.data  # type: ignore[operator]  # a message is of one kind from its first piece on
        if len(self._coming) > largest:
            raise self._left("bad_frames", f"a message of more than {largest} bytes", rfc6455.TOO_BIG)
        if event.message_finished:
            self._messages.append(self._coming if isinstance(self._coming, str) else bytes(self._coming))
            self._coming = None

    def send(self, text: str) -> None:
        self._write(rfc6455.whole(rfc6455.TEXT, text.encode()))

    def _write(self, data: bytes) -> None:
        with self._sending:
            if self._closed:
                raise self._closed
            try:
                self._sock.sendall(self._opening + data)
                self._opening = b""
            except OSError as error:
                raise self._left("timeout" if isinstance(error, TimeoutError) else "closed", str(error)) from error

    def _left(self, reason: str, detail: str, code: int | None = None, told: str = "") -> ChannelError:
        """The connection has ended, for the first reason that there was; with a `code`, the device is told."""
        with self._leaving:  # who comes second lets go of the socket, and not before the goodbye is said
            if self._closed is None:
                self._closed = ChannelError(reason, detail)
                if code is not None:
                    self._say_goodbye(code, told)
            return self._closed

    def _say_goodbye(self, code: int, reason: str) -> None:
        if not self._sending.acquire(timeout=GOODBYE_WITHIN):
            with suppress(OSError):  # who is in the middle of sending must not go on with it
                self._sock.shutdown(socket.SHUT_RDWR)
            return
        try:
            self._sock.setblocking(False)
            with suppress(OSError):
                self._sock.send(self._opening + rfc6455.close(code, reason))
        finally:
            self._sending.release()

    def close(self, code: int = rfc6455.GOING_AWAY, reason: str = "") -> None:
        """Say goodbye, if that is soon said, and end both threads' work with the connection."""
        self._left(CLOSED_FOR.get(code, "closed"), f"by the server: {code} {reason}".rstrip(), code, reason)
        with suppress(ValueError, KeyError):  # a second time, or too late
            self._selector.register(always_readable(), selectors.EVENT_READ)

    def release(self) -> None:
        """Let go of the socket, after both threads have left."""
        self._selector.close()
        self._linger.keep(self._sock)
        self.released.set()
