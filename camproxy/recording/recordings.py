"""Recordings: the recorders of all cameras, what they write to, and what is kept. A subsystem: start, stop, state."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from camproxy.camera import Camera
from camproxy.cameras import Cameras
from camproxy.clock import Clock, SystemClock
from camproxy.errors import NotFound, Unavailable
from camproxy.recording.book import ASLEEP, DISABLED, DISK_MISSING, OFFLINE, SERVER_STOPPED
from camproxy.recording.catalogue import Catalogue
from camproxy.recording.keeper import Keeper
from camproxy.recording.modes import CameraRecording
from camproxy.recording.reconcile import compare, recover_open
from camproxy.recording.recorder import Recorder
from camproxy.recording.retention import DAY, Kept, Limits
from camproxy.recording.storage import Storage

log = logging.getLogger(__name__)

#: How often recorders are looked at, and it is noted that the server lives. Seconds.
TICK = 0.5
ALIVE_EVERY = 2.0
#: How often settings are read again that could not be. Seconds.
RELOAD_EVERY = 5.0
#: How long a stop may take for all files together; the server has ten for everything. Seconds.
STOP_WITHIN = 6.0
#: A server that was away for longer is not missed for longer. Days.
MISSED_DAYS = 31


@dataclass(frozen=True, slots=True)
class RecordingPolicy:
    """What the settings say. `alive` is a file whose time says when the server was last known to run."""

    zone: ZoneInfo
    limits: Limits
    cleanup: str
    alive: Path


def why_missing(camera: Camera) -> str:
    """Why there are no pictures of it, in the book's words."""
    status = camera.status()
    if status["state"] == "disabled":
        return DISABLED
    return ASLEEP if status["reason"] == "asleep" else OFFLINE


