"""Thumbnails of motion on the disk: `<camera>/<day>/<time>-<source>.jpg`, by UTC."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from pathlib import Path

from camproxy.clock import moment

PATH = re.compile(r"[0-9]{1,10}/[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{6}\.[0-9]{3}-(pir|picture)\.jpg")


class Pictures:
    """`root` is made when the first one comes. Every method may raise OSError."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @staticmethod
    def path(camera_id: int, at: float, source: str) -> str:
        """Relative to `root`; for motion that begins at that moment, seconds since 1970."""
        begun = moment(at)
        return f"{camera_id}/{begun:%Y-%m-%d/%H%M%S}.{begun.microsecond // 1000:03}-{source}.jpg"

    def file(self, path: str) -> Path:
        """Where it is. Raises ValueError for what `path` never gave."""
        if not PATH.fullmatch(path):
            raise ValueError(path)
        return self._root / path

    def store(self, path: str, jpeg: bytes) -> None:
        """Whoever reads it meanwhile has the old one or the new one."""
        file = self.file(path)
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_bytes(jpeg)
        new.replace(file)

    def clean(self, camera_id: int, before: float, keep: Collection[str]) -> None:
        """Remove those of a camera that are of a day before that moment's, but for those to be kept."""
        today = f"{moment(before):%Y-%m-%d}"
        for day in self._directories(self._root / str(camera_id)):
            if day.name < today:
                for file in day.iterdir():
                    if f"{camera_id}/{day.name}/{file.name}" not in keep:
                        file.unlink()
                if not any(day.iterdir()):
                    day.rmdir()

    def clean_cameras(self, known: Collection[int]) -> None:
        """Remove those of cameras that are no more."""
        for directory in self._directories(self._root):
            if not directory.name.isdecimal() or int(directory.name) not in known:
                shutil.rmtree(directory)

    @staticmethod
    def _directories(parent: Path) -> list[Path]:
        return [path for path in parent.iterdir() if path.is_dir()] if parent.is_dir() else []
