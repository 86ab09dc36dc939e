"""Boards that dial in, as awkward as boards are: a camera that pushes pictures, a Pico that moves a head."""

from __future__ import annotations

import json
import queue
import select
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, Self

import websocket

from tests.patience import PATIENCE
from tests.pictures import jpeg
from tests.running import RunningServer


class FakeDevice:
    """One connection of a device, kept by a thread that reads and obeys.

    `obey` says what to answer to a command of a kind: a list of messages, none to be silent.
    """

    kind = ""

    def __init__(self, server: RunningServer, key: str | None, path: str = "", **options: Any) -> None:
        headers = [] if key is None else [f"Authorization: Bearer {key}"]
        self.ws = websocket.create_connection(
            server.ws_url + (path or f"/ws/{self.kind}"),
            header=headers,
            timeout=options.pop("timeout", PATIENCE),
            sslopt={"ca_certs": server.certificate} if server.url.startswith("https") else {"cert_reqs": ssl.CERT_NONE},
            enable_multithread=True,
            **options,
        )
        self._sock = self.ws.sock  # the library forgets it when it has ended
        self.obey: Callable[[dict[str, Any]], list[dict[str, Any]]] = self.answers_to
        self.close_code: int | None = None
        self.close_reason = ""
        self.ended = threading.Event()
        self._heard: queue.Queue[dict[str, Any]] = queue.Queue()
        #: Two threads must not use a TLS socket at once: before Python 3.13 that garbles the connection.
        self._using = threading.Lock()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self, **more: Any) -> dict[str, Any]:
        """Say who it is; the server's welcome."""
        known = {"type": "connect", "device": self.kind, "version": "1.0", "timestamp": "2026-11-21T10:00:00"}
        self.say(**known | more)
        return self.next("welcome")

    def say(self, **message: Any) -> None:
        with self._using:
            self.ws.send(json.dumps(message))

    def next(self, kind: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """The next message of that type; what comes before it is forgotten."""
        while True:
            message = self._heard.get(timeout=timeout)
            if message["type"] == kind:
                return message

    def nothing(self) -> bool:
        return self._heard.empty()

    def answers_to(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        if message["type"] in ("welcome", "servo_command_log"):
            return []
        if message["type"] == "ping":
            return [{"type": "pong", "id": message["id"]}]
        return [{"type": "ack", "id": message["id"], "command": message["type"], "status": "success", "detail": ""}]

    def _read(self) -> None:
        with suppress(OSError, websocket.WebSocketException):
            while True:
                opcode, data = self._receive()
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    if len(data) >= 2:
                        self.close_code, self.close_reason = int.from_bytes(data[:2]), data[2:].decode()
                    break
                message = json.loads(data)
                self._heard.put(message)
                for answer in self.obey(message):
                    self.say(**answer)
        self.ended.set()

    def _receive(self) -> tuple[int, bytes]:
        while True:
            if not (isinstance(self._sock, ssl.SSLSocket) and self._sock.pending()):
                select.select([self._sock], [], [])
            with self._using:
                patience = self.ws.gettimeout()
                self.ws.settimeout(0.05)  # what came may be TLS's own, and nothing more
                try:
                    return self.ws.recv_data()  # type: ignore[no-any-return]
                except websocket.WebSocketTimeoutException:
                    continue  # it goes on where it was
                finally:
                    self.ws.settimeout(patience)

    def wait_closed(self, timeout: float = PATIENCE) -> tuple[int | None, str]:
        """The server's close code and reason."""
        assert self.ended.wait(timeout), "the server has not closed"
        return self.close_code, self.close_reason

    def close(self, reason: bytes = b"") -> None:
        with suppress(OSError, websocket.WebSocketException), self._using:
            self.ws.send_close(reason=reason)
        self.ended.wait(1)
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)  # the thread reads the end
        self._thread.join(5)
        self.ws.shutdown()


class FakeCamera(FakeDevice):
    kind = "esp32cam"

    def push(self, grey: int = 128, picture: bytes | None = None) -> None:
        with self._using:
            self.ws.send_binary(jpeg(grey=grey) if picture is None else picture)


class FakePico(FakeDevice):
    kind = "pico"

    def answers_to(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        if message["type"] == "get_position":
            return [{"type": "position", "id": message["id"], "servo1": 90, "servo2": 90}]
        return super().answers_to(message)


FAKES = {"esp32cam": FakeCamera, "pico": FakePico}


def main() -> None:
    """A board's program: address and kind are its arguments, the key is the first line of its input."""
    address, kind = sys.argv[1:]
    server: Any = SimpleNamespace(ws_url=address, url=address)
    device = FAKES[kind](server, sys.stdin.readline().strip())
    print(device.ws.sock.getsockname()[1], flush=True)  # noqa: T201
    device.connect()
    print("welcome", flush=True)  # noqa: T201
    sys.stdin.read()


if __name__ == "__main__":
    main()
