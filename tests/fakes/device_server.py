"""A server as a device sees it, for what the real one does not say yet: new firmware, a new key."""

from __future__ import annotations

import json
import queue
import socket
import threading
from contextlib import suppress
from typing import Any, Self

from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Ping, TextMessage

from camproxy import rfc6455
from tests.patience import PATIENCE


class DeviceServer:
    """One device at a time, over plain HTTP. `firmware` is what it serves, by path."""

    def __init__(self) -> None:
        self.key = "the-first-key-of-this-device"
        self.firmware: dict[str, bytes] = {}
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._heard: queue.Queue[dict[str, Any]] = queue.Queue()
        self._device: socket.socket | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if device := self._device:
            device.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)

    def tell(self, message: dict[str, Any]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._device, PATIENCE), "no device is there"
            assert self._device
            self._device.sendall(rfc6455.whole(rfc6455.TEXT, json.dumps({"id": "1", **message}).encode()))

    def next(self, kind: str, timeout: float = PATIENCE) -> dict[str, Any]:
        while (message := self._heard.get(timeout=timeout))["type"] != kind:
            pass
        return message

    def _serve(self) -> None:
        while True:
            try:
                device, _ = self._listener.accept()
            except OSError:
                return
            with device, suppress(OSError):  # a device may leave at any moment, and comes again
                self._answer(device)
            self._device = None

    def _answer(self, device: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head and (got := device.recv(4096)):
            head += got
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if line)
        path = first.split()[1]
        if headers.get("Authorization") != f"Bearer {self.key}":
            device.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
        elif path in self.firmware:
            image = self.firmware[path]
            device.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(image)}\r\n\r\n".encode() + image)
        else:
            device.sendall(rfc6455.switching(headers["Sec-WebSocket-Key"]))
            self._listen(device)

    def _listen(self, device: socket.socket) -> None:
        device.sendall(rfc6455.whole(rfc6455.TEXT, json.dumps({"type": "welcome", "config": {}}).encode()))
        device.settimeout(15)
        with self._changed:
            self._device = device
            self._changed.notify_all()
        connection = Connection(ConnectionType.SERVER)
        while True:
            try:
                data = device.recv(65536)
            except OSError:
                return
            if not data:
                return
            connection.receive_data(data)
            for event in connection.events():
                if isinstance(event, TextMessage):
                    self._heard.put(json.loads(event.data))
                elif isinstance(event, Ping):
                    device.sendall(rfc6455.whole(rfc6455.PONG, bytes(event.payload)))
                elif isinstance(event, CloseConnection):
                    device.sendall(rfc6455.close(rfc6455.NORMAL))
                    return
