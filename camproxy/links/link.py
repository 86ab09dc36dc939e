"""DeviceLink: a device across all its connections. `run` retries, `run_once` is straightforward."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

from camproxy.clock import Clock, SystemClock
from camproxy.errors import ChannelError, DeviceOffline
from camproxy.links.channel import Channel
from camproxy.links.outbox import Answer, Outbox
from camproxy.links.pull import FramePull

log = logging.getLogger(__name__)

#: Longest wait of the sending and receiving threads until they look around, in seconds.
LOOK_AROUND = 1.0
#: A connection that held this long counts as good: the next pause is the shortest again.
HELD = 10.0


class Handler(Protocol):
    """What a link tells; called in the link's threads, must not block."""

    def on_frame(self, data: bytes) -> None: ...

    def on_text(self, text: str) -> None: ...

    def on_link_change(self) -> None: ...


@dataclass(frozen=True, slots=True)
class LinkState:
    """`since` and `retry_at` are wall-clock seconds."""

    connected: bool
    since: float
    attempts: int = 0
    retry_at: float | None = None
    reason: str | None = None
    detail: str | None = None


class Backoff:
    """The pause before the next attempt: min(step * (attempt + 1), 6 * step) seconds, with 20 % of jitter."""

    def __init__(self, step: float, jitter: Callable[[float, float], float] = random.uniform) -> None:
        self._step = step
        self._jitter = jitter
        self.attempts = 0

    def next(self) -> float:
        self.attempts += 1
        return min(self._step * self.attempts, 6 * self._step) * self._jitter(0.8, 1.2)

    def reset(self) -> None:
        self.attempts = 0


