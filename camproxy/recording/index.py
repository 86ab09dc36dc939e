"""Index: where in a recording each moment is, so that it can be fetched alone. Of a file that still grows, too.

For H.264 these are the fragments, each of which begins with a keyframe and plays after the head of the file; for MJPEG
the pictures themselves, each of which is a JPEG file.
"""

from __future__ import annotations

import os
import threading
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from camproxy.recording.boxes import Fragment, Track, Unreadable, load, top_boxes
from camproxy.recording.storage import Storage

#: How many are kept in memory. One of an hour of MJPEG at ten a second takes a megabyte.
KEPT = 16


@dataclass(frozen=True, slots=True)
class Index:
    """`head` is the length of what comes before all pictures, `whole` that of all that is complete, in bytes.

    `seconds` is how long it plays. `length` is that of the file when it was read.
    """

    track: Track
    head: int
    whole: int
    length: int
    seconds: float
    _begins: array[float]
    _offsets: array[int]
    _lengths: array[int]

    @property
    def codec(self) -> str:
        return self.track.codec

    @property
    def spans(self) -> Iterator[tuple[float, int, int]]:
        """Seconds after the beginning, offset and length in bytes, in their order."""
        return zip(self._begins, self._offsets, self._lengths, strict=True)

    def __len__(self) -> int:
        return len(self._begins)

    def at(self, seconds: float) -> tuple[float, int, int]:
        """The span that has that moment: the last one that has begun by then, or else the first."""
        number = max(bisect_right(self._begins, seconds) - 1, 0)
        return self._begins[number], self._offsets[number], self._lengths[number]


def read_index(file: BinaryIO, before: Index | None = None) -> Index:
    """Of an open file; goes on from what was read `before`. Raises Unreadable while there is no whole picture."""
    length = os.fstat(file.fileno()).st_size
    track, head, whole, seconds = None, 0, 0, 0.0
    begins, offsets, lengths = array("d"), array("q"), array("q")
    if before and before.whole <= length:
        track, head, whole, seconds = before.track, before.head, before.whole, before.seconds
        begins, offsets, lengths = before._begins[:], before._offsets[:], before._lengths[:]
    pending: tuple[int, Fragment] | None = None
    at = whole
    for name, begin, end in top_boxes(file, length, whole):
        if name == b"moov":
            track, head = Track(load(file, begin, end)), end
        elif name == b"moof":
            if track is None:
                raise Unreadable("no description comes before its pictures")
            pending = at, track.fragment(load(file, begin, end))
        elif name == b"mdat" and track and pending:
            start, fragment = pending
            pending = None
            for seconds_in, offset, size in _spans(track, start, fragment, end):
                begins.append(seconds_in)
                offsets.append(offset)
                lengths.append(size)
            seconds = max(seconds, (fragment.begin + sum(fragment.durations)) / track.timescale)
        at = end
        if pending is None:
            whole = end
    if track is None or not begins:
        raise Unreadable("there is no whole picture in it")
    return Index(track, head, whole, length, seconds, begins, offsets, lengths)


def _spans(track: Track, start: int, fragment: Fragment, end: int) -> Iterator[tuple[float, int, int]]:
    """Of the fragment whose moof is at `start`."""
    if track.codec == "h264":
        yield fragment.begin / track.timescale, start, end - start
        return
    ticks, offset = fragment.begin, start + fragment.data
    for duration, size in zip(fragment.durations, fragment.sizes, strict=True):
        if not start < offset <= end - size:
            raise Unreadable("a picture lies outside its fragment")
        yield ticks / track.timescale, offset, size
        ticks, offset = ticks + duration, offset + size


class Indexes:
    """Of recordings, by their number; those asked for last are kept. Thread-safe."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Index] = OrderedDict()

    def open(self, recording_id: int, path: str) -> tuple[BinaryIO, Index]:
        """Its file, for the caller to close, and its index as it is now. Raises Unreadable, OSError, ValueError."""
        file = self._storage.open(path)
        try:
            return file, self._read(recording_id, file)
        except BaseException:
            file.close()
            raise

    def of(self, recording_id: int, path: str) -> Index:
        """Raises like `open`."""
        file, index = self.open(recording_id, path)
        file.close()
        return index

    def _read(self, recording_id: int, file: BinaryIO) -> Index:
        with self._lock:
            known = self._kept.get(recording_id)
        if known is None or known.length != os.fstat(file.fileno()).st_size:
            known = read_index(file, known)
        with self._lock:
            self._kept[recording_id] = known
            self._kept.move_to_end(recording_id)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return known
