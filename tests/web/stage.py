"""A fan-out on a stage: a clock that stands still, cameras, and viewers on real sockets."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable
from typing import Any

from camproxy.frames import FrameHub
from camproxy.web.viewers.fanout import PING_EVERY, FanOut
from camproxy.web.viewers.framing import MultipartFraming, WebSocketFraming
from tests.clocks import FakeClock
from tests.pictures import jpeg

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
#: Only the tests watch it: when it has heard something, everything before that has been done.
PROBE = 99


class Theirs(socket.socket):
    """The fan-out's end of a socket, whose next `send` may be followed by something at once."""

    sent: Callable[[], None] | None = None

    def send(self, *args: Any) -> int:
        size = super().send(*args)
        after, self.sent = self.sent, None
        if after:
            after()
        return size


class Viewer:
    """Somebody's end of a socket. Reads WebSocket messages, or bytes."""

    def __init__(self, receive_buffer: int | None = None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.sock = socket.socket()
            if receive_buffer:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.sock.connect(listener.getsockname())
            accepted, _ = listener.accept()
        self.theirs = Theirs(fileno=accepted.detach())
        self.sock.settimeout(10)
        self.read = self.sock.makefile("rb")

    def head(self) -> list[str]:
        lines = []
        while line := self.read.readline().rstrip(b"\r\n"):
            lines.append(line.decode())
        return lines

    def message(self) -> tuple[int, bytes]:
        """The next WebSocket message: what kind, and what is in it."""
        first, second = self.read.read(2)
        size = second
        if size == 126:
            (size,) = struct.unpack(">H", self.read.read(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self.read.read(8))
        return first & 0x0F, self.read.read(size)

    def text(self, kind: str) -> dict[str, Any]:
        """The next text of that type, whatever comes before it."""
        while True:
            opcode, payload = self.message()
            if opcode == TEXT and (told := json.loads(payload))["type"] == kind:
                return dict(told)

    def frame(self) -> bytes:
        while True:
            opcode, payload = self.message()
            if opcode == BINARY:
                return payload

    def close_code(self) -> int:
        while True:
            opcode, payload = self.message()
            if opcode == CLOSE:
                assert self.read.read() == b"", "nothing comes after it"
                return int.from_bytes(payload[:2])

    def say(self, opcode: int, payload: bytes = b"", masked: bool = True) -> None:
        assert len(payload) < 126
        mask = b"\0\0\0\0" if masked else b""
        self.sock.sendall(bytes((0x80 | opcode, (0x80 if masked else 0) | len(payload))) + mask + payload)

    def end(self) -> None:
        self.read.close()
        self.sock.close()


class Stage:
    """The fan-out is started; `end` stops it and closes what the viewers have open."""

    def __init__(self, **options: Any) -> None:
        self.clock = FakeClock()
        self.fanout = FanOut(clock=self.clock, **options)
        self.viewers: list[Viewer] = []
        self.hubs: dict[int, FrameHub] = {}
        self.fanout.start()
        self.probe = self.watch(PROBE)

    def hub(self, camera_id: int) -> FrameHub:
        if camera_id not in self.hubs:
            self.hubs[camera_id] = FrameHub(largest=1_000_000, linger=5.0, clock=self.clock)
        return self.hubs[camera_id]

    def enter(self, camera_id: int = 1, *, mjpeg: bool = False, buffer: int | None = None, **more: Any) -> Viewer:
        viewer = Viewer(buffer)
        self.viewers.append(viewer)
        framing = MultipartFraming() if mjpeg else WebSocketFraming("dGhlIHNhbXBsZSBub25jZQ==")
        options = {"credential": "anna", "max_fps": None, "hello": {"type": "hello"}, "left": lambda: None} | more
        self.fanout.add(viewer.theirs, self.hub(camera_id), framing, camera_id=camera_id, **options)
        return viewer

    def watch(self, camera_id: int = 1, **options: Any) -> Viewer:
        """A viewer by WebSocket who has been greeted."""
        viewer = self.enter(camera_id, **options)
        viewer.head()
        assert viewer.text("hello")
        return viewer

    def settle(self) -> None:
        """Wait until the fan-out's thread has done everything that was asked of it."""
        for number in range(2):  # the first may be heard in the middle of a round
            self.fanout.note(PROBE, {"type": "beat", "number": number})
            assert self.probe.text("beat")["number"] == number

    def pass_time(self, seconds: float) -> None:
        """As it would pass by itself: in steps, with whoever is there still being there."""
        while seconds > 0:
            step = min(seconds, PING_EVERY)
            seconds -= step
            self.clock.advance(step)
            self.probe.say(PONG)
            self.settle()

    def publish(self, camera_id: int = 1, grey: int = 0, size: int = 0) -> bytes:
        picture = jpeg(grey=grey)
        # A comment of any length makes a picture of any size.
        picture = picture[:2] + b"\xff\xfe" + struct.pack(">H", 2 + size) + bytes(size) + picture[2:]
        self.hub(camera_id).publish(picture)
        self.settle()
        return picture

    def stuff(self, camera_id: int = 1) -> None:
        """Publish more than a viewer's buffers hold."""
        for grey in range(30):
            self.publish(camera_id, grey, size=60_000)

    def end(self) -> None:
        self.fanout.stop()
        for viewer in self.viewers:
            viewer.end()
