"""What the demo camera sees: a panorama painted once, of which pan and tilt choose a window.

Pan 0 is the left end and 180 the right end; tilt 0 looks down at the floor, 180 up at the ceiling or the sky. Each
scene carries its pan angles written on the wall, so that a person can check them against the pose shown below.
"""

from __future__ import annotations

import io
import math
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

from PIL import Image, ImageChops, ImageDraw, ImageFont

#: Size of a frame, in pixels.
WIDTH, HEIGHT = 640, 480
#: Pixels of the panorama that one degree of pan or tilt moves the window.
PAN_STEP, TILT_STEP = 8, 4
PANORAMA = (WIDTH + 180 * PAN_STEP, HEIGHT + 180 * TILT_STEP)
#: Movement and sharing go by tenths of a second.
TICKS = 10
JPEG_QUALITY = 75
#: Encoded frames kept for other cameras that look the same way, about 30 KB each.
FRAMES_KEPT = 64

Colour = tuple[int, int, int]
Point = tuple[float, float]
Paint = Callable[[bool], "View"]


def scene_named(name: str) -> Scene:
    """The scene of that name; a name that none has always gets the same one of them, and no name the first."""
    name = name.strip().lower()
    if name in SCENES:
        return SCENES[name]
    known = list(SCENES.values())
    return known[zlib.crc32(name.encode()) % len(known)] if name else known[0]


class Scene:
    """One place, by day's end or by lamplight. Shared by all cameras that look at it; safe from any thread."""

    def __init__(self, paint: Paint) -> None:
        self._paint = paint
        self._lock = threading.Lock()
        self._views: dict[bool, View] = {}
        self._frames: OrderedDict[tuple[int, int, bool, int], bytes] = OrderedDict()

    def frame(self, pan: float, tilt: float, light: bool, wall: float) -> bytes:
        """A JPEG of 640×480. Angles in degrees, 0…180; `wall` in seconds since 1970, UTC.

        Whoever asks for the same view in the same tenth of a second gets the same bytes object. The first frame of a
        scene, and the first one with the other light, take half a second of painting on a PC.
        """
        left, top = round(pan * PAN_STEP), round((180 - tilt) * TILT_STEP)
        tick = math.floor(wall * TICKS)
        key = (left, top, light, tick)
        with self._lock:
            jpeg = self._frames.get(key)
            if jpeg is None:
                if light not in self._views:
                    self._views[light] = self._paint(light)
                picture = self._views[light].window(left, top, tick / TICKS)
                _label(picture, pan, tilt, light, tick)
                jpeg = self._frames[key] = _encode(picture)
                if len(self._frames) > FRAMES_KEPT:
                    self._frames.popitem(last=False)
            return jpeg


@dataclass(frozen=True, slots=True)
class Mover:
    """Something that moves. `at` says for a wall time where its middle is and which of its pictures shows."""

    pictures: Sequence[Image.Image]
    at: Callable[[float], tuple[float, float, int]]

    def show(self, picture: Image.Image, left: int, top: int, wall: float) -> None:
        """Paste it into `picture`, whose upper left corner is at `left`, `top` of the panorama."""
        x, y, which = self.at(wall)
        sprite = self.pictures[which % len(self.pictures)]
        x, y = round(x - left - sprite.width / 2), round(y - top - sprite.height / 2)
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


