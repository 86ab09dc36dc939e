"""FanOut: sends frames to many sockets from one thread, without ever waiting for one of them.

A frame is framed once, however many watch. A viewer whose socket is not writable skips frames: it delays nobody and
costs no memory, because at most one frame is on its way to it and the kernel's buffer is small. Measured to be nearly
as fast as C; a green thread or a generator for each viewer costs four times as much.
"""

from __future__ import annotations

import logging
import math
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from camproxy.clock import Clock, SystemClock
from camproxy.frames import FrameHub
from camproxy.sockets import tune
from camproxy.web.viewers.framing import Framing, Goodbye, WebSocketFraming
from camproxy.web.viewers.outlet import Audience, Outlet

log = logging.getLogger(__name__)

#: Close codes of /ws/view, see docs/protocol.md.
STOPPING, NOT_ALLOWED, CAMERA_GONE = 1001, 4403, 4404

#: A WebSocket viewer is pinged this often, and dropped when nothing was heard for three times as long. Seconds.
PING_EVERY = 20.0
#: A viewer to which nothing could be sent for this long is dropped. Seconds.
STALLED_AFTER = 90.0
#: How long a viewer that has to go may take for the rest of its frame and the goodbye. Seconds.
LEAVE_WITHIN = 0.5
#: More than this from a viewer within a second is no longer a conversation. Bytes.
HEARD_A_SECOND = 16_384


