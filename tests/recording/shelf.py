"""Recordings that were made long ago, in no time: files and rows as the recorder leaves them."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

from camproxy.recording.encoder import Encoder, Encoding
from camproxy.recording.footage import read_footage
from models import Recording
from tests.recording.playback import picture
from tests.recording.station import ZONE, Station

#: When they begin. Nothing that runs now is near.
BEGIN = datetime(2023, 12, 1, 8, 0, tzinfo=UTC)


@cache
def picture_of(number: int, width: int, height: int) -> bytes:
    return picture(number, width, height)


def at(seconds: float) -> float:
    """So many seconds after the beginning, in seconds since 1970."""
    return BEGIN.timestamp() + seconds


def shelve(
    station: Station,
    begin: float,
    seconds: float,
    codec: str = "h264",
    size: tuple[int, int] = (160, 120),
    *,
    camera: int = 1,
    times: list[float] | None = None,
    crf: int = 23,
) -> Recording:
    """What a camera is to have shown from `begin`, at 10 frames a second or at `times`. The row."""
    made = station.storage.create(f"AA-BB-CC-DD-EE-{camera:02X}", at(begin), ZONE)
    encoder = Encoder(Encoding(codec, *size, crf=crf), made.descriptor)
    times = times or [n / 10 for n in range(round(seconds * 10))]
    for number, moment in enumerate(times):
        encoder.write(picture_of(number % 50, *size), moment)
    assert encoder.finish(60)
    os.close(made.descriptor)
    footage = read_footage(station.storage.root / made.path)
    assert footage.frames == len(times)
    row = Recording(
        path=str(made.path),
        camera_id=camera,
        started_at=BEGIN + timedelta(seconds=begin),
        ended_at=BEGIN + timedelta(seconds=begin + footage.seconds),
        zone=ZONE.key,
        bytes=footage.whole,
        frames=footage.frames,
        codec=codec,
        width=size[0],
        height=size[1],
        state="complete",
    )
    with station.session() as session:
        session.add(row)
        session.commit()
    return row


def is_fast_to_start(file: Path) -> bool:
    """Whether a player finds the index before the pictures, and the file is no fragmented one."""
    content = file.read_bytes()
    return content.index(b"moov") < content.index(b"mdat") and b"moof" not in content


def longest_pause(times: list[float]) -> float:
    return max(after - before for before, after in pairwise(times))
