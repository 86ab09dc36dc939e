"""Viewers that hold a thread each: for connections that can't be handed over, such as those of eventlet."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import simple_websocket
from flask import Response, current_app, g
from sqlalchemy.exc import SQLAlchemyError

from camproxy.access import level_by_credential
from camproxy.camera import Camera
from camproxy.database import reason
from camproxy.frames import Frame, Viewer
from camproxy.sockets import WholeSends
from camproxy.web.services import services
from camproxy.web.viewers.fanout import HEARD_A_SECOND, NOT_ALLOWED, PING_EVERY, STOPPING
from camproxy.web.viewers.framing import BOUNDARY, MultipartFraming
from camproxy.web.viewers.handover import dealt_with
from camproxy.web.viewers.outlet import DESCRIBE_EVERY
from models import db

log = logging.getLogger(__name__)


class Watch:
    """The frames for one viewer, for as long as it may see them. Made in a request, used also after its end."""

    def __init__(self, camera: Camera, max_fps: float | None, left: Callable[[], None]) -> None:
        self.camera = camera
        self.viewer = Viewer(camera.hub)
        #: Why the frames have ended, as a close code of /ws/view.
        self.ended = STOPPING
        self._interval = 1 / max_fps if max_fps else 0.0
        self._app = current_app._get_current_object()  # type: ignore[attr-defined]
        self._runtime = services().runtime
        self._credential: str = g.credential
        self._left = left
        # A viewer may stay for hours, and connections to the database are few.
        db.session.remove()

    def frames(self) -> Iterator[Frame | None]:
        """Frames at the rate that was asked for, and None at least once a second."""
        look_at = next_at = 0.0
        with ExitStack() as stack:
            stack.callback(self._left)
            stack.enter_context(self.viewer)
            while not self._runtime.stopping:
                frame = self.viewer.next(1.0)
                now = time.monotonic()
                if now >= look_at:
                    look_at = now + 1
                    if not self._still_allowed():
                        self.ended = NOT_ALLOWED
                        return
                if frame is None or now >= next_at:
                    next_at = max(next_at, now - self._interval / 2) + self._interval
                    yield frame

    def _still_allowed(self) -> bool:
        try:
            with self._app.app_context():
                return level_by_credential(self._credential, self.camera.id) != "none"
        except SQLAlchemyError as error:
            log.warning("cannot look who may see what: %s", reason(error))
            return True  # as the fan-out does: the picture does not depend on the database


def parts(watch: Watch) -> Iterator[bytes]:
    """MJPEG."""
    yield f"--{BOUNDARY}\r\n".encode()
    for frame in watch.frames():
        if frame:
            yield MultipartFraming.frame(frame)


def talk(environ: dict[str, Any], watch: Watch) -> Response:
    """A WebSocket: serve it until it leaves, may not stay, or the server stops."""
    socket = simple_websocket.Server(environ, ping_interval=PING_EVERY, max_message_size=HEARD_A_SECOND)
    socket.sock = WholeSends(socket.sock)
    try:
        serve(socket, watch)
        socket.close(watch.ended)
    except (simple_websocket.ConnectionClosed, OSError):
        log.debug("a viewer has left")
    return dealt_with(environ)


def serve(socket: Any, watch: Watch) -> None:
    state, described_at = None, 0.0
    for frame in watch.frames():
        status = watch.camera.status()
        if status["state"] != state:
            state = status["state"]
            socket.send(json.dumps({"type": "status"} | status))
        if frame is None:
            if not socket.connected:
                return
            continue
        now = time.monotonic()
        if now - described_at >= DESCRIBE_EVERY:
            described_at = now
            about = {"type": "frame", "seq": frame.seq, "captured_at": frame.captured_at}
            socket.send(json.dumps(about | {"dropped": watch.viewer.dropped}))
        socket.send(frame.data)
