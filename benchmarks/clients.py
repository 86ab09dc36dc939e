"""Viewers who do not behave: one who reads nothing any more, and one on a slow line."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

from benchmarks.board import MAGIC, PICTURE
from benchmarks.server import Server
from benchmarks.ways import BASE64, BINARY, MJPEG, WEBSOCKET, Way

#: What their own system takes in for them. Bytes.
RECEIVE_BUFFER = 16 * 1024
#: Before the stamp: the start marker and a comment's marker and length.
BEFORE = 6


def dial(server: Server) -> socket.socket:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    sock.settimeout(20)
    sock.connect(("127.0.0.1", server.port))
    return sock


def watch(server: Server, way: Way, camera: str) -> socket.socket:
    """Somebody who has begun to watch and has read nothing but the answer's head."""
    sock = dial(server)
    sock.sendall(way.request(server.port, server.watcher.cookie, camera))
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(1)
    assert head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 101")), head
    sock.sendall(way.greet(camera))
    return sock


def poll(server: Server, camera: str) -> socket.socket:
    """The same by Socket.IO polling: the answer to the first poll is never read."""
    address = "/socket.io/?EIO=4&transport=polling"
    opened = server.watcher.get(address)
    address += "&sid=" + json.loads(opened.text[1:])["sid"]
    subscribe = '42["subscribe",{"camera":"CAMERA","format":"base64"}]'.replace("CAMERA", camera)
    for said in ('40{"subscribe":false}', subscribe):
        server.watcher.ask("POST", address, data=said.encode()).raise_for_status()
    sock = dial(server)
    sock.sendall(Way("polling", address, 0, headers=()).request(server.port, server.watcher.cookie, camera))
    return sock


def all_stopped(server: Server, camera: str) -> list[socket.socket]:
    """One on every way out."""
    return [poll(server, camera), *(watch(server, way, camera) for way in (WEBSOCKET, MJPEG, BASE64, BINARY))]


def read_slowly(sock: socket.socket, a_second: int, seconds: float) -> Iterator[float]:
    """Read so many bytes a second; yields each picture's age in seconds when its last byte has come."""
    data, rest, stamp = b"", 0, 0.0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.05)
        data += sock.recv(a_second // 20)
        while True:
            if rest:
                if len(data) < rest:
                    break
                data, rest = data[rest:], 0
                yield time.monotonic() - stamp
            at = data.find(MAGIC)
            if at < 0 or len(data) < at + len(MAGIC) + 24:
                break
            stamp = int(data[at + len(MAGIC) + 8 : at + len(MAGIC) + 24]) / 1e6
            rest = at - BEFORE + PICTURE
