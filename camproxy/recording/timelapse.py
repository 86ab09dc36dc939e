"""Time-lapse: which pictures of a long time are shown, at an even pace, in a short one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from camproxy.recording.samples import Sample

#: Between two keyframes of H.264 is no more, unless the camera sent nothing. Seconds.
KEYFRAME_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class TimeLapse:
    """`speed` times as fast as reality, shown with `fps` pictures a second."""

    speed: float
    fps: int = 25

    @property
    def step(self) -> float:
        """Between two pictures that are shown, in seconds of reality."""
        return self.speed / self.fps

    @property
    def filters(self) -> list[str]:
        # In microseconds: at 3600 times the speed a frame comes every 28 of them.
        return ["settb=1/1000000", f"setpts=PTS/{self.speed}", f"fps={self.fps}"]

    def thin(self, samples: Iterable[Sample], codec: str) -> Iterator[Sample]:
        """Leave out what will not be shown, as far as the others can be decoded without: no more than twice too many
        are left, of which ffmpeg takes the nearest."""
        least = self.step / 2
        if codec == "h264" and least < KEYFRAME_EVERY:
            yield from samples
            return
        kept: Sample | None = None
        for sample in samples:
            if sample.keyframe and (kept is None or sample.at - kept.at >= least):
                if kept:
                    yield kept
                kept = replace(sample, at=max(sample.at, 0.0))
            elif kept:
                kept = replace(kept, lasts=max(sample.at + sample.lasts - kept.at, kept.lasts))
        if kept:
            yield kept
