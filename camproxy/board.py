"""Board: one device as it speaks, whoever dialled. Knows neither Flask nor the database."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from camproxy.clock import Clock
from camproxy.errors import BadRequest
from camproxy.links.channel import Channel
from camproxy.links.link import DeviceLink
from camproxy.messages import Ack, Connect, DeviceMessage, KindAck, Log, Pong, Position, read_device_message

log = logging.getLogger(__name__)


class Listener(Protocol):
    """Who wants to hear a board. Called in its link's threads, must not block."""

    def on_frame(self, data: bytes) -> None: ...

    def on_message(self, board: Board, message: DeviceMessage) -> None: ...

    def on_link_change(self, board: Board) -> None: ...


class Board:
    """A link, and what comes over it read: answers find who asked, the rest goes to those who listen. Thread-safe.

    `options` are the link's, see DeviceLink.
    """

    def __init__(self, name: str, open_channel: Callable[[], Channel], clock: Clock, **options: Any) -> None:
        self.name = name
        self.ignored: Counter[str] = Counter()
        #: Whether it says where its head is. One that never does says by its answers that it went where it was sent.
        self.says_position = False
        #: servo1 and servo2 in degrees, as it said last on this connection.
        self.pose: tuple[float, float] | None = None
        self.listeners: tuple[Listener, ...] = ()
        self.link = DeviceLink(name, open_channel, self, clock=clock, **options)

    def listen(self, listener: Listener) -> None:
        self.listeners = (*self.listeners, listener)

    def forget(self, listener: Listener) -> None:
        self.listeners = tuple(known for known in self.listeners if known is not listener)

    # What the link tells

    def on_frame(self, data: bytes) -> None:
        for listener in self.listeners:
            listener.on_frame(data)

    def on_text(self, text: str) -> None:
        try:
            message = read_device_message(text)
        except BadRequest as error:
            self.ignored["unknown"] += 1
            log.debug("%s: ignored a message: %s", self.name, error)
            return
        match message:
            case Ack() | KindAck():
                ok = message.status == "success"
                self.link.answered(message.command, {"id": message.id}, ok=ok, detail=message.detail)
            case Connect(servo1_angle=servo1, servo2_angle=servo2) if servo1 is not None and servo2 is not None:
                self.pose = servo1, servo2
            case Position(servo1=servo1, servo2=servo2):
                self.says_position, self.pose = True, (servo1, servo2)
        for listener in self.listeners:
            listener.on_message(self, message)
        match message:
            case Position():
                self.link.answered("get_position", {"id": message.id})  # who asked finds what it says
            case Pong():
                self.link.answered("ping", {"id": message.id})
            case Log(level=level, message=said):
                # A device that dials in has a log of its own.
                detail = logging.INFO if self.link.dials else logging.DEBUG
                log.log(detail, "%s says (%s): %s", self.name, level, said.encode("unicode_escape").decode())

    def on_link_change(self) -> None:
        self.says_position, self.pose = False, None
        for listener in self.listeners:
            listener.on_link_change(self)
