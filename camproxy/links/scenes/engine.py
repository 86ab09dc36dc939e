"""The engine behind every scene: a panorama painted once, of which pan and tilt choose a window."""

from __future__ import annotations

import io
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

from PIL import Image, ImageDraw

from camproxy.links.scenes.brush import font
from camproxy.links.scenes.measures import HEIGHT, PIXELS_PER_DEGREE, WIDTH, to_pixels

#: Movement and sharing go by tenths of a second.
TICKS = 10
JPEG_QUALITY = 75
#: Encoded frames kept for other cameras that look the same way, about 30 KB each.
FRAMES_KEPT = 64

Paint = Callable[[bool], "View"]


class Scene:
    """One place, by day's end or by lamplight. Shared by all cameras that look at it; safe from any thread."""

    def __init__(self, paint: Paint) -> None:
        self._paint = paint
        self._lock = threading.Lock()
        self._views: dict[bool, View] = {}
        self._painting = False
        self._frames: OrderedDict[tuple[int, int, bool, int], bytes] = OrderedDict()

    def frame(self, pan: float, tilt: float, light: bool, wall: float) -> bytes:
        """A JPEG of 640×480. Angles in degrees, 0…180; `wall` in seconds since 1970, UTC.

        Whoever asks for the same view in the same tenth of a second gets the same bytes object. The first frame of a
        scene takes half a second of painting on a PC. The other light comes when it has been painted, which nobody
        waits for: a camera that paints obeys no command.
        """
        left, top = round(pan * PIXELS_PER_DEGREE), round((180 - tilt) * PIXELS_PER_DEGREE)
        tick = math.floor(wall * TICKS)
        with self._lock:
            light = self._shown(light)
            key = (left, top, light, tick)
            jpeg = self._frames.get(key)
            if jpeg is None:
                picture = self._views[light].window(left, top, tick / TICKS)
                _show_time(picture, tick)
                jpeg = self._frames[key] = _encode(picture)
                if len(self._frames) > FRAMES_KEPT:
                    self._frames.popitem(last=False)
            return jpeg

    def painted(self, light: bool) -> bool:
        """Whether it can be shown in this light."""
        return light in self._views

    def _shown(self, light: bool) -> bool:
        """The light in which it can be shown now. The lock is held."""
        if not self._views:
            self._views[light] = self._paint(light)
        elif light not in self._views and not self._painting:
            self._painting = True
            threading.Thread(target=self._paint_other, args=(light,), name="paint", daemon=True).start()
        return light if light in self._views else not light

    def _paint_other(self, light: bool) -> None:
        view = self._paint(light)
        with self._lock:
            self._views[light] = view


@dataclass(frozen=True, slots=True)
class Mover:
    """Something that moves. `at` says for a wall time where its middle is and which of its pictures shows."""

    pictures: Sequence[Image.Image]
    at: Callable[[float], tuple[float, float, int]]

    def show(self, picture: Image.Image, left: int, top: int, wall: float) -> None:
        """Paste it into `picture`, whose upper left corner is at `left`, `top` of the panorama."""
        x, y, which = self.at(wall)
        sprite = self.pictures[which % len(self.pictures)]
        across, down = to_pixels(x, y)
        x, y = round(across - left - sprite.width / 2), round(down - top - sprite.height / 2)
        if -sprite.width < x < picture.width and -sprite.height < y < picture.height:
            picture.paste(sprite, (x, y), sprite)


@dataclass(frozen=True, slots=True)
class View:
    """A scene in one light: what stands still, and what moves in front of it, back to front."""

    still: Image.Image
    movers: list[Mover] = field(default_factory=list)

    def window(self, left: int, top: int, wall: float) -> Image.Image:
        picture = self.still.crop((left, top, left + WIDTH, top + HEIGHT))
        for mover in self.movers:
            mover.show(picture, left, top, wall)
        return picture


def _show_time(picture: Image.Image, tick: int) -> None:
    """A tag in the corner, so that a picture that stands still is seen to: the time, and a bar for the tenths."""
    ground, mask = _tag()
    left, top = 12, HEIGHT - ground.height - 12
    picture.paste(ground, (left, top), mask)
    draw = ImageDraw.Draw(picture)
    moment = datetime.fromtimestamp(tick / TICKS, UTC).astimezone()
    draw.text((left + ground.width // 2, top + 12), f"{moment:%H:%M:%S}", fill="white", font=font(17), anchor="mm")
    length = (ground.width - 12) * (tick % TICKS + 1) // TICKS
    draw.rectangle((left + 6, top + ground.height - 5, left + 6 + length, top + ground.height - 4), fill=(255, 190, 60))


@cache
def _tag() -> tuple[Image.Image, Image.Image]:
    ground, mask = Image.new("RGB", (88, 30), (12, 16, 22)), Image.new("L", (88, 30))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, 87, 29), 6, fill=150)
    return ground, mask


def _encode(picture: Image.Image) -> bytes:
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG", quality=JPEG_QUALITY)
    return jpeg.getvalue()


def to_and_fro(wall: float, seconds: float) -> tuple[float, bool]:
    """0 → 1 → 0 within `seconds`, and whether it is on the way back."""
    phase = wall % seconds / seconds * 2
    return (phase, False) if phase < 1 else (2 - phase, True)


def swing(wall: float, seconds: float) -> float:
    """-1 … 1, as a pendulum does it."""
    return math.sin(wall % seconds / seconds * math.tau)
