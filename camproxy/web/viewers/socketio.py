"""The card's way out: `video_frame` over Socket.IO, from one thread for all clients. Newest frame wins here too.

A client is skipped while something still waits in its connection's queue, so a client that does not read holds one
frame and no more; one that acknowledges frames is never more than a few behind. Who was skipped gets the newest frame
when it is ready, also if no other has come by then.
"""

from __future__ import annotations

import logging
import threading
from base64 import b64encode
from typing import Any

from flask_socketio import SocketIO

from camproxy.camera import Camera
from camproxy.cameras import Cameras
from camproxy.clock import Clock, SystemClock
from camproxy.frames import Frame, FrameHub
from camproxy.web.live import Client, Live, Subscription

log = logging.getLogger(__name__)

#: How often is looked whether who was skipped is ready. Seconds.
LOOK_AGAIN = 0.1


class SocketIOViewers:
    """A subsystem: start, stop, state."""

    def __init__(self, socketio: SocketIO, live: Live, cameras: Cameras, clock: Clock | None = None) -> None:
        self._socketio = socketio
        self._live = live
        self._clock = clock or SystemClock()
        self._changed = threading.Condition()
        self._dirty: dict[FrameHub, int] = {}
        self._stopping = False
        self._sent = 0
        self._thread = threading.Thread(target=self._run, name="socketio-frames", daemon=True)
        cameras.listeners.append(self._listen)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def state(self) -> dict[str, Any]:
        return {"clients": len(self._live), "frames_sent": self._sent}

    def _listen(self, camera: Camera, what: str) -> None:
        if what != "added":
            return
        camera_id = camera.id

        def published(hub: FrameHub) -> None:
            if not len(self._live):
                return  # nobody to wake a thread for
            with self._changed:
                self._dirty[hub] = camera_id
                self._changed.notify_all()

        camera.hub.listeners.append(published)

    def _run(self) -> None:
        owed: dict[FrameHub, int] = {}
        look_at = 0.0
        while (dirty := self._wait(look_at if owed else None)) is not None:
            now = self._clock.monotonic()
            if now >= look_at:
                dirty = owed | dirty
                look_at = now + LOOK_AGAIN
            for hub, camera_id in dirty.items():
                owed.pop(hub, None)
                frame = hub.newest
                try:
                    if frame is not None and not self._spread(camera_id, hub, frame):
                        owed[hub] = camera_id
                except Exception:
                    log.exception("sending a frame of camera %s failed", camera_id)

    def _wait(self, until: float | None) -> dict[FrameHub, int] | None:
        """The hubs with a new frame, which may be none at that time; None when all is over."""
        with self._changed:
            wait = None if until is None else max(until - self._clock.monotonic(), 0)
            self._changed.wait_for(lambda: self._dirty or self._stopping, wait)
            dirty, self._dirty = self._dirty, {}
            return None if self._stopping else dirty

    def _spread(self, camera_id: int, hub: FrameHub, frame: Frame) -> bool:
        """Send it to all who are ready; whether these were all."""
        now = self._clock.monotonic()
        as_text: list[str] = []
        all_have_it = True
        for client in self._live.who_watches(camera_id):
            subscription = client.subscriptions.get(camera_id)
            if subscription is None or subscription.viewer is None or frame.seq <= subscription.viewer.seq:
                continue
            if subscription.viewer.hub is not hub:
                continue  # it watches another camera, which has the number of one that was removed
            if not self._ready(client, subscription, now):
                all_have_it = False
                continue
            subscription.viewer.take(frame)
            self._sent += 1
            if subscription.format == "base64":
                as_text.append(client.sid)
            else:
                about = {"camera": camera_id, "seq": frame.seq, "captured_at": frame.captured_at}
                about["dropped"] = subscription.viewer.dropped
                self._socketio.server.emit("video_frame", (frame.data, about), to=client.sid)
        if as_text:
            # One emit for all: the packet is encoded once.
            self._socketio.server.emit("video_frame", b64encode(frame.data).decode(), to=as_text)
        return all_have_it

    def _ready(self, client: Client, subscription: Subscription, now: float) -> bool:
        if subscription.behind or now < subscription.next_at or not self._queue_is_empty(client.sid):
            return False
        if subscription.interval:
            subscription.next_at = max(subscription.next_at, now - subscription.interval / 2) + subscription.interval
        return True

    def _queue_is_empty(self, sid: str) -> bool:
        """Whether everything that was sent to this client has at least reached its socket."""
        server = self._socketio.server
        eio_sid = server.manager.eio_sid_from_sid(sid, "/")
        connection = server.eio.sockets.get(eio_sid)
        return connection is not None and not connection.closed and bool(connection.queue.empty())
