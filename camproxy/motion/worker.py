"""The process that looks at pictures, so that looking takes nothing from the relay: `python -m camproxy.motion.worker`.

On stdin a line of JSON for each task, and after it the picture's bytes if it has some; on stdout a line for each
picture, the fields of a Look:

    {"camera": 1, "level": 50, "zones": []}     what to look for, from now on; it forgets the background. A zone is
                                                [[[x, y], …], whether it excludes]
    {"camera": 1, "bytes": 24000}               a picture
    {"camera": 1}                               the camera is gone

It ends when stdin does.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import BinaryIO

from camproxy.motion.background import Background, Look, Sensitivity, Zone


def serve(source: BinaryIO, target: BinaryIO) -> None:
    backgrounds: dict[int, Background] = {}
    for line in source:
        task = json.loads(line)
        camera = task["camera"]
        if "level" in task:
            zones = tuple(Zone(tuple((x, y) for x, y in points), exclude) for points, exclude in task["zones"])
            backgrounds[camera] = Background(Sensitivity(task["level"], zones))
        elif "bytes" in task:
            target.write(json.dumps(answer(backgrounds[camera], source.read(task["bytes"]))).encode() + b"\n")
            target.flush()
        else:
            backgrounds.pop(camera, None)


def answer(background: Background, jpeg: bytes) -> dict[str, object]:
    try:
        return asdict(background.look(jpeg))
    except (OSError, ValueError):  # a picture whose header was good, and what follows is not
        return asdict(Look(0.0))


if __name__ == "__main__":
    os.nice(5)
    serve(sys.stdin.buffer, sys.stdout.buffer)
