"""Disks of a test's own: full, or read-only, seen by one process and its children and by nobody else."""

from __future__ import annotations

import os
import subprocess

#: Root needs no user namespace to mount something; others are root in one of their own.
_USER = () if os.geteuid() == 0 else ("--map-root-user",)


def with_mounts(script: str) -> list[str]:
    """A command that runs a shell's script, which may mount things. Words after it are the script's "$@"."""
    return ["unshare", "--mount", *_USER, "sh", "-c", script, "sh"]


def among_mounts_of(pid: int, *command: str) -> None:
    """Run a command that sees what that process sees."""
    user = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
    subprocess.run(["nsenter", "--target", str(pid), "--mount", *user, *command], check=True)
