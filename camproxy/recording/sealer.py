"""Sealer: takes the hash of each finished file, and writes it into the camera's manifest and the file's row.

In this order, as a row is made after its file: a line without a hash in the row is found again, a hash without a line
would look as if a line had been taken away. A subsystem: start, stop, state.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from camproxy.clock import Clock, SystemClock, moment
from camproxy.errors import Unavailable
from camproxy.listeners import tell
from camproxy.recording.book import DISK_MISSING
from camproxy.recording.catalogue import Catalogue, Unsealed
from camproxy.recording.manifest import Line
from camproxy.recording.storage import Storage

log = logging.getLogger(__name__)

#: How often it looks when nobody told of a finished file. Seconds.
LOOK_EVERY = 10.0
#: How many files are asked for at a time.
BATCH = 100
CHUNK = 1 << 20
NICENESS = 15


class Cancelled(Exception):
    """The server stops."""


def hash_of(file: Path, cancelled: Callable[[], bool] = lambda: False) -> tuple[str, int]:
    """SHA-256 in hexadecimal, and bytes. What was read is not kept in memory, where it would displace what somebody
    needs. Raises OSError, and Cancelled."""
    digest, length = hashlib.sha256(), 0
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        while chunk := os.read(descriptor, CHUNK):
            if cancelled():
                raise Cancelled
            digest.update(chunk)
            length += len(chunk)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
    return digest.hexdigest(), length


def give_way() -> None:
    """This thread's work can wait for everybody's. Linux has a niceness for each thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


class Sealer:
    """`listeners` are called when files have been sealed."""

    def __init__(self, catalogue: Catalogue, storage: Storage, clock: Clock | None = None) -> None:
        self._catalogue = catalogue
        self._storage = storage
        self._clock = clock or SystemClock()
        self._stopping = threading.Event()
        self._due = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sealer", daemon=True)
        self._sealed = 0
        #: Rows whose file cannot be sealed; the next start tries again.
        self._failed: set[int] = set()
        self.listeners: list[Callable[[], None]] = []
        catalogue.listeners.append(self._due.set)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._due.set()
        if self._thread.is_alive():
            self._thread.join(timeout=1)

    def state(self) -> dict[str, Any]:
        return {"sealed": self._sealed, "failed": len(self._failed)}

    def alarms(self) -> list[str]:
        """Sentences for an operator."""
        broken = [one.folder for one in self._storage.manifests() if one.faults]
        return [f"the manifest of {name} has been changed; scripts/verify_recordings.py tells more" for name in broken]

    def look(self) -> int:
        """Seal what is not sealed yet. How many files that were. Raises Unavailable, OSError."""
        count = 0
        while True:
            rows = self._catalogue.unsealed(BATCH + len(self._failed))
            left = [row for row in rows if row.id not in self._failed]
            if not left:
                return count
            for row in left:
                if self._stopping.is_set() or self._storage.look() == DISK_MISSING:
                    return count
                if self._seal(row):
                    count += 1
                    self._sealed += 1
                    tell(self.listeners)

    def _seal(self, row: Unsealed) -> bool:
        """Raises OSError when the manifest takes nothing, as on a full disk."""
        try:
            sha256, length = hash_of(self._storage.file(row.path), self._stopping.is_set)
        except Cancelled:
            return False
        except (OSError, ValueError) as error:
            self._failed.add(row.id)
            log.error("recordings: %s cannot be read: %s", row.path, error)
            return False
        manifest = self._storage.manifest(row.path.partition("/")[0])
        with manifest.lock:
            known = manifest.live(row.path)
            if known and known.sha256 and known.sha256 != sha256 and self._is_same(known, row):
                # Its row has been made anew, from the file; what was recorded is what the manifest says.
                log.error("recordings: %s is not what was recorded", row.path)
                sha256 = known.sha256
            elif not known or known.sha256 != sha256:
                if not self._catalogue.is_known(row.id):
                    return False  # somebody has just removed it
                manifest.write(self._line(row, sha256, length))
        self._catalogue.sealed(row.id, sha256)
        return True

    @staticmethod
    def _is_same(line: Line, row: Unsealed) -> bool:
        """Whether both tell of the same recording. A row that was made from its file has its times in milliseconds."""
        return bool(line.started_at and abs((line.started_at - row.started_at).total_seconds()) < 1)

    def _line(self, row: Unsealed, sha256: str, length: int) -> Line:
        return Line(
            kind="recorded",
            path=row.path,
            at=moment(self._clock.wall()),
            bytes=length,
            sha256=sha256,
            started_at=row.started_at,
            ended_at=row.ended_at,
        )

    def _run(self) -> None:
        give_way()
        while not self._stopping.is_set():
            self._due.clear()
            try:
                self.look()
            except (Unavailable, OSError) as error:
                log.warning("recordings are not sealed: %s", error)
            except Exception:
                log.exception("recordings are not sealed")  # the next look tries again
            self._due.wait(LOOK_EVERY)
