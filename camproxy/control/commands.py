"""What can be asked of a camera, as the browser's event and the REST call both end up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Aim:
    """Point there: degrees, clamped to the head's limits."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Step:
    """Turn by `degrees`: up, down, left, right; or to the centre."""

    direction: str
    degrees: int


@dataclass(frozen=True, slots=True)
class Light:
    on: bool


@dataclass(frozen=True, slots=True)
class AskPosition:
    """Where does the head point?"""


Command = Aim | Step | Light | AskPosition
