"""Background: what a camera sees all the time, and how much of a picture is not that."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Grey = NDArray[np.float32]
Point = tuple[float, float]

#: libjpeg decodes at an eighth for a third of the price, and averages the sensor's noise away.
REDUCED = 8
#: With more of the picture changed than this, the light was switched, or the camera moved. Nothing walks that wide.
EVERYWHERE = 0.6
#: The sensor's gain changes by so much between two looks at most, and as much the other way.
GAIN = 2.0
#: How much of a new picture becomes background: at five pictures a second, half of it is replaced in three seconds.
LEARNT = 0.05
#: Fewer points at an eighth are a fly, a drop or what a JPEG makes of an edge, however small the zone is.
LEAST = 4


@dataclass(frozen=True, slots=True)
class Zone:
    """A polygon, corners in 0…1 of the picture, in which motion counts, or does not if it is to be excluded."""

    points: tuple[Point, ...]
    exclude: bool = False


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """`level` 1…100. Without a zone that includes, motion counts everywhere but in those that exclude."""

    level: int = 50
    zones: tuple[Zone, ...] = ()

    @property
    def step(self) -> float:
        """How much brighter or darker a point must be to have changed, of 255."""
        return 40 - 0.3 * self.level

    @property
    def share(self) -> float:
        """How much of the watched area must have changed: 3 % at level 1, a thousandth at level 100."""
        return float(0.03 ** ((100 - self.level) / 99) * 0.001 ** ((self.level - 1) / 99))


@dataclass(frozen=True, slots=True)
class Look:
    """What one picture showed: how much of the watched area has changed, and the box around it in 0…1.

    `moves` is whether that is enough. `everywhere`: it is too much for something that moves; the background is learnt
    anew.
    """

    share: float
    moves: bool = False
    everywhere: bool = False
    box: tuple[float, float, float, float] | None = None


class Background:
    """One camera's. Not thread-safe."""

    def __init__(self, sensitivity: Sensitivity) -> None:
        self._sensitivity = sensitivity
        self._usual: Grey | None = None
        self._watched: NDArray[np.bool_] | None = None

    def forget(self) -> None:
        """The camera looks elsewhere: the next picture is the background."""
        self._usual = None

    def look(self, jpeg: bytes) -> Look:
        """Compare, and learn. Raises OSError or ValueError for what cannot be decoded."""
        seen = grey(jpeg)
        if self._usual is None or self._usual.shape != seen.shape:
            self._usual = seen
            self._watched = mask(self._sensitivity.zones, seen.shape)
            return Look(0.0)
        usual, watched = self._usual, self._watched
        assert watched is not None
        change = np.abs(seen - exposed_as(seen, usual)) > self._sensitivity.step
        if change.mean() > EVERYWHERE or abs(float(seen.mean() - usual.mean())) > 2 * self._sensitivity.step:
            self._usual = seen
            return Look(1.0, everywhere=True)
        usual += (seen - usual) * LEARNT
        change &= watched
        changed = int(change.sum())
        share = changed / max(int(watched.sum()), 1)
        moves = changed >= LEAST and share >= self._sensitivity.share
        return Look(share, moves=moves, box=box_around(change) if moves else None)


def exposed_as(seen: Grey, usual: Grey) -> Grey:
    """The usual picture in the light, and with the sensor's exposure, of the one that is seen: its best linear fit."""
    own, its = usual - usual.mean(), seen - seen.mean()
    spread = float((own * own).mean())
    gain = float((own * its).mean()) / spread if spread > 1 else 1.0
    exposed = own * min(max(gain, 1 / GAIN), GAIN) + seen.mean()
    limited: Grey = np.clip(exposed, 0, 255)  # what is white cannot become whiter
    return limited


def grey(jpeg: bytes) -> Grey:
    """The picture at an eighth, in shades of grey from 0 to 255."""
    with Image.open(BytesIO(jpeg), formats=["JPEG"]) as picture:
        picture.draft("L", (picture.width // REDUCED, picture.height // REDUCED))
        return np.asarray(picture.convert("L"), dtype=np.float32).copy()


def mask(zones: tuple[Zone, ...], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Where motion counts. What one zone excludes no other includes."""
    height, width = shape
    drawn = Image.new("1", (width, height), color=int(all(zone.exclude for zone in zones)))
    for zone in sorted(zones, key=lambda zone: zone.exclude):
        corners = [(x * (width - 1), y * (height - 1)) for x, y in zone.points]
        ImageDraw.Draw(drawn).polygon(corners, fill=int(not zone.exclude))
    return np.asarray(drawn, dtype=np.bool_)


def box_around(change: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    rows, columns = np.flatnonzero(change.any(axis=1)), np.flatnonzero(change.any(axis=0))
    height, width = change.shape
    left, right = columns[0] / width, (columns[-1] + 1) / width
    top, bottom = rows[0] / height, (rows[-1] + 1) / height
    return round(float(left), 3), round(float(top), 3), round(float(right), 3), round(float(bottom), 3)
