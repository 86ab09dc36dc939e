"""Copier: brings what was recorded to the target, following each camera's manifest. A subsystem: start, stop, state.

How far it is, the target itself says: the manifest there is the beginning of the one here, up to where all that it
tells of is there too. So nothing is lost by a kill, and a manifest that was tampered with here never replaces the one
there.
"""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from camproxy.clock import Clock, SystemClock, iso
from camproxy.copies.progress import Progress, Reached
from camproxy.copies.target import CopyFailed, Pace, Refused, Source, Stopped, Target
from camproxy.recording.book import DISK_MISSING
from camproxy.recording.manifest import NAME, Line, read_chain
from camproxy.recording.sealer import give_way
from camproxy.recording.storage import Storage

log = logging.getLogger(__name__)

DAY = 86_400.0
#: How long it waits after a failure, at first and at most; doubled each time. Seconds.
PAUSE = 5.0
PAUSE_MOST = 300.0
#: How long it has to have failed before an operator is told. Seconds.
LONG = 600.0
#: How often the manifest there is brought up to date while there is much to copy. Seconds.
PUBLISH_EVERY = 30.0


@dataclass(frozen=True, slots=True)
class CopyPolicy:
    """`rate` is bytes a second, 0: no limit. Copies of what is gone here are kept for `days` after it was recorded; 0:
    for ever. `note` is the file in which progress is kept."""

    note: Path
    rate: int = 0
    days: int = 0


@dataclass(frozen=True, slots=True)
class Step:
    """A line that the target does not have yet. `lost`: what it tells of was removed before it could be copied."""

    folder: str
    line: Line
    end: int
    lost: bool


