"""The Socket.IO server: Flask-SocketIO with events in order, answers that may come later, and a stop that is clean."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any
from urllib.parse import parse_qs

import socketio
from flask import Flask
from flask_socketio import SocketIO

from camproxy.clock import SystemClock
from camproxy.control.throttle import Throttle
from camproxy.settings import Settings
from camproxy.web.edge import Sockets
from camproxy.web.live import Live
from camproxy.web.socketio_limits import Json, LimitedWebSocket, NoPacket, Outgoing, PatientJson, StrictPacket

log = logging.getLogger(__name__)

#: Where `admit` leaves in the environ whom a connection belongs to.
USER = "camproxy.user"


class OrderedServer(socketio.Server):
    """Handles a client's events in the order in which they were sent, and lets a handler answer with a Future.

    python-socketio offers a thread for each event, which loses the order (the last position must be the last), or
    handlers that make their client wait, which blocks it for two seconds when a head does not answer.

    `admit` is asked in a request context before a connection is made; what it returns is the answer to a refused one.
    It leaves the user's number in the environ under USER: all connections of a user share one `pace`.
    """

    app: Flask
    admit: Callable[[], dict[str, Any] | None]
    pace: Throttle

    def handle_request(self, environ: dict[str, Any], start_response: Any) -> Any:
        sid = parse_qs(environ.get("QUERY_STRING", "")).get("sid", [""])[0]
        connection = self.eio.sockets.get(sid)
        if sid and (connection is None or connection.closed):
            # It ended between two requests of one who polls; engine.io would raise KeyError, or log an error.
            start_response("400 Bad Request", [("Content-Type", "application/json")])
            return [b'{"error":"bad_request","message":"This connection has ended."}']
        return super().handle_request(environ, start_response)

    def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> Any:
        with self.app.request_context(environ):
            refusal = self.admit()
        return refusal or super()._handle_eio_connect(eio_sid, environ)

    def _handle_eio_message(self, eio_sid: str, data: Any) -> None:
        if eio_sid not in self.environ:
            return  # let go in the middle of what it had sent
        try:
            if not data:
                raise NoPacket("nothing")
            super()._handle_eio_message(eio_sid, data)
        except NoPacket as error:
            log.warning("a client sent what is no Socket.IO (%s); it is let go", error)
            self.cut_off(self.eio.sockets.get(eio_sid))

    def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        super()._handle_eio_disconnect(eio_sid, reason)
        # Under gthread the end of a WebSocket skips engine.io's own tidying, which follows only up to a minute later.
        # One that polls stays until it has fetched its last messages.
        connection = self.eio.sockets.get(eio_sid)
        if connection and connection.upgraded:
            self.eio.sockets.pop(eio_sid, None)

    def too_early(self, eio_sid: str) -> float:
        """Seconds until the client's user may be heard again. At 0 the turn is taken."""
        user = self.environ.get(eio_sid, {}).get(USER)
        return 0.0 if user is None else max(self.pace.not_before(user) - time.monotonic(), 0.0)

    def wait_for_turn(self, connection: Any) -> None:
        """For those who hold a thread anyway; the others see `out_of_turn`."""
        while not connection.closed and (left := self.too_early(connection.sid)):
            time.sleep(left)

    def out_of_turn(self, sid: str) -> bool:
        """Whether this client polls and sends too much. Each of its requests would hold a thread while it waits."""
        connection = self.eio.sockets.get(self.manager.eio_sid_from_sid(sid, "/"))
        return connection is not None and not connection.upgraded and self.too_early(connection.sid) > 0

    def overflowed(self, waiting: Outgoing) -> None:
        """A client does not fetch what it is sent."""
        for connection in self.eio.sockets.copy().values():
            if connection.queue is waiting:
                log.warning("a client left %d messages waiting; it is let go", waiting.qsize())
                # Not in the thread that was about to tell something to everybody.
                self.start_background_task(self.cut_off, connection)

    def cut_off(self, connection: Any) -> None:
        """End a connection without a word."""
        if connection is None:
            return
        connection.close(wait=False, abort=True)
        if line := getattr(connection, "line", None):
            line.cut()

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


def make_socketio(app: Flask, settings: Settings) -> SocketIO:
    socketio_ = SocketIO(
        app,
        async_mode=settings.async_mode,
        async_handlers=False,
        json=Json,
        serializer=StrictPacket,
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
    server = socketio_.server
    server.__class__ = OrderedServer
    server.app = app
    server.pace = Throttle(settings.events_per_second, SystemClock())
    server.packet_class.json = PatientJson
    server.eio.on("connect", server._handle_eio_connect)
    server.eio.on("message", server._handle_eio_message)
    server.eio.on("disconnect", server._handle_eio_disconnect)
    if settings.async_mode == "threading":
        own = {"largest": settings.message_bytes, "wait_for_turn": server.wait_for_turn}
        limited = type("LimitedWebSocket", (LimitedWebSocket,), own)
        server.eio._async = server.eio._async | {"websocket": limited}
        server.eio.create_queue = lambda: Outgoing(server.overflowed)
    return socketio_


#: How long a stopping server waits until everybody has fetched that it stops. Seconds.
TOLD_WITHIN = 1.0


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
            # Without engine.io's own farewell, after which python-socketio's client would never come back.
            connection.close(wait=False, abort=True)
        self._sockets.end_all(within=0.5)

    def state(self) -> dict[str, Any]:
        return {"clients": len(self._live)}
