"""MotionWatch: looks at the pictures of the cameras that are to be watched, and says what moved."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from camproxy.camera import Camera
from camproxy.cameras import Cameras
from camproxy.clock import Clock, SystemClock
from camproxy.control.pan_tilt import Pose
from camproxy.errors import NotFound
from camproxy.frames import Frame, Viewer
from camproxy.motion.background import Sensitivity
from camproxy.motion.episode import Episode, Episodes
from camproxy.motion.process import NoLook, Process

log = logging.getLogger(__name__)

#: How often each camera is looked at: people are slower. Seconds.
LOOK_EVERY = 0.2
#: How long a picture may still shake after the head has arrived. Seconds.
SETTLED_AFTER = 1.0
#: A head this near a pose has it. Degrees.
NEAR = 3
#: After the process has failed. Seconds.
RETRY = 5.0


@dataclass(frozen=True, slots=True)
class MotionConfig:
    """`muted` are the poses from which nothing is looked for, as that towards the street."""

    sensitivity: Sensitivity = Sensitivity()
    muted: tuple[Pose, ...] = ()


@dataclass(eq=False, slots=True)
class Watched:
    """One camera that is watched."""

    camera: Camera
    config: MotionConfig
    viewer: Viewer
    episodes: Episodes = field(default_factory=Episodes)
    pose: Pose | None = None
    blind_until: float = 0.0
    blind: bool = True


#: (camera's number, an episode that has begun or ended, the frame of the last look).
Listener = Callable[[int, Episode, Frame], None]


class MotionWatch:
    """A subsystem: start, stop, state. While a camera is watched its pictures are wanted, whether or not people watch.

    `listeners` are called in its thread and must not block.
    """

    def __init__(self, cameras: Cameras, clock: Clock | None = None) -> None:
        self._cameras = cameras
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._watched: dict[int, Watched] = {}
        self._news: dict[int, MotionConfig | None] = {}
        self._process = Process()
        self._retry_at = 0.0
        self._looks = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="motion", daemon=True)
        self.listeners: list[Listener] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def state(self) -> dict[str, Any]:
        moving = [number for number, watched in self._watched.copy().items() if watched.episodes.present]
        return {"watched": len(self._watched), "moving": moving, "looks": self._looks, "started": self._process.started}

    def put(self, camera_id: int, config: MotionConfig | None) -> None:
        """Watch a camera in this way from now on; None: watch it no more."""
        with self._lock:
            self._news[camera_id] = config

    # In its own thread

    def _run(self) -> None:
        try:
            while not self._stopping.wait(LOOK_EVERY):
                self._follow()
                for watched in self._watched.values():
                    self._look(watched)
        finally:
            for number in list(self._watched):
                self._leave(number)
            self._process.close()

    def _follow(self) -> None:
        with self._lock:
            news, self._news = self._news, {}
        for number in [number for number, watched in self._watched.items() if not self._is_there(watched)]:
            news.setdefault(number, None)
        for number, config in news.items():
            self._leave(number)
            if config:
                self._begin(number, config)

    def _is_there(self, watched: Watched) -> bool:
        try:
            return self._cameras.get(watched.camera.id) is watched.camera
        except NotFound:
            return False

    def _begin(self, number: int, config: MotionConfig) -> None:
        try:
            camera = self._cameras.get(number)
        except NotFound:
            return
        self._watched[number] = Watched(camera, config, Viewer(camera.hub).__enter__())

    def _leave(self, number: int) -> None:
        if watched := self._watched.pop(number, None):
            self._still(watched)
            watched.viewer.__exit__()
            self._process.leave(number)

    def _look(self, watched: Watched) -> None:
        frame = watched.camera.hub.newest
        if frame is None or frame.seq <= watched.viewer.seq or self._clock.monotonic() < self._retry_at:
            return
        try:
            self._look_at(frame, watched)
        finally:
            watched.viewer.take(frame)

    def _look_at(self, frame: Frame, watched: Watched) -> None:
        camera = watched.camera
        if self._is_blind(watched):
            self._still(watched)
            watched.blind = True
            return
        if watched.blind:
            self._process.watch(camera.id, watched.config.sensitivity)
            watched.blind = False
        try:
            look = self._process.look(camera.id, frame.data)
        except NoLook as error:
            log.warning("motion: the process that looks for it failed: %s", error)
            self._retry_at = self._clock.monotonic() + RETRY
            return
        self._looks += 1
        if news := watched.episodes.take(look, frame.captured_at, frame.seq):
            self._tell(watched, news, frame)

    def _is_blind(self, watched: Watched) -> bool:
        """Whether the head moves, or has just moved, or looks where nothing is to be looked for."""
        head, now = watched.camera.head, self._clock.monotonic()
        if head.pose != watched.pose or (head.asked and head.asked != head.pose):
            watched.pose, watched.blind_until = head.pose, now + SETTLED_AFTER
        return now < watched.blind_until or any(near(head.pose, muted) for muted in watched.config.muted)

    def _still(self, watched: Watched) -> None:
        frame = watched.camera.hub.newest
        if frame and (ended := watched.episodes.end(self._clock.wall())):
            self._tell(watched, ended, frame)

    def _tell(self, watched: Watched, news: Episode, frame: Frame) -> None:
        for listener in tuple(self.listeners):
            try:
                listener(watched.camera.id, news, frame)
            except Exception:
                log.exception("motion: a listener failed")  # the others, and the watch, go on


def near(pose: Pose | None, other: Pose) -> bool:
    return pose is not None and abs(pose.x - other.x) <= NEAR and abs(pose.y - other.y) <= NEAR
