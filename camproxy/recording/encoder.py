"""Encoder: one ffmpeg that turns the frames of one part into an MP4 file.

It reads Matroska from a pipe and writes into a file that is already open: no path ever gets into its arguments. When
this process dies, the pipe ends, and so does ffmpeg, with a whole file.
"""

from __future__ import annotations

import errno
import logging
import os
import select
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache

import imageio_ffmpeg

from camproxy.clock import Clock, SystemClock
from camproxy.recording.matroska import before_frame, head

log = logging.getLogger(__name__)

#: ffmpeg takes frames and its file does not grow, or it takes none, for so long: it is stalled. Seconds.
STALLED_AFTER = 7.0
#: And so many frames went in meanwhile: the last fragment is written only when the next begins.
STALLED_FRAMES = 3
#: How often the size of the file is looked at. Seconds.
LOOK_EVERY = 1.0
#: What is kept of what ffmpeg says, in bytes, and how many lines of each go to the log.
LAST_WORDS = 2000
LINES_LOGGED = 10

#: Half the bytes of `ultrafast`, which saves nothing beside a copy of the JPEGs, for three times its work, which two
#: cores can do for a dozen cameras; who has more takes the copy. See docs/decisions.
PRESET = "veryfast"
#: A keyframe a second in time, however many frames come; after a pause one, and not one for each second of it.
KEYFRAMES = "expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+1))"


class EncoderFailed(Exception):
    """ffmpeg is not there, has ended or is stalled. The message is the last that it said.

    `disk_full`: it could not write for want of room.
    """

    @property
    def disk_full(self) -> bool:
        return os.strerror(errno.ENOSPC) in str(self) or os.strerror(errno.EDQUOT) in str(self)


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


@cache
def ffmpeg() -> str:
    """The system's, which gets security updates, or else the one that imageio-ffmpeg brings along."""
    return shutil.which("ffmpeg") or str(imageio_ffmpeg.get_ffmpeg_exe())


def command(encoding: Encoding) -> list[str]:
    nice = shutil.which("nice")
    words = [nice, "-n", "10"] if nice else []  # who watches comes first
    words += [ffmpeg(), "-hide_banner", "-nostats", "-nostdin", "-loglevel", "error"]
    # All there is to know is in the head of the stream: no need to wait for five seconds of pictures.
    words += ["-threads", "1", "-analyzeduration", "0", "-probesize", "32", "-f", "matroska", "-i", "pipe:0"]
    movflags = "empty_moov+default_base_moof"
    if encoding.codec == "mjpeg":
        words += ["-c:v", "copy", "-movflags", f"{movflags}+frag_every_frame"]
    else:
        words += ["-fps_mode", "passthrough", "-enc_time_base", "1:1000", "-filter_threads", "1"]
        if encoding.width % 2 or encoding.height % 2:
            words += ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2"]
        words += ["-c:v", "libx264", "-preset", PRESET, "-tune", "zerolatency", "-crf", str(encoding.crf)]
        words += ["-threads", "1", "-g", "600", "-sc_threshold", "0", "-force_key_frames", KEYFRAMES]
        words += ["-pix_fmt", "yuv420p", "-movflags", f"{movflags}+frag_keyframe"]
    words += ["-video_track_timescale", "1000", "-metadata", f"comment={encoding.comment}"]
    return [*words, "-flush_packets", "1", "-f", "mp4", "pipe:1"]


