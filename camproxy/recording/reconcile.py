"""Reconcile: at start, what the database knows and what the disk has are made to agree. Nothing is ever deleted.

A file that cannot be read goes into quarantine; a row without a file is marked. While the storage's marker is missing,
nothing is touched: its disk may not be mounted.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from camproxy.files import settle
from camproxy.recording.book import MISSING, QUARANTINED, RECORDING
from camproxy.recording.catalogue import Catalogue, Known
from camproxy.recording.footage import Footage, Unreadable, read_footage, trim
from camproxy.recording.hours import begins_at, read_path
from camproxy.recording.storage import Storage

log = logging.getLogger(__name__)

#: How long an ffmpeg that outlived its server may take to end. Seconds.
PATIENCE = 3.0


def recover_open(storage: Storage, catalogue: Catalogue) -> dict[int, float]:
    """See to the files that were being recorded when the server ended. Up to when each of these cameras was."""
    ends: dict[int, float] = {}
    for row in catalogue.known(RECORDING):
        if row.path in storage.made:
            continue
        footage = _recover(storage, catalogue, row)
        if footage and row.camera_id is not None:
            ended = catalogue.recovered(row.id, footage)
            ends[row.camera_id] = max(ended, ends.get(row.camera_id, ended))
        elif footage:
            catalogue.recovered(row.id, footage)
    return ends


def compare(storage: Storage, catalogue: Catalogue, folders: Mapping[str, int], zone: ZoneInfo) -> None:
    """Both ways: files that no row knows, and rows that have no file. `folders` say which camera's they are."""
    rows = [row for row in catalogue.known() if row.state not in (QUARANTINED, RECORDING)]
    known = {row.path: row for row in rows if row.state != MISSING}
    lost = {row.path: row for row in rows if row.state == MISSING}
    there = set(storage.walk())
    for path in sorted(there - set(known)):
        # Known to the recorder only, or to nobody for long.
        if path in storage.made:
            continue
        if path in lost:
            if footage := _recover(storage, catalogue, lost[path]):
                catalogue.recovered(lost[path].id, footage)
                log.info("recordings: %s is there again", path)
        else:
            _adopt(storage, catalogue, path, folders, zone)
    if storage.look() is None:
        gone = [row.id for path, row in known.items() if path not in there and not (storage.root / path).exists()]
        if gone:
            log.warning("recordings: %s files are missing that were known", len(gone))
            catalogue.gone(gone, MISSING, "the file was not there when the server started")


def _recover(storage: Storage, catalogue: Catalogue, row: Known) -> Footage | None:
    """What its file holds, made whole and safe; None when it is missing, unreadable, or still being written."""
    try:
        return _make_whole(storage, row.path)
    except FileNotFoundError:
        log.warning("recordings: %s is missing", row.path)
        catalogue.gone([row.id], MISSING, "the file was not there when the server started")
    except Unreadable as fault:
        catalogue.gone([row.id], QUARANTINED, _put_aside(storage, row.path, fault))
    except (OSError, ValueError) as error:
        log.error("recordings: %s cannot be looked at: %s", row.path, error)
    return None


def _adopt(storage: Storage, catalogue: Catalogue, path: str, folders: Mapping[str, int], zone: ZoneInfo) -> None:
    part = read_path(path)
    assert part
    try:
        footage = _make_whole(storage, path)
        if footage is None:
            return
        said = _comment(footage)
        own = said.zone or zone
        started = said.started_at
        if started is None:
            started = _started(storage.root / path, footage, begins_at(part, own))
        camera = folders.get(part.folder, said.camera)
        catalogue.adopt(path, camera, started, own.key, footage)
        log.warning("recordings: %s was not known, and is now", path)
    except Unreadable as fault:
        _put_aside(storage, path, fault)
    except (OSError, ValueError) as error:
        log.error("recordings: %s cannot be looked at: %s", path, error)


def _make_whole(storage: Storage, path: str) -> Footage | None:
    """Raises Unreadable, OSError, ValueError; None while somebody writes it."""
    file = storage.file(path)
    until = time.monotonic() + PATIENCE
    while storage.is_busy(path):
        if time.monotonic() > until:
            log.warning("recordings: another process still writes %s", path)
            return None
        time.sleep(0.05)  # there is no event for the end of another's child
    footage = read_footage(file)
    trim(file, footage)
    settle(file)
    settle(file.parent)
    return footage


def _put_aside(storage: Storage, path: str, fault: Unreadable) -> str:
    place = storage.quarantine(path).relative_to(storage.root)
    log.warning("recordings: %s cannot be read (%s) and is now %s", path, fault, place)
    return str(fault)


@dataclass(frozen=True, slots=True)
class _Said:
    """What the recorder wrote into a file; None for what it does not say."""

    camera: int | None = None
    started_at: float | None = None
    zone: ZoneInfo | None = None


def _comment(footage: Footage) -> _Said:
    try:
        said = json.loads(footage.comment)
        started = datetime.fromisoformat(said["started_at"]).timestamp()
        return _Said(int(said["camera"]), started, ZoneInfo(said["zone"]))
    except (KeyError, TypeError, ValueError, OSError):
        return _Said()


def _started(file: Path, footage: Footage, hour: float) -> float:
    """When a file began that does not say so: before it was written last, if that was in its hour."""
    begun = file.stat().st_mtime - footage.seconds
    return begun if hour <= begun < hour + 3600 else hour
