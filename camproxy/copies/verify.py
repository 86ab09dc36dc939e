"""Verify: whether what was recorded is there and unchanged, by the manifests, and by the database if there is one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from camproxy.copies.target import CHUNK, Refused, Target
from camproxy.recording.book import COMPLETE, RECORDING, RECOVERED
from camproxy.recording.catalogue import Known
from camproxy.recording.manifest import NAME, Chain, Line, read_chain


@dataclass(slots=True)
class Finding:
    """What was found of one camera's folder; lists of paths, and sentences about the manifest itself in `faults`.

    `head` is the hash of the manifest's last line: who has written it down knows whether lines were taken off the end.
    """

    folder: str
    lines: int = 0
    head: str = ""
    whole: int = 0
    bytes: int = 0
    #: Finished just now, or still being recorded: the manifest will tell of them.
    new: int = 0
    removed: int = 0
    missing: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.missing or self.changed or self.unknown or self.faults)


#: Told how many bytes of how many have been read.
Watch = Callable[[int, int], None]
#: What the database says now.
Rows = Callable[[], Iterable[Known]]


def verify(
    place: Target,
    rows: Rows = lambda: (),
    watch: Watch = lambda done, of: None,
    is_busy: Callable[[str], bool] = lambda path: False,
) -> list[Finding]:
    """Read everything in a directory of recordings, or in a copy. Raises CopyFailed, and Unavailable.

    `rows` asks the database, about the directory that the server records to. `is_busy` tells of a file whether it is
    being written. Recording may go on meanwhile.
    """
    known = _known(rows)
    sizes = dict(place.names())
    folders = sorted({path.partition("/")[0] for path in [*sizes, *known]})
    found = []
    watching = _Watching(watch, sum(sizes.values()))
    for folder in folders:
        finding = Finding(folder)
        try:
            if suspects := _look_at(finding, place, sizes, known, watching):
                _ask_again(finding, place, suspects, _known(rows), is_busy)
        except Refused as why:
            finding.faults.append(str(why))
        found.append(finding)
    return found


def _look_at(
    finding: Finding,
    place: Target,
    sizes: Mapping[str, int],
    known: Mapping[str, Known],
    watching: _Watching,
) -> dict[str, str]:
    """What looks wrong, by path."""
    folder = f"{finding.folder}/"
    chain = read_chain(place.manifest(finding.folder), finding.folder)
    finding.lines, finding.head, finding.faults = len(chain.lines), chain.head, list(chain.faults)
    live, recorded = chain.live(), _recorded(chain)
    if not recorded and f"{folder}{NAME}" not in sizes:
        finding.faults.append("there is no manifest")
    finding.removed = len(recorded.keys() - live.keys())
    suspects: dict[str, str] = {}
    for path, line in recorded.items():
        if path not in sizes:
            if path in live:
                suspects[path] = "missing"
        elif _hash(place, path, watching) == line.sha256:
            finding.whole += 1
            finding.bytes += line.bytes or 0
        else:
            suspects[path] = "changed"
    for path in sizes.keys() - recorded.keys():
        if path.startswith(folder) and not path.endswith(NAME):
            suspects[path] = "unknown"
    for path, row in known.items():
        if path.startswith(folder) and _is_unlisted(row, live):
            suspects[path] = "unlisted"
    return suspects


def _is_unlisted(row: Known, live: Mapping[str, Line]) -> bool:
    """Whether the database has a hash of it that the manifest has not."""
    return row.sha256 is not None and (row.path not in live or row.sha256 != live[row.path].sha256)


def _ask_again(
    finding: Finding,
    place: Target,
    suspects: Mapping[str, str],
    known: Mapping[str, Known],
    is_busy: Callable[[str], bool],
) -> None:
    """What looked wrong may have been removed or finished while the others were read."""
    chain = read_chain(place.manifest(finding.folder), finding.folder)
    live, recorded = chain.live(), _recorded(chain)
    for path, what in sorted(suspects.items()):
        row = known.get(path)
        if what == "unlisted":
            if row and _is_unlisted(row, live):
                finding.faults.append(f"the database knows {path}, but not as the manifest does")
        elif what == "unknown" and (path in recorded or is_busy(path) or (row and row.sha256 is None)):
            finding.new += 1
        elif what != "unknown" and path not in live and not _is_there(place, path):
            finding.removed += 1
        else:
            getattr(finding, what).append(path)


def _known(rows: Rows) -> dict[str, Known]:
    return {row.path: row for row in rows() if row.state in (COMPLETE, RECOVERED, RECORDING)}


def _recorded(chain: Chain) -> dict[str, Line]:
    """What was ever recorded, also if it has been removed since: a copy may still have it."""
    return {line.path: line for line in chain.lines if line.kind == "recorded"}


def _is_there(place: Target, path: str) -> bool:
    try:
        place.open(path).close()
    except (FileNotFoundError, Refused):
        return False
    return True


def _hash(place: Target, path: str, watching: _Watching) -> str | None:
    """None when it cannot be read."""
    digest = hashlib.sha256()
    try:
        with place.open(path) as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                watching.read(len(chunk))
    except (OSError, Refused):
        return None
    return digest.hexdigest()


class _Watching:
    def __init__(self, watch: Watch, of: int) -> None:
        self._watch, self._of, self._done = watch, of, 0

    def read(self, count: int) -> None:
        self._done += count
        self._watch(min(self._done, self._of), self._of)


def as_json(found: Iterable[Finding]) -> list[dict[str, Any]]:
    return [{name: getattr(one, name) for name in one.__slots__} | {"good": one.good} for one in found]
