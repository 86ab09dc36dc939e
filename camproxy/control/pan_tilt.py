"""PanTilt: the limits of a head, where it was asked to point, and where it says it points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from camproxy.errors import N_

LOWEST, HIGHEST = 0, 180


class Pose(NamedTuple):
    """Degrees. x is servo1 (pan, larger is further right), y is servo2 (tilt, larger is further up)."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Inclusive, in degrees."""

    x: tuple[int, int] = (LOWEST, HIGHEST)
    y: tuple[int, int] = (LOWEST, HIGHEST)

    def __post_init__(self) -> None:
        for low, high in (self.x, self.y):
            if not LOWEST <= low < high <= HIGHEST:
                raise ValueError(N_("limits must rise and lie within 0…180"))

    def clamp(self, x: float, y: float) -> Pose:
        return Pose(round(min(max(x, self.x[0]), self.x[1])), round(min(max(y, self.y[0]), self.y[1])))

    @property
    def centre(self) -> Pose:
        return self.clamp(sum(self.x) / 2, sum(self.y) / 2)


STEPS = {"up": (0, 1), "down": (0, -1), "left": (-1, 0), "right": (1, 0)}


class PanTilt:
    """One head. Only the device's own words change `pose`; `asked` is a wish."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.pose: Pose | None = None
        self.asked: Pose | None = None
        self.light: bool | None = None

    def step(self, direction: str, degrees: int) -> Pose:
        """Where one step leads, counted from where the head is going already."""
        if direction == "center":
            return self.limits.centre
        start = self.asked or self.pose or self.limits.centre
        dx, dy = STEPS[direction]
        return self.limits.clamp(start.x + dx * degrees, start.y + dy * degrees)

    def aim(self, x: int, y: int) -> Pose:
        return self.limits.clamp(x, y)

    def measured(self, servo1: float, servo2: float) -> bool:
        """The device says where it is. Whether that is news."""
        pose = Pose(round(min(max(servo1, LOWEST), HIGHEST)), round(min(max(servo2, LOWEST), HIGHEST)))
        changed = pose != self.pose
        self.pose = pose
        return changed


def servo_message(pose: Pose) -> dict[str, Any]:
    return {"type": "servo", "command": {"servo1": pose.x, "servo2": pose.y}}
