"""Backups of an SQLite database: made while the server runs, checked, rotated, put back.

A backup is one file that has its name only once it is whole, and checked, and on the disk. Whatever goes wrong is one
sentence, and leaves neither half a backup nor half a database.
"""

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from camproxy import occupancy, sqlite_file
from camproxy.errors import CamProxyError
from camproxy.files import belong_to, settle
from camproxy.schema import known_revisions
from camproxy.sqlite_file import Contents, beside

#: A backup's name; other files in the directory are not ours to remove.
NAME = re.compile(r"camproxy-(\d{8}T\d{6}Z)\.db")
TIME = "%Y%m%dT%H%M%SZ"
#: Ends the name of one that is being made, or whose making was killed.
UNFINISHED = ".part"
#: After this time nobody is working on an unfinished one any more.
GIVEN_UP = timedelta(days=1)
#: How long the database may be locked while it is copied. Seconds.
PATIENCE = 60.0


class BackupError(CamProxyError):
    """It could not be done; the message is a sentence for whoever runs the script."""


@dataclass(frozen=True)
class Backup:
    """`at` is when it was begun, in UTC; `size` in bytes."""

    file: Path
    at: datetime
    size: int


def backups_in(directory: Path) -> list[Backup]:
    """Those that are there, the oldest first."""
    if not directory.is_dir():
        return []
    named = [(file, found) for file in directory.iterdir() if (found := NAME.fullmatch(file.name))]
    made = [
        Backup(file, datetime.strptime(found[1], TIME).replace(tzinfo=UTC), file.stat().st_size)
        for file, found in named
    ]
    return sorted(made, key=lambda backup: backup.at)


def make(database: Path, directory: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Backup:
    """Copy the database as it is at one moment, while others read and write it. Raises BackupError."""
    with in_a_sentence(f"no backup was made in {directory}"):
        if not database.exists():
            raise BackupError(f"there is no database {database}")
        owner = database.parent
        if not directory.is_dir():
            directory.mkdir(parents=True, mode=0o700)
            belong_to(directory, like=owner)
        with unfinished(directory, now()) as (part, at):
            copy(database, part)
            belong_to(part, like=owner)
            check(part, called="the copy")
            size = part.stat().st_size
            final = directory / name(at)
            part.replace(final)
        settle(directory)
    return Backup(final, at, size)


def rotate(directory: Path, keep: int) -> list[Backup]:
    """Remove the oldest backups but `keep`, at least one, and what is left of some that were interrupted.

    Raises BackupError.
    """
    with in_a_sentence(f"the old backups in {directory} stay"):
        gone = backups_in(directory)[: -max(keep, 1)]
        for backup in gone:
            backup.file.unlink(missing_ok=True)
        for part in directory.glob(f"camproxy-*.db{UNFINISHED}*"):
            if part.stat().st_mtime < time.time() - GIVEN_UP.total_seconds():
                part.unlink(missing_ok=True)
    return gone


def check(file: Path, called: str = "") -> Contents:
    """What is in a backup. Raises BackupError if it is damaged, of a newer release, or no database of CamProxy."""
    called = called or str(file)
    with in_a_sentence(f"{called} cannot be read"):
        try:
            contents = sqlite_file.inspect(file, known_revisions())
        except sqlite_file.Unfit as error:
            raise BackupError(f"{called} {error}") from None
    if "user" not in contents.tables:
        raise BackupError(f"{called} is no database of CamProxy")
    return contents


def restore(file: Path, database: Path, data_dir: Path) -> Path | None:
    """Put a backup in the database's place. What was there is kept beside it; where, is returned.

    Raises BackupError; Occupied, a CannotStart, while a server works in `data_dir`.
    """
    check(file)
    occupancy.occupy(data_dir, patience=0)
    try:
        with in_a_sentence(f"{database} was left as it is"):
            return _replace(file, database, data_dir)
    finally:
        occupancy.leave(data_dir)


def _replace(file: Path, database: Path, data_dir: Path) -> Path | None:
    fresh = beside(database, f".restored{UNFINISHED}")
    try:
        fresh.unlink(missing_ok=True)  # of a restoration that was killed
        os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        copy(file, fresh)
        check(fresh, called="the copy")
        belong_to(fresh, like=database if database.exists() else data_dir)
        kept = set_aside(database) if database.exists() else None
        # At no moment is there no database: a server that started then would make an empty one.
        fresh.replace(database)
        settle(database.parent)
    finally:
        remove(fresh)
    return kept


def set_aside(database: Path) -> Path:
    """Give a database a second name, under which it stays when another takes its place."""
    if is_whole(database):
        put_together(database)
    kept = free(lambda at: beside(database, f".before-restore-{at:{TIME}}"), datetime.now(UTC))
    os.link(database, kept)
    for suffix in ("-wal", "-journal"):  # only beside a damaged one; they would be played into the new one
        if beside(database, suffix).exists():
            beside(database, suffix).replace(beside(kept, suffix))
    beside(database, "-shm").unlink(missing_ok=True)
    settle(database.parent)
    return kept


def is_whole(database: Path) -> bool:
    try:
        sqlite_file.inspect(database, known_revisions(), quick=True)
    except sqlite_file.TooNew:
        return True
    except sqlite_file.Damaged:
        return False
    return True


def put_together(database: Path) -> None:
    """Bring what was written last from the log beside it into the file itself."""
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=rw", uri=True, timeout=0)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise BackupError("another program has the database open; stop it first") from None
        raise


def copy(source: Path, target: Path) -> None:
    """SQLite's own way to copy a database that is in use; the copy is one file. Raises sqlite3.Error and OSError."""
    until = time.monotonic() + PATIENCE

    def bounded(_status: int, _remaining: int, _total: int) -> None:
        if time.monotonic() > until:
            raise BackupError("the database is locked by another program")

    # For writing, which nobody does: only then does SQLite put right what a killed program left.
    mode = "rw" if os.access(source, os.W_OK) else "ro"
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode={mode}", uri=True, timeout=PATIENCE)) as present,
        closing(sqlite3.connect(target)) as made,
    ):
        made.execute("PRAGMA synchronous=OFF")  # all at once, below
        present.backup(made, progress=bounded)
        made.execute("PRAGMA journal_mode=DELETE")
    settle(target)


@contextmanager
def unfinished(directory: Path, at: datetime) -> Iterator[tuple[Path, datetime]]:
    """An empty file that only the owner can read, for the first moment from `at` on that has no backup yet."""
    while True:
        part = directory / (name(at) + UNFINISHED)
        try:
            os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError:
            at += timedelta(seconds=1)
            continue
        try:
            if not (directory / name(at)).exists():
                yield part, at
                return
        finally:
            remove(part)
        at += timedelta(seconds=1)


def free(path: Callable[[datetime], Path], at: datetime) -> Path:
    while path(at).exists():
        at += timedelta(seconds=1)
    return path(at)


def name(at: datetime) -> str:
    return f"camproxy-{at:{TIME}}.db"


def remove(part: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        beside(part, suffix).unlink(missing_ok=True)


@contextmanager
def in_a_sentence(what: str) -> Iterator[None]:
    """What the system or SQLite says, after what it means."""
    try:
        yield
    except OSError as error:
        raise BackupError(f"{what}: {error.strerror}") from None
    except sqlite3.Error as error:
        raise BackupError(f"{what}: {error}") from None
