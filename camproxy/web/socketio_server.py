"""The Socket.IO server: Flask-SocketIO with events in order, answers that may come later, and a stop that is clean."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pydantic_core
import socketio
from engineio.async_drivers._websocket_wsgi import SimpleWebSocketWSGI
from engineio.payload import Payload
from flask import Flask
from flask_socketio import SocketIO

from camproxy.settings import Settings
from camproxy.sockets import WholeSends
from camproxy.web.edge import Sockets
from camproxy.web.live import Live

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


class LimitedWebSocket(SimpleWebSocketWSGI):
    """Refuses a message that is too large while it comes in; engine.io itself looks only when it is all in memory.

    What is sent is not torn apart by what the socket's own thread answers.
    """

    largest = 0

    def __init__(self, handler: Any, server: Any, **options: Any) -> None:
        super().__init__(handler, server, **options, max_message_size=self.largest)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        key = "werkzeug.socket" if "werkzeug.socket" in environ else "gunicorn.socket"
        return super().__call__(environ | {key: WholeSends(environ[key])}, start_response)


def make_socketio(app: Flask, settings: Settings) -> SocketIO:
    socketio_ = SocketIO(
        app,
        async_mode=settings.async_mode,
        async_handlers=False,
        json=Json,
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
    socketio_.server.packet_class.json = PatientJson
    socketio_.server.eio.on("connect", socketio_.server._handle_eio_connect)
    socketio_.server.eio.on("disconnect", socketio_.server._handle_eio_disconnect)
    if settings.async_mode == "threading":
        limited = type("LimitedWebSocket", (LimitedWebSocket,), {"largest": settings.message_bytes})
        socketio_.server.eio._async = socketio_.server.eio._async | {"websocket": limited}
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
        self._sockets.close()
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
