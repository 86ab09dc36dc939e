"""A directory that copies are kept in: another disk, a network share.

Whoever else can write there may have put links in it; none is followed, neither on the way nor at its end.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from camproxy.copies.target import CHUNK, CopyFailed, Refused, Source
from camproxy.recording.hours import is_folder, read_path
from camproxy.recording.manifest import NAME

#: Tells the place from the empty directory that is left where its disk is not mounted.
MARKER = ".camproxy-copy"
UNFINISHED = ".part"
#: A pipe that somebody put there must not make us wait for its writer.
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
WRITE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class DirectoryTarget:
    """A Target. Also a directory of recordings, or a copy of one, for who only reads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.shown = str(root)

    def prepare(self, used: bool) -> None:
        with self._in_words():
            there = (self.root / MARKER).is_file()
            if there:
                return
            if used:
                raise CopyFailed(
                    f"the marker file {self.root / MARKER} is missing, so the disk may not be mounted. "
                    "If it has to be a new disk, make that file"
                )
            with self._folder(PurePosixPath(MARKER)) as folder:
                self._write(folder, MARKER, b"CamProxy keeps copies of recordings here.\n")

    def manifest(self, folder: str) -> bytes:
        try:
            with self._in_words(), self._open(PurePosixPath(folder, NAME)) as file:
                return file.read()
        except FileNotFoundError:
            return b""

    def publish(self, folder: str, content: bytes) -> None:
        with self._in_words(), self._folder(PurePosixPath(folder, NAME), make=True) as directory:
            self._write(directory, NAME, content)

    def put(self, source: Source) -> None:
        path = PurePosixPath(source.path)
        with source.open() as original, self._in_words(), self._folder(path, make=True) as folder:
            with contextlib.suppress(FileNotFoundError):
                if self._hash(folder, path.name) == source.sha256:
                    return
                raise Refused(f"{source.path} is in {self.shown} already, but is another file, and is left alone")
            part = f".{path.name}{UNFINISHED}"
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part, dir_fd=folder)
            try:
                with open(os.open(part, WRITE, 0o600, dir_fd=folder), "wb", buffering=0) as copy:
                    for chunk in source.chunks(original):
                        written = 0
                        while written < len(chunk):
                            written += copy.write(chunk[written:])
                    os.fsync(copy.fileno())
                    # So that it is the disk that is asked for it now, and not the memory.
                    os.posix_fadvise(copy.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                if self._hash(folder, part) != source.sha256:
                    raise CopyFailed(f"{source.path} is not what was written to {self.shown}")
                os.rename(part, path.name, src_dir_fd=folder, dst_dir_fd=folder)
                os.fsync(folder)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(part, dir_fd=folder)
                raise

    def abandon(self, path: str) -> None:
        name = PurePosixPath(path)
        with contextlib.suppress(FileNotFoundError), self._in_words(), self._folder(name) as folder:
            os.unlink(f".{name.name}{UNFINISHED}", dir_fd=folder)

    def names(self) -> Iterator[tuple[str, int]]:
        with self._in_words():
            for folder in sorted(self._entries(PurePosixPath("x"), stat.S_ISDIR)):
                if not is_folder(folder):
                    continue
                files = self._entries(PurePosixPath(folder, "x"), stat.S_ISREG)
                if NAME in files:
                    yield f"{folder}/{NAME}", files[NAME]
                for day in sorted(self._entries(PurePosixPath(folder, "x"), stat.S_ISDIR)):
                    files = self._entries(PurePosixPath(folder, day, "x"), stat.S_ISREG)
                    for name, size in sorted(files.items()):
                        if read_path(f"{folder}/{day}/{name}"):
                            yield f"{folder}/{day}/{name}", size

    def _entries(self, path: PurePosixPath, is_wanted: Callable[[int], bool]) -> dict[str, int]:
        """Names beside that path, with their sizes."""
        found = {}
        with contextlib.suppress(FileNotFoundError), self._folder(path) as folder:
            for name in os.listdir(folder):
                with contextlib.suppress(FileNotFoundError):
                    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                    if is_wanted(status.st_mode):
                        found[name] = status.st_size
        return found

    def open(self, path: str) -> BinaryIO:
        with self._in_words():
            return self._open(PurePosixPath(path))

    def remove(self, path: str) -> None:
        name = PurePosixPath(path)
        with self._in_words(), self._folder(name) as folder:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name.name, dir_fd=folder)
            os.fsync(folder)
        with contextlib.suppress(OSError), self._folder(name.parent) as above:  # there is more in it
            os.rmdir(name.parent.name, dir_fd=above)

    def close(self) -> None:
        pass

    def _open(self, path: PurePosixPath) -> BinaryIO:
        with self._folder(path) as folder:
            return self._open_in(folder, path.name)

    @contextmanager
    def _folder(self, path: PurePosixPath, make: bool = False) -> Iterator[int]:
        """The directory that the path lies in, open; made first if wanted."""
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for name in path.parent.parts:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(name, 0o700, dir_fd=descriptor)
                        os.fsync(descriptor)
                inner = os.open(name, READ | os.O_DIRECTORY, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)

    @staticmethod
    def _write(folder: int, name: str, content: bytes) -> None:
        """All of it or nothing, also after a power cut."""
        part = f".{name}{UNFINISHED}"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part, dir_fd=folder)
        with open(os.open(part, WRITE, 0o600, dir_fd=folder), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)

    @staticmethod
    def _open_in(folder: int, name: str) -> BinaryIO:
        descriptor = os.open(name, READ, dir_fd=folder)
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return open(descriptor, "rb", buffering=0)
        os.close(descriptor)
        raise Refused(f"{name} is no file")

    @classmethod
    def _hash(cls, folder: int, name: str) -> str:
        digest = hashlib.sha256()
        with cls._open_in(folder, name) as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """What the system says, as CopyFailed; that something is not there is an answer and no failure."""
        try:
            yield
        except FileNotFoundError as error:
            if self.root.is_dir():
                raise
            raise CopyFailed(f"{self.shown}: {error.strerror}") from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EISDIR):
                raise Refused(f"there is a link or something else in the way in {self.shown}") from None
            raise CopyFailed(f"{self.shown}: {error.strerror}") from None
