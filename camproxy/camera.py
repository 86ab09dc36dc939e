"""Camera = one board or two + hub + pan/tilt + lease. Knows neither Flask nor the database."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from camproxy.addresses import device_of
from camproxy.board import Board
from camproxy.clock import Clock, iso
from camproxy.control.commands import Aim, AskPosition, Command, Light, Step
from camproxy.control.lease import Lease
from camproxy.control.pan_tilt import Limits, PanTilt, Pose, servo_message
from camproxy.errors import N_, BadRequest, DeviceOffline
from camproxy.frames import FAULTS, BadFrame, FrameHub
from camproxy.links import open_channel, scheme_of
from camproxy.links.link import LinkState
from camproxy.links.outbox import Answer
from camproxy.messages import Connect, DeviceMessage, Position

log = logging.getLogger(__name__)

#: Without a valid picture for this many seconds, a camera that somebody watches is stalled.
STALLED_AFTER = 3.0
#: A message may be this many times the largest picture before the connection is ended for it: a picture that is
#: merely too large is dropped and counted.
MESSAGE_HEADROOM = 4
#: How long a stop waits for links that are dialling, all together. Seconds.
STOP_WITHIN = 5.0


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """What an admin sets. See docs/protocol.md, CameraSettings. `pico` is the number of the device that moves it."""

    id: int
    name: str
    slug: str
    url: str
    fps: int = 10
    pico: int | None = None
    enabled: bool = True
    has_head: bool = True
    has_light: bool = True
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings say for all cameras: bytes, seconds."""

    frame_bytes: int = 524_288
    linger_seconds: float = 5.0
    reconnect_seconds: float = 5.0
    lease_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command. `pose` is where the head was asked to point, or for AskPosition where it does."""

    pose: Pose | None = None
    light: bool | None = None
    superseded: bool = False


#: (camera, what), what being "added", "status", "pose" or "tick": says "changed", listeners read the truth.
Listener = Callable[["Camera", str], None]
#: The board of an enrolled device, by its number; None when there is no such device.
Boards = Callable[[int], Board | None]


def no_boards(device_id: int) -> None:
    """Where no device can enrol."""


class Camera:
    """One camera, for as long as it is configured. Thread-safe.

    Its pictures come from a board that it dials, or from a device that dials in; another device may move its head.
    """

    def __init__(
        self, config: CameraConfig, policy: Policy, notify: Listener, clock: Clock, boards: Boards = no_boards
    ) -> None:
        self.config = config
        self.hub = FrameHub(largest=policy.frame_bytes, linger=policy.linger_seconds, clock=clock)
        self.head = PanTilt(config.limits)
        self.lease = Lease(policy.lease_seconds, clock)
        self._boards = boards
        self._policy = policy
        self._notify = notify
        self._clock = clock
        self._state = "connecting"
        self._since = clock.wall()
        #: Where the pictures come from, and where commands go: often the same.
        self._eye: Board | None = None
        self._hand: Board | None = None
        self._changing = threading.RLock()
        #: Moves are asked for one after the other: each counts from where the one before it leads.
        self._moving = threading.RLock()
        self._observing = threading.Lock()
        self._gone = False
        self.hub.on_demand = self._on_demand

    @property
    def id(self) -> int:
        return self.config.id

    def start(self) -> None:
        with self._changing:
            self._start()
        self.observe()

    def _start(self) -> None:
        if not self.config.enabled or self._gone:
            return
        self._eye, self._hand = self._its_boards()
        for board in {self._eye, self._hand}:
            if board:
                board.listen(self)
        if self._hand and self._hand.pose:
            self.head.measured(*self._hand.pose)
        if self._eye and self._eye.link.dials:
            self._eye.link.start()

    def _its_boards(self) -> tuple[Board | None, Board | None]:
        device = device_of(self.config.url)
        eye = self._own_board() if device is None else self._boards(device)
        return eye, eye if self.config.pico is None else self._boards(self.config.pico)

    def _own_board(self) -> Board:
        url, largest = self.config.url, self._policy.frame_bytes * MESSAGE_HEADROOM
        return Board(
            self.config.slug,
            lambda: open_channel(url, largest),
            self._clock,
            wanted=lambda: self.hub.wanted,
            fps=lambda: float(self.config.fps),
            on_demand=scheme_of(url).on_demand,
            retry_step=self._policy.reconnect_seconds,
        )

    def cancel(self) -> None:
        """Begin to stop, without waiting for it."""
        self._gone = True
        if (eye := self._eye) and eye.link.dials:
            eye.link.cancel()

    def stop(self, within: float = STOP_WITHIN) -> None:
        """For good: it is not started again, whoever is changing it meanwhile."""
        self.cancel()
        with self._changing:
            self._leave_boards(within)

    def _leave_boards(self, within: float = STOP_WITHIN) -> None:
        eye, hand = self._eye, self._hand
        self._eye = self._hand = None
        for board in (eye, hand):
            if board:
                board.forget(self)
        if eye and eye.link.dials:  # its own
            eye.link.stop(within)

    def reconfigure(self, config: CameraConfig) -> None:
        """Take new settings; who watches goes on watching."""
        with self._changing:
            before, self.config = self.config, config
            self.head.limits = config.limits
            if (before.url, before.pico, before.enabled) != (config.url, config.pico, config.enabled):
                self._leave_boards()
                self.head.pose = self.head.asked = self.head.light = None
                self._start()
        self.observe()
        self._notify(self, "status")

    def look_for_boards(self) -> None:
        """Devices were added or removed: are they this camera's?"""
        with self._changing:
            if device_of(self.config.url) is None and self.config.pico is None:
                return
            self._leave_boards()
            self._start()
        self.observe()
        self._notify(self, "status")

    def execute(self, command: Command, not_before: float = 0.0) -> Future[Outcome]:
        """Send a command. The future gets an Outcome, or raises DeviceOffline, DeviceError or NoAnswer.

        Raises BadRequest when this camera has nothing that could obey.
        """
        match command:
            case Aim(x, y):
                with self._moving:
                    return self._move(self.head.aim(x, y), not_before)
            case Step(direction, degrees):
                with self._moving:
                    return self._move(self.head.step(direction, degrees), not_before)
            case Light(on):
                self._need(self.config.has_light, N_("This camera has no light."))
                return self._send("light", {"type": "light", "state": on}, Outcome(light=on), not_before)
            case AskPosition():
                self._need(self.config.has_head, N_("This camera cannot be steered."))
                return self._send("get_position", {"type": "get_position"}, None, not_before)

    def _move(self, pose: Pose, not_before: float) -> Future[Outcome]:
        self._need(self.config.has_head, N_("This camera cannot be steered."))
        # Before it is sent: the answer may be here before we are back, and say that it is not to be.
        before, self.head.asked = self.head.asked, pose
        try:
            answer = self._send("servo", servo_message(pose), Outcome(pose=pose), not_before)
        except (BadRequest, DeviceOffline):
            self.head.asked = before
            raise
        if (eye := self._eye) and eye is not self._hand and scheme_of(self.config.url).steers:
            eye.link.tell("servo_command_log", {"type": "servo_command_log", "servo1": pose.x, "servo2": pose.y})
        return answer

    @property
    def devices(self) -> set[int]:
        """The devices that it is made of."""
        return {number for number in (device_of(self.config.url), self.config.pico) if number is not None}

    @property
    def steers(self) -> bool:
        """Whether commands have a way to go."""
        return self.config.pico is not None or scheme_of(self.config.url).steers

    def _need(self, there: bool, otherwise: str) -> None:
        if not (there and self.steers):
            raise BadRequest(otherwise)

    def _send(self, key: str, message: dict[str, Any], outcome: Outcome | None, not_before: float) -> Future[Outcome]:
        """`outcome` None: the pose as it is when the answer has come."""
        result: Future[Outcome] = Future()
        board = self._hand
        if board is None and not self.config.enabled:
            raise BadRequest("This camera is switched off.")
        if board is None:
            raise DeviceOffline("The device is not connected.")

        def answered(answer: Future[Answer]) -> None:
            error = answer.exception()
            if error is not None:
                if self.head.asked is not None and outcome and outcome.pose == self.head.asked:
                    self.head.asked = None
                result.set_exception(error)
            elif answer.result().superseded:
                done = outcome or Outcome(pose=self.head.pose)
                result.set_result(Outcome(done.pose, done.light, superseded=True))
            else:
                self._obeyed(outcome, board)
                result.set_result(outcome or Outcome(pose=self.head.pose))

        board.link.send(key, message, not_before).add_done_callback(answered)
        return result

    def _obeyed(self, outcome: Outcome | None, board: Board) -> None:
        if outcome is None:
            return
        if outcome.light is not None:
            self.head.light = outcome.light
        if outcome.pose is not None and not board.says_position:
            self.head.pose = outcome.pose
        self._notify(self, "pose")

    # What its boards tell (in their links' threads)

    def on_frame(self, data: bytes) -> None:
        try:
            self.hub.publish(data)
        except BadFrame as fault:
            log.debug("camera %s: dropped a frame: %s", self.config.slug, fault)

    def on_message(self, board: Board, message: DeviceMessage) -> None:
        if board is not self._hand:
            return
        match message:
            case Connect(servo1_angle=servo1, servo2_angle=servo2) if servo1 is not None and servo2 is not None:
                self._measured(servo1, servo2)
            case Position(servo1=servo1, servo2=servo2):
                self._measured(servo1, servo2)

    def _measured(self, servo1: float, servo2: float) -> None:
        if self.head.measured(servo1, servo2):
            self._notify(self, "pose")

    def on_link_change(self, board: Board) -> None:
        if board is self._hand:
            self.head.asked = None  # a board that was away is where it says it is
            if board is not self._eye:
                self._notify(self, "status")
        self.observe()

    def _on_demand(self) -> None:
        if eye := self._eye:
            eye.link.poke()

    # State

    def observe(self) -> None:
        """Look whether the state has changed, and say so."""
        with self._observing:  # several threads do: none may tell of it twice, or put back what was before
            state = self._derive()
            changed = state != self._state
            if changed:
                self._state, self._since = state, self._clock.wall()
        if changed:
            self._notify(self, "status")

    @property
    def online(self) -> bool:
        return self._derive() in ("live", "idle")

    def _derive(self) -> str:
        if not self.config.enabled or self._gone:
            return "disabled"
        link = self._eye.link if self._eye else None
        if link is None or not link.state.connected:
            if link is None or link.state.attempts or not link.dials:
                return "offline"
            return "idle" if scheme_of(self.config.url).on_demand and not self.hub.wanted else "connecting"
        if not self.hub.wanted:
            return "idle"
        age = self.hub.age
        if age is not None and age < STALLED_AFTER:
            return "live"
        return "stalled" if self.hub.waiting > STALLED_AFTER else "connecting"

    def status(self) -> dict[str, Any]:
        """camera_status, see docs/protocol.md."""
        state, eye, hand = self._derive(), self._eye, self._hand
        link_state = eye.link.state if eye else LinkState(connected=False, since=self._since, reason="no_device")
        since = link_state.since if state == "offline" else self._since
        reason, detail = link_state.reason, link_state.detail
        if state == "stalled":
            reason, detail = (
                ("bad_frames", "no valid picture") if self.hub.bad_since_last else ("silent", "no picture came")
            )
        retry_in = None
        if state == "offline" and link_state.retry_at is not None:
            retry_in = max(round(link_state.retry_at - self._clock.wall(), 1), 0.0)
        return {
            "camera": self.id,
            "state": state,
            "since": iso(since),
            "retry_in": retry_in,
            "reason": reason if state in ("offline", "stalled") else None,
            "detail": detail if state in ("offline", "stalled") else None,
            "fps": round(self.hub.fps, 1) if state == "live" else 0.0,
            "viewers": self.hub.viewers,
            "head_online": bool(hand and hand.link.state.connected) if self.config.has_head and self.steers else None,
            "pose": self.head.pose._asdict() if self.head.pose else None,
            "asked": self.head.asked._asdict() if self.head.asked else None,
            "light": self.head.light,
            "frames": {"received": self.hub.received} | {fault: self.hub.bad[fault] for fault in FAULTS},
        }

    def described(self) -> dict[str, Any]:
        """Its status with what an operator wants to know besides."""
        return {
            "slug": self.config.slug,
            "name": self.config.name,
            "frame_bytes": self.hub.received_bytes,
        } | self.status()
