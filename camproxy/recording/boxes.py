"""Boxes: what an MP4 file is made of, as far as our own recordings need it. Pure.

See ISO/IEC 14496-12 for the boxes and 14496-15 for avcC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

#: No box that we read into memory is larger; a moof of a day at 25 frames a second would be.
LARGEST_BOX = 16_000_000
CODECS = {b"avc1": "h264", b"mp4v": "mjpeg"}
#: A fragment with more pictures is damaged.
MOST_PICTURES = 1_000_000
#: Bytes of a description of pictures before the boxes in it.
VISUAL_ENTRY = 86


class Unreadable(Exception):
    """There is nothing in the file that plays; the message says why."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a moof box says of the pictures behind it. `begin` and `durations` are in the track's units of time, `data`
    is where the first picture is, in bytes after the beginning of the moof."""

    begin: int
    durations: list[int]
    sizes: list[int]
    data: int


class Track:
    """What the moov box says of the only track. Raises Unreadable."""

    def __init__(self, moov: bytes) -> None:
        try:
            media = find(moov, b"trak", b"mdia")
            mdhd = find(media, b"mdhd")
            self.timescale = int.from_bytes(mdhd[20:24] if mdhd[0] else mdhd[12:16])
            self._entry = find(media, b"minf", b"stbl", b"stsd")[8:]
            self.codec = CODECS[self._entry[4:8]]
            self.width, self.height = int.from_bytes(self._entry[32:34]), int.from_bytes(self._entry[34:36])
            trex = find(moov, b"mvex", b"trex")
            self._duration, self._size = int.from_bytes(trex[12:16]), int.from_bytes(trex[16:20])
        except (KeyError, IndexError):
            raise Unreadable("it is no recording of ours") from None
        if not self.timescale:
            raise Unreadable("its times have no unit")
        try:
            # Apple's list of metadata: ©cmt, data, after a version and a locale.
            self.comment = find(find(moov, b"udta", b"meta")[4:], b"ilst", b"\xa9cmt", b"data")[8:].decode()
        except (KeyError, UnicodeDecodeError):
            self.comment = ""

    @property
    def codec_string(self) -> str:
        """Profile and level as RFC 6381 writes them, `avc1.64001f`; `mjpeg` for what is no video to browsers."""
        if self.codec != "h264":
            return self.codec
        return f"avc1.{self.decoder[1:4].hex()}"

    @property
    def decoder(self) -> bytes:
        """What a decoder has to know, as the avcC box has it; nothing for MJPEG."""
        if self.codec != "h264":
            return b""
        try:
            return find(self._entry[VISUAL_ENTRY:], b"avcC")
        except KeyError:
            raise Unreadable("it does not say how its pictures are coded") from None

    def fragment(self, moof: bytes) -> Fragment:
        """Raises Unreadable."""
        try:
            traf = find(moof, b"traf")
            tfhd, trun, tfdt = find(traf, b"tfhd"), find(traf, b"trun"), find(traf, b"tfdt")
            begin = int.from_bytes(tfdt[4:12] if tfdt[0] else tfdt[4:8])
        except (KeyError, IndexError):
            raise Unreadable("a fragment says nothing about its pictures") from None
        duration, size = self._defaults(tfhd)
        flags, count = int.from_bytes(trun[1:4]), int.from_bytes(trun[4:8])
        at = 8 + 4 * bool(flags & 0x1) + 4 * bool(flags & 0x4)
        step = 4 * sum(bool(flags & bit) for bit in (0x100, 0x200, 0x400, 0x800))
        if count > MOST_PICTURES or at + count * step > len(trun):
            raise Unreadable("a fragment says nothing about its pictures")

        def column(flag: int, before: int, default: int) -> list[int]:
            if not flags & flag:
                return [default] * count
            first = at + before
            return [int.from_bytes(trun[here : here + 4]) for here in range(first, first + count * step, step)]

        return Fragment(
            begin=begin,
            durations=column(0x100, 0, duration),
            sizes=column(0x200, 4 * bool(flags & 0x100), size),
            data=int.from_bytes(trun[8:12], signed=True) if flags & 0x1 else 0,
        )

    def _defaults(self, tfhd: bytes) -> tuple[int, int]:
        """How long a picture lasts and how large it is, where the trun does not say."""
        flags = int.from_bytes(tfhd[1:4])
        at = 8 + 8 * bool(flags & 0x1) + 4 * bool(flags & 0x2)
        duration, size = self._duration, self._size
        if flags & 0x8:
            duration, at = int.from_bytes(tfhd[at : at + 4]), at + 4
        if flags & 0x10:
            size = int.from_bytes(tfhd[at : at + 4])
        return duration, size


def top_boxes(file: BinaryIO, length: int, at: int = 0) -> Iterator[tuple[bytes, int, int]]:
    """Name, beginning of the content, and end of each box from `at` on that is there as a whole."""
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
    """The content of a box. Raises Unreadable for one that is too large to be ours."""
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
