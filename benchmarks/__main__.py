"""All benchmarks, or those that are named: prints a table for each."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from functools import partial

from benchmarks import boards, detection, devices, endurance, fanout, latency, lookback, recording, recordings, startup
from benchmarks.load import compiler
from benchmarks.machine import description
from benchmarks.table import Table

BENCHMARKS: dict[str, Callable[[], Table]] = {
    "fanout": fanout.run,
    "latency": latency.run,
    "stopped": endurance.stopped,
    "slow": endurance.slow,
    "visits": endurance.come_and_go,
    "cameras": endurance.cameras,
    "devices": devices.run,
    "boards": boards.run,
    "recorder": recording.cost,
    "recorders": recording.many,
    "sizing": recording.sizing,
    "detection": detection.run,
    "recordings": recordings.run,
    "lookback": lookback.run,
    "start": startup.run,
}
#: The same in a minute or two, to see that they work: the figures mean little.
QUICK: dict[str, Callable[[], Table]] = {
    "fanout": partial(fanout.run, seconds=0.5, count=20, rates=(10,), rounds=1, settled=0),
    "latency": partial(latency.run, seconds=1, count=5, rounds=1, commands=5),
    "stopped": partial(endurance.stopped, seconds=2, count=2),
    "slow": partial(endurance.slow, seconds=6),
    "visits": partial(endurance.come_and_go, visits=20, at_once=5, within=2, patience=0),
    "cameras": partial(endurance.cameras, seconds=1, count=3, viewers=2, rounds=1),
    "devices": partial(devices.run, seconds=2, count=3, viewers=2, rounds=1, warm_up=0.5),
    "boards": partial(boards.run, seconds=2, rounds=1, commands=8),
    "recorder": partial(recording.cost, seconds=1, count=1, rounds=1, settled=0.5),
    "recorders": partial(recording.many, seconds=2, count=3, viewers=2, rounds=1),
    "sizing": partial(recording.sizing, seconds=1, rates=(5,)),
    "detection": partial(detection.run, seconds=1, count=2, rounds=1, settled=0.5),
    "recordings": partial(recordings.run, count=1000, rounds=2, hour=5),
    "lookback": partial(lookback.run, seconds=60, rounds=1),
    "start": partial(startup.run, rounds=1),
}
#: As long as the claim goes, where that is longer than what is measured otherwise.
LONG: dict[str, Callable[[], Table]] = {"devices": partial(devices.run, seconds=600, rounds=10)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; all when none is named")
    parser.add_argument("--quick", action="store_true", help="short and with few viewers: only whether they work")
    parser.add_argument("--long", action="store_true", help="devices for ten minutes")
    parser.add_argument("--markdown", action="store_true", help="tables as Markdown")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    chosen = QUICK if options.quick else BENCHMARKS | (LONG if options.long else {})
    compiler()
    print(f"{description()}; load average at the start {os.getloadavg()[0]:.1f}\n", flush=True)
    missed = 0
    for name in options.names or BENCHMARKS:
        table = chosen[name]()
        missed += table.missed
        print(table.as_markdown() if options.markdown else table.as_text(), flush=True)
    print(f"load average at the end {os.getloadavg()[0]:.1f}; claims that did not hold: {missed}")


if __name__ == "__main__":
    main()
