"""Recordings: the recorders of all cameras, what they write to, and what is kept. A subsystem: start, stop, state."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from camproxy.camera import Camera
from camproxy.cameras import Cameras
from camproxy.clock import Clock, SystemClock, iso
from camproxy.errors import Conflict, NotFound, Unavailable
from camproxy.listeners import tell
from camproxy.recording.book import ASLEEP, DISABLED, DISK_MISSING, OFFLINE, SERVER_STOPPED
from camproxy.recording.capacity import HEIGHT, WIDTH, Load
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
        self.storage = storage
        self._policy = policy
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._recorders: dict[int, Recorder] = {}
        #: Are told what `state_of` says of a camera when that has changed.
        self.listeners: list[Callable[[dict[str, Any]], None]] = []
        #: Are told the number of a recording that was removed.
        self.removed: list[Callable[[int], None]] = []
        self._told: dict[int, dict[str, Any]] = {}
        self._telling = threading.Lock()
        self._configs: Mapping[int, CameraRecording] = {}
        #: The cameras with their addresses, as they were when the settings were read.
        self._followed: dict[int, tuple[Camera, str]] = {}
        #: Whether settings were changed since they were read last; and when they are read again that could not be.
        self._outdated = threading.Event()
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
            lambda recording_id: tell(self.removed, recording_id),
            self.forgotten,
        )

    def start(self) -> None:
        self._catalogue.start()
        try:
            self._used = self._catalogue.is_used()
            self.storage.prepare(self._used)
            self._look_back()
        except Unavailable as error:
            self.storage.look()
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
            "trouble": self.storage.trouble,
            "cameras": [recorder.state() for recorder in recorders],
        } | self._catalogue.state()

    def alarms(self) -> list[str]:
        """Sentences for an operator, about what keeps cameras from being recorded."""
        found = []
        with self._lock:
            recorders = list(self._recorders.values())
        if self.storage.trouble and (self._used or any(one.watches for one in recorders)):
            found.append(f"nothing is recorded: {self.storage.detail}")
        found += [f"camera {one.camera_id} is not recorded: {one.fault}" for one in recorders if one.fault]
        return found

    # What people and devices ask

    def motion(self, camera_id: int, at: float | None = None, goes_on: bool = False) -> None:
        """Something moved before that camera, at that moment by the wall clock or now, and does until the next call."""
        if recorder := self._of(camera_id):
            recorder.motion(at, goes_on)

    def record_for(self, camera_id: int, seconds: float) -> None:
        """Record by hand for so many seconds from now; 0 ends it. Raises Unavailable for a camera without recorder."""
        recorder = self._of(camera_id)
        if recorder is None:
            raise Unavailable("The camera is just being set up. Try again shortly.")
        recorder.record_for(seconds)
        self._tell(camera_id)

    def _of(self, camera_id: int) -> Recorder | None:
        """The recorder of that camera. None while there is none yet, though that of a removed one with its number."""
        try:
            camera = self._cameras.get(camera_id)
        except NotFound:
            return None
        with self._lock:
            recorder = self._recorders.get(camera_id)
        return recorder if recorder and recorder.hub is camera.hub else None

    def alive(self) -> float | None:
        """When the server is known to have run last. Seconds since 1970."""
        try:
            return self._policy.alive.stat().st_mtime
        except OSError:
            return None

    def state_of(self, camera_id: int) -> dict[str, Any]:
        """Whether that camera is being recorded, see docs/protocol.md."""
        recorder = self._of(camera_id)
        until = recorder and recorder.by_hand_until
        return {
            "camera": camera_id,
            "recording": bool(recorder and recorder.records),
            "mode": recorder.config.mode if recorder else "off",
            "by_hand_until": iso(until) if until else None,
            "fault": recorder and recorder.trouble,
        }

    def check_removable(self, path: str) -> None:
        """To be asked before its row goes. Raises Conflict for what leads elsewhere, Unavailable without disk."""
        if self.storage.look() == DISK_MISSING:
            raise Unavailable("The disk of the recordings is not there.")
        try:
            self.storage.file(path)
        except (OSError, ValueError) as error:
            log.error("recordings: %s is not removed: %s", path, error)
            raise Conflict("That is no file that was recorded here.") from None

    def remove(self, recording_id: int, path: str, by: str) -> None:
        """Remove the file of a recording whose row is gone; who wanted it is in the manifest. Raises Unavailable."""
        try:
            self.storage.remove(path, "on_demand", by)
        except (OSError, ValueError) as error:
            log.error("recordings: %s cannot be removed: %s", path, error)
            raise Unavailable("The file could not be removed from the disk.") from None
        finally:
            tell(self.removed, recording_id)

    def loads(self) -> list[Load]:
        """What is recorded now, or would be if something moved."""
        with self._lock:
            recorders = [recorder for recorder in self._recorders.values() if recorder.watches]
        found = []
        for recorder in recorders:
            with suppress(NotFound):  # it was removed just now
                camera, config = self._cameras.get(recorder.camera_id), recorder.config
                newest = camera.hub.newest
                pixels = newest.width * newest.height if newest else WIDTH * HEIGHT
                found.append(Load(config.codec, pixels, min(config.fps, camera.config.fps)))
        return found

    def would_go(self) -> list[tuple[Kept, str]]:
        """What a clean-up would remove now, and why; nothing is."""
        return self._keeper.plan()

    def reload(self) -> None:
        """Settings were changed in the database."""
        self._outdated.set()

    # In its threads

    def _run(self) -> None:
        alive_at = float("-inf")
        while not self._stopping.wait(TICK):
            try:
                self.storage.look()
                self._follow_cameras()
                with self._lock:
                    recorders = list(self._recorders.values())
                for recorder in recorders:
                    recorder.look()
                    self._tell(recorder.camera_id)
                if self._clock.monotonic() - alive_at >= ALIVE_EVERY:
                    alive_at = self._clock.monotonic()
                    self._note_alive()
            except Unavailable as error:
                log.warning("recordings: %s", error)
            except Exception:
                log.exception("recordings")  # whatever it is, the next turn tries again

    def tell_state(self, camera_id: int, listener: Callable[[dict[str, Any]], None]) -> None:
        """Tell one who has just come how it is, before or after what the others are told."""
        with self._telling:
            listener(self.state_of(camera_id))

    def _tell(self, camera_id: int) -> None:
        with self._telling:  # so that the last that is told is how it is
            state = self.state_of(camera_id)
            if self._told.get(camera_id) != state:
                self._told[camera_id] = state
                tell(self.listeners, state)

    def _follow_cameras(self) -> None:
        """Have a recorder for each camera, with the settings that it has now."""
        cameras = {camera.id: camera for camera in self._cameras}
        present = {number: (camera, camera.config.url) for number, camera in cameras.items()}
        now = self._clock.monotonic()
        if (present == self._followed and not self._outdated.is_set()) or now < self._reload_at:
            return
        self._outdated.clear()  # before they are read: what is changed meanwhile is for the next turn
        try:
            configs = self._catalogue.settings()
        except BaseException:
            self._outdated.set()
            self._reload_at = now + RELOAD_EVERY
            raise
        with self._lock:
            # A number may be given again at once after its camera was removed.
            removed = [number for number, (camera, _) in self._followed.items() if cameras.get(number) is not camera]
            gone = [self._recorders.pop(number) for number in removed if number in self._recorders]
            for number, camera in cameras.items():
                if number not in configs:
                    continue
                if recorder := self._recorders.get(number):
                    recorder.config = configs[number]
                else:
                    self._recorders[number] = self._recorder(camera, configs[number])
        self._configs, self._followed = configs, present
        for recorder in gone:
            self._told.pop(recorder.camera_id, None)
            recorder.stop(STOP_WITHIN)

    def _recorder(self, camera: Camera, config: CameraRecording) -> Recorder:
        recorder = Recorder(
            camera.id,
            camera.hub,
            config,
            self._policy.zone,
            self.storage,
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
        if self.storage.trouble != DISK_MISSING:
            ends = recover_open(self.storage, self._catalogue)
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
        if self.storage.trouble == DISK_MISSING or not self._configs:
            return False
        if not self._recovered:
            recover_open(self.storage, self._catalogue)
            self._recovered = True
        folders = {config.folder: number for number, config in self._configs.items()}
        compare(self.storage, self._catalogue, folders, self._policy.zone)
        return True

    def _note_alive(self) -> None:
        self._policy.alive.touch()
        now = self._clock.wall()
        os.utime(self._policy.alive, (now, now))
