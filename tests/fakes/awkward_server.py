"""Something that answers where CamProxy should, as awkwardly as proxies, routers and strangers do."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import queue
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class AwkwardServer:
    """Listens on 127.0.0.1, a thread for each connection. /health is as `health`; a WebSocket is as `manner` says:

    answer NNN       an HTTP answer with that status in its place
    silent           none at all
    hang up          the connection is closed in place of an answer
    wrong accept     upgraded with somebody else's Sec-WebSocket-Accept
    mute             upgraded, and then nothing
    cut              upgraded, then the connection is cut
    close NNNN TEXT  upgraded, and closed with that code and reason
    device           upgraded; a connect is welcomed, then `commands` are sent, and what comes back is in `heard`
    """

    def __init__(
        self,
        manner: str = "close 4001 Missing authorization",
        *,
        context: ssl.SSLContext | None = None,
        health: tuple[int, str] = (200, '{"status": "healthy"}'),
        clock_ahead: float = 0.0,
        location: str = "",
        commands: tuple[dict[str, Any], ...] = (),
        then: str = "",
    ) -> None:
        self.manner = manner
        self.context = context
        self.health = health
        self.clock_ahead = clock_ahead
        self.location = location
        self.commands = commands
        #: The manner in which a device's connection goes on after the commands.
        self.then = then
        #: Heads of requests, and what devices said.
        self.requests: list[str] = []
        self.heard: queue.Queue[dict[str, Any]] = queue.Queue()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> AwkwardServer:
        return self

    def __exit__(self, *_: object) -> None:
        for sock in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        sock = plain
        with contextlib.suppress(OSError, EOFError):
            if self.context:
                sock = self.context.wrap_socket(plain, server_side=True)
                self._open.add(sock)
                self._open.discard(plain)
            self._answer(sock)
        sock.close()
        self._open.discard(sock)

    def _answer(self, sock: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (more := sock.recv(1)):
                return
            head += more
        text = head.decode()
        self.requests.append(text)
        if "upgrade: websocket" not in text.lower():
            self._http(sock, *self.health)
        elif self.manner.startswith("answer "):
            self._http(sock, int(self.manner.split()[1]), "<h1>no</h1>")
        elif self.manner == "silent":
            sock.recv(1)  # until the client gives up
        elif self.manner != "hang up":
            self._upgraded(sock, text)

    def _http(self, sock: socket.socket, status: int, body: str) -> None:
        head = f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        head += f"Date: {formatdate(time.time() + self.clock_ahead, usegmt=True)}\r\n"
        if self.location:
            head += f"Location: {self.location}\r\n"
        sock.sendall(f"{head}\r\n{body}".encode())

    def _upgraded(self, sock: socket.socket, head: str) -> None:
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:-2])
        original = next(line for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
        key = original.split(": ", 1)[1].encode() if self.manner != "wrong accept" else b"somebody else's"
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest()).decode()
        assert fields["connection"] == "upgrade"
        sock.sendall(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        self._go_on(sock, self.manner)

    def _go_on(self, sock: socket.socket, manner: str) -> None:
        if manner.startswith("close "):
            _, code, reason = (*manner.split(" ", 2), "")[:3]
            send(sock, 8, struct.pack(">H", int(code)) + reason.encode())
            while sock.recv(1000):  # the client's own closing
                pass
        elif manner == "device":
            self._device(sock)
        elif manner != "cut":
            while sock.recv(1000):  # mute: until the client gives up
                pass

    def _device(self, sock: socket.socket) -> None:
        said = messages(sock)
        first = next(said)
        self.heard.put(first)
        assert first["type"] == "connect"
        send(sock, 2, b"\xff\xd8 no board expects a picture")
        send(sock, 1, b"no JSON")
        welcome = {"type": "welcome", "device_id": 7, "server_time": "2026-11-21T10:00:00Z", "config": {}}
        send(sock, 1, json.dumps(welcome).encode())
        for command in self.commands:
            send(sock, 1, json.dumps(command).encode())
            self.heard.put(next(said))
        self._go_on(sock, self.then)


def send(sock: socket.socket, opcode: int, payload: bytes) -> None:
    """One unmasked frame of less than 64 kB."""
    size = len(payload)
    length = bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size)
    sock.sendall(bytes([0x80 | opcode]) + length + payload)


def messages(sock: socket.socket) -> Iterator[dict[str, Any]]:
    """The client's text messages. Raises EOFError at the end."""

    def exactly(size: int) -> bytes:
        data = b""
        while len(data) < size:
            if not (more := sock.recv(size - len(data))):
                raise EOFError
            data += more
        return data

    while True:
        first, second = exactly(2)
        size = second & 0x7F
        if size == 126:
            size = struct.unpack(">H", exactly(2))[0]
        mask = exactly(4)
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(exactly(size)))
        if first & 0x0F == 1:
            yield json.loads(payload)
