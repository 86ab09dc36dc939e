"""A file that should be our SQLite database: whether it is one, whole, and of a revision that this release knows.

Only looks. Used before the server opens its database, and on backups; needs no application.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from camproxy.errors import CamProxyError

#: How long another process may have it locked while we look. Seconds.
PATIENCE = 5.0


class Unfit(CamProxyError):
    """The file is no database for this release; the message ends a sentence that names the file."""


class Damaged(Unfit):
    """It is none, or not whole."""


class TooNew(Unfit):
    """It was written by a later release."""


@dataclass(frozen=True)
class Contents:
    """`revision` is None for an empty database, and for one of the card's first server, which had `user` only."""

    revision: str | None
    tables: frozenset[str]


def open_to_read(file: Path) -> sqlite3.Connection:
    """Open it with as little change to it, and to what lies beside it, as can be. Raises sqlite3.Error."""
    file = file.resolve()
    if beside(file, "-wal").exists():
        mode = "ro"
    elif beside(file, "-journal").exists():
        mode = "rw"  # a transaction was interrupted, and is rolled back before anything can be read
    else:
        mode = "ro&immutable=1"  # else SQLite would leave an empty -wal, which it may not remove
    return sqlite3.connect(f"file:{quote(str(file))}?mode={mode}", uri=True, timeout=PATIENCE)


def beside(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)


def inspect(file: Path, known: Collection[str], *, quick: bool = False) -> Contents:
    """What is in it. Raises Damaged and TooNew; OSError and sqlite3.OperationalError where it cannot be read now.

    `known`: the revisions of this release. `quick` leaves out whether indexes and tables agree, which takes most of
    the time: 141 MB are looked through in 0.07 s instead of 0.5 s.
    """
    # SQLite says of these no more than "unable to open". Not opened to see: closing it would end SQLite's locks on it.
    if not stat.S_ISREG(file.stat().st_mode):
        raise Damaged("is no file")
    if not os.access(file, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    try:
        with closing(open_to_read(file)) as connection:
            connection.text_factory = lambda raw: raw.decode(errors="replace")
            (said,) = connection.execute(f"PRAGMA {'quick' if quick else 'integrity'}_check(1)").fetchone()
            if said != "ok":
                raise Damaged(f"is damaged ({' '.join(said.split())})")
            contents = read(connection)
    except sqlite3.OperationalError:
        raise  # locked, or a disk that does not read: nothing that a backup would mend
    except sqlite3.DatabaseError as error:
        raise Damaged(f"is damaged ({error})") from None
    if contents.revision is not None and contents.revision not in known:
        raise TooNew(f"is of a newer release (revision {contents.revision}; this one knows up to {max(known)})")
    return contents


def read(connection: sqlite3.Connection) -> Contents:
    tables = frozenset(name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'"))
    revision = None
    if "alembic_version" in tables:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        revision = str(row[0]) if row else None
    return Contents(revision, tables)
