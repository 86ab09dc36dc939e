"""Words: what the simulators print, in plain words. Each function gives None for what nobody needs to hear."""

from __future__ import annotations

import json
import re
from typing import Any

#: Of the camera's simulator: the first that fits the whole line counts; \1 is what the parenthesis has found.
CAMERA: tuple[tuple[str, str | None], ...] = (
    (r"sim online", "is connected"),
    (r"sim offline", "has lost its connection"),
    (r"sim camera off", "switches its sensor off"),
    (r"sim camera (\w+)", r"takes pictures of the size \1"),
    (r"sim stored config", "has kept a new configuration"),
    (r"sim flash (on|off)", r"its white LED is \1"),
    (r"sim asleep (\d+) motion", r"sleeps for \1 s, or until something moves"),
    (r"sim asleep (\d+)", r"sleeps for \1 s"),
    (r"sim reset (\w+)", r"starts anew: \1"),
    (r"sim hangs", "hangs"),
    (r"sim .*", None),
    (r"panic: (.*)", r"is ended: \1"),
    (r"info (?:kept|poweron|sw|deepsleep|brownout|task_wdt|wifi .*|commands: .*)", None),
    (r"(?:info|warning|error) (.*)", r"\1"),
)
#: GPIO number of servo1, see pico/README.md; the other is the tilt, and 15 is the lamp.
PAN = 16


def camera_words(line: str) -> str | None:
    for pattern, words in CAMERA:
        if found := re.fullmatch(pattern, line):
            return words and found.expand(words)
    return line


class PicoWords:
    """Remembers where the servos stand, for they are told so often that only the end of a move is worth a line."""

    def __init__(self) -> None:
        self._angles: dict[int, float] = {}
        self._moved = False

    def say(self, line: str) -> str | None:
        """One of its events, see pico/sim/README.md."""
        try:
            event = json.loads(line)
        except ValueError:
            return line
        return self._of(event)

    def _of(self, event: dict[str, Any]) -> str | None:
        match event:
            case {"event": "servo", "us": 0}:
                return None  # it is let go, and stays
            case {"event": "servo", "pin": int(pin), "us": us}:
                self._angles[pin] = (us - 500) * 180 / 2000
                self._moved = True
            case {"event": "pin", "pin": 15, "on": on}:
                return f"its lamp is {'on' if on else 'off'}"
            case {"event": "reset", "why": why}:
                return f"starts anew: {why}"
            case {"event": "print" | "fault", "text": text}:
                return str(text)
        return None

    def rest(self) -> str | None:
        """Call it when nothing has come for a moment: where the head has come to rest, if it has moved."""
        if not self._moved:
            return None
        self._moved = False
        return "turns the head: " + ", ".join(
            f"{'pan' if pin == PAN else 'tilt'} {angle:.0f}°" for pin, angle in sorted(self._angles.items())
        )
