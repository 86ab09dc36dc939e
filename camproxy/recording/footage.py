"""Footage: what a fragmented MP4 file holds, and how much of it is whole. Reads box heads only, no pictures.

A recorder that was killed leaves a file that ends within a fragment. What is before that plays; the torn end would make
some players give up.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from camproxy.recording.boxes import Fragment, Track, Unreadable, load, top_boxes

__all__ = ["Footage", "Unreadable", "read_footage", "trim"]


@dataclass(frozen=True, slots=True)
class Footage:
    """`whole` are the bytes up to the end of the last whole fragment, or of what closes the file. `seconds` is how long
    it plays, `comment` what the recorder wrote into it."""

    whole: int
    seconds: float
    frames: int
    width: int
    height: int
    codec: str
    comment: str


def read_footage(path: Path) -> Footage:
    """Raises Unreadable, and OSError."""
    with open(path, "rb") as file:
        return _read(file, os.fstat(file.fileno()).st_size)


def trim(path: Path, footage: Footage) -> None:
    """Cut off the torn end, if there is one. What it held cannot be played."""
    if path.stat().st_size > footage.whole:
        os.truncate(path, footage.whole)


def _read(file: BinaryIO, length: int) -> Footage:
    track: Track | None = None
    pending: Fragment | None = None
    whole, seconds, frames = 0, 0.0, 0
    for name, begin, end in top_boxes(file, length):
        if name == b"moov":
            track = Track(load(file, begin, end))
        elif name == b"moof":
            if track is None:
                raise Unreadable("no description comes before its pictures")
            pending = track.fragment(load(file, begin, end))
            continue  # only whole together with the pictures behind it
        elif name == b"mdat" and track and pending:
            seconds = max(seconds, (pending.begin + sum(pending.durations)) / track.timescale)
            frames += len(pending.sizes)
            pending = None
        whole = end
    if track is None or not frames:
        raise Unreadable("there is no whole picture in it")
    return Footage(whole, seconds, frames, track.width, track.height, track.codec, track.comment)
