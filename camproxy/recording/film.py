"""Film: one MP4 file, made from clips of many, by ffmpeg at low priority.

H.264 of one look is joined without encoding. All else is first encoded, look by look, so that it has one, and then
joined. The pictures go through a pipe, each with its own time and length, so a film lasts exactly as long as its clips.
"""

from __future__ import annotations

import logging
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO

from camproxy.recording.boxes import Unreadable
from camproxy.recording.cut import Clip, can_be_joined, fitted, largest, pictures, runs
from camproxy.recording.encoder import fragmented, h264
from camproxy.recording.fed import FROM_THE_PIPE, QUIET, EncoderFailed, Fed, ffmpeg, low_priority
from camproxy.recording.matroska import before_lasting_frame, head
from camproxy.recording.samples import Look, Sample, read_look, read_samples
from camproxy.recording.timelapse import TimeLapse

log = logging.getLogger(__name__)

#: Lower than the recorder's. 0 is what everything else has, 19 the least.
NICENESS = 15
CRF = 23
#: An ffmpeg of low priority may have to wait for the processor; and to put the index of a day in front takes a while.
#: Seconds.
PATIENCE = 60.0
FINISH_WITHIN = 1800.0
#: After so much work of our own, as much rest: those who watch share this interpreter. Seconds.
SPELL = 0.02
#: How long a frame lasts is said with each; from this ffmpeg works out which H.264 level it takes to play it.
FRAME_MS = 40
CODEC_IDS = {"h264": "V_MPEG4/ISO/AVC", "mjpeg": "V_MJPEG"}
#: How much of the work encoding is, where there is any.
ENCODING_SHARE = 0.9


class Cancelled(Exception):
    """Nobody wants it any more."""


class Nothing(Exception):
    """There is not one picture in the clips, or not any more."""


class _Maker(Fed):
    """An ffmpeg that says how far it has come, in seconds of what it makes. `goes_on` may raise whatever ends it."""

    def __init__(
        self,
        words: Sequence[str],
        output: int,
        progressed: Callable[[float], None],
        goes_on: Callable[[], None],
    ) -> None:
        self._progressed = progressed
        self._goes_on = goes_on
        self._progress, theirs = os.pipe()
        os.set_blocking(self._progress, False)
        begin = [*low_priority(NICENESS), ffmpeg(), *QUIET, "-progress", f"pipe:{theirs}", "-stats_period", "0.5"]
        try:
            super().__init__([*begin, *FROM_THE_PIPE, *words], output, PATIENCE, pass_fds=(theirs,))
        except EncoderFailed:
            os.close(self._progress)
            raise
        finally:
            os.close(theirs)

    def look(self) -> None:
        self._goes_on()
        with suppress(BlockingIOError):
            for line in os.read(self._progress, 65536).decode(errors="replace").splitlines():
                name, _, value = line.partition("=")
                if name == "out_time_us" and value.lstrip("-").isdigit():
                    self._progressed(max(int(value) / 1_000_000, 0.0))

    def finish(self, within: float) -> bool:
        try:
            return super().finish(within)
        finally:
            os.close(self._progress)


