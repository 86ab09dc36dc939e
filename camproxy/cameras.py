"""Cameras: the registry of them. Knows neither Flask nor the database."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

from camproxy.camera import STOP_WITHIN, Boards, Camera, CameraConfig, Listener, Policy, no_boards
from camproxy.clock import Clock, SystemClock
from camproxy.errors import NotFound
from camproxy.links import scheme_of, without_password
from camproxy.listeners import tell

log = logging.getLogger(__name__)

#: How often states that change by the mere passing of time are looked at, in seconds.
TICK = 0.5


class Cameras:
    """The registry. A subsystem: start, stop, state. Thread-safe."""

    def __init__(self, policy: Policy | None = None, clock: Clock | None = None, boards: Boards = no_boards) -> None:
        self._policy = policy or Policy()
        self._boards = boards
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._by_id: dict[int, Camera] = {}
        self._running = False
        self._stopping = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="cameras", daemon=True)
        self.listeners: list[Listener] = []

    def start(self) -> None:
        self._running = True
        for camera in self:
            camera.start()
        self._ticker.start()

    def stop(self) -> None:
        self._running = False
        self._stopping.set()
        cameras = list(self)
        for camera in cameras:
            camera.cancel()  # all of them first: each may be waiting for a board that is away
        until = time.monotonic() + STOP_WITHIN
        for camera in cameras:
            camera.stop(max(until - time.monotonic(), 0.0))
        if self._ticker.is_alive():
            self._ticker.join(timeout=5)

    def state(self) -> dict[str, Any]:
        return {"cameras": [camera.described() for camera in self]}

    def __iter__(self) -> Iterator[Camera]:
        with self._lock:
            return iter(sorted(self._by_id.values(), key=lambda camera: camera.id))

    def get(self, key: int | str) -> Camera:
        """A camera by its number or slug. Raises NotFound."""
        text = str(key)
        for camera in self:
            if text in (str(camera.id), camera.config.slug):
                return camera
        raise NotFound("There is no such camera.")

    def put(self, config: CameraConfig) -> Camera:
        """Add a camera, or give one its new settings."""
        scheme_of(config.url)
        with self._lock:
            known = self._by_id.get(config.id)
            camera = known or Camera(config, self._policy, self._changed, self._clock, self._boards)
            self._by_id[config.id] = camera
        if known:
            camera.reconfigure(config)
            return camera
        self._changed(camera, "added")
        if self._running:
            camera.start()
            log.info("camera %s: added, %s", config.slug, without_password(config.url))
        return camera

    def look_for_boards(self) -> None:
        """Devices were added or removed."""
        for camera in self:
            camera.look_for_boards()

    def remove(self, camera_id: int) -> Camera | None:
        with self._lock:
            camera = self._by_id.pop(camera_id, None)
        if camera:
            camera.stop()
        return camera

    def _changed(self, camera: Camera, what: str) -> None:
        tell(self.listeners, camera, what)

    def _tick(self) -> None:
        while not self._stopping.wait(TICK):
            for camera in self:
                camera.observe()
                self._changed(camera, "tick")
