"""Target: a place that copies are kept in, and what is copied there."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

CHUNK = 1 << 18


class CopyFailed(Exception):
    """The place cannot be used just now, or did not take something. The message is for an operator, without secrets."""


class Refused(Exception):
    """One thing cannot be copied, however often it is tried; others can. The message says why."""


class Stopped(Exception):
    """The server stops."""


@dataclass
class Pace:
    """How fast copies may be made: `rate` bytes a second, 0: as fast as can be."""

    rate: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)
    _due: float = 0.0

    def take(self, count: int) -> None:
        """Wait until so many bytes may go. Raises Stopped, at once when the server stops."""
        now = time.monotonic()
        self._due = max(self._due, now)
        wait = self._due - now
        if self.rate:
            self._due += count / self.rate
        if self.stopping.wait(wait) if wait > 0 else self.stopping.is_set():
            raise Stopped


@dataclass(frozen=True)
class Source:
    """A recording that is to be copied: where it lies, and what it is by its manifest."""

    file: Path
    path: str
    size: int
    sha256: str
    pace: Pace

    def open(self) -> BinaryIO:
        """Raises Refused."""
        try:
            descriptor = os.open(self.file, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError as error:
            raise Refused(f"{self.path} cannot be read: {error.strerror}") from None
        return open(descriptor, "rb", buffering=0)

    def chunks(self, handle: BinaryIO) -> Iterator[bytes]:
        """What it is made of, in its pace. Raises Refused when that is not what was recorded, and Stopped."""
        digest, length = hashlib.sha256(), 0
        while True:
            try:
                chunk = handle.read(CHUNK)
            except OSError as error:
                raise Refused(f"{self.path} cannot be read: {error.strerror}") from None
            length += len(chunk)
            if not chunk or length > self.size:
                break
            self.pace.take(len(chunk))
            digest.update(chunk)
            yield chunk
        if length != self.size or digest.hexdigest() != self.sha256:
            raise Refused(f"{self.path} is not what was recorded, and is not copied")


class Target(Protocol):
    """Paths are those of recordings. Everything raises CopyFailed when the place cannot be used."""

    #: For logs and people; without secrets.
    shown: str

    def prepare(self, used: bool) -> None:
        """See whether it can be used. `used`: there should be copies in it; it is not to be begun anew."""
        ...

    def manifest(self, folder: str) -> bytes:
        """Empty when there is none."""
        ...

    def publish(self, folder: str, content: bytes) -> None:
        """Have that as the folder's manifest."""
        ...

    def put(self, source: Source) -> None:
        """Return when it is there as a whole and safe, and has been compared. Nothing that is there is replaced.

        Raises Refused, Stopped.
        """
        ...

    def abandon(self, path: str) -> None:
        """What is there of an unfinished copy of it is of no use any more."""
        ...

    def names(self) -> Iterator[tuple[str, int]]:
        """What is there of recordings and manifests, with its size in bytes; no links."""
        ...

    def open(self, path: str) -> BinaryIO:
        """To read a recording. Raises FileNotFoundError."""
        ...

    def remove(self, path: str) -> None: ...

    def close(self) -> None: ...
