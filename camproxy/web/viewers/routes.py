"""/ws/view, /stream and /snapshot: the route authenticates like any other, then hands the connection over."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable

from flask import Blueprint, Response, g, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from camproxy.addresses import client
from camproxy.camera import Camera
from camproxy.errors import BadRequest, NoAnswer
from camproxy.frames import Viewer
from camproxy.web.guards import SEE, allow
from camproxy.web.services import services
from camproxy.web.viewers.framing import BOUNDARY, Framing, MultipartFraming, WebSocketFraming
from camproxy.web.viewers.handover import HandedOver, can_hand_over
from camproxy.web.viewers.plain import Watch, parts, talk

bp = Blueprint("viewers", __name__)

#: A snapshot is at most this old: a newer frame is waited for. Seconds.
FRESH = 1.0
#: How long a snapshot waits for a sleeping camera. Seconds.
SNAPSHOT_WITHIN = 5.0


@bp.get("/stream/<camera>.mjpg")
@allow(SEE)
def stream(camera: str) -> ResponseReturnValue:
    max_fps = max_fps_asked()
    if not can_hand_over(request.environ):
        watch = Watch(its_camera(), max_fps, take_place())
        return Response(parts(watch), content_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}")
    return hand_over(MultipartFraming(), max_fps, status=200)


@bp.route("/ws/view/<camera>", websocket=True)
@allow(SEE)
def view(camera: str) -> ResponseReturnValue:
    max_fps = max_fps_asked()
    key = request.headers.get("Sec-WebSocket-Key", "")
    if request.headers.get("Sec-WebSocket-Version") != "13" or len(key) != 24:
        raise BadRequest("This address is for WebSockets of version 13.")
    if not can_hand_over(request.environ):
        return talk(request.environ, Watch(its_camera(), max_fps, take_place()))
    return hand_over(WebSocketFraming(key), max_fps, status=101)


@bp.get("/snapshot/<camera>.jpg")
@allow(SEE)
def snapshot(camera: str) -> ResponseReturnValue:
    """One picture, at most a second old. 504 when none comes."""
    hub = its_camera().hub
    frame = hub.newest
    if frame is None or (hub.age or 0.0) > FRESH:
        with Viewer(hub) as viewer:
            frame = viewer.next(SNAPSHOT_WITHIN)
    if frame is None:
        raise NoAnswer("The camera sent no picture.")
    name = f"{g.camera_row.slug}.jpg"
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'inline; filename="{name}"'}
    return Response(frame.data, content_type="image/jpeg", headers=headers)


def its_camera() -> Camera:
    return services().cameras.get(g.camera_row.id)


def take_place() -> Callable[[], None]:
    """Raises RateLimited."""
    return services().places.take(current_user.id, client(request.remote_addr or ""))


def max_fps_asked() -> float | None:
    text = request.args.get("max_fps")
    if text is None:
        return None
    try:
        asked = float(text)
    except ValueError:
        asked = math.nan
    if not 0.1 <= asked <= 60:
        raise BadRequest("max_fps: a number from 0.1 to 60")
    return asked


def hand_over(framing: Framing, max_fps: float | None, status: int) -> Response:
    shared = services()
    camera, credential, left = its_camera(), g.credential, take_place()

    def take(sock: socket.socket) -> None:
        hello = {"type": "status"} | camera.status()
        shared.fanout.add(
            sock,
            camera.hub,
            framing,
            camera_id=camera.id,
            credential=credential,
            max_fps=max_fps,
            hello=hello,
            left=left,
        )

    return HandedOver(take, status)
