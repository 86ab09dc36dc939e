"""Device logs: what each board says, and what the server has to say about it, kept on disk and shown live.

Who writes is never held up: lines wait in a bounded queue for the one thread that writes them all. What there is no
room for is counted, and the log itself says that something is missing.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from camproxy.clock import Clock, SystemClock, iso
from camproxy.control.throttle import Throttle
from camproxy.device_log_file import DeviceLogFile, Line, harmless, level_of
from camproxy.listeners import tell

log = logging.getLogger(__name__)

Source = Literal["device", "server"]

#: How many lines a second are taken of a device, and as many that the server says about it; a second's worth at once.
LINES_A_SECOND = 20.0
#: How many lines of all devices may wait for the disk.
ROOM = 2000
#: How often a log says that lines are missing, while that goes on. Seconds.
SAY_EVERY = 1.0
#: How long the disk has at the end to take the rest. Seconds.
STOP_WITHIN = 1.0


class Entry(NamedTuple):
    device: int
    wall: float
    level: str
    source: Source
    message: str


class DeviceLogs:
    """A subsystem: start, stop, state. Every method may be called from any thread.

    `directory` holds a file for each device, `size` is the most that each may have, in bytes; it has two older ones.
    `listeners` are called with a device's number and a line, in the writing thread; they must not block.
    """

    def __init__(self, directory: Path, size: int, clock: Clock = SystemClock()) -> None:
        self._directory = directory
        self._size = size
        self._clock = clock
        self._throttle = Throttle(LINES_A_SECOND, clock)
        self.listeners: list[Callable[[int, Line], None]] = []
        self._changed = threading.Condition()
        self._queue: list[Entry] = []
        #: What the writing thread has in hand, by device.
        self._taken: dict[int, list[Entry]] = {}
        self._dropped: Counter[int] = Counter()
        self._lost: Counter[int] = Counter()
        self._counts: Counter[str] = Counter()
        self._failing: str | None = None
        self._stopping = False
        self._disk = threading.Lock()
        self._files: dict[int, DeviceLogFile] = {}
        self._thread = threading.Thread(target=self._run, name="device-logs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(STOP_WITHIN)

    def state(self) -> dict[str, Any]:
        """`dropped` lines came too fast, `lost` ones the disk did not take; `failing` says why, while it does not."""
        return {
            "waiting": len(self._queue),
            "written": self._counts["written"],
            "dropped": self._counts["dropped"],
            "lost": self._counts["lost"],
            "failing": self._failing,
        }

    def write(self, device: int, level: str | int, message: str, source: Source = "server") -> None:
        """Note a line. It never blocks and never fails; it may be dropped, and counted."""
        is_early = self._throttle.not_before(2 * device + (source == "device")) > self._clock.monotonic()
        with self._changed:
            if is_early or len(self._queue) >= ROOM or self._stopping:
                self._dropped[device] += 1
                self._counts["dropped"] += 1
            else:
                self._queue.append(Entry(device, self._clock.wall(), level_of(level), source, harmless(message)))
            self._changed.notify_all()

    def search(
        self, device: int, text: str = "", level: str = "debug", before: int | None = None, limit: int = 100
    ) -> list[Line]:
        """The newest first, see DeviceLogFile.search. Raises OSError."""
        return self._file(device).search(text, level, before, limit)

    def forget(self, device: int) -> None:
        """Remove all of a device's log. Raises OSError."""
        with self._changed:
            self._queue = [entry for entry in self._queue if entry.device != device]
            for counts in (self._dropped, self._lost):
                counts.pop(device, None)
        with self._disk:
            self._taken.pop(device, None)
            self._file(device).remove()
            self._files.pop(device, None)

    def _file(self, device: int) -> DeviceLogFile:
        return self._files.setdefault(device, DeviceLogFile(self._directory / f"{device:d}.log", self._size))

    # In its own thread

    def _run(self) -> None:
        say_at = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._dropped or self._stopping)
                if not self._queue:
                    # Only gaps: how wide they are is better said once than at each line.
                    self._changed.wait_for(lambda: self._queue or self._stopping, SAY_EVERY)
                entries, self._queue = self._queue, []
                ending = self._stopping
                if ending or self._clock.monotonic() >= say_at:
                    say_at = self._clock.monotonic() + SAY_EVERY
                    entries += [self._gap(device, f"{n} lines came too fast") for device, n in self._dropped.items()]
                    self._dropped.clear()
                by_device: dict[int, list[Entry]] = {}
                for entry in entries:
                    by_device.setdefault(entry.device, []).append(entry)
                self._taken = by_device
            for device in list(by_device):
                for line in self._store(device):
                    tell(self.listeners, device, line)
            if ending:
                return

    def _gap(self, device: int, what: str) -> Entry:
        return Entry(device, self._clock.wall(), "warning", "server", f"{what} and are missing here")

    def _store(self, device: int) -> list[Line]:
        """The lines as they are, or would be, stored."""
        new = 0
        lines: list[Line] = []
        try:
            with self._disk:
                entries = self._taken.pop(device, [])
                new = len(entries)
                if not new:
                    return []  # it was forgotten meanwhile
                if lost := self._lost[device]:
                    entries.insert(0, self._gap(device, f"{lost} lines could not be stored"))
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                file = self._file(device)
                for _, wall, level, source, message in entries:
                    lines.append(Line(file.next_number(), iso(wall, "milliseconds"), level, source, message))
                file.append(lines)
        except OSError as error:
            self._lost[device] += new
            self._counts["lost"] += new
            if not self._failing:
                log.warning("the logs of devices cannot be stored: %s", error.strerror)
            self._failing = error.strerror or str(error)
            return lines
        self._counts["written"] += new
        self._lost.pop(device, None)
        if self._failing:
            log.info("the logs of devices are stored again")
        self._failing = None
        return lines
