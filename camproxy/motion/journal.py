"""MotionJournal: what moved before which camera, whoever noticed it; it is written down, shown, and recorded."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import update

from camproxy.cameras import Cameras
from camproxy.clock import Clock, SystemClock, moment
from camproxy.devices import Device
from camproxy.errors import NotFound
from camproxy.frames import Frame
from camproxy.later import Later
from camproxy.listeners import tell
from camproxy.motion.episode import LONGEST, Episode
from camproxy.motion.past import close_open
from camproxy.motion.pictures import Pictures
from camproxy.motion.thumbnail import thumbnail
from models import MOTION, Event, db

log = logging.getLogger(__name__)

PIR, PICTURE = "pir", "picture"
#: How often the recorder is told that something still moves, for one that was not there yet. Seconds.
TURN = 1.0
#: A frame that is older shows nothing of what a PIR has just seen. Seconds.
FRESH = 2.0


@dataclass(frozen=True, slots=True)
class Motion:
    """Something moved before that camera; without an end it still does. Times in seconds since 1970."""

    camera: int
    source: str
    begun_at: float
    ended_at: float | None = None
    #: How much of the watched picture at most, 0…1; a PIR cannot tell.
    score: float | None = None


class MotionJournal:
    """A subsystem: start, stop, state. Thread-safe; what tells it of motion is never held up.

    `record` is told that something moved before a camera, when (None: now), and whether it still does; `listeners` are
    told each Motion that begins or ends. Neither may block. `alive` is when the server was last known to run.
    """

    def __init__(
        self,
        cameras: Cameras,
        later: Later,
        pictures: Pictures,
        record: Callable[[int, float | None, bool], None],
        alive: Callable[[], float | None] = lambda: None,
        clock: Clock | None = None,
    ) -> None:
        self._cameras = cameras
        self._later = later
        self._pictures = pictures
        self._record = record
        self._alive = alive
        self._clock = clock or SystemClock()
        self._changed = threading.Condition()
        self._present: dict[tuple[int, str], Motion] = {}
        #: Frames that are to become thumbnails; of each motion the last counts.
        self._frames: dict[tuple[int, str, float], Frame] = {}
        self._stopping = False
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="motion-journal", daemon=True)
        self.listeners: list[Callable[[Motion], None]] = []

    def start(self) -> None:
        now, alive = moment(self._clock.wall()), self._alive()
        last = None if alive is None else moment(alive)
        self._later.put(lambda: close_open(db.session(), now, last))
        self._thread.start()

    def stop(self) -> None:
        for motion in list(self._present.values()):
            self._end(motion.camera, motion.source, self._clock.wall())
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def state(self) -> dict[str, Any]:
        return {"present": len(self._present)}

    # What it is told

    def device_changed(self, device: Device, what: str, detail: Any) -> None:
        """Listens to devices: a PIR tells of the cameras that its board is part of."""
        if what == "motion" and detail.state:
            for camera in self._cameras:
                if device.id in camera.devices:
                    self._begin(Motion(camera.id, PIR, self._clock.wall()), self._fresh_frame(camera.id))
        elif what in ("motion", "offline"):
            for camera in self._cameras:
                if device.id in camera.devices:
                    self._end(camera.id, PIR, self._clock.wall())

    def episode(self, camera_id: int, episode: Episode, frame: Frame) -> None:
        """Listens to MotionWatch."""
        score = round(episode.share, 4)
        if episode.ended_at is None:
            self._begin(Motion(camera_id, PICTURE, episode.begun_at, score=score), frame)
        else:
            self._end(camera_id, PICTURE, episode.ended_at, score, frame)

    def _fresh_frame(self, camera_id: int, since: float = 0.0) -> Frame | None:
        try:
            hub = self._cameras.get(camera_id).hub
        except NotFound:
            return None
        frame, age = hub.newest, hub.age
        return frame if frame and age is not None and age < FRESH and frame.captured_at >= since else None

    def _begin(self, motion: Motion, frame: Frame | None) -> None:
        key = motion.camera, motion.source
        with self._changed:
            if key in self._present:
                return  # it says so again
            self._present[key] = motion
            if frame:
                self._frames[*key, motion.begun_at] = frame
            self._changed.notify_all()
            self._record(motion.camera, motion.begun_at, True)
        self._later.put(
            lambda: db.session.add(
                Event(
                    kind=MOTION,
                    camera_id=motion.camera,
                    source=motion.source,
                    at=moment(motion.begun_at),
                    score=motion.score,
                )
            )
        )
        tell(self.listeners, motion)

    def _end(
        self, camera_id: int, source: str, at: float, score: float | None = None, frame: Frame | None = None
    ) -> None:
        with self._changed:
            motion = self._present.pop((camera_id, source), None)
            if motion is None:
                return
            key = camera_id, source, motion.begun_at
            if frame is None and key not in self._frames:
                frame = self._fresh_frame(camera_id, motion.begun_at)
            if frame:
                self._frames[key] = frame
            self._changed.notify_all()
            ended = replace(motion, ended_at=max(at, motion.begun_at), score=score or motion.score)
            self._record(camera_id, ended.ended_at, any(camera == camera_id for camera, _ in self._present))
        self._change(ended, ended_at=moment(max(at, motion.begun_at)), score=ended.score)
        tell(self.listeners, ended)

    def _change(self, motion: Motion, **columns: Any) -> None:
        which = Event.kind == MOTION, Event.camera_id == motion.camera, Event.source == motion.source
        row = update(Event).where(*which, Event.at == moment(motion.begun_at)).values(columns)
        self._later.put(lambda: db.session.execute(row))

    # In its own thread

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._present:
                    self._changed.wait_for(lambda: self._stopping or self._frames, TURN)
                else:
                    self._changed.wait_for(lambda: self._stopping or self._frames or self._present)
                frames, self._frames = self._frames, {}
                stopping, present = self._stopping, list(self._present)
            for (camera, source, begun_at), frame in frames.items():
                self._keep(Motion(camera, source, begun_at), frame)
            if stopping:
                return
            for camera, source in present:
                self._still_moves(camera, source)

    def _still_moves(self, camera: int, source: str) -> None:
        now = self._clock.wall()
        with self._changed:
            motion = self._present.get((camera, source))
            if motion is None:
                return  # it was over meanwhile
            if source == PICTURE or now - motion.begun_at < LONGEST:
                self._record(camera, None, True)
                return
        self._end(camera, PIR, now)  # that it was over has not come through, or it would begin anew

    def _keep(self, motion: Motion, frame: Frame) -> None:
        path = self._pictures.path(motion.camera, motion.begun_at, motion.source)
        try:
            self._pictures.store(path, thumbnail(frame.data))
        except ValueError as error:
            log.debug("no thumbnail of camera %s: %s", motion.camera, error)
        except OSError as error:
            if not self._failing:
                log.warning("thumbnails of motion cannot be kept: %s", error)
            self._failing = True
        else:
            self._failing = False
            self._change(motion, thumbnail=path)
