"""Fed: an ffmpeg that reads what it works on from a pipe. When this process dies, the pipe ends, and so does ffmpeg."""

from __future__ import annotations

import errno
import logging
import os
import selectors
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from typing import IO

import imageio_ffmpeg

from camproxy.clock import Clock, SystemClock

log = logging.getLogger(__name__)

#: How often it is looked at while it takes nothing. Seconds.
LOOK_EVERY = 1.0
#: What is kept of what ffmpeg says, in bytes, and how many lines of each go to the log.
LAST_WORDS = 2000
LINES_LOGGED = 10

#: All there is to know is in the head of the stream: no need to wait for five seconds of pictures.
FROM_THE_PIPE = ["-threads", "1", "-analyzeduration", "0", "-probesize", "32", "-f", "matroska", "-i", "pipe:0"]
QUIET = ["-hide_banner", "-nostats", "-nostdin", "-loglevel", "error"]


class EncoderFailed(Exception):
    """ffmpeg is not there, has ended or is stalled. The message is the last that it said.

    `disk_full`: it could not write for want of room.
    """

    @property
    def disk_full(self) -> bool:
        return os.strerror(errno.ENOSPC) in str(self) or os.strerror(errno.EDQUOT) in str(self)


@cache
def ffmpeg() -> str:
    """The system's, which gets security updates, or else the one that imageio-ffmpeg brings along."""
    return shutil.which("ffmpeg") or str(imageio_ffmpeg.get_ffmpeg_exe())


def low_priority(niceness: int) -> list[str]:
    """What goes before a command: who watches comes first."""
    nice = shutil.which("nice")
    return [nice, "-n", str(niceness)] if nice else []


class Fed:
    """A running ffmpeg. For one thread; `kill` may come from any. `output`, its standard output, stays the caller's.

    `patience` is how long it may take nothing, in seconds. Raises EncoderFailed when it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        output: int,
        patience: float,
        clock: Clock | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        self._clock = clock or SystemClock()
        self._patience = patience
        self._said = b""
        self._lines = 0
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=pass_fds,
                process_group=0,  # Ctrl+C is for the server, which then ends it in good order
            )
        except OSError as error:
            raise EncoderFailed(f"ffmpeg cannot be started: {error.strerror}") from None
        assert self._process.stdin
        assert self._process.stderr
        self._stdin, self._stderr = self._process.stdin, self._process.stderr
        for pipe in (self._stdin, self._stderr):
            os.set_blocking(pipe.fileno(), False)

    @property
    def pid(self) -> int:
        return self._process.pid

    def feed(self, parts: list[bytes]) -> None:
        """Waits while it is busy, at most until it counts as stalled. Raises EncoderFailed."""
        views = [memoryview(part) for part in parts]
        begun = self._clock.monotonic()
        while views:
            try:
                written = os.writev(self._stdin.fileno(), views)
            except BlockingIOError:
                ready({self._stdin: selectors.EVENT_WRITE, self._stderr: selectors.EVENT_READ}, LOOK_EVERY)
                self.listen()
                self.look()
                if self._clock.monotonic() - begun > self._patience:
                    raise EncoderFailed(self.last_words("it takes no frames")) from None
                continue
            except BrokenPipeError:
                self._process.wait()
                self.listen()
                raise EncoderFailed(self.last_words(f"it ended ({self._process.returncode})")) from None
            while views and written >= len(views[0]):
                written -= len(views.pop(0))
            if views:
                views[0] = views[0][written:]

    def look(self) -> None:
        """What is to be looked at while it is waited for. May raise EncoderFailed."""

    def finish(self, within: float) -> bool:
        """End it. Whether it ended in good order, within so many seconds."""
        self._stdin.close()
        deadline = self._clock.monotonic() + within
        os.set_blocking(self._stderr.fileno(), True)
        words = {self._stderr: selectors.EVENT_READ}
        while (left := deadline - self._clock.monotonic()) > 0 and ready(words, left):
            if not self._hear():
                break  # it has closed its end: it is gone
        try:
            code = self._process.wait(max(deadline - self._clock.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            self.kill()
            code = self._process.wait()
        self._stderr.close()
        # When there is no room for what closes the file, it says so and ends with 0 all the same.
        return code == 0 and not EncoderFailed(self.last_words("")).disk_full

    def kill(self) -> None:
        """At once. What it has written stays."""
        self._process.kill()

    def abandon(self) -> None:
        """Kill it and let go of everything."""
        self.kill()
        if not self._stderr.closed:
            self.finish(5.0)

    def listen(self) -> None:
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

    def last_words(self, fault: str) -> str:
        lines = self._said.decode(errors="replace").strip().splitlines()
        return f"{fault}: {' / '.join(lines[-2:])}" if lines else fault


def ready(pipes: Mapping[IO[bytes], int], within: float) -> bool:
    """Wait until there is something to do at one of them. Whether there is, within so many seconds."""
    with selectors.DefaultSelector() as selector:  # which eventlet knows, unlike poll
        for pipe, event in pipes.items():
            selector.register(pipe, event)
        return bool(selector.select(within))
