"""FirmwareStore: the bytes of images, in files that are reached by number only."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from camproxy.errors import BadRequest, NotFound, Unavailable
from camproxy.files import settle

log = logging.getLogger(__name__)

PIECE = 65_536
#: Ends the name of one that is being received, or whose receiving was killed.
UNFINISHED = ".part"
#: A whole image has to come within this time. Seconds.
WITHIN = 300.0


class Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Received:
    """A file that has no number yet: `keep` gives it one, `drop` removes it."""

    file: Path
    size: int
    sha256: str


class FirmwareStore:
    """The directory is made when there is something to put into it. Thread-safe."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def receive(self, source: Source, size: int) -> Received:
        """Take in `size` bytes; only a piece of them is in memory at a time.

        Raises BadRequest when fewer come or they take too long, Unavailable when they cannot be stored.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(suffix=UNFINISHED, dir=self._directory)
        except OSError as error:
            raise cannot_store(error) from None
        file = Path(name)
        try:
            with open(handle, "wb") as out:
                sha256 = copy(source, out, size)
                out.flush()
                os.fsync(out.fileno())
        except BaseException:
            file.unlink(missing_ok=True)
            raise
        return Received(file, size, sha256)

    def keep(self, received: Received, number: int) -> None:
        """Raises Unavailable."""
        try:
            received.file.replace(self._file(number))
            settle(self._directory)
        except OSError as error:
            raise cannot_store(error) from None

    def drop(self, received: Received) -> None:
        received.file.unlink(missing_ok=True)

    def open(self, number: int) -> IO[bytes]:
        """Raises NotFound."""
        try:
            return open(self._file(number), "rb")
        except OSError as error:
            log.error("firmware %d cannot be read: %s", number, error.strerror)
            raise NotFound("There is no such firmware.") from None

    def remove(self, number: int) -> None:
        try:
            self._file(number).unlink(missing_ok=True)
        except OSError as error:
            log.warning("the file of firmware %d cannot be removed: %s", number, error.strerror)

    def tidy(self, known: set[int]) -> None:
        """Remove what belongs to no image any more, or never did. Only when nothing is being received."""
        wanted = {self._file(number) for number in known}
        try:
            for file in list(self._directory.iterdir()) if self._directory.is_dir() else []:
                if file not in wanted and file.suffix in (UNFINISHED, ".bin"):
                    file.unlink(missing_ok=True)
        except OSError as error:
            log.warning("old firmware cannot be removed: %s", error.strerror)

    def _file(self, number: int) -> Path:
        return self._directory / f"{number}.bin"


def copy(source: Source, out: IO[bytes], size: int) -> str:
    """The SHA-256 of what was copied."""
    sha256, left, until = hashlib.sha256(), size, time.monotonic() + WITHIN
    while left > 0:
        try:
            piece = source.read(min(PIECE, left))
        except OSError:  # nothing came for a while
            piece = b""
        if not piece or time.monotonic() > until:
            raise BadRequest("The upload broke off, or took too long.")
        sha256.update(piece)
        left -= len(piece)
        try:
            out.write(piece)
        except OSError as error:
            raise cannot_store(error) from None
    return sha256.hexdigest()


def cannot_store(error: OSError) -> Unavailable:
    log.error("firmware cannot be stored: %s", error.strerror)
    return Unavailable("The firmware cannot be stored: the server's disk does not take it.")
