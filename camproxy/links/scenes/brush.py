"""Drawing helpers: a brush that knows the light of the hour, and what the scenes have in common."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache

from PIL import Image, ImageChops, ImageDraw, ImageFont

from camproxy.links.scenes.measures import LEFT, PANORAMA, PIXELS_PER_UNIT, TOP, to_pixels

Colour = tuple[int, int, int]
Point = tuple[float, float]

DUSK, LAMPLIGHT = (0.36, 0.38, 0.50), (1.0, 0.97, 0.90)
LAMP: Colour = (255, 236, 170)

#: Height of the pieces in which a panorama is painted, in pixels. At once it would take 100 MB for a moment.
BAND = 480


class Brush:
    """Draws at twice the size, so that edges come out smooth, and mixes every colour with the light of the hour.

    Places and sizes are in the scenes' units; `corner` is the upper left one. What shines by itself is drawn with
    `glows=True` and keeps its colour in the dark.
    """

    FINER = 2
    SCALE = FINER * PIXELS_PER_UNIT

    def __init__(
        self,
        size: tuple[float, float],
        shade: tuple[float, float, float],
        ground: Colour | None = None,
        corner: Point = (0, 0),
    ) -> None:
        self._shade = shade
        self._corner = corner
        self._bottom = corner[1] + size[1]
        mode, colour = ("RGBA", (0, 0, 0, 0)) if ground is None else ("RGB", self._mix(ground))
        self._image = Image.new(mode, (round(size[0] * self.SCALE), round(size[1] * self.SCALE)), colour)
        self._draw = ImageDraw.Draw(self._image)

    def box(
        self, x0: float, y0: float, x1: float, y1: float, colour: Colour, *, round: float = 0, glows: bool = False
    ) -> None:
        if self._sees(y0, y1):
            corners = [self._at(x0, y0), self._at(x1, y1)]
            self._draw.rounded_rectangle(corners, round * self.SCALE, self._mix(colour, glows))

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour, *, glows: bool = False) -> None:
        if self._sees(y - ry, y + ry):
            self._draw.ellipse([self._at(x - rx, y - ry), self._at(x + rx, y + ry)], self._mix(colour, glows))

    def shape(self, points: Sequence[Point], colour: Colour, *, glows: bool = False) -> None:
        self._draw.polygon([self._at(x, y) for x, y in points], self._mix(colour, glows))

    def line(self, points: Sequence[Point], colour: Colour, width: float, *, glows: bool = False) -> None:
        path = [self._at(x, y) for x, y in points]
        self._draw.line(path, self._mix(colour, glows), round(width * self.SCALE), joint="curve")

    def text(self, x: float, y: float, text: str, colour: Colour, size: int, *, glows: bool = False) -> None:
        letters = font(round(size * self.SCALE))
        self._draw.text(self._at(x, y), text, self._mix(colour, glows), letters, anchor="mm")

    def fade(self, x0: int, y0: int, x1: int, y1: int, top: Colour, bottom: Colour, *, glows: bool = False) -> None:
        """A box whose colour goes from `top` to `bottom`."""
        for y in range(y0, y1, 4):
            self.box(x0, y, x1, min(y + 4, y1), blend(top, bottom, (y - y0) / (y1 - y0)), glows=glows)

    def turned(self, degrees: float, about: Point | None = None) -> Image.Image:
        """What was drawn, turned anticlockwise about its middle or another point."""
        pivot = None if about is None else self._at(*about)
        return self._image.rotate(degrees, Image.Resampling.BILINEAR, center=pivot).reduce(self.FINER)

    def done(self) -> Image.Image:
        return self._image.reduce(self.FINER)

    def _mix(self, colour: Colour, glows: bool = False) -> Colour:
        if glows:
            return colour
        red, green, blue = (min(255, round(part * by)) for part, by in zip(colour, self._shade, strict=True))
        return red, green, blue

    def _sees(self, top: float, bottom: float) -> bool:
        return top < self._bottom and bottom > self._corner[1]

    def _at(self, x: float, y: float) -> Point:
        return (x - self._corner[0]) * self.SCALE, (y - self._corner[1]) * self.SCALE


def panorama(shade: tuple[float, float, float], ground: Colour, paint: Callable[[Brush], None]) -> Image.Image:
    """What stands still in a scene. `paint` draws all of it, once for every band; what lies elsewhere costs nothing."""
    still = Image.new("RGB", PANORAMA)
    for top in range(0, PANORAMA[1], BAND):
        size = (PANORAMA[0] / PIXELS_PER_UNIT, BAND / PIXELS_PER_UNIT)
        brush = Brush(size, shade, ground, corner=(LEFT, TOP + top / PIXELS_PER_UNIT))
        paint(brush)
        still.paste(brush.done(), (0, top))
    return still


def blend(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def lamplit(still: Image.Image, lamps: Sequence[tuple[float, float, float]]) -> Image.Image:
    """A panorama with a warm glow around each lamp: x, y and radius, in units."""
    # Pillow's gradient reaches its end only in the corners; this one is out at the edge.
    fall = Image.radial_gradient("L").point([round(max(0, 255 - v * math.sqrt(2)) ** 2 / 360) for v in range(256)])
    warm = Image.merge("RGB", [fall.point([v * share // 100 for v in range(256)]) for share in (100, 86, 52)])
    for x, y, radius in lamps:
        (x0, y0), (x1, y1) = to_pixels(x - radius, y - radius), to_pixels(x + radius, y + radius)
        box = (round(x0), round(y0), round(x1), round(y1))
        glow = warm.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.BICUBIC)
        still.paste(ImageChops.screen(still.crop(box), glow), box)
    return still


def sprite(size: tuple[int, int], shade: tuple[float, float, float], draw: Callable[[Brush], None]) -> Brush:
    """A small transparent picture, drawn by `draw`."""
    brush = Brush(size, shade)
    draw(brush)
    return brush


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)
