"""A channel with no hardware behind it: a drawn scene that follows the servos and the light."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import deque
from typing import Any

from camproxy import __version__
from camproxy.clock import Clock, SystemClock, iso
from camproxy.errors import ChannelError
from camproxy.links.scenes import scene_named

#: How fast a servo turns, in degrees a second.
SERVO_SPEED = 180.0
#: Seconds between two reports of the position while the head moves.
REPORT_INTERVAL = 0.1
CENTRE = 90.0


class Refused(Exception):
    """The board cannot do that; the message is the detail of its error ack."""


class DemoChannel:
    """A board as a board should be: it acknowledges at once, moves smoothly and says where it is.

    `scene` names what it looks at; every name is one. The head is at 90°, 90° and the light off when the channel opens.
    There is no thread behind it: what is due is worked out from `clock` when somebody asks. Safe with one thread that
    receives, one that sends and any that closes.
    """

    pull = True

    def __init__(self, scene: str, *, clock: Clock = SystemClock()) -> None:
        self._scene = scene_named(scene)
        self._clock = clock
        self._changed = threading.Condition()
        self._closed = False
        self._head = Head()
        self._light = False
        self._report_at: float | None = None
        self._frame_asked = False
        self._answers: deque[str] = deque()
        self._answer(
            type="connect",
            device="esp32cam",
            version=f"demo-{__version__}",
            timestamp=iso(clock.wall()),
            servo1_angle=round(CENTRE),
            servo2_angle=round(CENTRE),
        )
        self._answer_position(clock.monotonic())  # one that says so is not taken to have arrived when it sets off

    def receive(self, timeout: float) -> bytes | str | None:
        """A JPEG for every `getframe`, and JSON text; see Channel.receive. `timeout` is in real seconds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                if self._closed:
                    raise ChannelError("closed")
                now = self._clock.monotonic()
                self._report_if_due(now)
                if self._answers:
                    return self._answers.popleft()
                if self._frame_asked:
                    self._frame_asked = False
                    pan, tilt = self._head.pose(now)
                    light = self._light
                    break
                pause = deadline - time.monotonic()
                if pause <= 0:
                    return None
                self._changed.wait(pause if self._report_at is None else min(pause, self._report_at - now))
        # Outside the lock: drawing takes a millisecond, which no sender has to wait for.
        return self._scene.frame(pan, tilt, light, self._clock.wall())

    def send(self, text: str) -> None:
        """`getframe`, or one of the messages that docs/protocol.md lists; anything else gets an error ack."""
        with self._changed:
            if self._closed:
                raise ChannelError("closed")
            if text == "getframe":
                # One camera, one picture at a time: asking twice before it is taken brings one.
                self._frame_asked = True
            else:
                self._obey(text)
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def release(self) -> None:
        pass  # it holds nothing

    # From here on the lock is held.

    def _obey(self, text: str) -> None:
        message: dict[str, Any] = {}
        try:
            message = _read(text)
            match message.get("type"):
                case "servo":
                    self._ack(message, self._move(message.get("command")))
                case "light":
                    self._ack(message, self._switch_light(message.get("state")))
                case "get_position":
                    self._ack(message)
                    self._answer_position(self._clock.monotonic())
                case "ping":
                    self._answer(type="pong", **_id_of(message))
                case _:
                    pass  # a newer server may say more than this board understands
        except Refused as refusal:
            self._ack(message, str(refusal), status="error")

    def _move(self, command: Any) -> str:
        if not isinstance(command, dict):
            raise Refused("command must be an object with servo1 and servo2")
        pan, tilt = _angle(command, "servo1"), _angle(command, "servo2")
        now = self._clock.monotonic()
        self._head.turn(pan, tilt, now)
        # A report that is already due stays due, or a stream of commands would put it off for ever.
        due = now + REPORT_INTERVAL if self._report_at is None else self._report_at
        self._report_at = min(due, self._head.arrives_at)
        return f"X={pan}°, Y={tilt}°"

    def _switch_light(self, state: Any) -> str:
        if not isinstance(state, bool):
            raise Refused("state must be true or false")
        self._light = state
        return "on" if state else "off"

    def _report_if_due(self, now: float) -> None:
        if self._report_at is None or now < self._report_at:
            return
        self._answer_position(now)
        arrived = now >= self._head.arrives_at
        self._report_at = None if arrived else min(now + REPORT_INTERVAL, self._head.arrives_at)

    def _answer_position(self, now: float) -> None:
        pan, tilt = self._head.pose(now)
        self._answer(type="position", servo1=round(pan), servo2=round(tilt))

    def _ack(self, message: dict[str, Any], detail: str = "", status: str = "success") -> None:
        command = message.get("type")
        name = command if isinstance(command, str) else "unknown"
        self._answer(type="ack", **_id_of(message), command=name[:32], status=status, detail=detail)

    def _answer(self, **fields: Any) -> None:
        self._answers.append(json.dumps(fields, ensure_ascii=False))


class Head:
    """Two servos on their way: where they are is a function of the time. Angles in degrees, 0…180."""

    def __init__(self) -> None:
        self._from = self._to = (CENTRE, CENTRE)
        self._started_at = 0.0
        #: The monotonic time at which both servos stand still.
        self.arrives_at = 0.0

    def turn(self, pan: float, tilt: float, now: float) -> None:
        """Start from wherever it is now. The longer way takes the time that it needs, the shorter one goes along."""
        self._from, self._to = self.pose(now), (pan, tilt)
        self._started_at = now
        self.arrives_at = now + max(abs(a - b) for a, b in zip(self._from, self._to, strict=True)) / SERVO_SPEED

    def pose(self, now: float) -> tuple[float, float]:
        """Pan and tilt at the monotonic time `now`."""
        if now >= self.arrives_at:
            return self._to
        done = (now - self._started_at) / (self.arrives_at - self._started_at)
        eased = done * done * (3 - 2 * done)
        (pan, tilt), (to_pan, to_tilt) = self._from, self._to
        return pan + (to_pan - pan) * eased, tilt + (to_tilt - tilt) * eased


def _read(text: str) -> dict[str, Any]:
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused("not JSON") from None
    if not isinstance(message, dict):
        raise Refused("not a JSON object")
    return message


def _id_of(message: dict[str, Any]) -> dict[str, Any]:
    """The id to answer with, if the message had a usable one."""
    value = message.get("id")
    return {"id": value} if isinstance(value, str | int) and not isinstance(value, bool) else {}


def _angle(command: dict[str, Any], name: str) -> int:
    """Whole degrees, clamped to 0…180. JSON as Python reads it has NaN, Infinity and booleans in it: refused."""
    value = command.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(f"{name} must be a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise Refused(f"{name} must be finite")
    return round(max(0, min(180, value)))
