"""Retention: which recordings go, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

DAY = 86_400.0

# Why a recording goes: too old, more than is kept of its camera or of all, too little room on the disk.
TOO_OLD = "too_old"
CAMERA_FULL = "camera_full"
ALL_FULL = "all_full"
DISK_FULL = "disk_full"


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that is there. `active`: it is being recorded. Times are in seconds since 1970."""

    id: int
    path: str
    camera_id: int | None
    started_at: float
    ended_at: float
    bytes: int
    protected: bool = False
    active: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """`days` and `bytes` that are kept; 0 bytes: as many as there is room for."""

    days: float = 7
    bytes: int = 0


def plan(
    kept: Iterable[Kept],
    now: float,
    everything: Limits,
    cameras: Mapping[int, Limits] | None = None,
    to_free: int = 0,
    *,
    by_age: bool = True,
) -> list[tuple[Kept, str]]:
    """What goes, and why, in the order in which it goes: the oldest first.

    `everything` limits all that is kept; its `days` hold for cameras that have none of their own in `cameras`.
    `to_free` is how many bytes there are too few on the disk. What is protected or being recorded stays, and counts.
    """
    cameras = cameras or {}
    files = sorted(kept, key=lambda file: (file.started_at, file.id))
    gone: dict[int, str] = {}

    def free(file: Kept) -> bool:
        return not (file.protected or file.active or file.id in gone)

    def shrink(those: list[Kept], surplus: int, why: str) -> None:
        for file in those:
            if surplus <= 0:
                return
            if free(file):
                gone[file.id] = why
                surplus -= file.bytes

    if by_age:
        for file in files:
            limits = cameras.get(file.camera_id or 0, everything)
            if free(file) and file.ended_at < now - limits.days * DAY:
                gone[file.id] = TOO_OLD
    for camera_id, limits in cameras.items():
        if limits.bytes:
            own = [file for file in files if file.camera_id == camera_id and file.id not in gone]
            shrink(own, sum(file.bytes for file in own) - limits.bytes, CAMERA_FULL)
    if everything.bytes:
        left = [file for file in files if file.id not in gone]
        shrink(left, sum(file.bytes for file in left) - everything.bytes, ALL_FULL)
    shrink(files, to_free - sum(file.bytes for file in files if file.id in gone), DISK_FULL)
    return [(file, gone[file.id]) for file in files if file.id in gone]
