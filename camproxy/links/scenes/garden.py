"""The garden: outdoors at nightfall."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PIL import Image

from camproxy.links.scenes.brush import LAMP, Brush, blend, lamplit, panorama, sprite
from camproxy.links.scenes.engine import TICKS, Mover, View, swing, to_and_fro
from camproxy.links.scenes.measures import BOTTOM, TOP, x_of

WIDTH = 2080
LAMPS = ((1010, 760), (1930, 770))


def garden(lit: bool) -> View:
    """Outdoors at nightfall: shed, sunflowers, swing, windmill, beehives, pond and greenhouse, from left to right."""
    shade = (1.0, 0.98, 0.86) if lit else (0.36, 0.42, 0.52)
    still = panorama(shade, (124, 168, 84), lambda land: _land(land, lit))
    if lit:
        still = lamplit(still, [(x, y - 16, 420) for x, y in LAMPS] + [(374, 712, 280), (1760, 720, 300)])

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
            Mover([puff.done()], lambda wall: (wall % 160 / 160 * (WIDTH + 400) - 200, 110, 0)),
            Mover([puff.done()], lambda wall: ((wall + 90) % 210 / 210 * (WIDTH + 400) - 200, 230, 0)),
            Mover(
                [sprite((120, 164), shade, balloon).done()],
                lambda wall: (wall % 90 / 90 * (WIDTH + 240) - 120, 180 + 20 * swing(wall, 11), 0),
            ),
            Mover([mill.turned(step * 5) for step in range(18)], lambda wall: (1090, 420, round(wall % 9 * TICKS))),
            Mover(
                [swinging.turned(16 * swing(step, 24), about=(130, 0)) for step in range(24)],
                lambda wall: (880, 687, round(wall % 2.4 * TICKS)),
            ),
            *(Mover([hummer.done()], hums(*where)) for where in ((1230, 690, 5.3), (1326, 660, 7.1), (1290, 780, 6.2))),
            Mover(both_ways(sprite((84, 60), shade, duck)), walks(1400, 1660, 926, 26)),
            Mover(both_ways(sprite((86, 66), shade, hedgehog)), walks(120, 1960, 1190, 80)),
        ],
    )


def _land(land: Brush, lit: bool) -> None:
    high, low = ((92, 120, 190), (250, 206, 160)) if lit else ((14, 20, 50), (92, 72, 108))
    land.fade(0, TOP, WIDTH, 580, high, low, glows=True)
    if not lit:
        for star in range(240):
            x, y = star * 797 % WIDTH, TOP + star * star * 53 % 740
            land.oval(x, y, 1 + star % 3 * 0.5, 1 + star % 3 * 0.5, (240, 240, 226), glows=True)
    land.oval(1620, 150, 42, 42, (255, 246, 220), glows=True)
    for x, y, size in ((1604, 140, 9), (1632, 162, 12), (1628, 128, 6)):
        land.oval(x, y, size, size, (238, 226, 196), glows=True)
    for base, tall, length, colour in (
        (540, 70, 610, (112, 142, 150)),
        (575, 50, 420, (98, 144, 110)),
        (610, 34, 520, (110, 160, 92)),
    ):
        ridge = [(x, base - tall * math.sin(x / length * math.tau) ** 2) for x in range(0, WIDTH + 8, 8)]
        land.shape([(0, 700), *ridge, (WIDTH, 700)], colour)

    # Windmill on its hill; the sails are among the movers.
    land.shape([(1052, 590), (1068, 410), (1112, 410), (1128, 590)], (232, 222, 204))
    land.shape([(1060, 414), (1090, 372), (1120, 414)], (150, 72, 60))
    for y in (450, 520):
        land.box(1082, y, 1098, y + 22, LAMP, round=4, glows=True)

    # The fence, with a sign every 15°.
    for x in range(-10, WIDTH, 40):
        land.shape([(x, 770), (x, 650), (x + 14, 634), (x + 28, 650), (x + 28, 770)], (236, 228, 210))
        land.line([(x + 28, 652), (x + 28, 770)], (196, 184, 160), 2)
    for y in (666, 740):
        land.box(0, y, WIDTH, y + 12, (220, 208, 184))
    for y in range(770, BOTTOM, 6):
        land.box(0, y, WIDTH, y + 6, blend((118, 170, 84), (76, 124, 62), (y - 770) / (BOTTOM - 770)))
    for tuft in range(420):
        x, y = tuft * 719 % WIDTH, 790 + tuft * tuft * 37 % 670
        land.line([(x - 5, y - 9), (x, y), (x + 4, y - 11)], (94, 144, 66), 2)
    for pan in range(0, 181, 15):
        x = x_of(pan)
        land.box(x - 36, 680, x + 36, 724, (150, 104, 64), round=6)
        land.text(x, 702, f"{pan}°", (255, 244, 214), 26)

    # Kites high above, with the angles for who looks up.
    for kite, pan in enumerate(range(0, 181, 30)):
        x, y = x_of(pan), -150 - kite % 2 * 60
        tail = [(x + 14 * math.sin(step), y + 60 + step * 16) for step in range(9)]
        land.line(tail, (250, 240, 226), 2)
        for step in (2, 4, 6):
            bow_x, bow_y = tail[step]
            land.shape(
                [(bow_x - 12, bow_y - 6), (bow_x + 12, bow_y + 6), (bow_x + 12, bow_y - 6), (bow_x - 12, bow_y + 6)],
                (250, 206, 100),
            )
        red, blue = (214, 84, 84), (84, 120, 190)
        for turn, colour in (
            (-1, red if kite % 2 else blue),
            (1, blend(red if kite % 2 else blue, (255, 255, 255), 0.2)),
        ):
            land.shape([(x, y - 70), (x + 52 * turn, y - 14), (x, y + 62)], colour)
        land.text(x, y - 14, f"{pan}°", (255, 248, 230), 28)

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
    for y, tall in ((884, 18), (1300, 32)):
        for pan in range(-30, 211, 15):
            x = x_of(pan)
            land.oval(x, y, 48, tall, (172, 168, 160))
            if 0 <= pan <= 180:
                land.text(x, y - 1, f"{pan}°", (70, 66, 62), 22)
    for x, y in LAMPS:
        land.line([(x, y), (x, 856)], (52, 54, 60), 6)
        land.box(x - 15, y - 34, x + 15, y, LAMP if lit else (84, 86, 96), round=5, glows=True)
        land.shape([(x - 22, y - 32), (x, y - 52), (x + 22, y - 32)], (52, 54, 60))
    for x, y in (
        (150, 1040),
        (560, 1090),
        (900, 1000),
        (1240, 1100),
        (1800, 1060),
        (1960, 1130),
        (320, 1400),
        (1080, 1430),
        (1620, 1390),
    ):
        land.box(x - 6, y - 16, x + 6, y + 4, (240, 230, 210), round=4)
        land.oval(x, y - 18, 20, 12, (206, 66, 58))
        land.oval(x - 8, y - 20, 4, 3, (250, 240, 226))
        land.oval(x + 7, y - 16, 3, 2.5, (250, 240, 226))