def _label(picture: Image.Image, pan: float, tilt: float, light: bool, tick: int) -> None:
    """The bottom line: time, a map of where the window is, the pose, and a bar that grows through every second."""
    strip, mask = _strip()
    picture.paste(strip, (0, HEIGHT - strip.height), mask)
    draw = ImageDraw.Draw(picture)
    moment = datetime.fromtimestamp(tick / TICKS, UTC).astimezone()
    middle = HEIGHT - strip.height // 2 - 1
    draw.text((10, middle), f"{moment:%Y-%m-%d  %H:%M:%S}", fill="white", font=_font(17), anchor="lm")
    pose = f"pan {round(pan)}°   tilt {round(tilt)}°   light {'on' if light else 'off'}"
    draw.text((WIDTH - 10, middle), pose, fill="white", font=_font(17), anchor="rm")
    box = (264, middle - 9, 264 + 52, middle + 9)
    draw.rectangle(box, outline=(150, 160, 170))
    x, y = box[0] + pan / 180 * 36, box[1] + (180 - tilt) / 180 * 11
    draw.rectangle((round(x), round(y), round(x) + 16, round(y) + 7), fill=(255, 190, 60))
    draw.rectangle((0, HEIGHT - 3, (tick % TICKS + 1) * WIDTH // TICKS, HEIGHT), fill=(255, 190, 60))


@cache
def _strip() -> tuple[Image.Image, Image.Image]:
    return Image.new("RGB", (WIDTH, 30), (12, 16, 22)), Image.new("L", (WIDTH, 30), 170)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)


def _encode(picture: Image.Image) -> bytes:
    jpeg = io.BytesIO()
    picture.save(jpeg, "JPEG", quality=JPEG_QUALITY)
    return jpeg.getvalue()


# Painting


class Brush:
    """Draws at twice the size, so that edges come out smooth, and mixes every colour with the light of the hour.

    What shines by itself is drawn with `glows=True` and keeps its colour in the dark.
    """

    SCALE = 2

    def __init__(self, size: tuple[int, int], shade: tuple[float, float, float], ground: Colour | None = None) -> None:
        self._shade = shade
        mode, colour = ("RGBA", (0, 0, 0, 0)) if ground is None else ("RGB", self._mix(ground))
        self._image = Image.new(mode, (size[0] * self.SCALE, size[1] * self.SCALE), colour)
        self._draw = ImageDraw.Draw(self._image)

    def box(
        self, x0: float, y0: float, x1: float, y1: float, colour: Colour, *, round: float = 0, glows: bool = False
    ) -> None:
        self._draw.rounded_rectangle(self._scaled(x0, y0, x1, y1), round * self.SCALE, self._mix(colour, glows))

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Colour, *, glows: bool = False) -> None:
        self._draw.ellipse(self._scaled(x - rx, y - ry, x + rx, y + ry), self._mix(colour, glows))

    def shape(self, points: Sequence[Point], colour: Colour, *, glows: bool = False) -> None:
        self._draw.polygon([(x * self.SCALE, y * self.SCALE) for x, y in points], self._mix(colour, glows))

    def line(self, points: Sequence[Point], colour: Colour, width: float, *, glows: bool = False) -> None:
        scaled = [(x * self.SCALE, y * self.SCALE) for x, y in points]
        self._draw.line(scaled, self._mix(colour, glows), round(width * self.SCALE), joint="curve")

    def text(self, x: float, y: float, text: str, colour: Colour, size: int, *, glows: bool = False) -> None:
        at = (x * self.SCALE, y * self.SCALE)
        self._draw.text(at, text, self._mix(colour, glows), _font(size * self.SCALE), anchor="mm")

    def fade(self, x0: int, y0: int, x1: int, y1: int, top: Colour, bottom: Colour, *, glows: bool = False) -> None:
        """A box whose colour goes from `top` to `bottom`."""
        for y in range(y0, y1, 4):
            self.box(x0, y, x1, min(y + 4, y1), blend(top, bottom, (y - y0) / (y1 - y0)), glows=glows)

    def turned(self, degrees: float, about: Point | None = None) -> Image.Image:
        """What was drawn, turned anticlockwise about its middle or another point."""
        pivot = None if about is None else (about[0] * self.SCALE, about[1] * self.SCALE)
        return self._image.rotate(degrees, Image.Resampling.BICUBIC, center=pivot).reduce(self.SCALE)

    def done(self) -> Image.Image:
        return self._image.reduce(self.SCALE)

    def _mix(self, colour: Colour, glows: bool = False) -> Colour:
        if glows:
            return colour
        red, green, blue = (min(255, round(part * by)) for part, by in zip(colour, self._shade, strict=True))
        return red, green, blue

    def _scaled(self, *values: float) -> list[float]:
        return [value * self.SCALE for value in values]


DUSK, LAMPLIGHT = (0.36, 0.38, 0.50), (1.0, 0.97, 0.90)
LAMP: Colour = (255, 236, 170)


def x_of(pan: int) -> int:
    """Where in the panorama the middle of the picture is at this pan angle."""
    return WIDTH // 2 + pan * PAN_STEP


