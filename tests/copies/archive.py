"""Finished recordings of one camera, with rows and a manifest; no camera and no ffmpeg. Their content is anything."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import update

from camproxy.recording.book import Begun, Ended
from camproxy.recording.retention import Kept
from camproxy.recording.sealer import Sealer
from models import Recording
from tests.clocks import FakeClock
from tests.recording.station import Station

FOLDER = "AA-BB-CC-DD-EE-01"
HOUR = 3600.0
UTC = ZoneInfo("UTC")
#: 2023-12-01, 8:00.
MORNING = 1_701_417_600.0


class Archive:
    """Use as a context manager. `sealer` is called by the test and has no thread."""

    def __init__(self, home: Path) -> None:
        self.clock = FakeClock(MORNING)
        cameras = None if (home / "robocam.db").exists() else [{"mode": "off"}]
        self.station = Station(home, cameras, clock=self.clock)
        self.storage, self.catalogue = self.station.storage, self.station.catalogue
        self.storage.prepare(used=False)
        self.root = self.storage.root
        self.sealer = Sealer(self.catalogue, self.storage, self.clock)
        self._dice = random.Random(5)

    def __enter__(self) -> Archive:
        self.catalogue.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.catalogue.stop()
        self.station.engine.dispose()

    def record(self, size: int = 5000, seal: bool = True) -> str:
        """An hour of so many bytes; its path."""
        at = self.clock.wall()
        made = self.storage.create(FOLDER, at, UTC)
        with open(made.descriptor, "wb") as file:
            file.write(self._dice.randbytes(size))
            os.fsync(file.fileno())
        path = str(made.path)
        self.catalogue.begun(Begun(path, 1, at, "UTC", "mjpeg", 160, 120))
        self.catalogue.ended(Ended(path, at + HOUR, size, 10, 0))
        assert self.catalogue.flush(10)
        self.clock.advance(HOUR)
        if seal:
            self.sealer.look()
        return path

    def remove(self, path: str, why: str = "too old", by: str = "retention") -> None:
        """As retention does."""
        (row,) = [row for row in self.station.rows() if row.path == path]
        assert self.catalogue.forget(Kept(row.id, path, 1, 0, 0, row.bytes))
        self.storage.remove(path, why, by)

    def forget_hashes(self) -> None:
        """As if the server had been killed before it wrote them down, or the database were new."""
        self.change(sha256=None)

    def change(self, **columns: Any) -> None:
        with self.station.session() as session:
            session.execute(update(Recording).values(columns))
            session.commit()

    def file(self, path: str) -> Path:
        return self.root / path

    @property
    def manifest(self) -> Path:
        return self.root / FOLDER / "manifest.jsonl"


def flip(file: Path, at: int = 100) -> None:
    """One bit of one byte is another."""
    content = bytearray(file.read_bytes())
    content[at] ^= 1
    file.write_bytes(content)
