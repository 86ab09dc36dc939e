"""The ways on which pictures leave, from the side of a client: what it sends, and how long a picture is on the wire."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

from benchmarks.board import PICTURE
from camproxy.frames import Frame
from camproxy.web.viewers.framing import MultipartFraming, WebSocketFraming

UPGRADE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
#: What every browser offers.
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
#: Clients must mask. This mask leaves no zero in a text, so that it can be an argument of a program.
MASK = b"\xff\xfe\xfd\xfc"
TEXT, PONG = 1, 10

FRAME = Frame(bytes(PICTURE), 1, 0.0, 800, 600, arrived=0.0)
VIDEO_FRAME = b'42["video_frame","%s"]' % b64encode(FRAME.data)


def masked(opcode: int, text: str = "") -> bytes:
    data = text.encode()
    assert len(data) < 126
    return bytes((0x80 | opcode, 0x80 | len(data))) + MASK + bytes(b ^ MASK[i % 4] for i, b in enumerate(data))


@dataclass(frozen=True)
class Way:
    """`wire` is how many bytes a picture has on the wire, `look` how load.c finds pictures on it."""

    name: str
    path: str
    wire: int
    headers: tuple[str, ...] = UPGRADE
    #: Sent after the answer's head; `{camera}` is the camera.
    greeting: tuple[str, ...] = ()
    #: Sent every few seconds.
    alive: bytes = b""
    look: str = "bytes"

    def request(self, port: int, cookie: str, camera: str) -> bytes:
        path = self.path.format(camera=camera)
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Cookie: {cookie}", *self.headers]
        return "\r\n".join([*lines, "", ""]).encode()

    def greet(self, camera: str) -> bytes:
        return b"".join(masked(TEXT, text.replace("CAMERA", camera)) for text in self.greeting)


def socketio(name: str, form: str, wire: int, look: str, *headers: str) -> Way:
    """A client of the Socket.IO protocol, version 5, over a WebSocket from the start."""
    subscribe = f'42["subscribe",{{"camera":"CAMERA","format":"{form}"}}]'
    return Way(
        name,
        "/socket.io/?EIO=4&transport=websocket",
        wire,
        (*UPGRADE, *headers),
        ('40{"subscribe":false}', subscribe),
        masked(TEXT, "3"),
        look,
    )


WEBSOCKET = Way(
    "WebSocket", "/ws/view/{camera}", len(WebSocketFraming.frame(FRAME)), (*UPGRADE, DEFLATE), alive=masked(PONG)
)
MJPEG = Way("MJPEG", "/stream/{camera}.mjpg", len(MultipartFraming.frame(FRAME)), headers=())
BASE64 = socketio("Socket.IO base64", "base64", len(VIDEO_FRAME) + 4, "base64")
BASE64_DEFLATE = socketio(
    "Socket.IO base64, permessage-deflate offered", "base64", len(VIDEO_FRAME) + 4, "base64", DEFLATE
)
BINARY = socketio("Socket.IO binary", "binary", PICTURE + 4, "bytes")
