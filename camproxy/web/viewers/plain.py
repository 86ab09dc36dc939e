"""A WebSocket viewer with a worker thread of its own: for connections that can't be handed over, such as TLS."""

from __future__ import annotations

import json
import time
from typing import Any

import simple_websocket
from flask import Response

from camproxy.cameras import Camera
from camproxy.frames import Viewer
from camproxy.web.services import services
from camproxy.web.viewers.fanout import DESCRIBE_EVERY, HEARD_A_SECOND, PING_EVERY, STOPPING


def talk(environ: dict[str, Any], camera: Camera, max_fps: float | None) -> Response:
    """Serve the viewer until it leaves or the server stops."""
    runtime = services().runtime
    socket = simple_websocket.Server(environ, ping_interval=PING_EVERY, max_message_size=HEARD_A_SECOND)
    try:
        with Viewer(camera.hub) as viewer:
            serve(socket, camera, viewer, 1 / max_fps if max_fps else 0.0, lambda: runtime.running)
        socket.close(STOPPING)
    except simple_websocket.ConnectionClosed:
        pass
    raise StopIteration if socket.mode == "gunicorn" else ConnectionError


def serve(socket: Any, camera: Camera, viewer: Viewer, interval: float, running: Any) -> None:
    state, described_at, next_at = None, 0.0, 0.0
    while running() and socket.connected:
        status = camera.status()
        if status["state"] != state:
            state = status["state"]
            socket.send(json.dumps({"type": "status"} | status))
        frame = viewer.next(1.0)
        now = time.monotonic()
        if frame is None or now < next_at:
            continue
        next_at = now + interval
        if now - described_at >= DESCRIBE_EVERY:
            described_at = now
            about = {"type": "frame", "seq": frame.seq, "captured_at": frame.captured_at, "dropped": viewer.dropped}
            socket.send(json.dumps(about))
        socket.send(frame.data)