class Encoder:
    """A running ffmpeg. For one thread; `kill` may come from any. `output` stays the caller's to close.

    Raises EncoderFailed when it cannot be started.
    """

    def __init__(self, encoding: Encoding, output: int, clock: Clock | None = None) -> None:
        self.encoding = encoding
        self._output = output
        self._clock = clock or SystemClock()
        self._said = b""
        self._lines = 0
        self._size = 0
        self._looked_at = self._clock.monotonic()
        #: Since when, and for how many frames, the file has not grown.
        self._waiting_since: float | None = None
        self._waiting_frames = 0
        self._frame_at = 0
        try:
            self._process = subprocess.Popen(
                command(encoding),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.PIPE,
                bufsize=0,
                process_group=0,  # Ctrl+C is for the server, which then ends it in good order
            )
        except OSError as error:
            raise EncoderFailed(f"ffmpeg cannot be started: {error.strerror}") from None
        assert self._process.stdin
        assert self._process.stderr
        self._stdin, self._stderr = self._process.stdin, self._process.stderr
        for pipe in (self._stdin, self._stderr):
            os.set_blocking(pipe.fileno(), False)
        try:
            self._write([head(encoding.width, encoding.height, encoding.frame_ms)])
        except EncoderFailed:
            self.abandon()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def write(self, jpeg: bytes, seconds: float) -> None:
        """Give it a frame that is shown so many seconds after the beginning; later than the last. Raises EncoderFailed.

        Waits while ffmpeg is busy, at most until it counts as stalled.
        """
        at = max(round(seconds * 1000), self._frame_at)
        self._frame_at = at + 1
        if self._waiting_since is None:
            self._waiting_since = self._clock.monotonic()
        self._waiting_frames += 1
        self._write([before_frame(len(jpeg), at), jpeg])
        self._listen()
        self._look()

    def finish(self, within: float) -> bool:
        """End it. Whether it ended in good order, within so many seconds."""
        self._stdin.close()
        deadline = self._clock.monotonic() + within
        os.set_blocking(self._stderr.fileno(), True)
        poll = select.poll()
        poll.register(self._stderr, select.POLLIN)
        while (left := deadline - self._clock.monotonic()) > 0 and poll.poll(left * 1000):
            if not self._hear():
                break  # it has closed its end: it is gone
        try:
            code = self._process.wait(max(deadline - self._clock.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._process.wait()
        self._stderr.close()
        return code == 0

    def kill(self) -> None:
        """At once. What it has written stays."""
        self._process.kill()

    def abandon(self) -> None:
        """Kill it and let go of everything."""
        self.kill()
        self.finish(5.0)

    def _write(self, parts: list[bytes]) -> None:
        views = [memoryview(part) for part in parts]
        poll = select.poll()
        poll.register(self._stdin, select.POLLOUT)
        poll.register(self._stderr, select.POLLIN)
        begun = self._clock.monotonic()
        while views:
            try:
                written = os.writev(self._stdin.fileno(), views)
            except BlockingIOError:
                poll.poll(LOOK_EVERY * 1000)
                self._listen()
                self._look()
                if self._clock.monotonic() - begun > STALLED_AFTER:
                    raise EncoderFailed(self._last_words("it takes no frames")) from None
                continue
            except BrokenPipeError:
                self._process.wait()
                self._listen()
                raise EncoderFailed(self._last_words(f"it ended ({self._process.returncode})")) from None
            while views and written >= len(views[0]):
                written -= len(views.pop(0))
            if views:
                views[0] = views[0][written:]

    def _look(self) -> None:
        """Does the file grow? Raises EncoderFailed when it has not for too long."""
        now = self._clock.monotonic()
        if now - self._looked_at < LOOK_EVERY:
            return
        self._looked_at = now
        size = os.fstat(self._output).st_size
        if size != self._size:
            self._size, self._waiting_since, self._waiting_frames = size, None, 0
            return
        waiting = 0.0 if self._waiting_since is None else now - self._waiting_since
        if waiting > STALLED_AFTER and self._waiting_frames >= STALLED_FRAMES:
            raise EncoderFailed(self._last_words("its file does not grow"))

    def _listen(self) -> None:
        try:
            self._hear()
        except BlockingIOError:
            pass  # it says nothing, as it should

    def _hear(self) -> bool:
        """Take what it says. Whether it can still say more."""
        said = os.read(self._stderr.fileno(), 4096)
        for line in said.decode(errors="replace").splitlines():
            self._lines += 1
            if self._lines <= LINES_LOGGED:
                log.debug("ffmpeg %s: %s", self.pid, line)
        self._said = (self._said + said)[-LAST_WORDS:]
        return bool(said)

    def _last_words(self, fault: str) -> str:
        lines = self._said.decode(errors="replace").strip().splitlines()
        return f"{fault}: {' / '.join(lines[-2:])}" if lines else fault
