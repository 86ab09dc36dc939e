"""Storage: the directory that recordings are kept in, and whether it can be used just now.

A marker file tells it from the empty directory that is left where its disk is not mounted.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from camproxy.clock import Clock, SystemClock, moment
from camproxy.files import settle
from camproxy.recording.book import DISK_FULL, DISK_MISSING
from camproxy.recording.hours import is_folder, part_at, read_path
from camproxy.recording.manifest import Line, Manifest

if os.name != "nt":
    import fcntl

log = logging.getLogger(__name__)

MARKER = ".camproxy-storage"
QUARANTINE = "quarantine"
#: A disk that was full is used again when there is a tenth more room than has to be.
ROOM_AGAIN = 1.1
#: How long one that could not be written to, though there seems to be room, is left alone. Seconds.
REFUSED_FOR = 30.0


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file made just now. Whoever has `descriptor` open holds its lock: nobody else is to touch it."""

    path: PurePosixPath
    descriptor: int


class Storage:
    """`reserve` is how many bytes are to stay free. Thread-safe."""

    def __init__(self, root: Path, reserve: int, clock: Clock | None = None) -> None:
        self.root = root
        self.reserve = reserve
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        #: book.DISK_FULL or DISK_MISSING while it cannot be used; then `detail` says more.
        self.trouble: str | None = None
        self.detail = ""
        self._refused_until = float("-inf")
        self._refusal = ""
        #: What was made since the start, which no look at older files is to touch.
        self.made: set[str] = set()
        self._manifests: dict[str, Manifest] = {}
        self._lock_of_manifests = threading.Lock()

    @property
    def marker(self) -> Path:
        return self.root / MARKER

    def prepare(self, used: bool) -> None:
        """Make it, unless recordings are known that should be in it: then its disk may not be mounted."""
        if not used:
            try:
                self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
                self.marker.write_text(
                    "CamProxy keeps recordings here. Without this file it would not use the place.\n"
                )
                settle(self.root)
            except OSError as error:
                log.warning("recordings cannot be kept in %s: %s", self.root, error.strerror)
        self.look()

    def look(self) -> str | None:
        """Whether it can be used now; the trouble, if not."""
        trouble, detail = self._look()
        if trouble != self.trouble:
            if trouble:
                log.error("recording stops: %s", detail)
            else:
                log.info("recording goes on: %s can be used again", self.root)
        self.trouble, self.detail = trouble, detail
        return trouble

    def _look(self) -> tuple[str | None, str]:
        try:
            if not self.marker.is_file():
                return DISK_MISSING, (
                    f"the marker file {self.marker} is missing, so the disk may not be mounted; nothing is changed. "
                    "If it has to be a new disk, make that file"
                )
            free = self.free()
        except OSError as error:
            return DISK_MISSING, f"{self.root} cannot be read: {error.strerror}"
        wanted = self.reserve * (ROOM_AGAIN if self.trouble == DISK_FULL else 1)
        if free < wanted:
            return DISK_FULL, f"there are {free // 1_000_000} MB free in {self.root}, too few"
        if self._clock.monotonic() < self._refused_until:
            return DISK_FULL, f"{self.root} takes nothing: {self._refusal}"
        return None, ""

    def refuses(self, why: str) -> None:
        """Somebody could not write, though there seems to be room: it is left alone for a while."""
        self._refusal, self._refused_until = why, self._clock.monotonic() + REFUSED_FOR
        self.look()

    def free(self) -> int:
        """Bytes. Raises OSError."""
        return shutil.disk_usage(self.root).free

    def create(self, folder: str, at: float, zone: tzinfo) -> NewFile:
        """A new file for what begins at that moment, with a lock on it. Nothing is overwritten. Raises OSError."""
        with self._lock:
            number = 1 + self._numbers(folder, at, zone)
            while True:
                path = part_at(folder, at, zone, number).path
                file = self.root / path
                file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                try:
                    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
                except FileExistsError:
                    number += 1
                    continue
                except FileNotFoundError:
                    continue  # its directory was empty, and removed just now
                self.made.add(str(path))
                break
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for directory in (file.parent, file.parent.parent, self.root):
            settle(directory)
        return NewFile(path, descriptor)

    def _numbers(self, folder: str, at: float, zone: tzinfo) -> int:
        """The highest number of a part of that hour, 0 if there is none. None is given twice, so that no copy of a
        file that was removed is in the way of a later one."""
        wanted = part_at(folder, at, zone)
        directory = (self.root / wanted.path).parent
        names = os.listdir(directory) if directory.is_dir() else []
        parts = [read_path(f"{folder}/{wanted.day.isoformat()}/{name}") for name in names]
        recorded = self.manifest(folder).highest(wanted.day.isoformat(), wanted.hour)
        return max([recorded, *(part.number for part in parts if part and part.hour == wanted.hour)])

    def manifest(self, folder: str) -> Manifest:
        """What was recorded of a camera."""
        with self._lock_of_manifests:
            return self._manifests.setdefault(folder, Manifest(self.root / folder))

    def manifests(self) -> list[Manifest]:
        """Those that have been asked for since the start."""
        with self._lock_of_manifests:
            return list(self._manifests.values())

    def folders(self) -> list[str]:
        """Those of all cameras that anything was ever recorded of. Raises OSError."""
        return sorted(child.name for child in self._directories(self.root) if is_folder(child.name))

    def file(self, path: str) -> Path:
        """Where a recording lies. Raises ValueError when no recording can have that path, or a link leads elsewhere."""
        if not read_path(path):
            raise ValueError(f"{path!r} is no recording's path")
        file = self.root / path
        if file.resolve() != self.root.resolve() / path:
            raise ValueError(f"{path!r} leads elsewhere")
        return file

    def open(self, path: str) -> BinaryIO:
        """To read a recording; whatever becomes of the file meanwhile, it can be read until it is closed.

        Each step of the path is opened from the one before, and none may be a link. Raises ValueError, OSError.
        """
        if not read_path(path):
            raise ValueError(f"{path!r} is no recording's path")
        *directories, name = PurePosixPath(path).parts
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        for step in (*directories, name):
            kind = os.O_NONBLOCK if step is name else os.O_DIRECTORY  # never to wait for a pipe that lies there
            try:
                inner = os.open(step, os.O_RDONLY | os.O_NOFOLLOW | kind, dir_fd=descriptor)
            finally:
                os.close(descriptor)
            descriptor = inner
        file = os.fdopen(descriptor, "rb")
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return file
        file.close()
        raise ValueError(f"{path!r} is no file")

    def walk(self) -> Iterator[str]:
        """The paths of all recordings that are there, links apart."""
        for folder in sorted(self._directories(self.root)):
            for day in sorted(self._directories(folder)):
                for file in self._files(day):
                    path = file.relative_to(self.root).as_posix()
                    if read_path(path) and file.is_file() and not file.is_symlink():
                        yield path

    @staticmethod
    def _files(day: Path) -> list[Path]:
        try:
            return sorted(day.iterdir())
        except FileNotFoundError:
            return []  # the last one was removed just now, and the directory with it

    @staticmethod
    def _directories(parent: Path) -> list[Path]:
        return [child for child in parent.iterdir() if child.is_dir() and not child.is_symlink()]

    def is_busy(self, path: str) -> bool:
        """Whether somebody still writes it: an ffmpeg that has outlived its server. Raises OSError, ValueError."""
        descriptor = os.open(self.file(path), os.O_RDONLY | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def quarantine(self, path: str) -> Path:
        """Put a file aside that cannot be read; where it is now. Raises OSError, ValueError."""
        file = self.file(path)
        place = self.root / QUARANTINE / path
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        stem, number = place.stem, 1
        while place.exists():
            number += 1
            place = place.with_name(f"{stem}~{number}.mp4")
        os.rename(file, place)
        for directory in (place.parent, file.parent):
            settle(directory)
        return place

    def remove(self, path: str, why: str = "", by: str = "") -> None:
        """Remove a recording, and the directory of its day when that was the last. Raises OSError, ValueError.

        The manifest says so first: `why`, and `by` whom. What was no recording yet needs no reason, and no line.
        """
        file = self.file(path)
        noted = self._note_removal(path, why, by)
        file.unlink(missing_ok=True)
        if not noted and not self._note_removal(path, why, by):  # on a full disk there is room now
            log.error("recordings: the manifest could not be told that %s was removed", path)
        if file.parent.is_dir():
            settle(file.parent)
            with contextlib.suppress(OSError):  # there is more in it
                file.parent.rmdir()

    def _note_removal(self, path: str, why: str, by: str) -> bool:
        manifest = self.manifest(path.partition("/")[0])
        try:
            with manifest.lock:
                known = manifest.live(path)
                if why or known:
                    at, sha256 = moment(self._clock.wall()), known.sha256 if known else None
                    manifest.write(
                        Line(kind="removed", path=path, at=at, sha256=sha256, why=why or None, by=by or None)
                    )
        except OSError:
            return False
        return True
