"""What is how large: the pixels of a frame, the degrees of the head, and the units in which the scenes are drawn."""

from __future__ import annotations

#: Size of a frame, in pixels.
WIDTH, HEIGHT = 640, 480
#: What the demo camera sees from left to right, in degrees: what the page reckons with when somebody clicks on a thing.
VIEW_ANGLE = 60
#: Pixels by which one degree of pan or tilt moves the window over the panorama; its pixels are square.
PIXELS_PER_DEGREE = WIDTH / VIEW_ANGLE
PANORAMA = (round(WIDTH + 180 * PIXELS_PER_DEGREE), round(HEIGHT + 180 * PIXELS_PER_DEGREE))

#: The scenes are drawn in units of an eighth of a degree; y grows downwards.
UNITS_PER_DEGREE = 8
PIXELS_PER_UNIT = PIXELS_PER_DEGREE / UNITS_PER_DEGREE
#: The middle of the picture at pan 0, and at tilt 90.
PAN_ZERO, HORIZON = 320, 560


def x_of(pan: int) -> int:
    """Where the middle of the picture is at this pan angle, in units."""
    return PAN_ZERO + pan * UNITS_PER_DEGREE


#: The panorama's edges, in units.
LEFT, RIGHT = x_of(-VIEW_ANGLE // 2), x_of(180 + VIEW_ANGLE // 2)
TOP, BOTTOM = (HORIZON + side * round(PANORAMA[1] / 2 / PIXELS_PER_UNIT) for side in (-1, 1))


def to_pixels(x: float, y: float) -> tuple[float, float]:
    """From the units of a scene to the pixels of its panorama."""
    return (x - LEFT) * PIXELS_PER_UNIT, (y - TOP) * PIXELS_PER_UNIT
