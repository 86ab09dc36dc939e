"""A fake ESP32-CAM as a process of its own, for tests: the card's WebSocket pull protocol, Espressif's HTTP stream, and
faults on demand.

    python tests/fakes/esp32cam.py --port 0

prints one line of JSON, `{"port": …, "control": …}`, when it listens; both ports are on 127.0.0.1.

The board's port:
    /ws         WebSocket: `getframe` → one binary JPEG; servo, light, get_position, ping as JSON → ack, position, pong
    /stream     multipart/x-mixed-replace, as the CameraWebServer example of arduino-esp32 serves it
    /capture    one JPEG

The control port, JSON in and out:
    GET  /state                what happened so far, see Board.state
    POST /fault {kind, …}      one of FAULTS; "times": n heals it after n frames
    POST /wait  {name: n, …}   answers with the state as soon as each named count is at least n; 408 after "timeout" s
    POST /say   {…}            the board says that to everyone who is connected

The sockets are raw, because a library would not let us be as awkward as hardware is.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import hashlib
import io
import json
import math
import os
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO

from PIL import Image, ImageDraw, ImageFont

FAULTS = {
    "none": "a good board again",
    "silence": "getframe is not answered",
    "half_open": "nothing is read or written, the TCP connection stays open",
    "garbage": "bytes that are no JPEG; bytes=4096",
    "truncated": "a JPEG that ends too early; share=0.6",
    "too_large": "a valid JPEG of that size; bytes=600000",
    "absurd": "a header that claims 60000×60000; width=, height=",
    "slow": "a frame comes in drops; bytes=512 every seconds=0.05",
    "flapping": "the connection ends after frames=3",
    "rst": "the connection is reset in the middle of a frame",
    "refuse": "nobody listens, and who is connected is cut off",
    "no_head_answer": "commands are taken and never answered",
    "head_error": "commands are answered with an error; detail=",
}

BOUNDARY = "123456789000000000000987654321"
DISTINCT_FRAMES = 10
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


@dataclass
class Fault:
    kind: str = "none"
    options: dict[str, Any] = field(default_factory=dict)
    times: int | None = None


class Board:
    """Everything the connections share. `changed` guards it and wakes whoever waits for it to change."""

    def __init__(self, *, old_acks: bool, clients: int, fps: float) -> None:
        self.old_acks, self.clients, self.fps = old_acks, clients, fps
        self.changed = threading.Condition()
        self.fault = Fault()
        self.counts = dict.fromkeys(("connections", "refused", "streams", "captures", "getframes", "frames", "open"), 0)
        self.commands: list[dict[str, Any]] = []
        self.unknown: list[str] = []
        self.pose = {"servo1": 90, "servo2": 90}
        self.light = False
        self.sockets: set[socket.socket] = set()
        self.cameras: set[PullConnection] = set()
        self.pictures = [picture(number) for number in range(DISTINCT_FRAMES)]

    def state(self) -> dict[str, Any]:
        """Counts since the start (`open`: WebSockets open now), the commands in order, pose, light and fault."""
        with self.changed:
            return {
                **self.counts,
                "commands": list(self.commands),
                "unknown": list(self.unknown),
                "pose": dict(self.pose),
                "light": self.light,
                "fault": self.fault.kind,
            }

    def count(self, name: str, by: int = 1) -> None:
        with self.changed:
            self.counts[name] += by
            self.changed.notify_all()

    def set_fault(self, fault: Fault) -> None:
        with self.changed:
            self.fault = fault
            self.changed.notify_all()

    def fault_of_next_frame(self) -> Fault:
        with self.changed:
            fault = self.fault
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self.fault = Fault()
            return fault

    def hang(self) -> None:
        """Does not return while the fault is half_open."""
        with self.changed:
            self.changed.wait_for(lambda: self.fault.kind != "half_open")

    def wait(self, at_least: dict[str, int], timeout: float) -> bool:
        def reached() -> bool:
            lists = {"commands": len(self.commands), "unknown": len(self.unknown)}
            return all((self.counts | lists)[name] >= value for name, value in at_least.items())

        with self.changed:
            return self.changed.wait_for(reached, timeout)

    def jpeg(self, fault: Fault) -> bytes:
        """The next frame, spoilt if that is its fault. They are numbered in the order in which they are sent."""
        with self.changed:
            number = self.counts["frames"] % DISTINCT_FRAMES
            self.counts["frames"] += 1
            self.changed.notify_all()
        return spoilt(self.pictures[number], fault)


def picture(number: int) -> bytes:
    """An SVGA JPEG of about 20 KB with a large number; its comment is `frame <number>`."""
    image = Image.new("RGB", (800, 600))
    draw = ImageDraw.Draw(image)
    for y in range(0, 600, 20):
        for x in range(0, 800, 20):
            wave = 40 * math.sin((x + 60 * number) / 70) * math.cos(y / 50)
            shades = (90 + wave + x / 10, 110 + wave + y / 8, 130 - wave + 9 * number)
            draw.rectangle((x, y, x + 19, y + 19), tuple(round(shade) for shade in shades))
    draw.ellipse((250, 150, 550, 450), fill=(245, 245, 235))
    draw.text((400, 300), str(number), fill=(20, 20, 30), anchor="mm", font=ImageFont.load_default(size=240))
    jpeg = io.BytesIO()
    image.save(jpeg, "JPEG", quality=70, comment=f"frame {number}".encode())
    return jpeg.getvalue()


def spoilt(jpeg: bytes, fault: Fault) -> bytes:
    options = fault.options
    match fault.kind:
        case "garbage":
            return os.urandom(options.get("bytes", 4096))
        case "truncated":
            return jpeg[: int(len(jpeg) * options.get("share", 0.6))]
        case "too_large":
            # Comments may be as many as one likes, of up to 65,533 bytes each.
            missing = options.get("bytes", 600_000) - len(jpeg)
            padding = b""
            while missing > len(padding):
                size = min(65_533, max(0, missing - len(padding) - 4))
                padding += b"\xff\xfe" + struct.pack(">H", size + 2) + b" " * size
            return jpeg[:2] + padding + jpeg[2:]
        case "absurd":
            at = jpeg.index(b"\xff\xc0")
            size = struct.pack(">HH", options.get("height", 60_000), options.get("width", 60_000))
            return jpeg[: at + 5] + size + jpeg[at + 9 :]
        case _:
            return jpeg


class ConnectionEnded(Exception):
    """The other side is gone, or the fault says so."""


class Wire:
    """A TCP connection that a fault can slow down or break."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._writing = threading.Lock()

    def send(self, data: bytes, fault: Fault | None = None) -> None:
        fault = fault or Fault()
        with self._writing:
            if fault.kind == "rst":
                self.socket.sendall(data[: len(data) // 2])
                # Closed without lingering, TCP says RST instead of FIN. shutdown() would say FIN first.
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise ConnectionEnded("reset")
            if fault.kind == "slow":
                drop = fault.options.get("bytes", 512)
                for start in range(0, len(data), drop):
                    self.socket.sendall(data[start : start + drop])
                    time.sleep(fault.options.get("seconds", 0.05))
            else:
                self.socket.sendall(data)


class PullConnection:
    """One WebSocket client, served by one thread."""

    def __init__(self, board: Board, wire: Wire, stream: BinaryIO) -> None:
        self.board, self.wire, self.stream = board, wire, stream
        self.frames = 0

    def serve(self) -> None:
        self.say(
            {
                "type": "connect",
                "device": "esp32cam",
                "version": "fake-1",
                "timestamp": datetime.now(UTC).isoformat(),
                **({} if self.board.old_acks else {"servo1_angle": 90, "servo2_angle": 90}),
            }
        )
        while True:
            opcode, payload = self.read_message()
            self.board.hang()
            if opcode == CLOSE:
                self.write(CLOSE, payload[:2])
                return
            if opcode == PING:
                self.write(PONG, payload)
            elif opcode == TEXT and payload == b"getframe":
                self.send_frame()
            elif opcode == TEXT:
                self.obey(payload.decode())

    def read_message(self) -> tuple[int, bytes]:
        """The next message, put together if it comes in fragments."""
        whole, kind = b"", 0
        while True:
            first, second = self.read(2)
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack(">H", self.read(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self.read(8))
            if not second & 0x80:
                raise ConnectionEnded("a client must mask")
            mask = self.read(4)
            payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(self.read(length)))
            opcode = first & 0x0F
            if opcode >= CLOSE:
                return opcode, payload
            whole, kind = whole + payload, opcode or kind
            if first & 0x80:
                return kind, whole

    def read(self, size: int) -> bytes:
        data = self.stream.read(size)
        if len(data) < size:
            raise ConnectionEnded("closed by the client")
        return data

    def write(self, opcode: int, payload: bytes, fault: Fault | None = None) -> None:
        size = len(payload)
        if size < 126:
            header = struct.pack(">BB", 0x80 | opcode, size)
        elif size < 65_536:
            header = struct.pack(">BBH", 0x80 | opcode, 126, size)
        else:
            header = struct.pack(">BBQ", 0x80 | opcode, 127, size)
        self.wire.send(header + payload, fault)

    def say(self, message: dict[str, Any]) -> None:
        self.write(TEXT, json.dumps(message, ensure_ascii=False).encode())

    def send_frame(self) -> None:
        self.board.count("getframes")
        fault = self.board.fault_of_next_frame()
        if fault.kind == "silence":
            return
        self.write(BINARY, self.board.jpeg(fault), fault)
        self.frames += 1
        if fault.kind == "flapping" and self.frames >= fault.options.get("frames", 3):
            raise ConnectionEnded("flapping")

    def obey(self, text: str) -> None:
        board = self.board
        try:
            message = json.loads(text)
            kind = message["type"]
        except (ValueError, TypeError, KeyError, RecursionError):
            kind, message = None, {}
        if kind not in ("servo", "light", "get_position", "ping"):
            with board.changed:
                board.unknown.append(text[:1000])
                board.changed.notify_all()
            return
        with board.changed:
            board.commands.append(message)
            board.changed.notify_all()
            fault = board.fault
        if fault.kind == "no_head_answer":
            return
        if kind == "ping":
            self.say({"type": "pong", **identity(message)})
            return
        status, detail = "success", ""
        if fault.kind == "head_error":
            status, detail = "error", fault.options.get("detail", "servo power is missing")
        elif kind == "servo":
            status, detail = self.turn(message.get("command"))
        elif kind == "light":
            with board.changed:
                board.light = message.get("state") is True
        if not board.old_acks:
            self.say({"type": "ack", **identity(message), "command": kind, "status": status, "detail": detail})
        elif kind != "get_position":
            self.say({"type": kind, "status": status, "detail": detail})
        if status == "success" and kind != "light":
            with board.changed:
                pose = dict(board.pose)
            self.say({"type": "position", **pose})

    def turn(self, command: Any) -> tuple[str, str]:
        angles = [command.get(name) for name in ("servo1", "servo2")] if isinstance(command, dict) else []
        if not angles or any(type(angle) not in (int, float) or not math.isfinite(angle) for angle in angles):
            return "error", "servo1 and servo2 must be numbers"
        x, y = (round(max(0, min(180, angle))) for angle in angles)
        with self.board.changed:
            self.board.pose = {"servo1": x, "servo2": y}
        return "success", f"X={x}°, Y={y}°"


def identity(message: dict[str, Any]) -> dict[str, Any]:
    return {"id": message["id"]} if "id" in message else {}


class Server:
    """The board's port. It can be closed and opened again, always with the same number."""

    def __init__(self, board: Board, port: int) -> None:
        self.board = board
        self.port = port
        self.listener: socket.socket | None = None
        self.open()

    def open(self) -> None:
        if self.listener is None:
            self.listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
            self.port = self.listener.getsockname()[1]
            threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def close(self) -> None:
        """Stop listening, and cut off everyone."""
        listener, self.listener = self.listener, None
        if listener is not None:
            # Closing alone would leave the thread in accept() and the port open until the next client.
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self.board.changed:
            sockets = list(self.board.sockets)
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock: socket.socket) -> None:
        board = self.board
        with board.changed:
            board.sockets.add(sock)
        stream = sock.makefile("rb")
        try:
            board.hang()
            path, headers = read_request(stream)
            if path == "/ws" and headers.get("upgrade", "").lower() == "websocket":
                self.serve_websocket(Wire(sock), stream, headers)
            elif path == "/stream":
                self.serve_stream(Wire(sock))
            elif path == "/capture":
                board.count("captures")
                fault = board.fault_of_next_frame()
                jpeg = board.jpeg(fault)
                head = f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                Wire(sock).send(head.encode() + jpeg, fault)
            else:
                answer(sock, "404 Not Found", "Nothing matches the given URI")
        except (OSError, ConnectionEnded):
            pass
        finally:
            with board.changed:
                board.sockets.discard(sock)
            stream.close()
            sock.close()

    def serve_websocket(self, wire: Wire, stream: BinaryIO, headers: dict[str, str]) -> None:
        board = self.board
        connection = PullConnection(board, wire, stream)
        with board.changed:
            if len(board.cameras) >= board.clients:
                board.counts["refused"] += 1
                board.changed.notify_all()
                answer(wire.socket, "503 Service Unavailable", "Another client is connected")
                return
            board.cameras.add(connection)
            board.counts["connections"] += 1
            board.counts["open"] = len(board.cameras)
            board.changed.notify_all()
        try:
            key = headers.get("sec-websocket-key", "") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
            lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
            wire.send("\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept}", "", ""]).encode())
            connection.serve()
        finally:
            with board.changed:
                board.cameras.discard(connection)
                board.counts["open"] = len(board.cameras)
                board.changed.notify_all()

    def serve_stream(self, wire: Wire) -> None:
        self.board.count("streams")
        content_type = f"multipart/x-mixed-replace;boundary={BOUNDARY}"
        # esp_http_server sends every piece as a chunk.
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\nX-Framerate: 60\r\n\r\n"
        )
        wire.send(head.encode())
        sent = 0
        while True:
            self.board.hang()
            fault = self.board.fault_of_next_frame()
            if fault.kind != "silence":
                jpeg = self.board.jpeg(fault)
                now = time.time()
                part = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\nX-Timestamp: {now:.6f}\r\n\r\n"
                wire.send(chunk(f"\r\n--{BOUNDARY}\r\n".encode()) + chunk(part.encode()))
                wire.send(chunk(jpeg), fault)
                sent += 1
            if fault.kind == "flapping" and sent >= fault.options.get("frames", 3):
                return
            time.sleep(1 / self.board.fps)


