"""Cut: which pictures of which files a film is made of, and when each is shown. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import BinaryIO

from camproxy.recording.samples import Look, Sample


@dataclass(frozen=True, slots=True)
class Clip:
    """What is wanted of one file: from `begin` to `end`, in seconds after its beginning, whole milliseconds.

    `began` is when that moment was, in seconds since 1970. `stands`: its last picture is shown until `end`, however
    long the file says. `open` raises OSError and ValueError when it is not there any more.
    """

    look: Look
    open: Callable[[], BinaryIO]
    begin: float
    end: float
    began: float = 0.0
    stands: bool = False

    @property
    def seconds(self) -> float:
        return self.end - self.begin


def pictures(samples: Iterable[Sample], clip: Clip) -> Iterator[Sample]:
    """Those of the clip, with their times in it. What comes before its beginning is only there to be decoded: `at` is
    then negative. The picture that stands when it begins is shown from 0."""
    needed: list[Sample] = []
    kept: Sample | None = None
    for sample in samples:
        if sample.at >= clip.end:
            break
        if sample.keyframe and kept is None:
            needed = []
        if sample.at + sample.lasts <= clip.begin:
            needed.append(replace(sample, at=sample.at - clip.begin))
            continue
        if kept:
            yield kept
        else:
            yield from needed
        begin, end = max(sample.at, clip.begin), min(sample.at + sample.lasts, clip.end)
        kept = replace(sample, at=begin - clip.begin, lasts=end - begin)
    if kept:
        yield replace(kept, lasts=max(clip.seconds - kept.at, 0.001)) if clip.stands else kept


def can_be_joined(clips: Iterable[Clip]) -> bool:
    """Whether all are H.264 of the same look: then nothing has to be encoded."""
    looks = {clip.look for clip in clips}
    return len(looks) == 1 and all(look.codec == "h264" for look in looks)


def runs(clips: Iterable[Clip]) -> list[list[Clip]]:
    """Those of the same look that follow each other: one decoder reads them all."""
    return [list(those) for _, those in groupby(clips, lambda clip: clip.look)]


def largest(clips: Iterable[Clip]) -> tuple[int, int]:
    """Width and height of the largest picture, made even, as H.264 has to be."""
    width, height = max(((clip.look.width, clip.look.height) for clip in clips), key=lambda size: size[0] * size[1])
    return width + width % 2, height + height % 2


def fitted(look: Look, width: int, height: int) -> list[str]:
    """Filters that put a picture into that size, with black beside it if need be."""
    if (look.width, look.height) == (width, height):
        return []
    scale = f"scale={width}:{height}:force_original_aspect_ratio=decrease"
    return [scale, f"pad={width}:{height}:(ow-iw)/2:(oh-ih)/2"]
