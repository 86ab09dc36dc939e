"""Files that are there as a whole or not at all, also after a power cut, and that belong to whom the server runs as."""

from __future__ import annotations

import os
from pathlib import Path


def belong_to(path: Path, like: Path) -> None:
    """What root makes, in a script, the server must be able to use: it belongs to whom `like` belongs."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        owner = like.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def settle(path: Path) -> None:
    """Return when what was written into a file, or which names a directory has, would survive a power cut."""
    if os.name == "nt" and path.is_dir():
        return  # cannot be opened there, and needs not
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
