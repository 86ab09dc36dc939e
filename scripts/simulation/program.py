"""Program: another process, whose lines are news to us, and which does not outlive us."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

#: Seconds in which a program has to end when its input has.
ENDS_WITHIN = 5.0

#: (who, line); the line is None when it has ended.
News = queue.Queue[tuple[Any, str | None]]


class Program:
    """What it says comes as news of `who`.

    It ends when its standard input does, and so when we are gone, however that came about. Ctrl-C does not reach it.
    That it has ended is news only when nobody has ended it. `more` comes into its environment.
    """

    def __init__(self, command: Sequence[str], who: Any, news: News, **more: str) -> None:
        self._is_over = False
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | more,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(who, news), daemon=True)
        self._reader.start()

    def _read(self, who: Any, news: News) -> None:
        assert self._process.stdout
        with self._process.stdout:
            for line in self._process.stdout:
                news.put((who, line.rstrip("\n")))
        if not self._is_over:
            news.put((who, None))

    def say(self, line: str) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except OSError:
            pass  # it has ended, which is news that is on its way

    def kill(self) -> None:
        """As when the power goes: it has no time to say anything."""
        self._is_over = True
        self._process.kill()
        self.end()

    def interrupt(self) -> None:
        """As by Ctrl-C."""
        self._is_over = True
        self._process.terminate()
        self.end()

    def end(self) -> int:
        """Its exit code. Idempotent."""
        assert self._process.stdin
        self._is_over = True
        try:
            self._process.stdin.close()
        except OSError:
            pass  # what it was never told
        try:
            self._process.wait(ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._reader.join(ENDS_WITHIN)
        return self._process.wait()


class Powered:
    """What runs on a program, while it has power."""

    def __init__(self) -> None:
        self._program: Program | None = None
        self.online = False

    def power_off(self) -> None:
        if self._program:
            self._program.kill()
        self._program, self.online = None, False

    def happen(self, line: str) -> None:
        if self._program:
            self._program.say(line)