class Film:
    """For one thread; `cancel` may come from any. `directory` is its own, and the caller's to remove.

    `progressed` hears a number from 0 to 1, `goes_on` may raise whatever ends it, `gone` hears which clips were not
    there any more.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        directory: Path,
        lapse: TimeLapse | None,
        progressed: Callable[[float], None],
        goes_on: Callable[[], None],
        gone: Callable[[Clip], None],
    ) -> None:
        self._clips = clips
        self._directory = directory
        self._lapse = lapse
        self._progressed = progressed
        self._goes_on = goes_on
        self._gone = gone
        self._cancelled = threading.Event()
        self._running: Fed | None = None
        self._lock = threading.Lock()
        self._worked_since = time.thread_time()

    @property
    def file(self) -> Path:
        return self._directory / "film.mp4"

    def make(self) -> float:
        """How long the film plays, in seconds. Raises EncoderFailed, Nothing, Cancelled, OSError."""
        clips, share = self._clips, 0.0
        if self._lapse or not can_be_joined(clips):
            share = ENCODING_SHARE
            clips = self._encoded(share)
        seconds = sum(clip.seconds for clip in clips)
        lasted = self._join(clips, lambda done: self._progressed(min(share + (1 - share) * done / seconds, 1.0)))
        for file in self._directory.iterdir():
            if file != self.file:
                file.unlink()
        return lasted

    def cancel(self) -> None:
        self._cancelled.set()
        with self._lock:
            if self._running:
                self._running.kill()

    # Its two steps

    def _encoded(self, share: float) -> list[Clip]:
        """The clips in one look, as files of their own."""
        width, height = largest(self._clips)
        speed = self._lapse.speed if self._lapse else 1.0
        total, done = sum(clip.seconds for clip in self._clips) or 1.0, 0.0
        found = []
        for number, run in enumerate(runs(self._clips)):
            file = self._directory / f"{number}.mp4"
            with open(file, "xb") as output:
                before = done

                def progressed(at: float, before: float = before) -> None:
                    self._progressed(min(share * (before + at * speed) / total, share))

                # Said in all of them, for what is joined has to have one look.
                filters = [*fitted(run[0].look, width, height), "setsar=1"]
                filters += self._lapse.filters if self._lapse else []
                lasted = self._run(run, partial(_encode, filters), output, progressed)
            done += sum(clip.seconds for clip in run)
            if lasted and (look := _look_of(file)):
                found.append(Clip(look, partial(_open, file), 0.0, round(lasted / speed, 3), stands=True))
        return found

    def _join(self, clips: Sequence[Clip], progressed: Callable[[float], None]) -> float:
        began = datetime.fromtimestamp(self._clips[0].began, UTC).isoformat() if self._clips else ""

        def words(skip: float) -> list[str]:
            # What is there to be decoded only lies before 0, where an edit list hides it.
            times = ["-output_ts_offset", f"-{skip:.3f}", "-avoid_negative_ts", "disabled"]
            container = ["-video_track_timescale", "1000", "-movflags", "+faststart", "-f", "mp4"]
            return ["-c:v", "copy", *times, *container, "-metadata", f"creation_time={began}", f"file:{self.file}"]

        lasted = self._run(clips, words, None, progressed)
        if not lasted:
            raise Nothing
        return lasted

    # ffmpeg

    def _run(
        self,
        clips: Sequence[Clip],
        words: Callable[[float], list[str]],
        output: BinaryIO | None,
        progressed: Callable[[float], None],
    ) -> float:
        """Feed the clips, all of one look, to an ffmpeg; how many seconds of pictures it was given to show.

        `words` are its options, for a stream of which so many seconds at the beginning are not to be shown.
        """
        maker: Fed | None = None
        skip = end = 0.0
        newest = -1
        try:
            for clip in clips:
                begin: float | None = None
                for sample, data in self._pictures(clip):
                    if begin is None:
                        # What is there to be decoded only can be hidden at the beginning, and nowhere else.
                        begin = end + max(-sample.at, 0.0)
                    if maker is None:
                        skip = begin
                        maker = self._begin(words(skip), output, progressed, clip.look)
                    at = max(round((begin + sample.at) * 1000), newest + 1)
                    lasts = max(round(sample.lasts * 1000), 1)
                    maker.feed([before_lasting_frame(len(data), at, lasts, sample.keyframe), data])
                    newest, end = at, begin + sample.at + sample.lasts
            ending, maker = maker, None
            if ending and not ending.finish(FINISH_WITHIN):
                raise EncoderFailed(ending.last_words("it did not end well"))
        except BaseException as error:
            if maker:
                maker.abandon()
            if self._cancelled.is_set() and isinstance(error, EncoderFailed):
                raise Cancelled from None
            raise
        finally:
            with self._lock:
                self._running = None
        return end - skip

    def _begin(self, words: list[str], output: BinaryIO | None, progressed: Callable[[float], None], look: Look) -> Fed:
        with self._lock:
            if self._cancelled.is_set():
                raise Cancelled
            into = output.fileno() if output else subprocess.DEVNULL
            maker = self._running = _Maker(words, into, progressed, self._goes_on)
        try:
            maker.feed([head(look.width, look.height, FRAME_MS, CODEC_IDS[look.codec], look.decoder)])
        except BaseException:
            maker.abandon()
            raise
        return maker

    # The clips

    def _pictures(self, clip: Clip) -> Iterator[tuple[Sample, bytes]]:
        try:
            with clip.open() as file:
                samples = pictures(read_samples(file, os.fstat(file.fileno()).st_size), clip)
                if self._lapse and not clip.stands:
                    samples = self._lapse.thin(samples, clip.look.codec)
                for sample in samples:
                    file.seek(sample.offset)
                    yield sample, file.read(sample.length)
                    self._rest()
        except (OSError, ValueError, Unreadable) as fault:
            log.warning("a recording cannot be taken into a film: %s", fault)
            self._gone(clip)

    def _rest(self) -> None:
        worked = time.thread_time() - self._worked_since
        if worked < SPELL:
            return
        if self._running:
            self._running.look()
        if self._cancelled.wait(worked):
            raise Cancelled
        self._worked_since = time.thread_time()


def _open(file: Path) -> BinaryIO:
    return open(file, "rb")


def _encode(filters: list[str], skip: float) -> list[str]:
    if skip:
        filters = [f"trim=start={skip:.3f}", "setpts=PTS-STARTPTS", *filters]
    words = ["-vf", ",".join(filters)] if filters else []
    return [*words, *h264(CRF), *fragmented("frag_keyframe", "")]


def _look_of(file: Path) -> Look | None:
    """None when there is no picture in it: it was too short for one."""
    with _open(file) as made:
        length = os.fstat(made.fileno()).st_size
        try:
            return read_look(made, length) if any(True for _ in read_samples(made, length)) else None
        except Unreadable:
            return None
