"""From the command to the first page, once everything is installed."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import requests

from benchmarks.machine import CORES, pinned
from benchmarks.table import Rounds, Table, verdict
from tests.running import RunningServer


def run(rounds: int = 5) -> Table:
    table = Table(
        "Start to first page, seconds",
        "`python app.py` until the log-in page has come: in an empty directory, where the database and the first admin "
        f"are made, and in one that was used before. Medians of {rounds}, in brackets the least and the most.",
        ("", "measured", "", "at most", "holds"),
    )
    firsts, agains = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="camproxy-benchmark-") as directory:
            firsts.append(start(Path(directory)))
            agains.append(start(Path(directory)))
    for name, found in (("the first time", Rounds(firsts)), ("again", Rounds(agains))):
        table.add(name, f"{found.median:.1f}", found.spread(".1f"), *verdict(found.median, 3))
    return table


def start(directory: Path) -> float:
    begun = time.monotonic()
    with pinned(*CORES):
        server = RunningServer(directory)
    try:
        requests.get(f"{server.url}/login", timeout=10).raise_for_status()
        return time.monotonic() - begun
    finally:
        server.stop()
