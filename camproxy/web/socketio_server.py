"""The Socket.IO server: Flask-SocketIO with events in order, answers that may come later, and a stop that is clean."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ClassVar

import pydantic_core
import socketio
from engineio.async_drivers._websocket_wsgi import SimpleWebSocketWSGI
from engineio.payload import Payload
from flask import Flask
from flask_socketio import SocketIO

from camproxy.settings import Settings
from camproxy.web.edge import Sockets
from camproxy.web.live import Live
from camproxy.web.viewers.framing import BINARY, TEXT, whole

log = logging.getLogger(__name__)


class OrderedServer(socketio.Server):
    """Handles a client's events in the order in which they were sent, and lets a handler answer with a Future.

    python-socketio offers a thread for each event, which loses the order (the last position must be the last), or
    handlers that make their client wait, which blocks it for two seconds when a head does not answer.

    `admit` is asked in a request context before a connection is made; what it returns is the answer to a refused one.
    """

    app: Flask
    admit: Callable[[], dict[str, Any] | None]

    def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> Any:
        with self.app.request_context(environ):
            refusal = self.admit()
        return refusal or super()._handle_eio_connect(eio_sid, environ)

    def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        super()._handle_eio_disconnect(eio_sid, reason)
        # Under gthread the end of a WebSocket skips engine.io's own tidying, which follows only up to a minute later.
        # One that polls stays until it has fetched its last messages.
        connection = self.eio.sockets.get(eio_sid)
        if connection and connection.upgraded:
            self.eio.sockets.pop(eio_sid, None)

    def _handle_event_internal(
        self, server: Any, sid: str, eio_sid: str, data: list[Any], namespace: str, id: int | None
    ) -> None:
        answer = self._trigger_event(data[0], namespace, sid, *data[1:])
        if answer is self.not_handled or id is None:
            return

        def acknowledge(result: Any) -> None:
            packet = self.packet_class(socketio.packet.ACK, namespace=namespace, id=id, data=[result])
            self._send_packet(eio_sid, packet)

        if isinstance(answer, Future):
            answer.add_done_callback(lambda future: acknowledge(future.result()))
        else:
            acknowledge(answer)


# A client that still polls sends what has gathered in one request: of a quick drag over the picture more than the 16
# packets that engine.io takes, and then all of it would be lost. Its size is limited all the same.
Payload.max_decode_packets = 1000

#: The event that a text becomes which is no JSON, or nested without end. Its handler says so to the client.
MALFORMED = "malformed"


class StrictJson:
    """JSON for python-socketio that does not end a connection, or the process, over what somebody sent."""

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return pydantic_core.to_json(value).decode()

    @staticmethod
    def loads(text: str | bytes, **_: Any) -> Any:
        try:
            return pydantic_core.from_json(text)
        except ValueError:
            return [MALFORMED]


class LeanWebSocket(SimpleWebSocketWSGI):
    """Refuses a message that is too large while it comes in; engine.io itself looks only when it is all in memory.

    Sends a message that goes to many as the same bytes to all: framing a picture for each was a third of the work.
    """

    largest = 0
    #: What was sent last, a text and bytes, and how that is framed.
    _framed: ClassVar[dict[type, tuple[str | bytes, bytes]]] = {}

    def __init__(self, handler: Any, server: Any, **options: Any) -> None:
        super().__init__(handler, server, **options, max_message_size=self.largest)

    def send(self, message: str | bytes) -> None:
        """Raises OSError."""
        if not self.ws.connected:
            raise OSError("the WebSocket is closed")
        of, framed = self._framed.get(type(message), (None, b""))
        if of is not message:
            framed = whole(TEXT, message.encode()) if isinstance(message, str) else whole(BINARY, message)
            self._framed[type(message)] = (message, framed)
        self.ws.sock.sendall(framed)


def make_socketio(app: Flask, settings: Settings) -> SocketIO:
    socketio_ = SocketIO(
        app,
        async_mode=settings.async_mode,
        async_handlers=False,
        json=StrictJson,
        # Origins are checked once for all kinds of sockets, see edge.Sockets.
        cors_allowed_origins=[],
        manage_session=False,
        logger=logging.getLogger("socketio"),
        engineio_logger=logging.getLogger("engineio"),
        ping_timeout=60,
        ping_interval=25,
        max_http_buffer_size=settings.message_bytes,
        # JPEGs and small JSON: compressing polling answers costs more than it saves.
        http_compression=False,
    )
    socketio_.server.__class__ = OrderedServer
    socketio_.server.app = app
    socketio_.server.eio.on("connect", socketio_.server._handle_eio_connect)
    socketio_.server.eio.on("disconnect", socketio_.server._handle_eio_disconnect)
    if settings.async_mode == "threading":
        lean = type("LeanWebSocket", (LeanWebSocket,), {"largest": settings.message_bytes})
        socketio_.server.eio._async = socketio_.server.eio._async | {"websocket": lean}
    return socketio_


#: How long a stopping server waits until everybody has fetched that it stops. Seconds.
TOLD_WITHIN = 0.5


class SocketIOPart:
    """A subsystem: its stop tells the browsers, lets them go, and ends the sockets that stay."""

    def __init__(self, socketio_: SocketIO, sockets: Sockets, live: Live) -> None:
        self._socketio = socketio_
        self._sockets = sockets
        self._live = live

    def start(self) -> None:
        """Nothing: it serves as soon as requests come in."""

    def stop(self) -> None:
        server = self._socketio.server
        server.emit("server_stopping", {})
        connections = list(server.eio.sockets.values())
        # Who polls may be between two requests: closed now, it would never hear of it.
        until = time.monotonic() + TOLD_WITHIN
        while any(not connection.queue.empty() for connection in connections) and time.monotonic() < until:
            time.sleep(0.01)
        for connection in connections:
            connection.close(wait=False)
        self._sockets.end_all(within=0.5)

    def state(self) -> dict[str, Any]:
        return {"clients": len(self._live)}