class Recordings:
    """Thread-safe. `forgotten` are told what is kept no more, see Keeper."""

    def __init__(
        self,
        cameras: Cameras,
        catalogue: Catalogue,
        storage: Storage,
        policy: RecordingPolicy,
        clock: Clock | None = None,
    ) -> None:
        self._cameras = cameras
        self._catalogue = catalogue
        self._storage = storage
        self._policy = policy
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._recorders: dict[int, Recorder] = {}
        self._configs: Mapping[int, CameraRecording] = {}
        self._urls: dict[int, str] = {}
        self._reload_at = float("-inf")
        #: Up to when each camera is known to have been recorded or watched, from before the start.
        self._known_until: dict[int, float] = {}
        self._recovered = False
        #: Whether there should be recordings.
        self._used = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recordings", daemon=True)
        self.forgotten: list[Callable[[dict[int, float]], None]] = []
        self._keeper = Keeper(
            catalogue,
            storage,
            policy.limits,
            policy.cleanup,
            policy.zone,
            self._clock,
            lambda: self._configs,
            self._compare,
            self.forgotten,
        )

    def start(self) -> None:
        self._catalogue.start()
        try:
            self._used = self._catalogue.is_used()
            self._storage.prepare(self._used)
            self._look_back()
        except Unavailable as error:
            self._storage.look()
            log.warning("what was recorded before cannot be looked at now: %s", error)
        self._thread.start()
        self._keeper.start()

    def stop(self) -> None:
        if self._stopping.is_set():
            return
        self._stopping.set()
        until = time.monotonic() + STOP_WITHIN
        if self._thread.is_alive():
            self._thread.join(timeout=1)
        with self._lock:
            recorders = list(self._recorders.values())
        for recorder in recorders:
            recorder.cancel()  # all of them first: their files are finished side by side
        late = [recorder for recorder in recorders if not recorder.stop(until - time.monotonic())]
        for recorder in late:
            log.error("camera %s: its recording could not be finished in time", recorder.camera_id)
            recorder.kill()
        for recorder in late:
            recorder.stop(until + 1 - time.monotonic())
        self._keeper.stop()
        if self._configs:
            self._note_alive()
        self._catalogue.stop()

    def state(self) -> dict[str, Any]:
        with self._lock:
            recorders = list(self._recorders.values())
        return {
            "trouble": self._storage.trouble,
            "cameras": [recorder.state() for recorder in recorders],
        } | self._catalogue.state()

    def alarms(self) -> list[str]:
        """Sentences for an operator, about what keeps cameras from being recorded."""
        found = []
        with self._lock:
            recorders = list(self._recorders.values())
        if self._storage.trouble and (self._used or any(one.watches for one in recorders)):
            found.append(f"nothing is recorded: {self._storage.detail}")
        found += [f"camera {one.camera_id} is not recorded: {one.fault}" for one in recorders if one.fault]
        return found

    # What people and devices ask

    def motion(self, camera_id: int, at: float | None = None) -> None:
        """Something moved before that camera, at that moment by the wall clock or now."""
        with self._lock:
            recorder = self._recorders.get(camera_id)
        if recorder:
            recorder.motion(at)

    def record_for(self, camera_id: int, seconds: float) -> None:
        """Record by hand for so many seconds from now; 0 ends it. Raises NotFound."""
        with self._lock:
            recorder = self._recorders.get(camera_id)
        if recorder is None:
            raise NotFound("There is no such camera.")
        recorder.record_for(seconds)

    def alive(self) -> float | None:
        """When the server is known to have run last. Seconds since 1970."""
        try:
            return self._policy.alive.stat().st_mtime
        except OSError:
            return None

    def would_go(self) -> list[tuple[Kept, str]]:
        """What a clean-up would remove now, and why; nothing is."""
        return self._keeper.plan()

    def reload(self) -> None:
        """Settings were changed in the database."""
        self._reload_at = float("-inf")
        self._urls = {}

    # In its threads

    def _run(self) -> None:
        alive_at = float("-inf")
        while not self._stopping.wait(TICK):
            try:
                self._storage.look()
                self._follow_cameras()
                with self._lock:
                    recorders = list(self._recorders.values())
                for recorder in recorders:
                    recorder.look()
                if self._clock.monotonic() - alive_at >= ALIVE_EVERY:
                    alive_at = self._clock.monotonic()
                    self._note_alive()
            except Unavailable as error:
                log.warning("recordings: %s", error)
            except Exception:
                log.exception("recordings")  # whatever it is, the next turn tries again

    def _follow_cameras(self) -> None:
        """Have a recorder for each camera, with the settings that it has now."""
        cameras = {camera.id: camera for camera in self._cameras}
        urls = {number: camera.config.url for number, camera in cameras.items()}
        now = self._clock.monotonic()
        if urls == self._urls or now - self._reload_at < RELOAD_EVERY:
            return
        self._reload_at = now
        configs = self._catalogue.settings()
        with self._lock:
            gone = [self._recorders.pop(number) for number in set(self._recorders) - set(cameras)]
            for number, camera in cameras.items():
                if number not in configs:
                    continue
                if recorder := self._recorders.get(number):
                    recorder.config = configs[number]
                else:
                    self._recorders[number] = self._recorder(camera, configs[number])
        self._configs, self._urls = configs, urls
        for recorder in gone:
            recorder.stop(STOP_WITHIN)

    def _recorder(self, camera: Camera, config: CameraRecording) -> Recorder:
        recorder = Recorder(
            camera.id,
            camera.hub,
            config,
            self._policy.zone,
            self._storage,
            self._catalogue,
            self._clock,
            lambda: why_missing(camera),
        )
        if camera.id in self._known_until:
            self._missed(recorder, self._known_until.pop(camera.id))
        return recorder

    # What was before the start

    def _look_back(self) -> None:
        """Recover what was being recorded, and find out since when nobody was there."""
        alive = self.alive()
        ends: dict[int, float] = {}
        if self._storage.trouble != DISK_MISSING:
            ends = recover_open(self._storage, self._catalogue)
            self._recovered = True
        self._catalogue.close_gaps(self._clock.wall() if alive is None else alive)
        if alive is not None:
            self._known_until = dict.fromkeys(self._catalogue.settings(), alive)
        self._known_until |= ends

    def _missed(self, recorder: Recorder, since: float) -> None:
        """The server did not run from then until now."""
        now = self._clock.wall()
        since = max(since, now - MISSED_DAYS * DAY)
        for begin, end in recorder.config.watches_within(since, now, self._policy.zone):
            if end == now:
                recorder.ledger.stopped_since(begin)
            else:
                self._catalogue.gap_opened(recorder.camera_id, begin, SERVER_STOPPED)
                self._catalogue.gap_closed(recorder.camera_id, begin, end)

    def _compare(self) -> bool:
        """Once, as soon as the storage is there. Whether it has been done."""
        if self._storage.trouble == DISK_MISSING or not self._configs:
            return False
        if not self._recovered:
            recover_open(self._storage, self._catalogue)
            self._recovered = True
        folders = {config.folder: number for number, config in self._configs.items()}
        compare(self._storage, self._catalogue, folders, self._policy.zone)
        return True

    def _note_alive(self) -> None:
        self._policy.alive.touch()
        now = self._clock.wall()
        os.utime(self._policy.alive, (now, now))
