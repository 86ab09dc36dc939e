"""A connection to a device whose other end is the test."""

from __future__ import annotations

import json
import queue
import threading

from camproxy.errors import ChannelError
from tests.patience import PATIENCE


class Line:
    """A Channel. What it sends is `heard`, what the test says it receives."""

    def __init__(self, pull: bool = True) -> None:
        self.pull = pull
        self.closed = threading.Event()
        self._sent: queue.Queue[str] = queue.Queue()
        self._incoming: queue.Queue[bytes | str | ChannelError] = queue.Queue()

    def receive(self, timeout: float) -> bytes | str | None:
        try:
            message = self._incoming.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(message, ChannelError):
            raise message
        return message

    def send(self, text: str) -> None:
        if self.closed.is_set():
            raise ChannelError("closed")
        self._sent.put(text)

    def close(self) -> None:
        self.closed.set()
        self._incoming.put(ChannelError("closed", "by us"))

    def release(self) -> None:
        assert self.closed.is_set()

    # The test's end

    def say(self, message: bytes | str) -> None:
        self._incoming.put(message)

    def cut(self, reason: str = "closed") -> None:
        self._incoming.put(ChannelError(reason, "cut by the test"))

    def heard(self) -> str:
        return self._sent.get(timeout=PATIENCE)


class Obedient(Line):
    """A device that does what it is told, and says so."""

    def __init__(self) -> None:
        super().__init__(pull=False)

    def send(self, text: str) -> None:
        super().send(text)
        message = json.loads(text)
        kind = "pong" if message["type"] == "ping" else "ack"
        self.say(json.dumps({"type": kind, "id": message["id"], "command": message["type"], "status": "success"}))

    def close(self, code: int = 1000, reason: str = "") -> None:
        super().close()


class Exchange:
    """Who answers when a link dials: each call waits for the test to give it a line, or a refusal."""

    def __init__(self) -> None:
        self.dialling = threading.Event()
        self._answers: queue.Queue[Line | ChannelError] = queue.Queue()

    def dial(self, *_: object) -> Line:
        self.dialling.set()
        answer = self._answers.get(timeout=PATIENCE)
        if isinstance(answer, ChannelError):
            raise answer
        return answer

    def connect(self, pull: bool = True) -> Line:
        line = Line(pull)
        self._answers.put(line)
        return line

    def refuse(self) -> None:
        self._answers.put(ChannelError("refused", "nobody is there"))
