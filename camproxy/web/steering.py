"""Steering, the same for Socket.IO events and REST calls: the lease, the throttle, the command, the answer."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from camproxy.camera import Camera, Outcome
from camproxy.control.commands import Aim, AskPosition, Command, Light, Step
from camproxy.control.lease import Driver
from camproxy.errors import BadRequest, ControlHeld, NotFound
from camproxy.messages import LightCommand, Message, PositionCommand, PresetCommand, ServoCommand
from camproxy.web.announcer import announce_control
from camproxy.web.services import services
from models import Preset, User, db


def command_of(message: Message, camera_id: int) -> Command:
    """What a browser's message asks for. Raises NotFound for an empty preset slot."""
    match message:
        case PositionCommand(x=x, y=y):
            return Aim(x, y)
        case ServoCommand(command=direction, step=step):
            return Step(direction, step)
        case LightCommand(state=state):
            return Light(state)
        case PresetCommand(preset=slot):
            preset = db.session.get(Preset, (camera_id, slot))
            if preset is None:
                raise NotFound("There is no preset %(slot)s.", slot=slot)
            return Aim(preset.x, preset.y)
    raise BadRequest("That is no command.")


def steer(user: User, camera: Camera, command: Command) -> Future[dict[str, Any]]:
    """Carry out a command of a user who may steer this camera.

    The future gets the event's answer, or raises DeviceOffline, DeviceError or NoAnswer. Raises ControlHeld at once.
    """
    shared = services()
    if not isinstance(command, AskPosition):
        take_the_wheel(user, camera)
    return _answered(camera.execute(command, shared.throttle.not_before(user.id)))


def take_the_wheel(user: User, camera: Camera) -> None:
    """Raises ControlHeld, after telling the holder who would like to steer; but not for every move of a drag."""
    shared, asked_by = services(), camera.lease.state().asked_by
    try:
        changed = camera.lease.take(Driver(user.id, user.username))
    except ControlHeld:
        if camera.lease.state().asked_by != asked_by:
            announce_control(camera, shared.live, shared.socketio)
        raise
    if changed:
        announce_control(camera, shared.live, shared.socketio)


def _answered(outcome: Future[Outcome]) -> Future[dict[str, Any]]:
    answer: Future[dict[str, Any]] = Future()

    def done(outcome: Future[Outcome]) -> None:
        error = outcome.exception()
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(shown(outcome.result()))

    outcome.add_done_callback(done)
    return answer


def shown(outcome: Outcome) -> dict[str, Any]:
    shown: dict[str, Any] = {"ok": True}
    if outcome.pose is not None:
        shown |= outcome.pose._asdict()
    if outcome.light is not None:
        shown["state"] = outcome.light
    if outcome.superseded:
        shown["superseded"] = True
    return shown
