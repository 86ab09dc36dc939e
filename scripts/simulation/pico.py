"""Pico: the Pico W's firmware under MicroPython, which moves what the camera sees."""

from __future__ import annotations

from pathlib import Path

from simulated_pico import SIMULATOR, configure

from .pairing import Pairing
from .program import News, Powered, Program
from .words import PicoWords


class Pico(Powered):
    """`flash` outlives the program. `certificate` is the server's, if it speaks https."""

    kind, name = "pico", "Pico"

    def __init__(
        self, flash: Path, node: str, server: str, certificate: Path | None, by_code: bool, pose_port: int, news: News
    ) -> None:
        super().__init__()
        self._flash = flash
        self._command = [node, str(SIMULATOR), "--flash", str(flash), "--pose-port", str(pose_port)]
        self._server = server
        self._certificate = certificate
        self._by_code = by_code
        self._news = news
        self._words = PicoWords()
        self.pairing: Pairing | None = None

    def power_on(self) -> None:
        if self._program:
            return
        self._flash.mkdir(parents=True, exist_ok=True)
        if (self._flash / "key.json").exists() or self._by_code:
            self._start(None)
        elif self.pairing is None:
            self._news.put((self, "has no key yet: a pairing window is opened for it"))
            self.pairing = Pairing(self.kind, self._server, self._news)

    def _start(self, token: str | None) -> None:
        configure(self._flash, self._server, self._certificate, token, "Simulated Pico")
        self._program = Program(self._command, self, self._news)

    def hear(self, line: str | None) -> str | None:
        """One of its lines; what is to be told of it."""
        if line is None:
            self.online, self._program = False, None
            return "has come to an end; `pico power on` starts it again"
        said = self._words.say(line)
        if said:
            self.online = said.startswith("connected") or (self.online and not said.startswith(("starts", "no ")))
        return said

    def pair(self, link: str) -> None:
        self._start(link)

    def rest(self) -> str | None:
        return self._words.rest()

    def close(self) -> None:
        if self.pairing:
            self.pairing.close()
        if self._program:
            self._program.end()
