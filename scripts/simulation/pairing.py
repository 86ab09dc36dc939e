"""Pairing: a window of the server, opened by scripts/pair_device.py as an admin does."""

from __future__ import annotations

import sys
from pathlib import Path

from .program import News, Program

SCRIPT = Path(__file__).resolve().parent.parent / "pair_device.py"
#: Minutes for which the window is open at most.
MINUTES = 2


class Pairing:
    """One window, for one board. Its lines come as news of `self`; `link` finds the pairing link among them."""

    def __init__(self, kind: str, server: str, news: News) -> None:
        self.kind = kind
        unencrypted = ["--allow-unencrypted"] if server.startswith("http://") else []
        command = [sys.executable, str(SCRIPT), kind, "--server", server, "--minutes", str(MINUTES), *unencrypted]
        self._program = Program(command, self, news)
        self._lines: list[str] = []

    def link(self, line: str) -> str | None:
        self._lines.append(line)
        return line.removeprefix("Link").strip() if line.startswith("Link ") else None

    def ended(self) -> str | None:
        """What went wrong, if no board came."""
        return None if self._program.end() == 0 else "\n".join(self._lines[-3:])

    def close(self) -> None:
        self._program.interrupt()
