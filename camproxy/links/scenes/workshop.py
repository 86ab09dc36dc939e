"""The workshop: a room with a railway along its wall."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from PIL import Image

from camproxy.links.scenes.brush import DUSK, LAMP, LAMPLIGHT, Brush, Colour, blend, lamplit, panorama, sprite
from camproxy.links.scenes.engine import TICKS, Mover, View, swing, to_and_fro
from camproxy.links.scenes.measures import BOTTOM, LEFT, RIGHT, TOP, x_of

CEILING, FLOOR = 280, 850
MIDDLE, WIDTH = x_of(90), x_of(220)


def workshop(lit: bool) -> View:
    """A room: door, bench, window, clock, books, aquarium and armchair, from left to right."""
    shade = LAMPLIGHT if lit else DUSK
    still = panorama(shade, (206, 190, 160), lambda room: _room(room, lit))
    if lit:
        still = lamplit(still, [(600, 240, 620), (1480, 240, 620), (1794, 600, 460), (320, 570, 200)])

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
                [sprite((244, 46), shade, train).done()], lambda wall: (wall % 36 / 36 * (WIDTH + 260) - 130, 437, 0)
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
            Mover([blades(turn) for turn in range(6)], lambda wall: (MIDDLE, 128, round(wall * TICKS))),
            Mover(
                [sprite((90, 52), shade, vacuum).done()],
                lambda wall: (480 + 1120 * to_and_fro(wall, 44)[0], 1190 + 14 * swing(wall, 7), 0),
            ),
            Mover([sprite((16, 16), shade, led).done(), nothing], lambda wall: (594, 690, math.floor(wall * 2))),
        ],
    )


def _room(room: Brush, lit: bool) -> None:
    # Ceiling and floor run away from the eye, which is what makes up and down feel like up and down.
    for board in range(-2, 37):
        x0, x1 = board * 60, board * 60 + 60
        for edge, far, spread, tones in (
            (CEILING, TOP, 3.0, ((188, 164, 128), (176, 152, 118))),
            (FLOOR, BOTTOM, 2.4, ((150, 104, 68), (138, 94, 60))),
        ):
            a, b = MIDDLE + (x0 - MIDDLE) * spread, MIDDLE + (x1 - MIDDLE) * spread
            room.shape([(x0, edge), (x1, edge), (b, far), (a, far)], tones[board % 2])
    for y, thick in ((250, 16), (170, 24), (60, 32), (-90, 40), (-280, 50)):
        room.box(0, y - thick, WIDTH, y, (120, 92, 64))
        room.box(0, y, WIDTH, y + 3, (96, 72, 50))

    # Skylights between the beams, and a ruler for who looks up.
    _ruler(room, -134, (150, 118, 84), (52, 38, 28))
    for pan in (15, 90, 165):
        for edge, colour in ((14, (104, 80, 56)), (0, (92, 128, 196) if lit else (22, 30, 66))):
            x0, x1, top, bottom = x_of(pan) - 90 - edge, x_of(pan) + 90 + edge, -250 - edge, -150 + edge
            ends = [(MIDDLE + (x - MIDDLE) * 1.12, top) for x in (x1, x0)]
            room.shape([(x0, bottom), (x1, bottom), *ends], colour, glows=not edge)
        for x, y in () if lit else ((-60, -170), (-20, -215), (30, -180), (70, -230), (4, -162)):
            room.oval(MIDDLE + (x_of(pan) + x - MIDDLE) * 1.06, y, 1.8, 1.8, (255, 255, 240), glows=True)

    # The wall goes from cool to warm, so that even a bare piece of it tells left from right.
    for x in range(0, 2080, 8):
        room.box(x, CEILING, x + 8, 640, blend((150, 186, 196), (226, 190, 150), x / WIDTH))
        room.box(x, 640, x + 8, FLOOR, blend((84, 122, 128), (150, 106, 84), x / WIDTH))
    room.box(0, CEILING, WIDTH, CEILING + 12, (236, 226, 204))
    room.box(0, 634, WIDTH, 646, (236, 226, 204))
    room.box(0, FLOOR - 14, WIDTH, FLOOR, (236, 226, 204))
    for x in range(-40, 2080, 120):
        room.box(x + 10, 664, x + 110, 816, blend((66, 98, 104), (118, 82, 64), (x + 60) / WIDTH), round=4)
        for y in range(0, 148, 4):
            room.box(x + 14, 668 + y, x + 106, 672 + y, blend((98, 136, 140), (164, 120, 98), (x + 60) / WIDTH))
    _ruler(room, 372, (250, 244, 228), (70, 60, 52))

    # A shelf all along the wall carries the railway.
    room.box(0, 462, WIDTH, 470, (134, 92, 58))
    room.box(0, 470, WIDTH, 474, (96, 64, 40))
    room.box(0, 458, WIDTH, 460, (150, 150, 154))

    # Door, with a lantern's light behind its pane.
    room.box(236, 490, 404, FLOOR, (112, 74, 48), round=3)
    room.box(248, 502, 392, FLOOR, (176, 72, 58))
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
    room.line([(1794, 852), (1794, 610)], (70, 62, 58), 5)
    room.oval(1794, 854, 30, 7, (70, 62, 58))
    lamp = LAMP if lit else (92, 84, 78)
    room.shape([(1756, 620), (1832, 620), (1816, 560), (1772, 560)], lamp, glows=True)

    # On the floor: more rulers, a rug, a toolbox, a ball, slippers, the cat's bowl.
    for y in (872, 1290):
        _ruler(room, y, (214, 182, 96), (74, 50, 30))
    for shrink, colour in ((0, (120, 52, 62)), (18, (222, 190, 130)), (30, (150, 66, 72)), (110, (222, 190, 130))):
        room.oval(MIDDLE, 1040, 380 - shrink, 104 - shrink * 0.7, colour)
    room.oval(MIDDLE, 1040, 250, 20, (150, 66, 72))
    room.box(430, 990, 560, 1050, (206, 58, 50), round=5)
    room.box(424, 978, 566, 998, (176, 44, 40), round=5)
    room.line([(470, 980), (470, 958), (520, 958), (520, 980)], (60, 60, 64), 6)
    room.oval(1630, 1060, 30, 30, (98, 140, 200))
    for turn in (-16, -4, 10):
        room.line([(1606, 1054 + turn), (1654, 1066 + turn)], (70, 108, 170), 2)
    for x in (300, 346):
        room.oval(x, 1380, 18, 34, (96, 132, 156))
        room.oval(x, 1396, 11, 14, (58, 84, 104))
    room.shape([(1700, 1380), (1780, 1380), (1794, 1416), (1686, 1416)], (70, 130, 150))
    room.oval(1740, 1380, 40, 12, (150, 108, 74))

    # What hangs from the ceiling. The fan's blades are among the movers.
    for x in (600, 1480):
        room.line([(x, -92), (x, 196)], (52, 48, 46), 4)
        room.shape([(x - 44, 232), (x + 44, 232), (x + 16, 194), (x - 16, 194)], (58, 120, 108))
        room.oval(x, 234, 17, 15, LAMP if lit else (110, 104, 96), glows=True)
    room.line([(MIDDLE, -92), (MIDDLE, 118)], (70, 62, 58), 9)


def _ruler(brush: Brush, y: float, ground: Colour, ink: Colour) -> None:
    """The pan angles along the wall: a number every 15°, a mark every 5°."""
    brush.box(LEFT, y, RIGHT, y + 42, ground)
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
