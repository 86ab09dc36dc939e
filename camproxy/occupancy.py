"""One server for each DATA_DIR, and none while its database is replaced.

Whoever works there holds a lock of the kernel's (flock). It ends with the last process that has it, however that ends;
the file is never removed and says only who took it. gunicorn's master takes it before anything else and its workers
inherit it, so that it is not free while a worker that died has no successor yet. Scripts that only use the database,
as the server does, need no lock.
"""

from __future__ import annotations

import errno
import logging
import os
import sys
import time
from pathlib import Path

from camproxy.errors import CannotStart
from camproxy.files import belong_to

if sys.platform != "win32":
    import fcntl

log = logging.getLogger(__name__)

LOCK = "server.lock"
#: How long the worker of a master that was killed is waited for, which needs a moment to notice. Seconds.
PATIENCE = 10.0

#: What this process holds, by the real directory. A worker begins with what its master held.
_held: dict[Path, int] = {}


class Occupied(CannotStart):
    """Another process holds it."""


def occupy(data_dir: Path, patience: float = PATIENCE) -> bool:
    """Take the lock, or go on holding it. Whether it was taken now. Raises Occupied and CannotStart."""
    directory = data_dir.resolve()
    if directory in _held:
        return False
    try:
        descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise CannotStart(f"nothing can be written into {data_dir}: {error.strerror}") from None
    try:
        belong_to(directory / LOCK, like=directory)
        _lock(descriptor, data_dir, time.monotonic() + patience)
    except BaseException:
        os.close(descriptor)
        raise
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    _held[directory] = descriptor
    return True


def leave(data_dir: Path) -> None:
    """Give up this process's hold; what others inherited they keep. Idempotent."""
    descriptor = _held.pop(data_dir.resolve(), None)
    if descriptor is not None:
        os.close(descriptor)  # not LOCK_UN, which would end the hold of master and worker alike


def _lock(descriptor: int, data_dir: Path, until: float) -> None:
    if sys.platform == "win32":
        return  # there it is for trying things out
    waited = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise CannotStart(f"{data_dir / LOCK} cannot be locked: {error.strerror}") from None
        holder = _holder(descriptor)
        if _runs(holder) or time.monotonic() > until:
            who = f" (process {holder})" if holder else ""
            raise Occupied(f"another CamProxy{who} works in {data_dir}. Stop it, or set another DATA_DIR.")
        if not waited:
            log.warning("waiting for what is left of process %s in %s to end", holder, data_dir)
            waited = True
        time.sleep(0.1)


def _holder(descriptor: int) -> int:
    """Who took the lock, by its own word; 0 when it has not said so yet."""
    said = os.pread(descriptor, 20, 0).strip()
    return int(said) if said.isdigit() else 0


def _runs(pid: int) -> bool:
    if not pid:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
