"""Footage: what a fragmented MP4 file holds, and how much of it is whole. Reads box heads only, no pictures.

A recorder that was killed leaves a file that ends within a fragment. What is before that plays; the torn end would make
some players give up. See ISO/IEC 14496-12 for the boxes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

#: No box that we read into memory is larger; a moof of a day at 25 frames a second would be.
LARGEST_BOX = 16_000_000
CODECS = {b"avc1": "h264", b"mp4v": "mjpeg"}


class Unreadable(Exception):
    """There is nothing in the file that plays; the message says why."""


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
    track: _Track | None = None
    whole, pending = 0, (0.0, 0)
    seconds, frames = 0.0, 0
    for name, begin, end in top_boxes(file, length):
        if name == b"moov":
            track = _Track(load(file, begin, end))
        elif name == b"moof":
            if track is None:
                raise Unreadable("no description comes before its pictures")
            pending = track.fragment(load(file, begin, end))
            continue  # only whole together with the pictures behind it
        elif name == b"mdat":
            seconds, frames = max(seconds, pending[0]), frames + pending[1]
            pending = (0.0, 0)
        whole = end
    if track is None or not frames:
        raise Unreadable("there is no whole picture in it")
    return Footage(whole, seconds, frames, track.width, track.height, track.codec, track.comment)


class _Track:
    """What the moov box says of the only track."""

    def __init__(self, moov: bytes) -> None:
        try:
            media = find(moov, b"trak", b"mdia")
            mdhd = find(media, b"mdhd")
            self.timescale = int.from_bytes(mdhd[20:24] if mdhd[0] else mdhd[12:16])
            entry = find(media, b"minf", b"stbl", b"stsd")[8:]
            self.codec = CODECS[entry[4:8]]
            self.width, self.height = int.from_bytes(entry[32:34]), int.from_bytes(entry[34:36])
            self.default_duration = int.from_bytes(find(moov, b"mvex", b"trex")[12:16])
        except (KeyError, IndexError):
            raise Unreadable("it is no recording of ours") from None
        if not self.timescale:
            raise Unreadable("its times have no unit")
        try:
            # Apple's list of metadata: ©cmt, data, after a version and a locale.
            self.comment = find(find(moov, b"udta", b"meta")[4:], b"ilst", b"\xa9cmt", b"data")[8:].decode()
        except (KeyError, UnicodeDecodeError):
            self.comment = ""

    def fragment(self, moof: bytes) -> tuple[float, int]:
        """When the fragment ends, in seconds after the beginning, and how many frames it has."""
        try:
            traf = find(moof, b"traf")
            tfhd, trun, tfdt = find(traf, b"tfhd"), find(traf, b"trun"), find(traf, b"tfdt")
        except KeyError:
            raise Unreadable("a fragment says nothing about its pictures") from None
        at = int.from_bytes(tfdt[4:12] if tfdt[0] else tfdt[4:8])
        return (at + sum(self._durations(tfhd, trun))) / self.timescale, int.from_bytes(trun[4:8])

    def _durations(self, tfhd: bytes, trun: bytes) -> Iterator[int]:
        flags, count = int.from_bytes(trun[1:4]), int.from_bytes(trun[4:8])
        if not flags & 0x100:
            tfhd_flags = int.from_bytes(tfhd[1:4])
            default, at = self.default_duration, 8 + 8 * bool(tfhd_flags & 0x1) + 4 * bool(tfhd_flags & 0x2)
            yield count * (int.from_bytes(tfhd[at : at + 4]) if tfhd_flags & 0x8 else default)
            return
        at = 8 + 4 * bool(flags & 0x1) + 4 * bool(flags & 0x4)
        step = 4 * sum(bool(flags & bit) for bit in (0x100, 0x200, 0x400, 0x800))
        for sample in range(count):
            yield int.from_bytes(trun[at + sample * step : at + sample * step + 4])


def top_boxes(file: BinaryIO, length: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, beginning of the content, and end of each box that is there as a whole."""
    at = 0
    while at + 8 <= length:
        file.seek(at)
        head = file.read(16)
        size, begin = int.from_bytes(head[:4]), at + 8
        if size == 1:
            size, begin = int.from_bytes(head[8:16]), at + 16
        if size < begin - at or at + size > length:
            return
        yield head[4:8], begin, at + size
        at += size


def load(file: BinaryIO, begin: int, end: int) -> bytes:
    if end - begin > LARGEST_BOX:
        raise Unreadable("it is no recording of ours")
    file.seek(begin)
    return file.read(end - begin)


def find(content: bytes, *names: bytes) -> bytes:
    """The content of the first box of that name, and in that of the next name. Raises KeyError."""
    for name in names:
        at = 0
        while True:
            size = int.from_bytes(content[at : at + 4])
            if size < 8 or at + size > len(content):
                raise KeyError(name)
            if content[at + 4 : at + 8] == name:
                content = content[at + 8 : at + size]
                break
            at += size
    return content
