"""Recordings as a player sees them: ffprobe's times, and whether all of it decodes."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw


@dataclass(frozen=True)
class Played:
    codec: str
    width: int
    height: int
    #: When each frame is shown, in seconds after the beginning.
    times: list[float]
    seconds: float
    comment: str


def probe(path: Path) -> Played:
    entries = "stream=codec_name,width,height:packet=pts_time:format=duration:format_tags=comment"
    said = run("ffprobe", "-v", "error", "-show_entries", entries, "-of", "json", str(path))
    found: dict[str, Any] = json.loads(said)
    (stream,) = found["streams"]
    return Played(
        stream["codec_name"],
        stream["width"],
        stream["height"],
        [float(packet["pts_time"]) for packet in found["packets"]],
        float(found["format"]["duration"]),
        found["format"].get("tags", {}).get("comment", ""),
    )


def decode(path: Path) -> int:
    """How many frames come out when every one of them is decoded; nothing may be wrong with any."""
    reading = ("ffmpeg", "-v", "error", "-xerror", "-threads", "1", "-i", str(path))
    said = run(*reading, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-")
    return sum(not line.startswith("#") for line in said.splitlines())


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return done.stdout


def picture(number: int = 0, width: int = 160, height: int = 120, **options: Any) -> bytes:
    """A JPEG in which something moves with its number."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    x = number * 7 % max(width - 20, 1)
    ImageDraw.Draw(image).rectangle((x, height // 3, x + 20, height // 2), fill=(200, 40, number * 5 % 256))
    out = BytesIO()
    image.save(out, "JPEG", **({"quality": 70} | options))
    return out.getvalue()
