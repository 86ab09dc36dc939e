"""Restore: from a copy into an empty, or half restored, directory of recordings. Nothing there is replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from camproxy.copies.directory import DirectoryTarget
from camproxy.copies.target import Pace, Refused, Source, Target
from camproxy.recording.manifest import Line, read_chain


@dataclass(slots=True)
class Restored:
    """`problems` are sentences about what could not be restored."""

    files: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Copied(Source):
    """A recording in a copy."""

    place: Target

    def open(self) -> BinaryIO:
        try:
            return self.place.open(self.path)
        except FileNotFoundError:
            raise Refused(f"{self.path} is not in {self.place.shown}") from None


def restore(
    place: Target,
    root: Path,
    *,
    removed: bool = False,
    watch: Callable[[int, int], None] = lambda done, of: None,
) -> Restored:
    """Bring back what is in the copy; each file is compared with its hash. May be called again after a failure.

    `removed`: also what had been removed before, by retention or a person, and is still in the copy. `watch` is told
    how many bytes of how many are there. Raises CopyFailed.
    """
    there = dict(place.names())
    target, done = DirectoryTarget(root), Restored()
    lines = [line for folder in _folders(there) for line in _wanted(place, folder, there, removed, done)]
    total = sum(line.bytes or 0 for line in lines)
    for line in sorted(lines, key=lambda line: line.at):
        source = Copied(root, line.path, line.bytes or 0, line.sha256 or "", Pace(), place)
        try:
            target.put(source)
        except Refused as why:
            done.problems.append(str(why))
            continue
        done.files += 1
        done.bytes += source.size
        watch(done.bytes, total)
    for folder in _folders(there):
        _bring_manifest(place, target, folder, done)
    return done


def _folders(there: dict[str, int]) -> list[str]:
    return sorted({path.partition("/")[0] for path in there})


def _wanted(place: Target, folder: str, there: dict[str, int], removed: bool, done: Restored) -> Iterator[Line]:
    chain = read_chain(place.manifest(folder), folder)
    done.problems += [f"the manifest of {folder}: {fault}" for fault in chain.faults]
    live = chain.live()
    recorded = {line.path: line for line in chain.lines if line.kind == "recorded"}
    for path, line in recorded.items():
        if path in live or (removed and path in there):
            yield line


def _bring_manifest(place: Target, target: DirectoryTarget, folder: str, done: Restored) -> None:
    copied, here = place.manifest(folder), target.manifest(folder)
    if copied.startswith(here):
        target.publish(folder, copied)
    elif not here.startswith(copied):
        done.problems.append(f"the manifest of {folder} is another one here, and is left alone")
