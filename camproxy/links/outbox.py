"""Outbox: what waits to be sent to a device, and what was sent and waits for its answer.

An outbox lives exactly as long as its connection: what was not sent, or not answered, when a connection ends fails then
and there. So nothing old can be replayed after a reconnection.
"""

from __future__ import annotations

import json
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from camproxy.clock import Clock, iso
from camproxy.errors import CamProxyError, DeviceError, DeviceOffline, NoAnswer

#: Seconds in which a device has to answer a command.
ANSWER_WITHIN = 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """How a command ended well: the device answered, or a newer command of its kind took its place unsent."""

    message: dict[str, Any] = field(default_factory=dict)
    superseded: bool = False


@dataclass(slots=True)
class Item:
    key: str
    message: dict[str, Any]
    not_before: float
    deadline: float
    answer: Future[Answer] = field(default_factory=Future)

    @property
    def id(self) -> str:
        return str(self.message["id"])


class Outbox:
    """One slot for each kind of command: a newer command replaces the one that is still waiting in its slot.

    A kind has at most one command on its way: the next is sent when the device has answered, so a slow head is never
    behind by more than one move. Thread-safe; `take` belongs to the one thread that sends.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._waiting: dict[str, Item] = {}
        self._sent: dict[str, Item] = {}
        self._told: dict[str, dict[str, Any]] = {}
        self._closed: CamProxyError | None = None
        self._woken = False

    def put(self, key: str, message: dict[str, Any], not_before: float = 0.0) -> Future[Answer]:
        """Queue a command of the kind `key`, to be sent at the monotonic time `not_before` at the earliest.

        The future gets an Answer, or raises DeviceError, NoAnswer or DeviceOffline.
        """
        now = self._clock.monotonic()
        item = Item(key, self._stamped(message), not_before, max(now, not_before) + ANSWER_WITHIN)
        with self._changed:
            if self._closed:
                item.answer.set_exception(self._closed)
                return item.answer
            replaced = self._waiting.pop(key, None)
            self._waiting[key] = item
            self.wake()
        if replaced:
            replaced.answer.set_result(Answer(superseded=True))
        return item.answer

    def tell(self, key: str, message: dict[str, Any]) -> None:
        """Queue what a device has only to know. A newer one replaces one that is still waiting."""
        with self._changed:
            if not self._closed:
                self._told[key] = self._stamped(message)
                self.wake()

    def _stamped(self, message: dict[str, Any]) -> dict[str, Any]:
        return message | {"id": uuid4().hex[:12], "timestamp": iso(self._clock.wall()), "source": "web_interface"}

    def take(self, until: float) -> str | None:
        """The next text that may be sent now.

        None when there is none and it is time to look again: at the monotonic time `until`, after `wake`, when closed.
        """
        with self._changed:
            message = self._ready()
            if message is None and not (self._woken or self._closed):
                self._changed.wait(max(self._next_moment(until) - self._clock.monotonic(), 0))
                message = self._ready()
            self._woken = False
            late = self._overdue()
        for other in late:
            other.answer.set_exception(NoAnswer("The device did not answer within two seconds."))
        return json.dumps(message) if message else None

    def wake(self) -> None:
        """Make `take` return, because what it waits for may have changed."""
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def _ready(self) -> dict[str, Any] | None:
        if self._told:
            return self._told.pop(next(iter(self._told)))
        now = self._clock.monotonic()
        for key, item in self._waiting.items():
            if item.not_before <= now < item.deadline and key not in self._sent:
                self._sent[key] = self._waiting.pop(key)
                return item.message
        return None

    def _next_moment(self, until: float) -> float:
        startable = [item.not_before for key, item in self._waiting.items() if key not in self._sent]
        deadlines = [item.deadline for item in (*self._waiting.values(), *self._sent.values())]
        return min([until, *startable, *deadlines])

    def _overdue(self) -> list[Item]:
        now = self._clock.monotonic()
        late = []
        for slots in (self._waiting, self._sent):
            late += [slots.pop(key) for key, item in list(slots.items()) if item.deadline <= now]
        return late

    def answered(self, key: str, message: dict[str, Any], *, ok: bool = True, detail: str = "") -> bool:
        """A device's answer, by its `id` or, where it sends none, by its kind. False when nobody waits for it."""
        with self._changed:
            item = self._sent.get(key)
            if item is None or message.get("id") not in (None, item.id):
                return False
            del self._sent[key]
            self.wake()
        if ok:
            item.answer.set_result(Answer(message))
        else:
            item.answer.set_exception(
                DeviceError("The device answered with an error: %(detail)s", detail=detail or "–")
            )
        return True

    @property
    def closed(self) -> bool:
        return self._closed is not None

    def close(self) -> None:
        """The connection has ended: everything that waits fails."""
        offline = DeviceOffline("The device is not connected.")
        with self._changed:
            self._closed = offline
            waiting, sent = list(self._waiting.values()), list(self._sent.values())
            self._waiting.clear()
            self._sent.clear()
            self._told.clear()
            self.wake()
        for item in waiting:
            item.answer.set_exception(offline)
        for item in sent:
            item.answer.set_exception(NoAnswer("The connection was lost before the device answered."))
