"""Networks of a test's own: a machine's interfaces as seen by one process and its children and by nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

#: Root needs no user namespace to make a network; others are root in one of their own.
_USER = () if os.geteuid() == 0 else ("--map-root-user",)


def with_network(script: str, *command: str) -> list[str]:
    """Runs a shell's script, which makes the interfaces, and then the command, in a network that has only loopback."""
    return ["unshare", "--net", *_USER, "sh", "-ec", f'ip link set lo up; {script}; exec "$@"', "sh", *command]


def in_network_of(pid: int, *command: str) -> list[str]:
    """A command that has the network of that process."""
    user = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
    return ["nsenter", "--target", str(pid), "--net", *user, *command]


def change_network_of(pid: int, script: str) -> None:
    subprocess.run(in_network_of(pid, "sh", "-ec", script), check=True, timeout=10)


class Watcher:
    """A stranger's program in that network, which prints each line that it has to say; see tests/fakes/mdns.py."""

    def __init__(self, pid: int, *arguments: str) -> None:
        program = [sys.executable, "-m", "tests.fakes.mdns", *arguments]
        options: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(in_network_of(pid, *program), **options)

    def next(self) -> str:
        """The next line; empty when it has ended."""
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def close(self) -> None:
        self.process.communicate(timeout=10)  # it ends with its input

    def __enter__(self) -> Watcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