def read_request(stream: BinaryIO) -> tuple[str, dict[str, str]]:
    parts = stream.readline(8192).decode("latin-1").split()
    if len(parts) != 3:
        raise ConnectionEnded("no HTTP request")
    headers = {}
    while line := stream.readline(8192).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return parts[1].partition("?")[0], headers


def answer(sock: socket.socket, status: str, text: str) -> None:
    head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
    sock.sendall((head + text).encode())


def chunk(data: bytes) -> bytes:
    return f"{len(data):X}\r\n".encode() + data + b"\r\n"


class Control(BaseHTTPRequestHandler):
    """The control port; `board` and `server` are set below."""

    board: Board
    server_: Server

    def do_GET(self) -> None:
        self.reply(200 if self.path == "/state" else 404, self.board.state())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
        match self.path:
            case "/fault":
                kind = body.pop("kind", "none")
                if kind not in FAULTS:
                    self.reply(400, {"error": f"no such fault; there are {', '.join(FAULTS)}"})
                    return
                self.board.set_fault(Fault(kind, body, body.pop("times", None)))
                if kind == "refuse":
                    self.server_.close()
                else:
                    self.server_.open()
                self.reply(200, self.board.state())
            case "/wait":
                reached = self.board.wait(body, body.pop("timeout", 10))
                self.reply(200 if reached else 408, self.board.state())
            case "/say":
                with self.board.changed:
                    cameras = list(self.board.cameras)
                for camera in cameras:
                    with contextlib.suppress(OSError):
                        camera.say(body)
                self.reply(200, self.board.state())
            case _:
                self.reply(404, {})

    def reply(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description="A fake ESP32-CAM for tests.")
    parser.add_argument("--port", type=int, default=0, help="the board's port; 0 takes a free one")
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--clients", type=int, default=1, help="how many WebSocket clients it takes at a time")
    parser.add_argument("--fps", type=float, default=10, help="frames a second on /stream")
    parser.add_argument("--old-acks", action="store_true", help="answer in the source's shape, without an id")
    parser.add_argument("--until-stdin-ends", action="store_true", help="end when the process that started it ends")
    options = parser.parse_args()

    board = Board(old_acks=options.old_acks, clients=options.clients, fps=options.fps)
    Control.board, Control.server_ = board, Server(board, options.port)
    control = ThreadingHTTPServer(("127.0.0.1", options.control_port), Control)
    threading.Thread(target=control.serve_forever, daemon=True).start()
    print(json.dumps({"port": Control.server_.port, "control": control.server_port}), flush=True)
    if options.until_stdin_ends:
        sys.stdin.read()
    else:
        threading.Event().wait()


if __name__ == "__main__":
    main()
