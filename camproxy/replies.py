"""Replies: the same answer for a question that is asked again because the reply to it was lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from camproxy.clock import Clock

Answer = TypeVar("Answer")


class _Reply(Generic[Answer]):
    """One answer, or the making of it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.made: tuple[Answer, float] | None = None


class Replies(Generic[Answer]):
    """Kept for `seconds`, at most `room` of them, in memory only. Thread-safe."""

    def __init__(self, clock: Clock, seconds: float = 60.0, room: int = 64) -> None:
        self._clock = clock
        self._seconds = seconds
        self._room = room
        self._lock = threading.Lock()
        self._replies: dict[Hashable, _Reply[Answer]] = {}

    def once(self, question: Hashable, answer: Callable[[], Answer]) -> Answer:
        """What `answer()` returned the first time. Who asks meanwhile waits for it; what it raises is not kept."""
        with self._lock:
            self._tidy()
            reply = self._replies.get(question) or _Reply()
            self._replies[question] = reply
        with reply.lock:
            if reply.made is None:
                try:
                    reply.made = answer(), self._clock.monotonic() + self._seconds
                finally:
                    self._settle(question, reply)
            return reply.made[0]

    def _settle(self, question: Hashable, reply: _Reply[Answer]) -> None:
        """Keep what was made, and nothing of what could not be made."""
        with self._lock:
            if self._replies.get(question) is reply:
                del self._replies[question]
            if reply.made is not None:
                self._replies[question] = reply  # the latest at the end

    def _tidy(self) -> None:
        now = self._clock.monotonic()
        made = [(question, reply.made[1]) for question, reply in self._replies.items() if reply.made is not None]
        spare = max(0, len(made) - self._room)
        for number, (question, until) in enumerate(made):
            if number < spare or now >= until:
                del self._replies[question]
