"""Manifest: what was recorded of a camera, a line for each file; for the day when there is nothing but the files.

`manifest.jsonl` in a camera's folder only grows. Each line is a JSON object and has the SHA-256 of the line before
(without its end), so that whoever changes, removes or adds a line breaks the chain from there on. What retention or a
person removes is a line too: a file that is gone without one was taken away.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from camproxy.files import settle
from camproxy.recording.hours import read_path

log = logging.getLogger(__name__)

NAME = "manifest.jsonl"
#: What the first line has of the line before it.
START = "0" * 64


class Line(BaseModel):
    """One file that was recorded, or removed. `at` is when the line was written, `why` and `by` say who removed it.

    What was removed before its hash was known has none.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Literal["recorded", "removed"]
    path: Annotated[str, Field(max_length=60)]
    at: AwareDatetime
    bytes: Annotated[int | None, Field(ge=0)] = None
    sha256: Annotated[str | None, Field(pattern=r"^[0-9a-f]{64}$")] = None
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    why: str | None = None
    by: str | None = None
    previous: str = START


@dataclass(slots=True)
class Chain:
    """Lines in their order. `ends` says where each ends, in bytes; what is behind the last is torn.

    `faults` are sentences about where the chain is broken; the lines behind are read all the same.
    """

    lines: list[Line] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    head: str = START
    faults: list[str] = field(default_factory=list)
    torn: int = 0

    @property
    def length(self) -> int:
        return self.ends[-1] if self.ends else 0

    def live(self) -> dict[str, Line]:
        """What should be there now: recorded last, and not removed since."""
        there: dict[str, Line] = {}
        for line in self.lines:
            if line.kind == "recorded":
                there[line.path] = line
            else:
                there.pop(line.path, None)
        return there


def read_chain(content: bytes, folder: str, head: str = START) -> Chain:
    """Read a manifest, or what follows a line whose hash is `head`. Never fails."""
    chain = Chain(head=head)
    at = 0
    there: set[str] = set()
    for number, raw in enumerate(_whole_lines(content), 1):
        at += len(raw) + 1
        try:
            line = Line.model_validate_json(raw)
            part = read_path(line.path)
            if part is None or part.folder != folder or (line.kind == "recorded" and line.sha256 is None):
                raise ValueError("it is about no recording of this camera")
        except ValidationError:
            chain.faults.append(f"line {number} cannot be read")
        except ValueError as error:
            chain.faults.append(f"line {number}: {error}")
        else:
            if line.previous != chain.head:
                chain.faults.append(f"line {number} was not written after the one before it")
            if line.kind == "recorded" and line.path in there:
                chain.faults.append(f"line {number}: {line.path} is there again though it was not removed")
            (there.add if line.kind == "recorded" else there.discard)(line.path)
            chain.lines.append(line)
            chain.ends.append(at)
        chain.head = hashlib.sha256(raw).hexdigest()
    chain.torn = len(content) - at
    return chain


def _whole_lines(content: bytes) -> Iterator[bytes]:
    return iter(content.split(b"\n")[:-1])


class Manifest:
    """The manifest of one folder, for its writer; of which there is one. Thread-safe; what writes raises OSError.

    Whoever holds `lock` is alone with it. A torn last line, which was never confirmed, is cut off; a chain that is
    broken goes on, and `faults` tell.
    """

    def __init__(self, directory: Path) -> None:
        self._file = directory / NAME
        self.folder = directory.name
        self.lock = threading.RLock()
        self._length = -1
        self._head = START
        self._live: dict[str, Line] = {}
        self._numbers: dict[str, int] = {}
        self.faults: list[str] = []

    def live(self, path: str) -> Line | None:
        """What was recorded under that path, if it was and has not been removed."""
        with self.lock:
            self._load()
            return self._live.get(path)

    def highest(self, day: str, hour: int) -> int:
        """The highest number of a part of that hour that was ever recorded, 0 if none was."""
        with self.lock:
            self._load()
            return self._numbers.get(f"{day}/{hour:02}", 0)

    def write(self, line: Line) -> None:
        """Add a line; on return it would survive a power cut."""
        with self.lock:
            self._load()
            raw = line.model_copy(update={"previous": self._head}).model_dump_json(exclude_none=True).encode()
            self._append(raw + b"\n")
            self._head = hashlib.sha256(raw).hexdigest()
            self._note(line)

    def _append(self, raw: bytes) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        try:
            try:
                if os.write(descriptor, raw) != len(raw):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, self._length)
                raise
        finally:
            os.close(descriptor)
        if self._length == 0:
            settle(self._file.parent)
        self._length += len(raw)

    def _load(self) -> None:
        """Read it, at first and when somebody else has changed it."""
        try:
            length = os.stat(self._file, follow_symlinks=False).st_size
        except FileNotFoundError:
            length = 0
        if length == self._length:
            return
        if self._length >= 0:
            log.error("recordings: somebody has changed %s", self._file)
        try:
            descriptor = os.open(self._file, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:
            content = b""
        else:
            with open(descriptor, "r+b") as file:
                content = file.read()
                if torn := len(content) - content.rfind(b"\n") - 1:
                    log.warning("recordings: %s ended within a line, which was never confirmed", self._file)
                    content = content[:-torn]
                    file.truncate(len(content))
                    os.fsync(file.fileno())
        chain = read_chain(content, self.folder)
        self._head, self._length, self.faults = chain.head, len(content), chain.faults
        for fault in chain.faults:
            log.error("recordings: %s: %s", self._file, fault)
        self._live, self._numbers = {}, {}
        for line in chain.lines:
            self._note(line)

    def _note(self, line: Line) -> None:
        if line.kind == "removed":
            self._live.pop(line.path, None)
            return
        self._live[line.path] = line
        part = read_path(line.path)
        assert part
        hour = f"{part.day.isoformat()}/{part.hour:02}"
        self._numbers[hour] = max(part.number, self._numbers.get(hour, 0))
