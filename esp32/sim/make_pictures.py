"""What a simulated camera sees: `python esp32/sim/make_pictures.py DIR`, from the demo camera's drawn scenes.

DIR/<FRAMESIZE>/<pan>-<tilt>.jpg, for poses every `--step` degrees. Run it with the server's environment.
"""

from __future__ import annotations

import argparse
import sys
from io import BytesIO
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from camproxy.links.scenes import scene_named

SIZES = {"QQVGA": (160, 120), "QVGA": (320, 240), "VGA": (640, 480), "SVGA": (800, 600), "UXGA": (1600, 1200)}
#: A moment of a day; the pictures do not move by themselves.
NOON = 1_795_259_200.0


def make(directory: Path, scene: str, sizes: list[str], step: int, quality: int = 80) -> None:
    """A folder for each size; existing pictures are replaced."""
    drawn = scene_named(scene)
    for name in sizes:
        (directory / name).mkdir(parents=True, exist_ok=True)
    for pan in range(0, 181, step):
        for tilt in range(0, 181, step):
            picture = Image.open(BytesIO(drawn.frame(pan, tilt, True, NOON)))
            for name in sizes:
                picture.resize(SIZES[name]).save(directory / name / f"{pan:03}-{tilt:03}.jpg", quality=quality)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--scene", default="workshop")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["QVGA", "VGA", "SVGA"])
    parser.add_argument("--step", type=int, default=15, help="degrees between two poses")
    options = parser.parse_args()
    make(options.directory, options.scene, options.sizes, options.step)


if __name__ == "__main__":
    main()
