"""Samples: the pictures in a file of ours, one by one, each with its time. Reads no more than it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from camproxy.recording.footage import Unreadable, find, load, top_boxes

#: What a track fragment says about all its samples, and about each (ISO/IEC 14496-12, 8.8.7 and 8.8.8).
HAS_DURATION, HAS_SIZE, HAS_FLAGS, HAS_OFFSET = 0x100, 0x200, 0x400, 0x800
DEFAULT_DURATION, DEFAULT_SIZE = 0x8, 0x10


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture: `at` and `lasts` in seconds, `at` since the file's beginning; where its bytes are."""

    at: float
    lasts: float
    offset: int
    length: int
    keyframe: bool


@dataclass(frozen=True, slots=True)
class Look:
    """What a decoder has to know: two files of the same look can be joined without encoding.

    `private` is what the avcC box holds; nothing for `mjpeg`.
    """

    codec: str
    width: int
    height: int
    private: bytes = b""


def read_look(file: BinaryIO, length: int) -> Look:
    """Raises Unreadable."""
    return _Reader(file, length).look


def read_samples(file: BinaryIO, length: int) -> Iterator[Sample]:
    """All of whole fragments, in their order; of a file still being written as far as `length`. Raises Unreadable."""
    return _Reader(file, length).samples()


class _Reader:
    def __init__(self, file: BinaryIO, length: int) -> None:
        self._file, self._length = file, length
        for name, begin, end in top_boxes(file, length):
            if name == b"moov":
                self._describe(load(file, begin, end))
                return
        raise Unreadable("no description comes before its pictures")

    def _describe(self, moov: bytes) -> None:
        try:
            media = find(moov, b"trak", b"mdia")
            mdhd = find(media, b"mdhd")
            self._timescale = int.from_bytes(mdhd[20:24] if mdhd[0] else mdhd[12:16])
            entry = find(media, b"minf", b"stbl", b"stsd")[8:]
            width, height = int.from_bytes(entry[32:34]), int.from_bytes(entry[34:36])
            trex = find(moov, b"mvex", b"trex")
            if entry[4:8] == b"avc1":
                self.look = Look("h264", width, height, find(entry[86:], b"avcC"))
            else:
                self.look = Look("mjpeg", width, height)
        except (KeyError, IndexError):
            raise Unreadable("it is no recording of ours") from None
        self._default_duration, self._default_size = int.from_bytes(trex[12:16]), int.from_bytes(trex[16:20])
        if not self._timescale:
            raise Unreadable("its times have no unit")

    def samples(self) -> Iterator[Sample]:
        moof: tuple[int, bytes] | None = None
        for name, begin, end in top_boxes(self._file, self._length):
            if name == b"moof":
                moof = begin - 8, load(self._file, begin, end)
            elif name == b"mdat" and moof:
                yield from self._fragment(*moof)
                moof = None

    def _fragment(self, begins: int, moof: bytes) -> Iterator[Sample]:
        """The recorder begins each with a keyframe, and has no picture shown in another order than it is stored."""
        try:
            traf = find(moof, b"traf")
            tfhd, trun, tfdt = find(traf, b"tfhd"), find(traf, b"trun"), find(traf, b"tfdt")
        except KeyError:
            raise Unreadable("a fragment says nothing about its pictures") from None
        duration, size = self._defaults(tfhd)
        at = int.from_bytes(tfdt[4:12] if tfdt[0] else tfdt[4:8])
        flags, count = int.from_bytes(trun[1:4]), int.from_bytes(trun[4:8])
        if not flags & 0x1:
            raise Unreadable("a fragment does not say where its pictures are")
        offset = begins + int.from_bytes(trun[8:12], signed=True)
        place = 12 + 4 * bool(flags & 0x4)
        for number in range(count):
            lasts, length = duration, size
            for bit in (HAS_DURATION, HAS_SIZE, HAS_FLAGS, HAS_OFFSET):
                if flags & bit:
                    value = int.from_bytes(trun[place : place + 4])
                    place += 4
                    lasts = value if bit == HAS_DURATION else lasts
                    length = value if bit == HAS_SIZE else length
            yield Sample(at / self._timescale, lasts / self._timescale, offset, length, number == 0)
            at, offset = at + lasts, offset + length

    def _defaults(self, tfhd: bytes) -> tuple[int, int]:
        """Duration and size of a sample for which the fragment says nothing else."""
        flags, place = int.from_bytes(tfhd[1:4]), 8
        found = {DEFAULT_DURATION: self._default_duration, DEFAULT_SIZE: self._default_size}
        for bit, width in ((0x1, 8), (0x2, 4), (DEFAULT_DURATION, 4), (DEFAULT_SIZE, 4)):
            if flags & bit:
                if bit in found:
                    found[bit] = int.from_bytes(tfhd[place : place + width])
                place += width
        return found[DEFAULT_DURATION], found[DEFAULT_SIZE]