class DeviceLink:
    """Keeps a connection to one device open and serves it with two threads: one receives, one sends and keeps time.

    `open_channel` dials; or waits for a device that dials, and then `dials` is false: there is no pause between
    attempts, for they are the device's. With `on_demand` it is called only while frames are wanted: opening an MJPEG
    stream *is* asking for frames. Everything public is thread-safe.
    """

    def __init__(
        self,
        name: str,
        open_channel: Callable[[], Channel],
        handler: Handler,
        *,
        wanted: Callable[[], bool],
        fps: Callable[[], float],
        on_demand: bool = False,
        dials: bool = True,
        retry_step: float = 5.0,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self.dials = dials
        self._open_channel = open_channel
        self._handler = handler
        self._wanted = wanted
        self._fps = fps
        self._on_demand = on_demand
        self._clock = clock or SystemClock()
        self._backoff = Backoff(retry_step)
        self._stopping = threading.Event()
        self._demand = threading.Event()
        self._channel: Channel | None = None
        self._outbox: Outbox | None = None
        self._thread = threading.Thread(target=self.run, name=f"link-{name}", daemon=True)
        self.state = LinkState(connected=False, since=self._clock.wall())

    def start(self) -> None:
        self._thread.start()

    def cancel(self) -> None:
        """Begin to end, without waiting for it."""
        self._stopping.set()
        self._demand.set()
        if channel := self._channel:
            channel.close()

    def stop(self, within: float = 5.0) -> None:
        """End, and wait at most so many seconds: who is dialling notices only when that is over."""
        self.cancel()
        if self._thread.is_alive():
            self._thread.join(within)

    def poke(self) -> None:
        """Frames may be wanted now."""
        self._demand.set()
        if outbox := self._outbox:
            outbox.wake()

    def send(self, key: str, message: dict[str, Any], not_before: float = 0.0) -> Future[Answer]:
        """Queue a command, see Outbox.put. Raises DeviceOffline when there is no connection."""
        outbox = self._outbox
        if outbox is None:
            raise DeviceOffline("The device is not connected.")
        return outbox.put(key, message, not_before)

    def tell(self, key: str, message: dict[str, Any]) -> None:
        """Send something that is not answered, see Outbox.tell. Nothing happens when there is no connection."""
        if outbox := self._outbox:
            outbox.tell(key, message)

    def answered(self, key: str, message: dict[str, Any], *, ok: bool = True, detail: str = "") -> bool:
        outbox = self._outbox
        return outbox is not None and outbox.answered(key, message, ok=ok, detail=detail)

    def run(self) -> None:
        while not self._stopping.is_set():
            if self._on_demand and not self._wait_for_demand():
                continue
            opened_at = self._clock.monotonic()
            try:
                self.run_once()
                continue
            except ChannelError as error:
                ended = error
            except Exception as error:
                log.exception("link %s: fault in the server", self.name)
                ended = ChannelError("unknown", type(error).__name__)
            if self._stopping.is_set():
                return
            if not self.dials:
                log.debug("link %s: %s", self.name, ended)  # its handler knows how often it comes and goes
                self._change(
                    LinkState(connected=False, since=self._clock.wall(), reason=ended.reason, detail=ended.detail)
                )
                continue
            if self._clock.monotonic() - opened_at >= HELD:
                self._backoff.reset()
            pause = self._backoff.next()
            log.log(
                logging.WARNING if self._backoff.attempts == 1 else logging.DEBUG,
                "link %s: %s; next attempt in %.0f s",
                self.name,
                ended,
                pause,
            )
            since = self._clock.wall() if self.state.attempts == 0 else self.state.since
            self._change(
                LinkState(
                    connected=False,
                    since=since,
                    attempts=self._backoff.attempts,
                    retry_at=self._clock.wall() + pause,
                    reason=ended.reason,
                    detail=ended.detail,
                )
            )
            self._stopping.wait(pause)

    def run_once(self) -> None:
        """Serve one connection to its end. Returns when it was no longer needed, raises ChannelError otherwise."""
        channel = self._open_channel()
        outbox = Outbox(self._clock)
        pull = FramePull(self._wanted, self._fps, self._clock)
        failure: list[ChannelError] = []
        writer = threading.Thread(
            target=self._write, args=(channel, outbox, pull, failure), name=f"link-{self.name}-send", daemon=True
        )
        self._channel, self._outbox = channel, outbox
        if self._stopping.is_set():
            channel.close()
        self._change(LinkState(connected=True, since=self._clock.wall()))
        log.log(logging.INFO if self.dials else logging.DEBUG, "link %s: connected", self.name)
        writer.start()
        try:
            self._read(channel, pull)
        except ChannelError as error:
            raise failure[0] if failure else error from None
        finally:
            self._channel, self._outbox = None, None
            channel.close()
            outbox.close()
            writer.join(timeout=10)  # the channel is closed, so it has nothing to wait for
            channel.release()

    def _read(self, channel: Channel, pull: FramePull) -> None:
        while not self._stopping.is_set():
            message = channel.receive(LOOK_AROUND)
            if isinstance(message, bytes):
                if channel.pull:
                    pull.arrived()
                    if outbox := self._outbox:
                        outbox.wake()
                self._handler.on_frame(message)
            elif message is not None:
                self._handler.on_text(message)
            if self._on_demand and not self._wanted():
                self._change(LinkState(connected=False, since=self._clock.wall()))
                return

    def _write(self, channel: Channel, outbox: Outbox, pull: FramePull, failure: list[ChannelError]) -> None:
        try:
            while not outbox.closed:
                until = self._clock.monotonic() + LOOK_AROUND
                if channel.pull:
                    if pull.ask():
                        channel.send("getframe")
                    until = min(until, pull.next_moment())
                text = outbox.take(until)
                if text is not None:
                    channel.send(text)
        except ChannelError as error:
            failure.append(error)
            channel.close()

    def _wait_for_demand(self) -> bool:
        """Wait a little until frames are wanted; whether they are."""
        self._demand.clear()
        if not self._wanted():
            self._demand.wait(LOOK_AROUND)
        return self._wanted() and not self._stopping.is_set()

    def _change(self, state: LinkState) -> None:
        self.state = state
        try:
            self._handler.on_link_change()
        except Exception:
            log.exception("link %s: fault in the server", self.name)  # of whoever listens; the link goes on
