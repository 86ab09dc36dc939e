"""Encoder: one ffmpeg that turns the frames of one part into an MP4 file.

It reads Matroska from a pipe and writes into a file that is already open: no path ever gets into its arguments. When
this process dies, the pipe ends, and so does ffmpeg, with a whole file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from camproxy.clock import Clock
from camproxy.recording.fed import FROM_THE_PIPE, LOOK_EVERY, QUIET, EncoderFailed, Fed, ffmpeg, low_priority
from camproxy.recording.matroska import before_frame, head

#: ffmpeg takes frames and its file does not grow, or it takes none, for so long: it is stalled. Seconds in which it had
#: something to do: while no frames come, it may well write nothing.
STALLED_AFTER = 7.0
#: And so many frames went in meanwhile: the last fragment is written only when the next begins.
STALLED_FRAMES = 3
#: No head of a file, before its first picture, is longer. Bytes.
HEAD = 2000

#: Half the bytes of `ultrafast`, which saves nothing beside a copy of the JPEGs, for three times its work, which two
#: cores can do for a dozen cameras; who has more takes the copy. See docs/decisions.
PRESET = "veryfast"
#: A keyframe a second in time, however many frames come; after a pause one, and not one for each second of it.
KEYFRAMES = "expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+1))"


@dataclass(frozen=True, slots=True)
class Encoding:
    """How to encode: `codec` is h264 or mjpeg, a copy; `crf` from 0 (lossless) to 51 is for h264.

    `fps` says how long a frame lasts when none follows.
    """

    codec: str
    width: int
    height: int
    fps: float = 10.0
    crf: int = 23
    comment: str = ""

    @property
    def frame_ms(self) -> int:
        return round(1000 / self.fps)


def h264(crf: int) -> list[str]:
    """Options: each frame at its own time, no frame out of order, a keyframe a second."""
    words = ["-fps_mode", "passthrough", "-enc_time_base", "1:1000", "-filter_threads", "1"]
    words += ["-c:v", "libx264", "-preset", PRESET, "-tune", "zerolatency", "-crf", str(crf)]
    words += ["-threads", "1", "-g", "600", "-sc_threshold", "0", "-force_key_frames", KEYFRAMES]
    return [*words, "-pix_fmt", "yuv420p"]


def fragmented(each: str, comment: str) -> list[str]:
    """Options: an MP4 file, into the standard output, that is whole up to its last fragment."""
    words = ["-movflags", f"empty_moov+default_base_moof+{each}", "-video_track_timescale", "1000"]
    return [*words, "-metadata", f"comment={comment}", "-flush_packets", "1", "-f", "mp4", "pipe:1"]


def command(encoding: Encoding) -> list[str]:
    words = [*low_priority(10), ffmpeg(), *QUIET, *FROM_THE_PIPE]
    if encoding.codec == "mjpeg":
        return [*words, "-c:v", "copy", *fragmented("frag_every_frame", encoding.comment)]
    if encoding.width % 2 or encoding.height % 2:
        words += ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"]
    return [*words, *h264(encoding.crf), *fragmented("frag_keyframe", encoding.comment)]


class Encoder(Fed):
    """A running ffmpeg. For one thread; `kill` may come from any. `output` stays the caller's to close.

    `patience` is for its beginning, in seconds, which may take long where others take all of the processor; then
    STALLED_AFTER holds. Raises EncoderFailed when it cannot be started.
    """

    def __init__(
        self, encoding: Encoding, output: int, patience: float = STALLED_AFTER, clock: Clock | None = None
    ) -> None:
        super().__init__(command(encoding), output, patience, clock)
        self.encoding = encoding
        self._output = output
        self._size = 0
        self._looked_at = self._clock.monotonic()
        #: For how long, and for how many frames, the file has not grown.
        self._waited = 0.0
        self._waiting_frames = 0
        self._frame_at = 0
        try:
            self.feed([head(encoding.width, encoding.height, encoding.frame_ms)])
        except EncoderFailed:
            self.abandon()
            raise

    def write(self, jpeg: bytes, seconds: float) -> None:
        """Give it a frame that is shown so many seconds after the beginning; later than the last. Raises EncoderFailed.

        Waits while ffmpeg is busy, at most until it counts as stalled.
        """
        at = max(round(seconds * 1000), self._frame_at)
        self._frame_at = at + 1
        self._waiting_frames += 1
        self.feed([before_frame(len(jpeg), at), jpeg])
        self.listen()
        self.look()

    def look(self) -> None:
        """Does the file grow? Raises EncoderFailed when it has not for too long."""
        now = self._clock.monotonic()
        if now - self._looked_at < LOOK_EVERY:
            return
        passed, self._looked_at = now - self._looked_at, now
        size = os.fstat(self._output).st_size
        if size != self._size:
            self._size, self._waited, self._waiting_frames = size, 0.0, 0
            if size > HEAD:
                self._patience = STALLED_AFTER
            return
        self._waited += min(passed, 2 * LOOK_EVERY)  # a longer one is a pause of the camera's, or we stood still
        if self._waited > self._patience and self._waiting_frames >= STALLED_FRAMES:
            raise EncoderFailed(self.last_words("its file does not grow"))
