"""PoseBook: where the head of each camera pointed, and when; kept as long as its recordings."""

from __future__ import annotations

import threading
from typing import Any

from sqlalchemy import insert, select

from camproxy.camera import Camera
from camproxy.clock import Clock, SystemClock, moment
from camproxy.control.pan_tilt import Pose
from camproxy.later import Later
from models import Camera as CameraRow
from models import PoseChange, db

#: A head that turns is written down so often. Seconds.
EVERY = 0.25
#: How long what there is to write waits for more: after each commit everybody's rights are looked at anew. Seconds.
TOGETHER = 2.0


class PoseBook:
    """Listens to cameras; called in the threads of boards, it only remembers. A subsystem: start, stop, state."""

    def __init__(self, later: Later, clock: Clock | None = None) -> None:
        self._later = later
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        #: Of each camera the pose that was noted last, and when by the monotonic clock.
        self._last: dict[int, tuple[Pose, float]] = {}
        #: And one that is to be noted if no other comes soon, with its moment on the wall.
        self._next: dict[int, tuple[Pose, float]] = {}
        self._rows: list[dict[str, Any]] = []
        self._due_at = 0.0

    def start(self) -> None:
        pass  # it has no thread

    def stop(self) -> None:
        with self._lock:
            for number in list(self._next):
                self._note(number, *self._next.pop(number))
        self._write()

    def state(self) -> dict[str, Any]:
        return {"waiting": len(self._rows)}

    def changed(self, camera: Camera, what: str) -> None:
        """Of a head that turns, the first pose and the last are always noted, whatever lies between."""
        if what not in ("pose", "tick"):
            return
        now, pose = self._clock.monotonic(), camera.head.pose
        with self._lock:
            last, noted_at = self._last.get(camera.id, (None, float("-inf")))
            if what == "pose" and pose is not None:
                if pose == last:
                    self._next.pop(camera.id, None)
                else:
                    self._next[camera.id] = pose, self._clock.wall()
            if camera.id in self._next and now - noted_at >= EVERY:
                self._note(camera.id, *self._next.pop(camera.id))
            due = bool(self._rows) and now >= self._due_at
        if due:
            self._write()

    def _note(self, camera_id: int, pose: Pose, at: float) -> None:
        now = self._clock.monotonic()
        if not self._rows:
            self._due_at = now + TOGETHER
        self._last[camera_id] = pose, now
        self._rows.append({"camera_id": camera_id, "at": moment(at), "x": pose.x, "y": pose.y})

    def _write(self) -> None:
        with self._lock:
            rows, self._rows = self._rows, []
        if rows:
            self._later.put(lambda: store(rows))


def store(rows: list[dict[str, Any]]) -> None:
    """Those of cameras that are still there."""
    known = set(db.session.scalars(select(CameraRow.id)))
    if there := [row for row in rows if row["camera_id"] in known]:
        db.session.execute(insert(PoseChange), there)
