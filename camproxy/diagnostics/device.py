"""Device: what a board does, to see whether one would get in."""

from __future__ import annotations

import ipaddress
import json
import time
from typing import Any

import websocket

from camproxy.clock import Clock, SystemClock, iso
from camproxy.diagnostics import refusals
from camproxy.diagnostics.findings import Check, Failed, NotChecked
from camproxy.diagnostics.line import Line

KINDS = ("pico", "esp32cam")
#: The server keeps it as the firmware's until the board itself comes back: so that an admin knows who it was.
VERSION = "check_connection"
#: A key that does not count is refused at once. Seconds.
REFUSED_WITHIN = 0.5
#: How long the server may take to greet. Seconds.
WELCOME_WITHIN = 5.0


class Device:
    """One connection with a device's key. A real board that is connected with it is replaced, and dials again.

    `plain` allows the key to be sent unencrypted to other machines. Not thread-safe.
    """

    def __init__(self, line: Line, kind: str, key: str, *, plain: bool = False, clock: Clock | None = None) -> None:
        self._line = line
        self._kind = kind
        self._key = key
        self._plain = plain
        self._clock = clock or SystemClock()
        self._ws: websocket.WebSocket | None = None
        self._pose = {"servo1": 90, "servo2": 90}

    def checks(self, listen: float) -> list[tuple[str, Check]]:
        """From the address to the last answer. `listen` is how long to wait for commands, in seconds."""
        line = self._line
        return [
            ("Name resolution", line.name),
            ("Port", line.reach),
            ("TLS", line.tls),
            ("Certificate", line.validity),
            ("WebSocket", self.dial),
            ("Key", self.introduce),
            ("Commands", lambda: self.listen(listen)),
        ]

    def dial(self) -> str:
        if not self._line.secure and not self._plain and not is_loopback(self._line.host):
            raise Failed(
                "the key would go over plain http, where everybody on the way can read it",
                "Use https (wss); in a network that you trust, --unencrypted.",
            )
        self._ws = self._line.dial(f"/ws/{self._kind}", {"Authorization": f"Bearer {self._key}"})
        return f"/ws/{self._kind} was upgraded"

    def introduce(self) -> str:
        """Say who we are and be welcomed, which nobody is without a key that counts."""
        first: dict[str, Any] = {
            "type": "connect",
            "device": self._kind,
            "version": "1.0",
            "timestamp": iso(self._clock.wall()),
        }
        if self._kind == "pico":
            first |= {"servo1_angle": self._pose["servo1"], "servo2_angle": self._pose["servo2"]}
        # What is sent to somebody who is closing can undo the closing, and why it closed is lost.
        self._receive(time.monotonic() + REFUSED_WITHIN)
        self._send(first)
        until = time.monotonic() + WELCOME_WITHIN
        while (message := self._receive(until)) is not None:
            if message.get("type") == "welcome":
                return f"the server takes it, as device {message.get('device_id')}"
            self._answer(message)
        raise refusals.cut(TimeoutError(), WELCOME_WITHIN)

    def listen(self, seconds: float) -> str:
        """Answer what the server asks for, as a head does that moves at once."""
        if seconds <= 0:
            raise NotChecked("not asked for", "--listen 30, and steer the camera on its page meanwhile.")
        until, moves = time.monotonic() + seconds, 0
        while (message := self._receive(until)) is not None:
            moves += self._answer(message)
        if not moves:
            raise NotChecked(f"no servo command came within {seconds:g} s", "Steer the camera on its page meanwhile.")
        return f"{moves} servo command{'s' if moves > 1 else ''} came and {'were' if moves > 1 else 'was'} acknowledged"

    def close(self) -> None:
        """Idempotent."""
        if self._ws:
            self._ws.close(timeout=1)
            self._ws.shutdown()
            self._ws = None

    def _answer(self, message: dict[str, Any]) -> bool:
        """Whether it was a servo command."""
        asked, answer = message.get("type"), {"id": message.get("id")}
        if asked == "servo":
            self._send(answer | {"type": "ack", "command": "servo"} | self._moved(message.get("command")))
        elif asked == "light":
            self._send(answer | {"type": "ack", "command": "light", "status": "success"})
        elif asked == "get_position":
            self._send(answer | {"type": "position"} | self._pose)
        elif asked == "ping":
            self._send(answer | {"type": "pong"})
        return asked == "servo"

    def _moved(self, command: Any) -> dict[str, str]:
        try:
            asked = {servo: int(command.get(servo, angle)) for servo, angle in self._pose.items()}
        except (AttributeError, TypeError, ValueError):
            return {"status": "error", "detail": "no servo command"}
        self._pose = {servo: min(180, max(0, angle)) for servo, angle in asked.items()}
        return {"status": "success", "detail": "X={servo1}°, Y={servo2}°".format(**self._pose)}

    def _send(self, message: dict[str, Any]) -> None:
        assert self._ws, "dial comes first"
        try:
            self._ws.send(json.dumps(message))
        except (OSError, websocket.WebSocketException):
            # It has been closed; why, stands in what is still to be read.
            return

    def _receive(self, until: float) -> dict[str, Any] | None:
        """The next message of the server; None when none came in time. Raises Failed when it ends the connection."""
        assert self._ws, "dial comes first"
        while (left := until - time.monotonic()) > 0:
            self._ws.settimeout(left)
            try:
                opcode, data = self._ws.recv_data(control_frame=True)
            except websocket.WebSocketTimeoutException:
                return None
            except (OSError, websocket.WebSocketException) as error:
                raise refusals.cut(error, self._line.within) from error
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                raise refusals.closing(*refusals.close_of(data))
            if opcode == websocket.ABNF.OPCODE_TEXT:
                message = understood(data)
                if message is not None:
                    return message
        return None


def understood(data: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(data)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
