"""What the demo camera sees. A new scene is a new file with a function that paints, and one row in SCENES.

Pan 0 is the left end and 180 the right end; tilt 0 looks down at the floor, 180 up at the ceiling or the sky. Each
scene carries its pan angles written on the wall, so that a person can check them against the pose that the page shows.
"""

from __future__ import annotations

import zlib

from camproxy.links.scenes.engine import Scene
from camproxy.links.scenes.garden import garden
from camproxy.links.scenes.workshop import workshop

SCENES = {"workshop": Scene(workshop), "garden": Scene(garden)}


def scene_named(name: str) -> Scene:
    """The scene of that name; a name that none has always gets the same one of them, and no name the first."""
    name = name.strip().lower()
    if name in SCENES:
        return SCENES[name]
    known = list(SCENES.values())
    return known[zlib.crc32(name.encode()) % len(known)] if name else known[0]
