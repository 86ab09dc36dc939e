"""Thumbnails: small pictures of moments of recordings, made when they are asked for and kept for a while."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import threading
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from camproxy.errors import Unavailable
from camproxy.recording.boxes import Unreadable
from camproxy.recording.fed import QUIET, ffmpeg, low_priority
from camproxy.recording.index import Index, Indexes

log = logging.getLogger(__name__)

#: What they can be as wide as, in pixels; a recording that is narrower stays so.
WIDTHS = (160, 320, 640)
#: How many bytes of them are kept on disk; those asked for longest ago go, so many more that it need not be done often.
KEPT = 50_000_000
KEPT_AFTERWARDS = 0.8
#: How many are made at once: live pictures come first. And how long one waits for its turn, or for ffmpeg. Seconds.
AT_ONCE = 2
TURN_WITHIN = 10.0
MADE_WITHIN = 10.0
QUALITY = 75


class Thumbnails:
    """In `folder`, which is made when the first is. Thread-safe."""

    def __init__(self, indexes: Indexes, folder: Path, kept: int = KEPT) -> None:
        self._indexes = indexes
        self._folder = folder
        self._kept = kept
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        #: Bytes on disk; None while they have not been counted.
        self._bytes: int | None = None

    def get(self, recording_id: int, path: str, at: int, width: int) -> bytes:
        """A JPEG of about the second `at`, at least `width` pixels wide if one of WIDTHS and the recording are.

        Raises Unreadable, OSError and ValueError for its file, Unavailable when too many are asked for.
        """
        width = next((offered for offered in WIDTHS if offered >= width), WIDTHS[-1])
        kept = self._folder / str(recording_id) / f"{at}-{width}.jpg"
        if (picture := _look_up(kept)) is not None:
            return picture
        if not self._turns.acquire(timeout=TURN_WITHIN):
            raise Unavailable("The server is busy with other pictures. Try again shortly.")
        try:
            if (picture := _look_up(kept)) is not None:
                return picture  # made while this one waited
            file, index = self._indexes.open(recording_id, path)
            with file:
                picture = _picture(file, index, at, width)
        finally:
            self._turns.release()
        if at < index.seconds:  # of what is still recorded, there may be another by then
            self._keep(kept, picture)
        return picture

    def forget(self, recording_id: int) -> None:
        """Its recording was removed."""
        with self._lock:
            shutil.rmtree(self._folder / str(recording_id), ignore_errors=True)
            self._bytes = None

    def _keep(self, place: Path, picture: bytes) -> None:
        """Not worth a failure: it can be made again."""
        try:
            with self._lock:
                place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                unfinished = place.with_suffix(".part")
                unfinished.write_bytes(picture)
                os.replace(unfinished, place)
                if self._bytes is not None:
                    self._bytes += len(picture)
                if self._bytes is None or self._bytes > self._kept:
                    self._bytes = self._tidy()
        except OSError as error:
            log.warning("a thumbnail cannot be kept: %s", error.strerror)

    def _tidy(self) -> int:
        """Remove those that were asked for longest ago, when there are too many. How many bytes are left."""
        found = [(file, file.stat()) for file in self._folder.glob("*/*")]
        left = sum(entry.st_size for _, entry in found)
        if left <= self._kept:
            return left
        for file, entry in sorted(found, key=lambda one: one[1].st_mtime_ns):
            if left <= self._kept * KEPT_AFTERWARDS:
                break
            file.unlink(missing_ok=True)
            left -= entry.st_size
        return left


def _look_up(place: Path) -> bytes | None:
    try:
        picture = place.read_bytes()
        os.utime(place)
    except OSError:
        return None
    return picture


def _picture(file: BinaryIO, index: Index, at: int, width: int) -> bytes:
    _, offset, length = index.at(at)
    if index.codec == "mjpeg":
        return _scaled(_read(file, offset, length), width)
    return _decoded(_read(file, 0, index.head) + _read(file, offset, length), width)


def _read(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def _scaled(jpeg: bytes, width: int) -> bytes:
    try:
        with Image.open(BytesIO(jpeg), formats=["JPEG"]) as image:
            if image.width <= width:
                return jpeg
            size = (width, max(round(image.height * width / image.width), 1))
            image.draft("RGB", size)  # decodes an eighth, a quarter or half of the picture only
            out = BytesIO()
            image.resize(size, reducing_gap=2.0).save(out, "JPEG", quality=QUALITY)
    except (OSError, ValueError, SyntaxError) as fault:  # Pillow's words for a broken picture
        raise Unreadable(f"the picture cannot be read: {fault}") from None
    return out.getvalue()


def _decoded(video: bytes, width: int) -> bytes:
    """The first picture of a fragment behind the head of its file."""
    words = [*low_priority(10), ffmpeg(), *QUIET, "-threads", "1", "-f", "mp4", "-i", "pipe:0"]
    words += ["-frames:v", "1", "-vf", f"scale='min({width},iw)':-2", "-q:v", "5", "-f", "mjpeg", "pipe:1"]
    try:
        done = subprocess.run(words, input=video, capture_output=True, timeout=MADE_WITHIN, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("no thumbnail: %s", error)
        raise Unavailable("The server is busy with other pictures. Try again shortly.") from None
    if not done.stdout:
        raise Unreadable(f"the picture cannot be read: {done.stderr.decode(errors='replace').strip()[-200:]}")
    return done.stdout