class FanOut:
    """A subsystem: start, stop, state. `add`, `note` and `close_where` may be called from any thread."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._jobs: list[Callable[[], None]] = []
        self._dirty: dict[FrameHub, None] = {}
        self._audiences: dict[FrameHub, dict[type[Framing], Audience]] = {}
        self._woken = False
        self._stopping = True  # until it is started
        self._end_at = math.inf
        self._count = 0
        self._sent = 0
        self._thread = threading.Thread(target=self._run, name="fanout", daemon=True)

    # From any thread

    def start(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._stopping = False
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        self._thread.start()

    def stop(self) -> None:
        if not self._thread.is_alive():
            return
        self.close_where(lambda outlet: True, STOPPING)
        self._do(self._begin_to_end)
        self._thread.join(timeout=5)

    def state(self) -> dict[str, Any]:
        return {"viewers": self._count, "frames_sent": self._sent}

    def answers(self, within: float) -> bool:
        """Whether the fan-out's thread goes round: it does what it is asked within so many seconds."""
        done = threading.Event()
        return self._do(done.set) and done.wait(within)

    def add(
        self,
        sock: socket.socket,
        hub: FrameHub,
        framing: Framing,
        *,
        camera_id: int,
        credential: str,
        max_fps: float | None,
        hello: dict[str, Any],
        left: Callable[[], None],
    ) -> None:
        """Take over a connected socket. The opening and `hello` go out at once, before a frame exists.

        `left` is called when the viewer has gone, in whichever way.
        """
        sock.setblocking(False)
        tune(sock)
        now = self._clock.monotonic()
        outlet = Outlet(hub, sock, camera_id, credential, framing, 1 / max_fps if max_fps else 0.0, now, left)
        outlet.notes["opening"] = framing.opening() + framing.text(hello)
        if not self._do(lambda: self._open(outlet)):
            sock.close()
            left()

    def note(self, camera_id: int, message: dict[str, Any]) -> None:
        """Tell every viewer of a camera something. A newer note replaces one that is still waiting."""
        self._do(lambda: self._note(camera_id, message))

    def close_where(self, leaves: Callable[[Outlet], bool], code: int) -> None:
        """Close the viewers for which `leaves` is true; it is called in the fan-out's thread and must not block."""
        self._do(lambda: self._close(leaves, code))

    def _do(self, job: Callable[[], None]) -> bool:
        """Have `job` done by the fan-out's thread. False when that has ended."""
        with self._lock:
            if self._stopping:
                return False
            self._jobs.append(job)
            self._wake()
            return True

    def _published(self, hub: FrameHub) -> None:
        with self._lock:
            if not self._stopping:
                self._dirty[hub] = None
                self._wake()

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            self._wake_in.send(b"!")

    # The fan-out's own thread

    def _run(self) -> None:
        tidy_at = self._clock.monotonic() + 1
        while not self._stopping:
            for key, mask in self._selector.select(timeout=1.0 if self._end_at == math.inf else 0.02):
                if key.data is None:
                    continue
                if mask & selectors.EVENT_READ:
                    self._read(key.data)
                if mask & selectors.EVENT_WRITE and key.data.writing:
                    self._push(key.data)
            with self._lock:
                if self._woken:
                    self._wake_out.recv(16)
                    self._woken = False
                jobs, self._jobs = self._jobs, []
                dirty, self._dirty = self._dirty, {}
            for job in jobs:
                try:
                    job()
                except Exception:
                    log.exception("fault in the server")  # the viewers of all cameras are not to suffer for it
            for hub in dirty:
                self._spread(hub)
            if self._clock.monotonic() >= tidy_at:
                tidy_at = self._clock.monotonic() + 1
                self._tidy()
            if self._end_at != math.inf and (not self._count or time.monotonic() >= self._end_at):
                self._end()

    def _spread(self, hub: FrameHub) -> None:
        """Send a camera's newest frame to all who are ready for it."""
        frame, now = hub.newest, self._clock.monotonic()
        assert frame is not None, "one was published"
        for audience in tuple(self._audiences.get(hub, {}).values()):
            for outlet in tuple(audience.outlets):
                # One that is still sending takes the newest frame by itself when it is done.
                if outlet.rest is None and outlet.due(frame, now):
                    self._sent += 1
                    self._send(outlet, outlet.bytes_of(frame, now))

    def _push(self, outlet: Outlet) -> None:
        """Send as much as the socket takes now: the rest of what was begun, then notes, then the newest frame."""
        data = outlet.rest
        while data is not None or (data := self._next(outlet)) is not None:
            if not self._send(outlet, data):
                return
            data = None
        if outlet.closing:
            self._drop(outlet)
        elif outlet.writing:
            self._await_writable(outlet, False)

    def _next(self, outlet: Outlet) -> bytes | None:
        if outlet.notes:
            return outlet.notes.pop(next(iter(outlet.notes)))
        # The time is read after the frame: by an earlier one, a frame that has just come could be not yet due.
        frame, now = outlet.hub.newest, self._clock.monotonic()
        if frame is None or outlet.closing or not outlet.due(frame, now):
            return None
        self._sent += 1
        return outlet.bytes_of(frame, now)

    def _send(self, outlet: Outlet, data: bytes | memoryview) -> bool:
        """True when all of it was taken. Else the rest waits until the socket is writable, or the viewer is gone."""
        try:
            sent = outlet.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(outlet)
            return False
        if sent == len(data):
            outlet.rest = None
            return True
        if sent or outlet.rest is None:
            outlet.progress_at = self._clock.monotonic()
        outlet.rest = memoryview(data)[sent:]
        self._await_writable(outlet, True)
        return False

    def _read(self, outlet: Outlet) -> None:
        try:
            data = outlet.sock.recv(4096)
            if not data:
                raise Goodbye
            outlet.heard += len(data)
            outlet.heard_at = self._clock.monotonic()
            if outlet.heard > HEARD_A_SECOND:
                raise Goodbye
            if answer := outlet.framing.received(data):
                outlet.notes["pong"] = answer
                if outlet.rest is None:
                    self._push(outlet)
        except BlockingIOError:
            return
        except OSError:
            self._drop(outlet)
        except Goodbye as goodbye:
            if goodbye.last and outlet.rest is None:
                outlet.notes = {"close": goodbye.last}
                outlet.closing = True
                self._push(outlet)
            self._drop(outlet)

    def _open(self, outlet: Outlet) -> None:
        hub, framing = outlet.hub, type(outlet.framing)
        if hub not in self._audiences:
            self._audiences[hub] = {}
            hub.listeners.append(self._published)
        outlet.audience = self._audiences[hub].setdefault(framing, Audience(framing))
        outlet.audience.outlets[outlet] = None
        self._count += 1
        self._selector.register(outlet.sock, selectors.EVENT_READ, outlet)
        outlet.__enter__()
        self._push(outlet)

    def _drop(self, outlet: Outlet) -> None:
        if outlet not in outlet.audience.outlets:
            return
        del outlet.audience.outlets[outlet]
        if not outlet.audience.outlets:
            del self._audiences[outlet.hub][type(outlet.framing)]
        if not self._audiences[outlet.hub]:
            del self._audiences[outlet.hub]
            outlet.hub.listeners.remove(self._published)
        self._count -= 1
        self._selector.unregister(outlet.sock)
        outlet.sock.close()
        outlet.left()  # first: whoever sees that there is a viewer less may take its place
        outlet.__exit__()

    def _await_writable(self, outlet: Outlet, writing: bool) -> None:
        outlet.writing = writing
        mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if writing else 0)
        self._selector.modify(outlet.sock, mask, outlet)

    def _all(self) -> list[Outlet]:
        audiences = [audience for of_hub in self._audiences.values() for audience in of_hub.values()]
        return [outlet for audience in audiences for outlet in audience.outlets]

    def _note(self, camera_id: int, message: dict[str, Any]) -> None:
        text = WebSocketFraming.text(message)
        for outlet in self._all():
            if outlet.camera_id == camera_id and outlet.framing.talks and not outlet.closing:
                outlet.notes[message["type"]] = text
                if outlet.rest is None:
                    self._push(outlet)

    def _close(self, leaves: Callable[[Outlet], bool], code: int) -> None:
        for outlet in self._all():
            if leaves(outlet) and not outlet.closing:
                self._leave(outlet, code)

    def _leave(self, outlet: Outlet, code: int) -> None:
        """Say goodbye, after the rest of a frame that is on its way, to a viewer that takes it soon; drop any other."""
        outlet.closing = True
        outlet.leave_by = self._clock.monotonic() + LEAVE_WITHIN
        outlet.notes = {"close": goodbye} if (goodbye := outlet.framing.close(code)) else {}
        if outlet.rest is None:
            self._push(outlet)

    def _tidy(self) -> None:
        now = self._clock.monotonic()
        for outlet in self._all():
            outlet.heard = 0
            stalled = outlet.rest is not None and now - outlet.progress_at > STALLED_AFTER
            silent = outlet.framing.talks and now - outlet.heard_at > 3 * PING_EVERY
            if stalled or silent or (outlet.closing and now > outlet.leave_by):
                self._drop(outlet)
            elif outlet.closing:
                continue
            elif outlet.framing.talks and now - outlet.pinged_at > PING_EVERY:
                outlet.pinged_at = now
                outlet.notes["ping"] = outlet.framing.ping()
                if outlet.rest is None:
                    self._push(outlet)

    def _begin_to_end(self) -> None:
        self._end_at = time.monotonic() + LEAVE_WITHIN

    def _end(self) -> None:
        with self._lock:
            self._stopping = True
        for outlet in self._all():
            self._drop(outlet)
        self._selector.close()
        self._wake_in.close()
        self._wake_out.close()
