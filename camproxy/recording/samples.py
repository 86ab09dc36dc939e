"""Samples: the pictures in a file of ours, one by one, each with its time. Reads no more than it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from camproxy.recording.boxes import Track, Unreadable, load, top_boxes

#: Of a moof box, before its content.
HEAD = 8


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
    """Two files of the same look can be joined without encoding. `decoder` is what a decoder has to know."""

    codec: str
    width: int
    height: int
    decoder: bytes = b""


def read_look(file: BinaryIO, length: int) -> Look:
    """Raises Unreadable."""
    for name, begin, end in top_boxes(file, length):
        if name == b"moov":
            track = Track(load(file, begin, end))
            return Look(track.codec, track.width, track.height, track.decoder)
    raise Unreadable("no description comes before its pictures")


def read_samples(file: BinaryIO, length: int) -> Iterator[Sample]:
    """All of whole fragments, in their order; of a file still being written as far as `length`. Raises Unreadable.

    The recorder begins each fragment with a keyframe, and shows no picture in another order than it is stored.
    """
    track: Track | None = None
    moof: tuple[int, bytes] | None = None
    for name, begin, end in top_boxes(file, length):
        if name == b"moov":
            track = Track(load(file, begin, end))
        elif name == b"moof":
            moof = begin - HEAD, load(file, begin, end)
        elif name == b"mdat" and track and moof:
            start, content = moof
            fragment = track.fragment(content)
            at, offset = fragment.begin, start + fragment.data
            for number, (duration, size) in enumerate(zip(fragment.durations, fragment.sizes, strict=True)):
                if not start < offset <= end - size:
                    raise Unreadable("a picture lies outside its fragment")
                yield Sample(at / track.timescale, duration / track.timescale, offset, size, number == 0)
                at, offset = at + duration, offset + size
            moof = None
