"""The Socket.IO events: commands in, answers out. docs/protocol.md describes each.

An event is a row in EVENTS with what it needs; an event that is not there does not exist.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from flask import g, request
from flask_babel import get_translations
from flask_login import current_user
from flask_socketio import ConnectionRefusedError as Refused
from flask_socketio import SocketIO
from sqlalchemy.exc import SQLAlchemyError

from camproxy import audit
from camproxy.access import levels
from camproxy.audit import Action
from camproxy.camera import Camera
from camproxy.control.commands import AskPosition
from camproxy.control.lease import Driver
from camproxy.errors import BadRequest, ControlHeld, NotFound, RateLimited, Unauthorized
from camproxy.frames import Viewer
from camproxy.messages import ControlRequest, FrameAck, Hello, Message, Subscribe, read_browser_event
from camproxy.web.announcer import announce_control, control_state, position_update, telling
from camproxy.web.errors import known_error, problem
from camproxy.web.guards import LOGIN, MANAGE, NEEDED_LEVEL, SEE, STEER, camera_for, managed_device
from camproxy.web.live import Client, Subscription
from camproxy.web.services import services
from camproxy.web.socketio_limits import MALFORMED
from camproxy.web.socketio_server import USER
from camproxy.web.steering import command_of, steer
from models import Device, User

log = logging.getLogger(__name__)

Answer = dict[str, Any] | Future[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Call:
    """One event that passed the guard. `camera` and `device` are None for those that need none."""

    client: Client
    user: User
    message: Any
    camera: Camera | None = None
    device: Device | None = None

    @property
    def its_camera(self) -> Camera:
        assert self.camera is not None
        return self.camera


def subscribe(call: Call) -> Answer:
    message: Subscribe = call.message
    start_watching(call.client, call.its_camera, message.format, message.max_fps)
    status = call.its_camera.status()
    control = control_state(call.its_camera, call.user.id)
    return {"ok": True, "camera": call.its_camera.id, "status": status, "control": control}


def unsubscribe(call: Call) -> Answer:
    services().live.unsubscribe(call.client, call.its_camera.id)
    return {"ok": True}


def frame_ack(call: Call) -> Answer:
    message: FrameAck = call.message
    subscription = call.client.subscriptions.get(call.its_camera.id)
    if subscription and subscription.viewer:
        # Cumulative, and never about a frame that was not sent.
        subscription.acked = max(subscription.acked or 0, min(message.seq, subscription.viewer.seq))
    return {"ok": True}


def move(call: Call) -> Answer:
    return steer(call.user, call.its_camera, command_of(call.message, call.its_camera.id))


def get_position(call: Call) -> Answer:
    """Answered twice: by the acknowledgement, and by `position_update` as the card has it."""
    camera, server, caller = call.its_camera, services().socketio.server, call.client.sid
    answer = steer(call.user, camera, AskPosition())

    def tell(answer: Future[dict[str, Any]]) -> None:
        with telling:
            if answer.exception() is None and (news := position_update(camera)):
                server.emit("position_update", news, to=caller)

    answer.add_done_callback(tell)
    return answer


def control_request(call: Call) -> Answer:
    message: ControlRequest = call.message
    return take_control(call.user, call.its_camera, message.take_over)


def control_release(call: Call) -> Answer:
    return release_control(call.user, call.its_camera)


def follow_device(call: Call) -> Answer:
    call.client.follows = call.device and call.device.id
    return {"ok": True}


def clock(call: Call) -> Answer:
    return {"ok": True, "now": time.time()}


@dataclass(frozen=True, slots=True)
class Event:
    handler: Callable[[Call], Answer]
    needs: str


EVENTS = {
    "subscribe": Event(subscribe, SEE),
    "unsubscribe": Event(unsubscribe, SEE),
    "frame_ack": Event(frame_ack, SEE),
    "servo_command": Event(move, STEER),
    "position_command": Event(move, STEER),
    "get_position": Event(get_position, SEE),
    "light_command": Event(move, STEER),
    "preset_command": Event(move, STEER),
    "control_request": Event(control_request, STEER),
    "control_release": Event(control_release, STEER),
    "follow_device": Event(follow_device, MANAGE),
    "clock": Event(clock, LOGIN),
}


def start_watching(client: Client, camera: Camera, format: str, max_fps: float | None = None) -> None:
    viewer = None if format == "none" else Viewer(camera.hub)
    shared = services()
    shared.live.subscribe(client, Subscription(camera.id, format, viewer, 1 / max_fps if max_fps else 0.0))
    shared.recordings.tell_state(
        camera.id, lambda state: shared.socketio.server.emit("recording_state", state, to=client.sid)
    )


def take_control(user: User, camera: Camera, take_over: bool) -> dict[str, Any]:
    """Take the wheel. Raises ControlHeld, after telling the holder who asks."""
    shared = services()
    before = camera.lease.state().holder
    try:
        camera.lease.take(Driver(user.id, user.username), by_force=take_over and user.is_admin)
    except ControlHeld:
        announce_control(camera, shared.live, shared.socketio)
        raise
    announce_control(camera, shared.live, shared.socketio)
    if before and before.id != user.id:
        shared.later.note(audit.event(Action.CONTROL_TAKEN_OVER, camera.config.name, before.name))
    return {"ok": True} | control_state(camera, user.id)


def release_control(user: User, camera: Camera) -> dict[str, Any]:
    if camera.lease.release(user.id):
        announce_control(camera, services().live, services().socketio)
    return {"ok": True} | control_state(camera, user.id)


def register_events(socketio: SocketIO) -> None:
    socketio.server.admit = admit
    socketio.on_event("connect", connect)
    socketio.on_event("disconnect", disconnect)
    for name, event in EVENTS.items():
        socketio.on_event(name, _guarded(name, event))
    socketio.on_event(MALFORMED, malformed)


def admit() -> dict[str, Any] | None:
    """Before a connection exists at all, for strangers must not even cost a thread: why it may not be made."""
    shared = services()
    try:
        if not current_user.is_authenticated:
            return problem(Unauthorized("Log in first."))
    except SQLAlchemyError as error:
        return problem(known_error(error))
    connections = shared.socketio.server.eio.sockets.copy().values()
    if sum(not connection.closed for connection in connections) > shared.settings.max_clients:
        return problem(RateLimited("As many browsers are connected as this server allows."))
    request.environ[USER] = current_user.id
    return None


def connect(auth: Any = None) -> None:
    try:
        if not current_user.is_authenticated:
            raise Refused("unauthorized")  # the log-in has ended since the connection was made
        let_in(current_user._get_current_object(), auth)
    except SQLAlchemyError as error:
        services().live.remove(sid())
        raise Refused(known_error(error).code) from None
    tell_count()


def let_in(user: User, auth: Any) -> None:
    shared = services()
    client = Client(sid(), user.id, g.credential, user.username, levels(user), user.role)
    shared.live.add(client)
    if Hello.model_validate(auth if isinstance(auth, dict) else {}).subscribe:
        try:
            start_watching(client, shared.cameras.get(camera_for(user, None, "view").id), "base64")
        except NotFound:
            log.info("%s connected and may see no camera", user.username)


def disconnect(reason: Any = None) -> None:
    if services().live.remove(sid()):
        tell_count()


def malformed() -> dict[str, Any]:
    told = problem(BadRequest("That is not JSON, or nested too deeply."))
    services().socketio.server.emit("error", told, to=sid())
    return {"ok": False} | told


def tell_count() -> None:
    shared = services()
    if not shared.runtime.stopping:
        with telling:
            shared.socketio.server.emit("client_count", {"count": len(shared.live)})


def sid() -> str:
    return str(request.sid)  # type: ignore[attr-defined]


def _guarded(name: str, event: Event) -> Callable[..., Answer]:
    """The handler behind its guard: who, of what form, which camera, allowed to. Errors become answers."""

    def handle(*payload: Any) -> Answer:
        shared, caller, texts = services(), sid(), get_translations()

        def failed(error: BaseException) -> dict[str, Any]:
            ours = known_error(error)
            if ours.code == "internal":
                log.error("event %s failed", name, exc_info=error)
            told = problem(ours, texts)  # perhaps in a device's thread, which speaks no language
            shared.socketio.server.emit("error", told, to=caller)
            return {"ok": False} | told

        try:
            answer = event.handler(_admit(name, event, payload[0] if payload else None))
        except Exception as error:
            return failed(error)
        return _or_failure(answer, failed) if isinstance(answer, Future) else answer

    return handle


def _admit(name: str, event: Event, payload: Any) -> Call:
    shared = services()
    client = shared.live.get(sid())
    if client is None or not current_user.is_authenticated:
        raise Unauthorized("Log in first.")
    if shared.socketio.server.out_of_turn(client.sid):
        raise RateLimited("You send more than this server takes.")
    message: Message = read_browser_event(name, payload)
    user: User = current_user._get_current_object()
    if event.needs == LOGIN:
        return Call(client, user, message)
    if event.needs == MANAGE:
        return Call(client, user, message, device=managed_device(getattr(message, "device", None)))
    row = camera_for(user, getattr(message, "camera", None), NEEDED_LEVEL[event.needs])
    return Call(client, user, message, shared.cameras.get(row.id))


def _or_failure(
    answer: Future[dict[str, Any]], failed: Callable[[BaseException], dict[str, Any]]
) -> Future[dict[str, Any]]:
    told: Future[dict[str, Any]] = Future()

    def done(answer: Future[dict[str, Any]]) -> None:
        error = answer.exception()
        told.set_result(answer.result() if error is None else failed(error))

    answer.add_done_callback(done)
    return told
