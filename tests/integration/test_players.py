"""Other people's programs: ffmpeg as a player."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.running import RunningServer

pytestmark = [
    pytest.mark.ffmpeg,
    pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed"),
]


@pytest.fixture
def address(server: RunningServer) -> Iterator[str]:
    """The server's address with a personal token in it, as players take it."""
    with server.person() as admin:
        token = admin.made("/api/me/tokens", {"name": "a player"})["token"]
        yield server.url.replace("://", f"://admin:{token}@")


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def test_ffmpeg_plays_the_stream(address: str) -> None:
    shown = run(
        *("ffmpeg", "-v", "error", "-f", "mpjpeg", "-i", f"{address}/stream/demo.mjpg"),
        *("-frames:v", "20", "-f", "framemd5", "-"),
    )
    frames = [line.split(",")[-1] for line in shown.splitlines() if not line.startswith("#")]
    assert len(frames) == 20
    assert len(set(frames)) > 5, "a picture that moves"


def test_ffprobe_knows_the_snapshot(address: str) -> None:
    about = json.loads(run("ffprobe", "-v", "error", "-of", "json", "-show_streams", f"{address}/snapshot/demo.jpg"))
    (stream,) = about["streams"]
    assert (stream["codec_name"], stream["width"], stream["height"]) == ("mjpeg", 640, 480)
