"""One device's log on disk: JSON lines in a file that rotates, read from its end."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from camproxy.logs import plain, without_credentials

LEVELS = ("debug", "info", "warning", "error")
#: What boards say for them: words, letters, the numbers of ESP-IDF (esp_log_level_t) and of (Micro)Python's logging.
WORDS = {
    "debug": ("debug", "dbg", "d", "verbose", "v", "trace", "t", "4", "5", "10"),
    "info": ("info", "information", "i", "notice", "n", "log", "3", "20"),
    "warning": ("warning", "warn", "wrn", "w", "2", "30"),
    "error": (
        "error",
        "err",
        "e",
        "critical",
        "crit",
        "c",
        "fatal",
        "f",
        "panic",
        "alert",
        "emergency",
        "1",
        "40",
        "50",
    ),
}
_LEVEL_OF = {word: level for level, words in WORDS.items() for word in words}

LONGEST = 1000
#: How many files are kept, with the one that is written.
FILES = 3
BLOCK = 65_536


@dataclass(frozen=True, slots=True)
class Line:
    """`number` grows by one with each line of a device, also over restarts; `time` is ISO 8601 in UTC.

    `source` is "device" for what it said itself, "server" for what the server says about it.
    """

    number: int
    time: str
    level: str
    source: str
    message: str


def level_of(word: str | int) -> str:
    """One of LEVELS; "info" for what nobody knows."""
    return _LEVEL_OF.get(str(word).strip().strip("[]<>:").lower(), "info")


def harmless(message: str) -> str:
    """One line that steers no terminal, turns no text and holds no password."""
    text = plain(without_credentials(message[: 2 * LONGEST].strip()))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


class DeviceLogFile:
    """One thread writes, others may read meanwhile. `size` is the most that a file may have, in bytes."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size
        self._last: int | None = None

    @property
    def files(self) -> list[Path]:
        """The newest first; not all need to be there."""
        return [self._path, *(self._path.with_name(f"{self._path.name}.{number}") for number in range(1, FILES))]

    def next_number(self) -> int:
        """Of the line that will be written. Never given twice."""
        if self._last is None:
            self._last = next((line.number for line in self.lines()), 0)
        self._last += 1
        return self._last

    def append(self, lines: Iterable[Line]) -> None:
        """Raises OSError; then it is unknown how many of them, and how much of the last, were written."""
        waiting, room = bytearray(), 0
        descriptor = -1
        try:
            descriptor, room = self._open()
            for line in lines:
                encoded = json.dumps(asdict(line), ensure_ascii=False).encode() + b"\n"
                has_lines = waiting or room < self._size
                if has_lines and len(waiting) + len(encoded) > room:
                    write_whole(descriptor, waiting)
                    waiting.clear()
                    os.close(descriptor)
                    descriptor = -1
                    self._rotate()
                    descriptor, room = self._open()
                waiting += encoded
            write_whole(descriptor, waiting)
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def search(self, text: str = "", level: str = "debug", before: int | None = None, limit: int = 100) -> list[Line]:
        """The newest first: of `level` or worse, with `text` in it, in whichever case, and a number below `before`."""
        wanted, worse = text.casefold(), LEVELS[LEVELS.index(level) :]
        found: list[Line] = []
        for line in self.lines(before):
            if line.level in worse and wanted in line.message.casefold():
                found.append(line)
                if len(found) >= limit:
                    break
        return found

    def remove(self) -> None:
        """All of it. Raises OSError."""
        for file in self.files:
            file.unlink(missing_ok=True)
        self._last = None

    def lines(self, before: int | None = None) -> Iterator[Line]:
        """From the newest to the oldest, numbered below `before`. What is no line, after a power cut, is left out."""
        for file in self.files:
            try:
                if before is not None and begins_at(file) >= before:
                    continue
                for raw in backwards(file):
                    line = parse(raw)
                    # Where it rotates meanwhile, the next file is one that was read already.
                    if line and (before is None or line.number < before):
                        before = line.number
                        yield line
            except FileNotFoundError:
                continue

    def _open(self) -> tuple[int, int]:
        """The file, ready for a new line, and how much it may still take."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            length = os.fstat(descriptor).st_size
            if length and os.pread(descriptor, 1, length - 1) != b"\n":
                write_whole(descriptor, b"\n")  # the line before was cut off
                length += 1
        except OSError:
            os.close(descriptor)
            raise
        return descriptor, self._size - length

    def _rotate(self) -> None:
        newest_first = self.files
        for older, newer in zip(reversed(newest_first), list(reversed(newest_first))[1:], strict=False):
            if newer.exists():
                newer.replace(older)


def write_whole(descriptor: int, data: bytes | bytearray) -> None:
    while data:
        written = os.write(descriptor, data)
        if not written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        data = data[written:]


def parse(raw: bytes) -> Line | None:
    try:
        found = json.loads(raw)
        line = Line(found["number"], found["time"], found["level"], found["source"], found["message"])
    except (ValueError, KeyError, TypeError):
        return None
    is_whole = isinstance(line.number, int) and line.level in LEVELS and isinstance(line.message, str)
    return line if is_whole else None


def begins_at(file: Path) -> int:
    """The number of the first line; 0 when it cannot be told."""
    with file.open("rb") as handle:
        first = parse(handle.readline(BLOCK))
    return first.number if first else 0


def backwards(file: Path) -> Iterator[bytes]:
    """The lines from the last to the first, read in blocks as they are asked for."""
    with file.open("rb") as handle:
        end = handle.seek(0, os.SEEK_END)
        begun = b""
        while end > 0:
            start = max(0, end - BLOCK)
            handle.seek(start)
            begun, *whole = (handle.read(end - start) + begun).split(b"\n")
            yield from reversed(whole)
            end = start
        yield begun