def blend(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def to_and_fro(wall: float, seconds: float) -> tuple[float, bool]:
    """0 → 1 → 0 within `seconds`, and whether it is on the way back."""
    phase = wall % seconds / seconds * 2
    return (phase, False) if phase < 1 else (2 - phase, True)


def swing(wall: float, seconds: float) -> float:
    """-1 … 1, as a pendulum does it."""
    return math.sin(wall % seconds / seconds * math.tau)


def lamplit(still: Image.Image, lamps: Sequence[tuple[float, float, float]]) -> Image.Image:
    """`still` with a warm glow around each lamp: x, y and radius, in pixels."""
    # Pillow's gradient reaches its end only in the corners; this one is out at the edge.
    fall = Image.radial_gradient("L").point([round(max(0, 255 - v * math.sqrt(2)) ** 2 / 360) for v in range(256)])
    warm = Image.merge("RGB", [fall.point([v * share // 100 for v in range(256)]) for share in (100, 86, 52)])
    for x, y, radius in lamps:
        box = (round(x - radius), round(y - radius), round(x + radius), round(y + radius))
        glow = warm.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.BICUBIC)
        still.paste(ImageChops.screen(still.crop(box), glow), box)
    return still


def sprite(size: tuple[int, int], shade: tuple[float, float, float], draw: Callable[[Brush], None]) -> Brush:
    """A small transparent picture, drawn by `draw`."""
    brush = Brush(size, shade)
    draw(brush)
    return brush


def workshop(lit: bool) -> View:
    """A room: door, bench, window, clock, books, aquarium and armchair, from left to right."""
    shade = LAMPLIGHT if lit else DUSK
    width, height = PANORAMA
    middle, ceiling, floor = width / 2, 280, 850
    room = Brush(PANORAMA, shade, (206, 190, 160))

    # Ceiling and floor run away from the eye, which is what makes up and down feel like up and down.
    for board in range(-8, width // 60 + 8):
        x0, x1 = board * 60, board * 60 + 60
        for edge, far, spread, tones in (
            (ceiling, 0, 1.9, ((188, 164, 128), (176, 152, 118))),
            (floor, height, 1.8, ((150, 104, 68), (138, 94, 60))),
        ):
            a, b = middle + (x0 - middle) * spread, middle + (x1 - middle) * spread
            room.shape([(x0, edge), (x1, edge), (b, far), (a, far)], tones[board % 2])
    for y, thick in ((250, 16), (170, 24), (60, 32)):
        room.box(0, y - thick, width, y, (120, 92, 64))
        room.box(0, y, width, y + 3, (96, 72, 50))

    # The wall goes from cool to warm, so that even a bare piece of it tells left from right.
    for x in range(0, width, 8):
        room.box(x, ceiling, x + 8, 640, blend((150, 186, 196), (226, 190, 150), x / width))
        room.box(x, 640, x + 8, floor, blend((84, 122, 128), (150, 106, 84), x / width))
    room.box(0, ceiling, width, ceiling + 12, (236, 226, 204))
    room.box(0, 634, width, 646, (236, 226, 204))
    room.box(0, floor - 14, width, floor, (236, 226, 204))
    for x in range(-40, width, 120):
        room.box(x + 10, 664, x + 110, 816, blend((66, 98, 104), (118, 82, 64), (x + 60) / width), round=4)
        for y in range(0, 148, 4):
            room.box(x + 14, 668 + y, x + 106, 672 + y, blend((98, 136, 140), (164, 120, 98), (x + 60) / width))
    _ruler(room, 372, (250, 244, 228), (70, 60, 52))

    # A shelf all along the wall carries the railway.
    room.box(0, 462, width, 470, (134, 92, 58))
    room.box(0, 470, width, 474, (96, 64, 40))
    room.box(0, 458, width, 460, (150, 150, 154))

    # Door, with a lantern's light behind its pane.
    room.box(236, 490, 404, floor, (112, 74, 48), round=3)
    room.box(248, 502, 392, floor, (176, 72, 58))
    room.box(272, 524, 368, 612, blend((40, 52, 92), LAMP, 0.85 if lit else 0.15), round=6, glows=True)
    room.box(318, 524, 322, 612, (112, 48, 40))
    for y in (636, 740):
        room.box(268, y, 372, y + 84, (150, 58, 48), round=5)
    room.oval(380, 690, 7, 7, (240, 204, 110))
    room.text(320, 568, "EXIT", (112, 48, 40), 20)
    # Coat, and an umbrella in its stand.
    room.box(70, 540, 200, 552, (134, 92, 58), round=3)
    room.shape([(104, 552), (146, 552), (166, 700), (84, 700)], (64, 92, 140))
    room.line([(125, 552), (125, 700)], (44, 66, 106), 3)
    room.box(176, 760, 216, 854, (120, 124, 132), round=6)
    room.line([(196, 760), (196, 690), (204, 680), (210, 690)], (60, 60, 66), 4)

    # Bench, pegboard and tools.
    room.box(480, 488, 770, 650, (202, 172, 122), round=4)
    for x in range(492, 770, 16):
        for y in range(500, 650, 16):
            room.oval(x, y, 1.5, 1.5, (150, 122, 82))
    room.box(508, 520, 516, 610, (150, 96, 52), round=3)
    room.box(492, 508, 532, 528, (96, 102, 112), round=4)
    room.shape([(556, 520), (650, 546), (650, 572), (556, 572)], (188, 196, 204))
    room.box(530, 518, 560, 576, (170, 80, 50), round=8)
    for index, colour in enumerate(((216, 64, 54), (240, 178, 52), (72, 148, 96), (66, 112, 190))):
        x = 676 + index * 22
        room.box(x - 5, 512, x + 5, 552, colour, round=4)
        room.box(x - 2, 552, x + 2, 600, (188, 196, 204))
    room.box(456, 700, 794, 722, (168, 118, 72), round=3)
    for x in (474, 752):
        room.box(x, 722, x + 24, 858, (134, 92, 58))
    room.box(520, 722, 640, 800, (150, 104, 64))
    for y in (732, 768):
        room.box(528, y, 632, y + 28, (174, 124, 78), round=3)
        room.oval(580, y + 14, 5, 5, (90, 64, 42))
    room.box(700, 672, 752, 700, (74, 110, 168), round=4)
    room.box(720, 650, 732, 676, (150, 158, 168))
    room.box(540, 682, 604, 698, (34, 96, 62), round=2)
    room.box(548, 676, 568, 690, (60, 64, 70))
    room.oval(558, 683, 5, 5, (20, 22, 26))

    # Window onto the evening, flowers on the sill.
    room.box(806, 486, 1034, 668, (244, 238, 222), round=4)
    sky = ((92, 128, 196), (252, 196, 150)) if lit else ((22, 30, 66), (104, 74, 110))
    room.fade(818, 498, 1022, 656, *sky, glows=True)
    room.oval(980, 536, 17, 17, (255, 244, 214), glows=True)
    if not lit:
        room.oval(973, 532, 15, 15, blend(*sky, 0.2), glows=True)
        for x, y in ((846, 520), (880, 548), (906, 512), (940, 570), (862, 590), (1000, 592)):
            room.oval(x, y, 1.6, 1.6, (255, 255, 240), glows=True)
    room.shape([(818, 656), (818, 620), (880, 596), (950, 630), (1022, 600), (1022, 656)], (58, 92, 84))
    room.box(916, 498, 924, 656, (244, 238, 222))
    room.box(818, 572, 1022, 580, (244, 238, 222))
    room.box(794, 664, 1046, 678, (244, 238, 222), round=3)
    for x, colour in ((846, (226, 82, 92)), (920, (250, 206, 80)), (994, (196, 110, 200))):
        room.line([(x, 636), (x, 612)], (70, 130, 72), 3)
        for turn in range(5):
            angle = turn / 5 * math.tau
            room.oval(x + 8 * math.cos(angle), 606 + 8 * math.sin(angle), 6, 6, colour)
        room.oval(x, 606, 5, 5, (250, 234, 150))
        room.shape([(x - 16, 634), (x + 16, 634), (x + 11, 664), (x - 11, 664)], (190, 104, 66))

    # Grandfather clock.
    room.shape([(1100, 514), (1160, 484), (1220, 514)], (104, 62, 38))
    room.box(1102, 512, 1218, 612, (132, 80, 48), round=4)
    room.box(1112, 612, 1208, 806, (120, 72, 44))
    room.box(1100, 806, 1220, 858, (132, 80, 48), round=4)
    room.box(1126, 626, 1194, 790, (58, 36, 26), round=4)
    room.oval(1160, 562, 44, 44, (226, 188, 96))
    room.oval(1160, 562, 39, 39, (252, 248, 234))
    for hour in range(12):
        angle = hour / 12 * math.tau
        room.oval(1160 + 33 * math.sin(angle), 562 - 33 * math.cos(angle), 2.2, 2.2, (60, 50, 44))

    # Books, a globe, a robot.
    room.box(1296, 492, 1504, 858, (110, 72, 46), round=3)
    spines = ((178, 62, 58), (62, 104, 150), (222, 174, 76), (78, 132, 96), (140, 92, 150), (206, 122, 72))
    for row, y in enumerate((506, 594, 682, 770)):
        room.box(1308, y, 1492, y + 78, (66, 44, 32))
        x = 1312
        for book in range(11):
            thick, tall = 10 + (book * 7 + row * 5) % 8, 50 + (book * 11 + row * 17) % 24
            if x + thick > 1488 or (row in (0, 2) and book > 5):
                break
            room.box(x, y + 78 - tall, x + thick, y + 78, spines[(book + row * 2) % 6], round=2)
            room.box(x + 2, y + 88 - tall, x + thick - 2, y + 91 - tall, (240, 226, 190))
            x += thick + 1
    room.oval(1450, 546, 24, 24, (86, 150, 200))
    room.shape([(1436, 532), (1454, 530), (1458, 546), (1444, 558), (1432, 548)], (112, 168, 96))
    room.box(1438, 572, 1462, 584, (150, 104, 60), round=3)
    room.box(1424, 706, 1472, 736, (176, 184, 194), round=6)
    room.box(1418, 738, 1478, 760, (150, 158, 168), round=5)
    for x in (1438, 1458):
        room.oval(x, 720, 6, 6, (90, 230, 220), glows=True)
    room.line([(1448, 706), (1448, 694)], (150, 158, 168), 3)
    room.oval(1448, 692, 4, 4, (240, 90, 70))

    # Aquarium: its own small lamp burns by night as well.
    room.box(1548, 724, 1752, 858, (86, 60, 46), round=3)
    for x in (1556, 1654):
        room.box(x, 734, x + 90, 848, (106, 76, 58), round=3)
    room.box(1540, 580, 1760, 596, (40, 42, 46), round=3)
    room.fade(1544, 594, 1756, 726, (110, 206, 220), (34, 110, 160), glows=True)
    room.box(1544, 712, 1756, 726, (222, 196, 140), glows=True)
    for x, tall in ((1562, 60), (1580, 84), (1726, 70), (1740, 48)):
        room.line([(x + 5 * math.sin(step), 714 - step * tall / 8) for step in range(9)], (44, 140, 84), 6, glows=True)
    room.shape([(1640, 714), (1648, 676), (1662, 690), (1674, 668), (1686, 714)], (128, 96, 110), glows=True)

    # Armchair and floor lamp.
    room.box(1836, 640, 1976, 800, (168, 64, 70), round=26)
    room.box(1816, 720, 1852, 838, (190, 78, 82), round=16)
    room.box(1960, 720, 1996, 838, (190, 78, 82), round=16)
    room.box(1846, 764, 1966, 826, (202, 92, 94), round=12)
    for x in (1832, 1968):
        room.box(x, 836, x + 12, 858, (84, 56, 38))
    room.line([(2034, 852), (2034, 610)], (70, 62, 58), 5)
    room.oval(2034, 854, 30, 7, (70, 62, 58))
    lamp = LAMP if lit else (92, 84, 78)
    room.shape([(1996, 620), (2072, 620), (2056, 560), (2012, 560)], lamp, glows=True)

    # On the floor: the second ruler, a rug, a toolbox.
    _ruler(room, 872, (214, 182, 96), (74, 50, 30))
    for shrink, colour in ((0, (120, 52, 62)), (18, (222, 190, 130)), (30, (150, 66, 72)), (110, (222, 190, 130))):
        room.oval(middle, 1040, 380 - shrink, 104 - shrink * 0.7, colour)
    room.oval(middle, 1040, 250, 20, (150, 66, 72))
    room.box(430, 990, 560, 1050, (206, 58, 50), round=5)
    room.box(424, 978, 566, 998, (176, 44, 40), round=5)
    room.line([(470, 980), (470, 958), (520, 958), (520, 980)], (60, 60, 64), 6)
    room.oval(1630, 1060, 30, 30, (98, 140, 200))
    for turn in (-16, -4, 10):
        room.line([(1606, 1054 + turn), (1654, 1066 + turn)], (70, 108, 170), 2)

    # What hangs from the ceiling. The fan's blades are among the movers.
    for x in (600, 1480):
        room.line([(x, 0), (x, 196)], (52, 48, 46), 4)
        room.shape([(x - 44, 232), (x + 44, 232), (x + 16, 194), (x - 16, 194)], (58, 120, 108))
        room.oval(x, 234, 17, 15, LAMP if lit else (110, 104, 96), glows=True)
    room.line([(middle, 0), (middle, 118)], (70, 62, 58), 9)

    still = room.done()
    if lit:
        still = lamplit(still, [(600, 240, 620), (1480, 240, 620), (2034, 600, 460), (320, 570, 200)])

    def train(brush: Brush) -> None:
        for start, colour in ((0, (236, 178, 56)), (58, (66, 128, 190)), (116, (84, 156, 96))):
            brush.box(start + 2, 16, start + 52, 36, colour, round=4)
            for x in (start + 8, start + 24, start + 38):
                brush.box(x, 20, x + 9, 28, (250, 240, 200), round=2, glows=lit)
        brush.box(174, 20, 236, 38, (196, 54, 48), round=4)
        brush.box(176, 6, 200, 36, (164, 42, 40), round=3)
        brush.box(181, 11, 194, 22, (250, 240, 200), round=2)
        brush.box(220, 4, 230, 22, (50, 50, 56), round=2)
        brush.oval(237, 30, 4, 4, LAMP, glows=True)
        for x in (12, 42, 70, 100, 128, 158, 184, 204, 224):
            brush.oval(x, 39, 6, 6, (44, 44, 50))

    def fish(colour: Colour) -> Sequence[Image.Image]:
        def draw(brush: Brush) -> None:
            brush.shape([(3, 4), (3, 22), (16, 13)], blend(colour, (0, 0, 0), 0.2), glows=True)
            brush.oval(22, 13, 14, 9, colour, glows=True)
            brush.oval(29, 11, 2.4, 2.4, (20, 20, 30), glows=True)

        right = sprite((40, 26), shade, draw).done()
        return [right, right.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]

    def swims(seconds: float, depth: float) -> Callable[[float], tuple[float, float, int]]:
        def at(wall: float) -> tuple[float, float, int]:
            way, back = to_and_fro(wall, seconds)
            return 1572 + 156 * way, depth + 9 * swing(wall, 3.1), int(back)

        return at

    def pendulum(brush: Brush) -> None:
        brush.line([(70, 70), (70, 130)], (226, 188, 96), 3)
        brush.oval(70, 128, 11, 11, (240, 204, 110))

    def blades(turn: int) -> Image.Image:
        def draw(brush: Brush) -> None:
            for blade in range(4):
                angle = (turn / 6 + blade) * math.tau / 4
                along, across = math.cos(angle), math.sin(angle)
                tip = [(24, -16), (205, -22), (205, 22), (24, 16)]
                points = [(220 + a * along - b * across, 60 + (a * across + b * along) * 0.24) for a, b in tip]
                brush.shape(points, (150, 104, 66) if blade % 2 else (162, 114, 74))
            brush.oval(220, 60, 30, 12, (84, 76, 70))

        return sprite((440, 120), shade, draw).done()

    def vacuum(brush: Brush) -> None:
        brush.oval(45, 26, 43, 22, (70, 74, 80))
        brush.oval(45, 22, 42, 20, (206, 210, 216))
        brush.oval(45, 18, 14, 6, (70, 74, 80))
        brush.oval(45, 18, 5, 2.5, (90, 240, 130), glows=True)

    def cat(raised: int) -> Image.Image:
        def draw(brush: Brush) -> None:
            fur = (226, 150, 78)
            tail = [(96, 44), (114, 40 - raised), (116, 26 - raised * 2)]
            brush.line(tail, fur, 8)
            brush.oval(62, 42, 42, 18, fur)
            brush.oval(28, 30, 18, 16, fur)
            brush.shape([(12, 24), (14, 4), (26, 16)], fur)
            brush.shape([(32, 16), (42, 4), (44, 24)], fur)
            for x in (21, 34):
                brush.line([(x - 3, 29), (x, 32), (x + 3, 29)], (70, 44, 30), 2)
            for x in (56, 70, 84):
                brush.line([(x, 26), (x + 2, 40)], (190, 112, 52), 4)

        return sprite((124, 64), shade, draw).done()

    def led(brush: Brush) -> None:
        brush.oval(8, 8, 7, 7, (150, 40, 40), glows=True)
        brush.oval(8, 8, 4, 4, (255, 80, 70), glows=True)

    nothing = Image.new("RGBA", (1, 1))
    return View(
        still,
        [
            Mover(
                [sprite((244, 46), shade, train).done()], lambda wall: (wall % 36 / 36 * (width + 260) - 130, 437, 0)
            ),
            Mover(
                [sprite((140, 140), shade, pendulum).turned(12 * swing(step, 24)) for step in range(24)],
                lambda wall: (1160, 636, round(wall % 2 * 12)),
            ),
            *_clock_hands(1160, 562, 32, shade),
            Mover(fish((250, 140, 50)), swims(13, 640)),
            Mover(fish((236, 90, 130)), swims(19, 676)),
            Mover(fish((250, 220, 90)), swims(9, 618)),
            Mover([cat(raised) for raised in range(5)], lambda wall: (1908, 748, round(2 + 2 * swing(wall, 3.4)))),
            Mover([blades(turn) for turn in range(6)], lambda wall: (middle, 128, round(wall * TICKS))),
            Mover(
                [sprite((90, 52), shade, vacuum).done()],
                lambda wall: (480 + 1120 * to_and_fro(wall, 44)[0], 1140 + 14 * swing(wall, 7), 0),
            ),
            Mover([sprite((16, 16), shade, led).done(), nothing], lambda wall: (594, 690, math.floor(wall * 2))),
        ],
    )


def garden(lit: bool) -> View:
    """Outdoors at nightfall: shed, sunflowers, swing, windmill, beehives, pond and greenhouse, from left to right."""
    shade = (1.0, 0.98, 0.86) if lit else (0.36, 0.42, 0.52)
    width, height = PANORAMA
    land = Brush(PANORAMA, shade, (124, 168, 84))

    high, low = ((92, 120, 190), (250, 206, 160)) if lit else ((14, 20, 50), (92, 72, 108))
    land.fade(0, 0, width, 580, high, low, glows=True)
    if not lit:
        for star in range(130):
            x, y = star * 797 % width, star * star * 53 % 400
            land.oval(x, y, 1 + star % 3 * 0.5, 1 + star % 3 * 0.5, (240, 240, 226), glows=True)
    land.oval(1620, 150, 42, 42, (255, 246, 220), glows=True)
    for x, y, size in ((1604, 140, 9), (1632, 162, 12), (1628, 128, 6)):
        land.oval(x, y, size, size, (238, 226, 196), glows=True)
    for base, tall, length, colour in (
        (540, 70, 610, (112, 142, 150)),
        (575, 50, 420, (98, 144, 110)),
        (610, 34, 520, (110, 160, 92)),
    ):
        ridge = [(x, base - tall * math.sin(x / length * math.tau) ** 2) for x in range(0, width + 8, 8)]
        land.shape([(0, 700), *ridge, (width, 700)], colour)

    # Windmill on its hill; the sails are among the movers.
    land.shape([(1052, 590), (1068, 410), (1112, 410), (1128, 590)], (232, 222, 204))
    land.shape([(1060, 414), (1090, 372), (1120, 414)], (150, 72, 60))
    for y in (450, 520):
        land.box(1082, y, 1098, y + 22, LAMP, round=4, glows=True)

    # The fence, with a sign every 15°.
    for x in range(-10, width, 40):
        land.shape([(x, 770), (x, 650), (x + 14, 634), (x + 28, 650), (x + 28, 770)], (236, 228, 210))
        land.line([(x + 28, 652), (x + 28, 770)], (196, 184, 160), 2)
    for y in (666, 740):
        land.box(0, y, width, y + 12, (220, 208, 184))
    for y in range(770, height, 6):
        land.box(0, y, width, y + 6, blend((118, 170, 84), (76, 124, 62), (y - 770) / (height - 770)))
    for tuft in range(260):
        x, y = tuft * 719 % width, 790 + tuft * tuft * 37 % 400
        land.line([(x - 5, y - 9), (x, y), (x + 4, y - 11)], (94, 144, 66), 2)
    for pan in range(0, 181, 15):
        x = x_of(pan)
        land.box(x - 36, 680, x + 36, 724, (150, 104, 64), round=6)
        land.text(x, 702, f"{pan}°", (255, 244, 214), 26)

    # A string of lanterns overhead, with the same numbers.
    for pan in range(-45, 226, 15):
        start, end = x_of(pan), x_of(pan + 15)
        sag = [(start + (end - start) * step / 12, 330 + 26 * math.sin(step / 12 * math.pi)) for step in range(13)]
        land.line(sag, (56, 52, 60), 3)
        for step, colour in ((3, (255, 150, 120)), (6, (255, 224, 130)), (9, (140, 220, 190))):
            bulb_x, bulb_y = sag[step]
            land.oval(bulb_x, bulb_y + 12, 9, 11, colour if lit else blend(colour, (30, 34, 60), 0.72), glows=True)
        if 0 <= pan <= 180:
            land.shape([(start - 34, 318), (start + 34, 318), (start + 26, 362), (start - 26, 362)], (204, 78, 84))
            land.text(start, 338, f"{pan}°", (255, 248, 230), 24)

    # Shed.
    land.box(210, 600, 430, 838, (160, 92, 66))
    for x in range(210, 430, 22):
        land.line([(x, 600), (x, 838)], (136, 76, 54), 2)
    land.shape([(184, 606), (320, 506), (456, 606)], (92, 70, 66))
    land.box(232, 690, 312, 838, (90, 132, 128), round=3)
    land.oval(300, 768, 5, 5, (240, 204, 110))
    land.box(336, 680, 410, 744, (240, 232, 214), round=3)
    land.box(342, 686, 404, 738, LAMP if lit else (86, 78, 84), glows=True)
    land.box(371, 686, 375, 738, (240, 232, 214))
    land.oval(320, 566, 16, 16, (240, 232, 214))

    # Sunflowers.
    for x, y in ((500, 660), (556, 610), (612, 668)):
        land.line([(x, y), (x, 838)], (76, 132, 62), 7)
        land.shape([(x, 770), (x + 34, 740), (x + 8, 790)], (92, 150, 70))
        land.shape([(x, 800), (x - 34, 770), (x - 8, 820)], (92, 150, 70))
        for petal in range(14):
            angle = petal / 14 * math.tau
            land.oval(x + 30 * math.cos(angle), y + 30 * math.sin(angle), 10, 10, (250, 196, 60))
        land.oval(x, y, 24, 24, (118, 76, 44))

    # Tree; the swing is among the movers.
    land.shape([(708, 850), (730, 560), (770, 560), (790, 850)], (116, 82, 58))
    land.line([(750, 590), (930, 566)], (116, 82, 58), 16)
    for x, y, size in ((680, 520, 74), (760, 456, 92), (840, 500, 80), (910, 540, 52), (746, 548, 66)):
        land.oval(x, y, size, size * 0.82, (72, 124, 70))
        land.oval(x - 14, y - 16, size * 0.7, size * 0.5, (92, 146, 82))
    for x, y in ((660, 520), (720, 470), (790, 510), (850, 470), (830, 540), (700, 560)):
        land.oval(x, y, 9, 9, (218, 62, 56))

    # Beehives.
    for x, colour in ((1230, (240, 200, 90)), (1326, (236, 230, 212))):
        land.box(x - 36, 740, x + 36, 838, colour, round=4)
        land.box(x - 42, 728, x + 42, 744, (150, 152, 156), round=3)
        land.line([(x - 36, 790), (x + 36, 790)], (150, 120, 60), 3)
        land.box(x - 14, 818, x + 14, 826, (50, 40, 34), round=3)

    # Pond, reeds and water lilies.
    land.oval(1530, 950, 230, 74, (96, 130, 80))
    land.oval(1530, 950, 214, 64, (84, 150, 190))
    land.oval(1500, 936, 150, 34, (112, 176, 208))
    for x, y in ((1420, 974), (1640, 930), (1600, 984)):
        land.oval(x, y, 24, 8, (86, 150, 84))
        land.oval(x + 4, y - 4, 7, 5, (246, 196, 214))
    for x in (1706, 1720, 1736):
        land.line([(x, 960), (x + 6, 850)], (84, 128, 70), 4)
        land.box(x + 2, 838, x + 10, 872, (120, 80, 52), round=4)

    # Greenhouse.
    panes = (206, 232, 214) if lit else (70, 100, 104)
    land.shape([(1640, 640), (1760, 560), (1880, 640), (1880, 838), (1640, 838)], panes, glows=True)
    for x in (1640, 1700, 1760, 1820, 1880):
        land.line([(x, 838), (x, 640 - (0 if x in (1640, 1880) else 40 if x != 1760 else 80))], (244, 244, 236), 4)
    land.line([(1640, 640), (1760, 560), (1880, 640), (1640, 640)], (244, 244, 236), 5)
    for x, colour in ((1672, (214, 66, 58)), (1730, (250, 180, 70)), (1792, (150, 90, 170)), (1850, (214, 66, 58))):
        land.oval(x, 790, 26, 34, (82, 140, 76))
        for dx, dy in ((-9, -8), (8, -14), (2, 8)):
            land.oval(x + dx, 790 + dy, 6, 6, colour)
        land.box(x - 16, 818, x + 16, 838, (180, 100, 66))

    # A path of stepping stones, numbered for who looks straight down, and two lamps beside it.
    for pan in range(-30, 211, 15):
        x = x_of(pan)
        land.oval(x, 884, 48, 18, (172, 168, 160))
        if 0 <= pan <= 180:
            land.text(x, 883, f"{pan}°", (70, 66, 62), 22)
    lamps = ((1010, 760), (1980, 770))
    for x, y in lamps:
        land.line([(x, y), (x, 856)], (52, 54, 60), 6)
        land.box(x - 15, y - 34, x + 15, y, LAMP if lit else (84, 86, 96), round=5, glows=True)
        land.shape([(x - 22, y - 32), (x, y - 52), (x + 22, y - 32)], (52, 54, 60))
    for x, y in ((150, 1040), (560, 1090), (900, 1000), (1240, 1100), (1800, 1060), (1960, 1130)):
        land.box(x - 6, y - 16, x + 6, y + 4, (240, 230, 210), round=4)
        land.oval(x, y - 18, 20, 12, (206, 66, 58))
        land.oval(x - 8, y - 20, 4, 3, (250, 240, 226))
        land.oval(x + 7, y - 16, 3, 2.5, (250, 240, 226))

    still = land.done()
    if lit:
        still = lamplit(still, [(x, y - 16, 420) for x, y in lamps] + [(374, 712, 280), (1760, 720, 300)])

    def balloon(brush: Brush) -> None:
        for share, colour in ((56, (224, 86, 74)), (36, (250, 206, 100)), (14, (224, 86, 74))):
            brush.oval(60, 60, share, 58, colour)
        for x in (44, 76):
            brush.line([(x, 110), (60 + (x - 60) * 0.6, 142)], (80, 60, 50), 2)
        brush.box(48, 140, 72, 158, (150, 104, 64), round=4)

    def cloud(brush: Brush) -> None:
        for x, y, size in ((50, 50, 34), (96, 38, 38), (142, 52, 30), (96, 60, 50)):
            brush.oval(x, y, size, size * 0.62, (244, 240, 238))

    def sails(brush: Brush) -> None:
        for sail in range(4):
            angle = sail / 4 * math.tau
            along, across = math.cos(angle), math.sin(angle)
            for points, colour in (
                ([(0, -3), (112, -3), (112, 3), (0, 3)], (92, 70, 56)),
                ([(26, 3), (110, 3), (110, 30), (26, 22)], (250, 244, 230)),
            ):
                brush.shape([(120 + a * along - b * across, 120 + a * across + b * along) for a, b in points], colour)
        brush.oval(120, 120, 8, 8, (92, 70, 56))

    def seat(brush: Brush) -> None:
        for x in (112, 148):
            brush.line([(x, 0), (x, 200)], (190, 160, 110), 4)
        brush.box(98, 198, 162, 210, (176, 72, 58), round=4)

    def bee(brush: Brush) -> None:
        brush.oval(10, 6, 5, 4, (240, 246, 250))
        brush.oval(10, 11, 7, 5, (250, 196, 50))
        brush.line([(10, 7), (10, 15)], (50, 40, 30), 2.5)

    def duck(brush: Brush) -> None:
        brush.shape([(2, 26), (16, 34), (20, 44)], (250, 250, 244))
        brush.oval(34, 42, 26, 14, (250, 250, 244))
        brush.oval(34, 40, 14, 8, (226, 226, 220))
        brush.oval(58, 22, 12, 12, (250, 250, 244))
        brush.box(50, 24, 60, 42, (250, 250, 244))
        brush.shape([(68, 20), (80, 24), (68, 28)], (246, 150, 50))
        brush.oval(61, 19, 2, 2, (30, 30, 34))

    def hedgehog(brush: Brush) -> None:
        for spine in range(15):
            angle = math.pi * (0.25 + spine / 14 * 0.85)
            brush.line([(36, 40), (36 + 34 * math.cos(angle), 40 - 32 * math.sin(angle))], (104, 80, 62), 4)
        brush.oval(36, 40, 27, 20, (126, 98, 76))
        brush.shape([(50, 30), (80, 44), (52, 54)], (222, 186, 146))
        brush.oval(79, 44, 3, 3, (40, 32, 30))
        brush.oval(62, 39, 2.4, 2.4, (40, 32, 30))
        for x in (26, 46):
            brush.box(x, 54, x + 9, 62, (222, 186, 146), round=3)

    def both_ways(brush: Brush) -> Sequence[Image.Image]:
        right = brush.done()
        return [right, right.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]

    def walks(left: float, right: float, y: float, seconds: float) -> Callable[[float], tuple[float, float, int]]:
        def at(wall: float) -> tuple[float, float, int]:
            way, back = to_and_fro(wall, seconds)
            return left + (right - left) * way, y + 2 * swing(wall, 0.8), int(back)

        return at

    def hums(x: float, y: float, seconds: float) -> Callable[[float], tuple[float, float, int]]:
        return lambda wall: (x + 90 * swing(wall, seconds), y + 46 * swing(wall, seconds * 0.37), 0)

    puff, hummer = sprite((190, 100), shade, cloud), sprite((20, 18), shade, bee)
    swinging, mill = sprite((260, 230), shade, seat), sprite((240, 240), shade, sails)
    return View(
        still,
        [
            Mover([puff.done()], lambda wall: (wall % 160 / 160 * (width + 400) - 200, 110, 0)),
            Mover([puff.done()], lambda wall: ((wall + 90) % 210 / 210 * (width + 400) - 200, 230, 0)),
            Mover(
                [sprite((120, 164), shade, balloon).done()],
                lambda wall: (wall % 90 / 90 * (width + 240) - 120, 180 + 20 * swing(wall, 11), 0),
            ),
            Mover([mill.turned(step * 5) for step in range(18)], lambda wall: (1090, 420, round(wall % 9 * TICKS))),
            Mover(
                [swinging.turned(16 * swing(step, 24), about=(130, 0)) for step in range(24)],
                lambda wall: (880, 687, round(wall % 2.4 * TICKS)),
            ),
            *(Mover([hummer.done()], hums(*where)) for where in ((1230, 690, 5.3), (1326, 660, 7.1), (1290, 780, 6.2))),
            Mover(both_ways(sprite((84, 60), shade, duck)), walks(1400, 1660, 926, 26)),
            Mover(both_ways(sprite((86, 66), shade, hedgehog)), walks(120, 1960, 1100, 80)),
        ],
    )


def _ruler(brush: Brush, y: float, ground: Colour, ink: Colour) -> None:
    """The pan angles along the wall: a number every 15°, a mark every 5°."""
    brush.box(0, y, PANORAMA[0], y + 42, ground)
    for pan in range(-35, 220, 5):
        x = x_of(pan)
        numbered = pan % 15 == 0 and 0 <= pan <= 180
        brush.box(x - 1, y, x + 1, y + (12 if numbered else 7), ink)
        if numbered:
            brush.text(x, y + 27, f"{pan}°", ink, 24)


def _clock_hands(x: float, y: float, length: float, shade: tuple[float, float, float]) -> list[Mover]:
    """An hour hand and a minute hand that show the local time."""

    def pictures(reach: float, thick: float) -> list[Image.Image]:
        def draw(brush: Brush) -> None:
            brush.line([(40, 40), (40, 40 - reach)], (50, 40, 36), thick)
            brush.oval(40, 40, 3, 3, (50, 40, 36))

        hand = sprite((80, 80), shade, draw)
        return [hand.turned(-6 * step) for step in range(60)]

    def minute(wall: float) -> int:
        local = datetime.fromtimestamp(wall, UTC).astimezone()
        return local.hour * 60 + local.minute

    return [
        Mover(pictures(length * 0.6, 4.5), lambda wall: (x, y, minute(wall) // 12)),
        Mover(pictures(length * 0.88, 3), lambda wall: (x, y, minute(wall))),
    ]


SCENES = {"workshop": Scene(workshop), "garden": Scene(garden)}
