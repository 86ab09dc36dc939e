"""Hours: where a recording lies and when its part ends. Pure.

A file holds at most one hour of one camera: `AA-BB-CC-DD-EE-FF/2023-12-01/08.mp4` by the clock on the wall in the zone
of the setting RECORDING_TIMEZONE, and `08-2.mp4`, `08-3.mp4` for further parts of an hour, also of one that a change of
the clocks repeats.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import PurePosixPath

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
#: Year 1000 to 9999, and no sign, blank or letter of another alphabet.
WRITTEN = re.compile(
    r"([0-9A-F]{2}(?:-[0-9A-F]{2}){5})/([1-9]\d{3}-\d\d-\d\d)/([01]\d|2[0-3])(?:-([1-9]\d*))?\.mp4", re.A
)


@dataclass(frozen=True, slots=True)
class Part:
    """One file: of which camera's folder, day and hour, and the how manieth of that hour."""

    folder: str
    day: date
    hour: int
    number: int = 1

    @property
    def path(self) -> PurePosixPath:
        """Relative to RECORDING_DIR."""
        suffix = "" if self.number == 1 else f"-{self.number}"
        return PurePosixPath(self.folder, self.day.isoformat(), f"{self.hour:02}{suffix}.mp4")


def folder_of(mac: str) -> str:
    """`AA-BB-CC-DD-EE-FF` for `AA:BB:CC:DD:EE:FF`: colons are no letters of file names everywhere."""
    return mac.upper().replace(":", "-")


def is_folder(name: str) -> bool:
    """Whether a camera's folder can have that name."""
    return re.fullmatch(r"[0-9A-F]{2}(-[0-9A-F]{2}){5}", name, re.A) is not None


def stand_in(camera_id: int, made_at: datetime) -> str:
    """The folder of a camera without a MAC: one that nobody's board can have, for it is locally administered.

    A number may be given again after its camera was removed; hence the moment when the camera was made goes in.
    """
    digest = hashlib.sha256(f"{camera_id} {made_at.astimezone(UTC).isoformat()}".encode()).hexdigest().upper()
    return "-".join(["02", *(digest[at : at + 2] for at in range(0, 10, 2))])


def part_at(folder: str, at: float, zone: tzinfo, number: int = 1) -> Part:
    """The part for what begins at `at`, in seconds since 1970."""
    local = datetime.fromtimestamp(at, zone)
    return Part(folder, local.date(), local.hour, number)


def read_path(path: str) -> Part | None:
    """The part whose path that is, or None when it is none's."""
    found = WRITTEN.fullmatch(path)
    if not found:
        return None
    try:
        part = Part(found[1], date.fromisoformat(found[2]), int(found[3]), int(found[4] or 1))
    except ValueError:
        return None  # the 30th of February
    return part if str(part.path) == path else None


def ends_at(at: float, zone: tzinfo) -> float:
    """When the part that begins at `at` ends: at the next full hour, or when the clocks change within this one.

    Worked out in UTC, where every hour is an hour long. Seconds since 1970.
    """
    begin = datetime.fromtimestamp(at, UTC)
    local = begin.astimezone(zone)
    since_the_hour = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    end = begin - since_the_hour + HOUR
    if _offset(end - SECOND, zone) == local.utcoffset():
        return end.timestamp()
    # The clocks change in the middle of an hour, as in Caracas on 1 May 2016 at 2:30.
    before, after = begin, end
    while after - before > SECOND:
        middle = before + (after - before) / 2
        before, after = (middle, after) if _offset(middle, zone) == local.utcoffset() else (before, middle)
    return float(round(after.timestamp()))


def begins_at(part: Part, zone: tzinfo) -> float:
    """The earliest moment that the part's path can mean, in seconds since 1970."""
    return datetime(part.day.year, part.day.month, part.day.day, part.hour, tzinfo=zone).timestamp()


def _offset(moment: datetime, zone: tzinfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()
