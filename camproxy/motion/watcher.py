"""MotionWatch: looks at the pictures of the cameras that are to be watched, and says what moved."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from camproxy.camera import Camera
from camproxy.cameras import Cameras
from camproxy.clock import Clock, SystemClock
from camproxy.control.pan_tilt import Pose
from camproxy.errors import NotFound, Unavailable
from camproxy.frames import Frame
from camproxy.listeners import tell
from camproxy.motion.background import Look, Sensitivity
from camproxy.motion.episode import Episode, Episodes
from camproxy.motion.process import NoLook, Process

log = logging.getLogger(__name__)

#: How often each camera is looked at: people are slower. Seconds.
LOOK_EVERY = 0.2
#: A head that was told to move and does not say that it arrived has done so, or never will. Seconds.
LONGEST_MOVE = 5.0
#: A head this near a pose has it. Degrees.
NEAR = 3
#: After the process has failed, or the settings could not be read. Seconds.
RETRY = 5.0
#: A picture that is older shows nothing of now. Seconds.
FRESH = 2.0


@dataclass(frozen=True, slots=True)
class MotionConfig:
    """`settle_seconds` is how long a picture may still shake after the head has arrived.

    `muted` are the poses from which nothing is looked for, as that towards the street.
    """

    sensitivity: Sensitivity = Sensitivity()
    settle_seconds: float = 1.0
    muted: tuple[Pose, ...] = ()


@dataclass(eq=False, slots=True)
class Watched:
    """One camera that is watched."""

    camera: Camera
    config: MotionConfig
    #: The number of the frame that was seen to last.
    seq: int
    episodes: Episodes = field(default_factory=Episodes)
    #: The frame in which the most moved.
    telling: Frame | None = None
    look: Look | None = None
    #: Where the head is, where it was told to go, and the light: what changes the picture by itself.
    pose: Pose | None = None
    asked: Pose | None = None
    light: bool | None = None
    blind_until: float = 0.0
    arrives_until: float = 0.0
    blind: bool = True


#: (camera's number, an episode that has begun or ended, the frame in which the most moved).
Listener = Callable[[int, Episode, Frame], None]


class MotionWatch:
    """A subsystem: start, stop, state. While a camera is watched its pictures are wanted, whether or not people watch.

    `configs` reads which cameras are to be watched, and how; it may raise Unavailable. `listeners` are called in the
    watching thread and must not block.
    """

    def __init__(
        self,
        cameras: Cameras,
        clock: Clock | None = None,
        configs: Callable[[], Mapping[int, MotionConfig]] = dict,
    ) -> None:
        self._cameras = cameras
        self._clock = clock or SystemClock()
        self._configs = configs
        self._changed = threading.Condition()
        self._watched: dict[int, Watched] = {}
        self._news: dict[int, MotionConfig | None] = {}
        self._read = False
        self._process = Process()
        self._retry_at = 0.0
        self._looks = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="motion", daemon=True)
        self.listeners: list[Listener] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def state(self) -> dict[str, Any]:
        moving = [number for number, watched in self._watched.copy().items() if watched.episodes.present]
        return {"watched": len(self._watched), "moving": moving, "looks": self._looks, "started": self._process.started}

    def put(self, camera_id: int, config: MotionConfig | None) -> None:
        """Watch a camera in this way from now on; None: watch it no more."""
        with self._changed:
            self._news[camera_id] = config
            self._changed.notify_all()

    def now(self, camera_id: int) -> tuple[str, Look | None]:
        """`off`, `no_picture`, `muted`, `still` or `moving`, and what the last picture showed if it was looked at."""
        watched = self._watched.get(camera_id)
        if watched is None:
            return "off", None
        age = watched.camera.hub.age
        if age is None or age > FRESH:
            return "no_picture", None
        if watched.blind or watched.look is None:
            return "muted", None
        return "moving" if watched.episodes.present else "still", watched.look

    # In its own thread

    def _run(self) -> None:
        try:
            self._read_settings()
            while self._wait():
                try:
                    self._follow()
                    for watched in self._watched.values():
                        self._look(watched)
                except Exception:
                    log.exception("motion")  # whatever it is, the next turn tries again
        finally:
            for number in list(self._watched):
                self._leave(number)
            self._process.close()

    def _wait(self) -> bool:
        """Until the next look; as long as nothing is watched, until something is to be. Whether to go on."""
        with self._changed:
            if self._read and not self._watched:
                self._changed.wait_for(lambda: self._stopping or self._news)
            else:
                self._changed.wait_for(lambda: self._stopping, LOOK_EVERY if self._read else RETRY)
            return not self._stopping

    def _follow(self) -> None:
        if not self._read:
            self._read_settings()
        with self._changed:
            news, self._news = self._news, {}
        for number in [number for number, watched in self._watched.items() if not self._is_there(watched)]:
            self._leave(number)
        for number, config in news.items():
            if (known := self._watched.get(number)) and known.config == config:
                continue
            self._leave(number)
            if config:
                self._begin(number, config)
        if not self._watched:
            self._process.close()

    def _read_settings(self) -> None:
        try:
            found = self._configs()
        except Unavailable as error:
            log.warning("motion: its settings cannot be read: %s", error)
            return
        self._read = True
        with self._changed:  # what was put meanwhile is newer
            self._news = {**found, **self._news}

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
        camera.hub.attach(viewer=False)
        self._watched[number] = Watched(camera, config, camera.hub.received)

    def _leave(self, number: int) -> None:
        if watched := self._watched.pop(number, None):
            self._still(watched)
            watched.camera.hub.detach(viewer=False)
            self._process.leave(number)

    def _look(self, watched: Watched) -> None:
        frame, now = watched.camera.hub.newest, self._clock.monotonic()
        if frame is None or frame.seq <= watched.seq:
            if watched.episodes.present and (watched.camera.hub.age or 0) > FRESH:
                self._still(watched)  # there are no pictures any more
            return
        try:
            if self._is_blind(watched, now):
                self._still(watched)
                watched.blind = True
            elif now >= self._retry_at:
                self._look_at(frame, watched)
        finally:
            watched.seq = frame.seq

    def _look_at(self, frame: Frame, watched: Watched) -> None:
        camera = watched.camera
        if watched.blind:
            self._process.watch(camera.id, watched.config.sensitivity)
            watched.blind = False
        try:
            watched.look = self._process.look(camera.id, frame.data)
        except NoLook as error:
            log.warning("motion: the process that looks for it failed: %s", error)
            self._retry_at = self._clock.monotonic() + RETRY
            return
        self._looks += 1
        news = watched.episodes.take(watched.look, frame.captured_at, frame.seq)
        present = watched.episodes.present
        if present and present.picture == frame.seq:
            watched.telling = frame
        if news:
            self._tell(watched, news)

    def _is_blind(self, watched: Watched, now: float) -> bool:
        """Whether the head moves, or has just moved, or looks where nothing is to be looked for."""
        head = watched.camera.head
        pose, asked, light = head.pose, head.asked, head.light
        if asked != watched.asked:
            watched.arrives_until = now + LONGEST_MOVE
        on_the_way = asked is not None and asked != pose and now < watched.arrives_until
        if on_the_way or (pose, asked, light) != (watched.pose, watched.asked, watched.light):
            watched.blind_until = now + watched.config.settle_seconds
        watched.pose, watched.asked, watched.light = pose, asked, light
        return now < watched.blind_until or any(near(pose, muted) for muted in watched.config.muted)

    def _still(self, watched: Watched) -> None:
        watched.look = None
        if ended := watched.episodes.end(self._clock.wall()):
            self._tell(watched, ended)

    def _tell(self, watched: Watched, news: Episode) -> None:
        if watched.telling:
            tell(self.listeners, watched.camera.id, news, watched.telling)


def near(pose: Pose | None, other: Pose) -> bool:
    return pose is not None and abs(pose.x - other.x) <= NEAR and abs(pose.y - other.y) <= NEAR
