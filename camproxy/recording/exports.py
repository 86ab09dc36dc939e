"""Exports: films that people have asked for, made one after the other. A subsystem: start, stop, state.

They are kept for a day in a directory of their own, and only while the server runs: a start begins with an empty one.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from camproxy.clock import Clock, SystemClock
from camproxy.errors import N_, BadRequest, CamProxyError, Conflict, NotFound, RateLimited, StorageFull
from camproxy.recording.boxes import Unreadable
from camproxy.recording.catalogue import Catalogue, Held
from camproxy.recording.cut import Clip
from camproxy.recording.export import CANCELLED, DONE, FAILED, QUEUED, RUNNING, Export
from camproxy.recording.fed import EncoderFailed
from camproxy.recording.film import Cancelled, Film, Nothing
from camproxy.recording.samples import read_look
from camproxy.recording.storage import Storage
from camproxy.recording.timelapse import TimeLapse

log = logging.getLogger(__name__)

#: How long one is kept after its end. Seconds.
KEPT_FOR = 86_400.0
#: How many a user may have that wait, are being made or lie here, and how many are remembered in all.
EACH, ALL = 10, 100
#: How often it is looked whether one has expired. Seconds.
TIDY_EVERY = 60.0
#: The recorder removes old recordings when there is less than 1.1 times its reserve: an export must never be why.
ROOM_LEFT = 1.3
#: What is taken to be needed: encoded pictures beside the same ones joined, and how large a picture of a time-lapse is.
TWICE = 2.2
LAPSE_FRAME_BYTES = 60_000

GONE = N_("What was recorded then is not there any more.")
NO_ROOM = N_("There is not enough room on the disk for it.")
FAULT = N_("The video could not be made; the server's log says why.")


class Exports:
    """Thread-safe. `reserve` is how many bytes the recorder keeps free."""

    def __init__(
        self, catalogue: Catalogue, storage: Storage, directory: Path, reserve: int, clock: Clock | None = None
    ) -> None:
        self._catalogue = catalogue
        self._storage = storage
        self._directory = directory
        self._reserve = reserve
        self._clock = clock or SystemClock()
        self._changed = threading.Condition()
        self._exports: dict[str, Export] = {}
        #: When those that are over go, by the monotonic clock.
        self._until: dict[str, float] = {}
        self._film: Film | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="exports", daemon=True)

    def start(self) -> None:
        self._clear()
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            film = self._film
            self._changed.notify_all()
        if film:
            film.cancel()
        if self._thread.is_alive():
            self._thread.join(timeout=2)
            self._clear()

    def state(self) -> dict[str, Any]:
        with self._changed:
            states = [export.state for export in self._exports.values()]
        return {name: states.count(name) for name in (QUEUED, RUNNING, DONE, FAILED, CANCELLED)}

    # What people ask

    def order(
        self,
        user_id: int,
        camera_id: int,
        begin: float,
        end: float,
        *,
        speed: float | None = None,
        seconds: float | None = None,
        fps: int = 25,
    ) -> Export:
        """Queue a film of that stretch; a time-lapse if a `speed` is given or how many `seconds` it is to play.

        Raises NotFound when nothing was recorded then, BadRequest, RateLimited and StorageFull.
        """
        held = [one for one in self._catalogue.held(camera_id, begin, end) if one.there]
        footage = sum(stretch for _, stretch in self._stretches(held, begin, end))
        if footage <= 0:
            raise NotFound("Nothing was recorded then.")
        if seconds is not None:
            speed = footage / seconds
            if not 2 <= speed <= 3600:
                length = round(footage)
                raise BadRequest(
                    "What was recorded then lasts %(length)s s: the film can be 2 to 3600 times as fast.",
                    where="seconds",
                    length=length,
                )
        lapse = TimeLapse(speed, fps) if speed else None
        if self._free() - self._needed(held, begin, end, lapse) < self._reserve * ROOM_LEFT:
            raise StorageFull(NO_ROOM)
        export = Export(secrets.token_urlsafe(16), user_id, camera_id, begin, end, lapse, self._clock.wall())
        with self._changed:
            self._tidy()
            own = [one for one in self._exports.values() if one.user_id == user_id]
            if len([one for one in own if one.state in (QUEUED, RUNNING, DONE)]) >= EACH:
                raise RateLimited("You have %(count)s exports already. Remove one first.", count=EACH)
            if len(self._exports) >= ALL:
                raise RateLimited("There are too many exports. Try again later.")
            for one in [one for one in own if one.is_over and one.state != DONE][: max(len(own) - EACH, 0)]:
                self._forget(one.id)
            self._exports[export.id] = export
            self._changed.notify_all()
        return export

    def all(self) -> list[Export]:
        """The latest first."""
        with self._changed:
            self._tidy()
            return list(reversed(self._exports.values()))

    def get(self, export_id: str) -> Export:
        """Raises NotFound."""
        with self._changed:
            self._tidy()
            if export := self._exports.get(export_id):
                return export
        raise NotFound("There is no such export.")

    def file(self, export: Export) -> Path:
        """Where the film is. Raises Conflict while it is not."""
        if export.state != DONE:
            raise Conflict("This export has no video.")
        return self._place(export.id) / "film.mp4"

    def end(self, export_id: str) -> None:
        """Cancel it at once, or remove one that is over. Raises NotFound."""
        film = None
        with self._changed:
            export = self._exports.get(export_id)
            if export is None:
                raise NotFound("There is no such export.")
            if export.is_over:
                self._forget(export_id)
                return
            if export.state == RUNNING:
                film = self._film
            self._over(export, CANCELLED)
        if film:
            film.cancel()

    def forget_camera(self, camera_id: int) -> None:
        """It was removed, and its number may be another's one day."""
        for export in self.all():
            if export.camera_id == camera_id:
                if not export.is_over:
                    self.end(export.id)
                self.end(export.id)

    # In its thread

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._next(), TIDY_EVERY)
                if self._stopping:
                    return
                self._tidy()
                export = self._next()
                if export:
                    export.state = RUNNING
            if export:
                try:
                    self._make(export)
                except Exception:
                    log.exception("export %s failed", export.id)
                    self._fail(export, CamProxyError(FAULT))

    def _next(self) -> Export | None:
        return next((export for export in self._exports.values() if export.state == QUEUED), None)

    def _make(self, export: Export) -> None:
        place = self._place(export.id)
        try:
            place.mkdir(parents=True, mode=0o700)
            seconds = self._film_of(export, place)
        except Cancelled:
            pass
        except Nothing:
            self._fail(export, NotFound(GONE))
        except CamProxyError as error:
            self._fail(export, error)
        except (EncoderFailed, OSError) as error:
            log.error("export %s failed: %s", export.id, error)
            full = EncoderFailed(str(error)).disk_full
            self._fail(export, StorageFull(NO_ROOM) if full else CamProxyError(FAULT))
        else:
            self._finish(export, seconds)
        finally:
            with self._changed:
                self._film = None
                if export.state != DONE:
                    shutil.rmtree(place, ignore_errors=True)

    def _film_of(self, export: Export, place: Path) -> float:
        clips = list(self._clips(export))
        if not clips:
            raise Nothing
        film = Film(
            clips,
            place,
            export.lapse,
            lambda done: setattr(export, "progress", round(max(done, export.progress), 3)),
            self._goes_on,
            lambda clip: export.missing.append((clip.began, clip.began + clip.seconds)),
        )
        with self._changed:
            if self._stopping or export.state != RUNNING:
                raise Cancelled
            self._film = film
        return film.make()

    def _clips(self, export: Export) -> Iterator[Clip]:
        held = self._catalogue.held(export.camera_id, export.begin, export.end)
        for one, seconds in self._stretches(held, export.begin, export.end):
            begin = max(round(export.begin - one.started_at, 3), 0.0)
            try:
                if not one.there:
                    raise FileNotFoundError(one.path)
                with self._storage.open(one.path) as file:
                    look = read_look(file, os.fstat(file.fileno()).st_size)
            except (OSError, ValueError, Unreadable) as fault:
                log.warning("export %s goes without %s: %s", export.id, one.path, fault)
                export.missing.append((one.started_at + begin, one.started_at + begin + seconds))
                continue
            end = round(begin + seconds, 3)
            yield Clip(look, partial(self._storage.open, one.path), begin, end, one.started_at + begin)

    def _stretches(self, held: list[Held], begin: float, end: float) -> Iterator[tuple[Held, float]]:
        """How many seconds of each are wanted."""
        for one in held:
            ended = self._clock.wall() if one.ended_at is None else one.ended_at
            if (seconds := min(ended, end) - max(one.started_at, begin)) > 0:
                yield one, seconds

    def _goes_on(self) -> None:
        if self._free() < self._reserve * ROOM_LEFT:
            raise StorageFull(NO_ROOM)

    # Room, and what is over

    def _free(self) -> int:
        """Bytes. Raises StorageFull where nothing can be kept at all."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            return shutil.disk_usage(self._directory).free
        except OSError as error:
            log.error("exports cannot be kept in %s: %s", self._directory, error.strerror)
            raise StorageFull(NO_ROOM) from None

    def _needed(self, held: list[Held], begin: float, end: float, lapse: TimeLapse | None) -> float:
        """Bytes, roughly and rather too many."""
        needed = footage = 0.0
        for one, seconds in self._stretches(held, begin, end):
            whole = (self._clock.wall() if one.ended_at is None else one.ended_at) - one.started_at
            needed += one.bytes * seconds / max(whole, seconds)
            footage += seconds
        if lapse:
            needed = min(needed, footage / lapse.step * LAPSE_FRAME_BYTES)
        return needed * TWICE

    def _place(self, export_id: str) -> Path:
        return self._directory / export_id

    def _finish(self, export: Export, seconds: float) -> None:
        length = (self._place(export.id) / "film.mp4").stat().st_size
        with self._changed:
            if export.state == RUNNING:
                export.bytes, export.seconds, export.progress = length, round(seconds, 3), 1.0
                self._over(export, DONE)

    def _fail(self, export: Export, error: CamProxyError) -> None:
        with self._changed:
            if export.state == RUNNING and not self._stopping:
                export.error = error
                self._over(export, FAILED)

    def _over(self, export: Export, state: str) -> None:
        export.state = state
        export.expires_at = self._clock.wall() + KEPT_FOR
        self._until[export.id] = self._clock.monotonic() + KEPT_FOR

    def _tidy(self) -> None:
        now = self._clock.monotonic()
        for export_id in [export_id for export_id, until in self._until.items() if now >= until]:
            self._forget(export_id)

    def _forget(self, export_id: str) -> None:
        self._exports.pop(export_id, None)
        self._until.pop(export_id, None)
        shutil.rmtree(self._place(export_id), ignore_errors=True)

    def _clear(self) -> None:
        """Remove what is there, of whichever start."""
        try:
            for left in self._directory.iterdir() if self._directory.is_dir() else ():
                shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        except OSError as error:
            log.error("old exports cannot be removed from %s: %s", self._directory, error.strerror)