class Copier:
    """Thread-safe. Without a target it does nothing."""

    def __init__(self, storage: Storage, target: Target | None, policy: CopyPolicy, clock: Clock | None = None) -> None:
        self._storage = storage
        self._target = target
        self._policy = policy
        self._clock = clock or SystemClock()
        self._stopping = threading.Event()
        self._due = threading.Event()
        self._pace = Pace(policy.rate, self._stopping)
        self._thread = threading.Thread(target=self._run, name="copier", daemon=True)
        shown, now = target.shown if target else "", self._clock.wall()
        self._progress, self._used = Progress.load(policy.note, shown, now)
        #: Folders whose manifest there has been looked at, and how far each has been copied, in bytes.
        self._reached: dict[str, int] = {}
        #: What cannot be copied, and why; by path, or by folder when it is all of one.
        self._refused: dict[str, str] = {}
        self._told: set[tuple[str, int]] = set()
        #: What was to be done at the last look, and how much of that has been done.
        self._plan: list[Step] = []
        self._done = 0
        self._copied = self._copied_bytes = 0
        self._error, self._failing_since = "", 0.0
        self._published_at = self._swept_at = float("-inf")

    def start(self) -> None:
        if self._target:
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._due.set()
        if self._thread.is_alive():
            # Whoever waits for the network then still waits; what it does is as good as a kill, which harms nothing.
            self._thread.join(timeout=0.9)

    def wake(self) -> None:
        """There is something new to copy."""
        self._due.set()

    def state(self) -> dict[str, Any]:
        """`behind_seconds`: since when the oldest file that is not copied yet could have been."""
        waiting = [step.line for step in self._plan[self._done :] if step.line.kind == "recorded" and not step.lost]
        oldest = min((line.at.timestamp() for line in waiting), default=None)
        return {
            "target": self._target.shown if self._target else None,
            "copied": self._copied,
            "copied_bytes": self._copied_bytes,
            "waiting": len(waiting),
            "waiting_bytes": sum(line.bytes or 0 for line in waiting),
            "behind_seconds": 0 if oldest is None else round(max(self._clock.wall() - oldest, 0)),
            "refused": len(self._refused),
            "error": self._error or None,
            "failing_since": iso(self._failing_since) if self._error else None,
        }

    def alarms(self) -> list[str]:
        """Sentences for an operator."""
        found = []
        if self._error and self._clock.wall() - self._failing_since >= LONG:
            behind = self.state()["behind_seconds"]
            found.append(f"copies of recordings are behind by {_duration(behind)}: {self._error}")
        refused = list(self._refused.values())
        if refused:
            more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
            found.append(f"not copied: {refused[0]}{more}")
        return found

    # One turn

    def look(self) -> None:
        """Copy what is to be copied. Raises CopyFailed, Stopped, OSError."""
        assert self._target
        if self._storage.trouble == DISK_MISSING:
            return
        self._find()
        if not self._reached:
            self._target.prepare(self._used)
            self._used = True
        for folder in self._storage.folders():
            if folder not in self._reached:
                self._meet(folder)
        self._find()
        for step in self._plan:
            if step.folder in self._reached:
                self._take(step)
                self._reached[step.folder] = step.end
            self._done += 1
            if self._clock.monotonic() - self._published_at >= PUBLISH_EVERY:
                self._publish()
        self._publish()
        if self._clock.monotonic() - self._swept_at >= DAY:
            self._sweep()
            self._swept_at = self._clock.monotonic()

    def _manifest(self, folder: str) -> bytes:
        """The one here, without a torn end. Raises OSError."""
        try:
            content = (self._storage.root / folder / NAME).read_bytes()
        except FileNotFoundError:
            return b""
        return content[: content.rfind(b"\n") + 1]

    def _find(self) -> None:
        """Find out what is waiting, the oldest first; tell of what was removed too early."""
        of_each = [list(self._steps(folder)) for folder in self._storage.folders()]
        self._done, self._plan = 0, list(heapq.merge(*of_each, key=lambda step: step.line.at))
        for step in self._plan:
            key = step.folder, step.end
            if step.lost and key not in self._told and step.line.at.timestamp() >= self._progress.since:
                self._told.add(key)
                log.warning("recordings: %s was removed before it was copied", step.line.path)

    def _steps(self, folder: str) -> Iterator[Step]:
        known = self._progress.published.get(folder, Reached()).length
        begin = self._reached.get(folder, known)
        chain = read_chain(self._manifest(folder)[begin:], folder)
        gone: set[str] = set()
        steps = []
        for line, end in zip(reversed(chain.lines), reversed(chain.ends), strict=True):
            lost = line.path in gone if line.kind == "recorded" else line.sha256 is None
            (gone.add if line.kind == "removed" else gone.discard)(line.path)
            steps.append(Step(folder, line, begin + end, lost))
        return reversed(steps)

    def _meet(self, folder: str) -> None:
        """Look how far the target is with that camera."""
        assert self._target
        try:
            there = Reached.of(content := self._target.manifest(folder))
        except Refused as why:
            self._refused[folder] = str(why)
            return
        if not there.begins(self._manifest(folder)) or not (content + b"\n").endswith(b"\n"):
            self._refused[folder] = (
                f"the manifest of {folder} in {self._target.shown} is not the beginning of the one here; "
                "see docs/recording.md"
            )
            return
        self._refused.pop(folder, None)
        self._progress.published[folder] = there
        self._reached[folder] = there.length

    def _take(self, step: Step) -> None:
        """Do what a line asks for."""
        assert self._target
        if step.lost:
            self._target.abandon(step.line.path)
        elif step.line.kind == "recorded":
            self._copy(step.line)

    def _copy(self, line: Line) -> None:
        assert self._target
        try:
            source = self._source(line)
            self._target.put(source)
        except Refused as why:
            manifest = self._storage.manifest(line.path.partition("/")[0])
            if manifest.live(line.path):
                log.error("recordings: not copied: %s", why)
                self._refused[line.path] = str(why)
            else:
                log.warning("recordings: %s was removed before it was copied", line.path)
                self._target.abandon(line.path)
            return
        self._refused.pop(line.path, None)
        self._copied += 1
        self._copied_bytes += source.size

    def _source(self, line: Line) -> Source:
        try:
            file = self._storage.file(line.path)
        except ValueError as error:
            raise Refused(str(error)) from None
        return Source(file, line.path, line.bytes or 0, line.sha256 or "", self._pace)

    def _publish(self) -> None:
        """Bring the manifests there up to what has been copied."""
        assert self._target
        for folder, length in self._reached.copy().items():
            before = self._progress.published[folder]
            content = self._manifest(folder)[:length]
            if not before.begins(content):
                self._refused[folder] = f"the manifest of {folder} has been changed here since it was copied"
                del self._reached[folder]
            elif length > before.length:
                try:
                    self._target.publish(folder, content)
                except Refused as why:
                    self._refused[folder] = str(why)
                    continue
                self._progress.published[folder] = Reached.of(content)
        self._progress.save(self._policy.note)
        self._published_at = self._clock.monotonic()

    def _sweep(self) -> None:
        """Copy again what has gone there, and remove what is gone here and was to be kept so long only."""
        assert self._target
        there = dict(self._target.names())
        oldest = self._clock.wall() - self._policy.days * DAY
        for folder in list(self._reached):
            chain = read_chain(self._manifest(folder), folder)
            live = chain.live()
            copied = (line for line, end in zip(chain.lines, chain.ends, strict=True) if end <= self._reached[folder])
            for path, line in {line.path: line for line in copied if line.kind == "recorded"}.items():
                self._pace.take(0)
                if path in live:
                    if there.get(path) != line.bytes:
                        self._copy(line)
                elif self._policy.days and path in there and line.ended_at and line.ended_at.timestamp() < oldest:
                    self._target.remove(path)
                    log.info("recordings: removed the copy of %s, which was to be kept no longer", path)

    # Its thread

    def _run(self) -> None:
        assert self._target
        give_way()
        pause = PAUSE
        while not self._stopping.is_set():
            self._due.clear()
            try:
                self.look()
                if self._error:
                    log.info("recordings are copied to %s again", self._target.shown)
                self._error, pause = "", PAUSE
                self._due.wait(max(self._swept_at + DAY - self._clock.monotonic(), PAUSE))
            except Stopped:
                break
            except Exception as error:
                self._failed(error)
                self._stopping.wait(pause)
                pause = min(2 * pause, PAUSE_MOST)
        self._target.close()

    def _failed(self, error: Exception) -> None:
        if isinstance(error, CopyFailed | OSError):
            said = str(error)
        else:
            said = "an error that is in the log"
            log.exception("recordings are not copied")
        if not self._error:
            self._failing_since = self._clock.wall()
        if said != self._error:
            log.warning("recordings are not copied: %s", said)
        self._error = said
        self._reached = {}  # the next turn looks what is there


def _duration(seconds: float) -> str:
    for unit, length in (("days", DAY), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
