"""What one Socket.IO client may cost: what it sends is read at its pace, what it does not fetch ends it."""

from __future__ import annotations

import logging
import queue
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

import pydantic_core
import simple_websocket
import socketio
from engineio.async_drivers._websocket_wsgi import SimpleWebSocketWSGI
from engineio.payload import Payload

from camproxy.rfc6455 import BINARY, TEXT, whole
from camproxy.sockets import WholeSends

log = logging.getLogger(__name__)

#: Messages that were read from a WebSocket and not yet handled; what follows waits in the kernel, then at the client.
MOST_UNHEARD = 16
#: Messages that wait for a client. Pictures are not among them: those wait for an empty queue.
MOST_WAITING = 2000
#: Messages in one answer to who polls: python-socketio's own client ends the connection over a seventeenth.
MOST_AT_ONCE = 16

# A client that still polls sends what has gathered in one request: of a quick drag over the picture more than the 16
# packets that engine.io takes, and then all of it would be lost. Its size is limited all the same.
Payload.max_decode_packets = 1000

#: The event that a text becomes which is no JSON, or nested without end. Its handler says so to the client.
MALFORMED = "malformed"


class Json:
    """JSON that what somebody sent cannot overwhelm. `loads` raises ValueError, also for what is nested without end."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return pydantic_core.to_json(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_: Any) -> Any:
        return pydantic_core.from_json(text)


class PatientJson(Json):
    """For python-socketio, which would end the connection; engine.io beneath it expects texts that are no JSON."""

    @staticmethod
    def loads(text: str | bytes, **_: Any) -> Any:
        try:
            return Json.loads(text)
        except ValueError:
            return [MALFORMED]


class NoPacket(ValueError):
    """What a client sent is no packet of Socket.IO, or none that this server takes."""


class StrictPacket(socketio.packet.Packet):
    """A packet that can be handled, or none. Raises NoPacket.

    Binary ones are not taken: no event has bytes in it, and python-socketio would keep as many attachments as a client
    announces, ten digits of them.
    """

    def decode(self, encoded_packet: Any) -> int:
        if not isinstance(encoded_packet, str) or encoded_packet[:1] not in ("0", "1", "2", "3"):
            raise NoPacket("neither text nor of a kind that is known")
        try:
            super().decode(encoded_packet)
        except ValueError as error:
            raise NoPacket(str(error)) from None
        arguments = self.data
        if self.packet_type == socketio.packet.EVENT and not (
            isinstance(arguments, list) and arguments and isinstance(arguments[0], str)
        ):
            raise NoPacket("an event without a name")
        if self.packet_type == socketio.packet.ACK and not isinstance(arguments, list):
            raise NoPacket("an acknowledgement of nothing")
        return 0


class Outgoing(queue.Queue[Any]):
    """What waits for one client. When it is full, `overflowed` is told, once, and nothing more is taken."""

    def __init__(self, overflowed: Callable[[Outgoing], None]) -> None:
        super().__init__()
        self._overflowed = overflowed
        self._full = False
        self._in_a_row = 0

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        # engine.io takes one, and then whatever else is there, for one answer to who polls.
        self._in_a_row = 1 if block else self._in_a_row + 1
        if self._in_a_row > MOST_AT_ONCE:
            raise queue.Empty
        return super().get(block, timeout)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if item is None:  # the end, which engine.io waits for
            super().put(item)
        elif self.qsize() < MOST_WAITING:
            super().put(item, block, timeout)
        elif not self._full:
            self._full = True
            self._overflowed(self)


class PatientWebSocket(simple_websocket.Server):
    """Reads no further than somebody listens; the library would read whatever comes into memory.

    And whoever listens hears of the end, however it comes. After a message that is too large, the library says so a
    moment before it is true: who looks in between would listen for ever, and keep a thread of the server's for it.
    """

    def __init__(self, environ: dict[str, Any], **options: Any) -> None:
        self._heard = threading.Event()
        super().__init__(environ, **options)

    def receive(self, timeout: float | None = None) -> Any:
        message = super().receive(timeout)
        self._heard.set()
        return message

    def _thread(self) -> None:
        try:
            super()._thread()
        finally:
            self.connected = False
            self.event.set()

    def _handle_events(self) -> bool:
        goes_on: bool = super()._handle_events()
        while goes_on and len(self.input_buffer) > MOST_UNHEARD:
            self._heard.wait(1.0)
            self._heard.clear()
            goes_on = self.connected
        return goes_on


class LimitedWebSocket(SimpleWebSocketWSGI):
    """engine.io's WebSocket: refuses what is too large while it comes in, and waits for its client's turn.

    Sends a message that goes to many as the same bytes to all: framing a picture for each was a third of the work.
    """

    #: Bytes of one message.
    largest = 0
    #: What was sent last, a text and bytes, and how that is framed.
    _framed: ClassVar[dict[type, tuple[str | bytes, bytes]]] = {}
    #: Waits until the engine.io connection may be heard again.
    wait_for_turn: Callable[[Any], None]

    def __init__(self, handler: Any, server: Any, **options: Any) -> None:
        super().__init__(handler, server, **options, max_message_size=self.largest)
        self._connection = handler.__self__
        self._connection.line = self  # so that it can be cut off

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        key = "werkzeug.socket" if "werkzeug.socket" in environ else "gunicorn.socket"
        # What is sent is not torn apart by what the socket's own thread answers.
        self.ws = PatientWebSocket(environ | {key: WholeSends(environ[key])}, **self.server_args)
        self.app(self)
        raise StopIteration if self.ws.mode == "gunicorn" else ConnectionError

    def send(self, message: str | bytes) -> None:
        """Raises OSError."""
        if not self.ws.connected:
            raise OSError("the WebSocket is closed")
        of, framed = self._framed.get(type(message), (None, b""))
        if of is not message:
            framed = whole(TEXT, message.encode()) if isinstance(message, str) else whole(BINARY, message)
            self._framed[type(message)] = (message, framed)
        self.ws.sock.send(framed)

    def close(self) -> None:
        with suppress(OSError):  # its own thread has closed it a moment ago
            super().close()

    def wait(self) -> str | None:
        """The next packet of engine.io; None when there is none, or what came is none, and it all ends."""
        message = super().wait()
        type(self).wait_for_turn(self._connection)
        if isinstance(message, str) and message[:1] in {*"0123456"}:
            return message
        if message is not None:
            log.warning("a client sent what is no packet of engine.io; it is let go")
        return None

    def cut(self) -> None:
        """End it now, whatever its threads are waiting for."""
        try:
            self.ws.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            log.debug("a WebSocket had ended by itself")
