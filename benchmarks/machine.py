"""The machine: what it is, its cores, and what a process costs on it."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
#: What is measured has a core to itself; everybody else shares the other.
MEASURED, OTHERS = CORES[-1], CORES[0]


def description() -> str:
    """One line."""
    found = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    model = found[0] if found else platform.machine()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    system = f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"
    cores = f"{len(CORES)} cores" if len(CORES) > 1 else "one core for everything"
    return f"{model}, {cores}, {pages / 2**30:.0f} GB, {system}, Python {platform.python_version()}"


@contextmanager
def pinned(*cores: int) -> Iterator[None]:
    """Whatever process is started in here runs on these cores only, as do its own children."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def is_database(descriptor: Path) -> bool:
    try:
        return ".db" in descriptor.readlink().name
    except FileNotFoundError:
        return True  # it was closed while we looked


class Process:
    """Figures of a running process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._proc = Path(f"/proc/{pid}")

    @property
    def cpu(self) -> float:
        """Seconds of processor time so far, by the process's own clock: /proc/<pid>/stat counts in hundredths only."""
        return time.clock_gettime((~self.pid << 3) | 2)  # as clock_getcpuclockid(3) makes it

    @property
    def memory(self) -> int:
        """Resident bytes."""
        return int(self._proc.joinpath("status").read_text().split("VmRSS:")[1].split()[0]) * 1024

    @property
    def threads(self) -> int:
        return len(list(self._proc.joinpath("task").iterdir()))

    @property
    def descriptors(self) -> int:
        """Without those of an SQLite database: SQLite keeps as many as were ever used at once, and uses them again."""
        return sum(not is_database(file) for file in self._proc.joinpath("fd").iterdir())

    @property
    def children(self) -> list[Process]:
        # Each thread has its own.
        found = [file.read_text().split() for file in self._proc.glob("task/*/children")]
        return [Process(int(pid)) for pids in found for pid in pids]

    def settle(self, within: float = 15.0) -> None:
        """Wait until it has nothing left to do: below 10 % of a core for a little while."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            before = self.cpu
            time.sleep(0.3)
            if self.cpu - before < 0.03:
                return
