"""Device = a board that dials in + what is known of it; and the registry. Knows neither Flask nor the database."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from camproxy.board import Board
from camproxy.clock import Clock, SystemClock, iso
from camproxy.errors import DeviceError, DeviceOffline, NoAnswer, NotFound
from camproxy.links.accepted import REFUSED, AcceptedChannel
from camproxy.links.berth import Berth
from camproxy.links.link import LinkState
from camproxy.links.outbox import Answer
from camproxy.listeners import tell
from camproxy.messages import Connect, DeviceMessage, Heartbeat, Log, Motion
from camproxy.reset_reasons import reset_of
from camproxy.starts import Starts

log = logging.getLogger(__name__)

#: How many heartbeats and arrivals are remembered of each.
REMEMBERED = 60
#: A device that was not here for this long is stale. Seconds.
STALE_AFTER = 24 * 3600.0
#: A device that came as often as is remembered within this time is restless. Seconds.
RESTLESS_WITHIN = 3600.0
#: What a heartbeat may tell, and a connection's first message in part.
VITALS = (
    "uptime_ms",
    "free_heap",
    "largest_block",
    "rssi",
    "temperature",
    "frames_sent",
    "frames_skipped",
    "reset_reason",
)


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """What is kept of a device. `pending` is the configuration that it has not taken yet."""

    id: int
    kind: str
    name: str
    mac: str
    enabled: bool
    config: dict[str, Any]
    pending: dict[str, Any] | None
    #: Seconds since 1970, UTC; None when it has never been here.
    last_seen: float | None


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat, or a connection's first message, at the wall-clock time `at`."""

    at: float
    said: Heartbeat | Connect


@dataclass(frozen=True, slots=True)
class ConfigAnswer:
    """What became of a configuration: `refused` is the device's reason not to take it, None when it has."""

    config: dict[str, Any]
    refused: str | None


#: (device, what, detail): "added", "online", "offline"; "hello", "beat", "log" and "motion" with what it said; "config"
#: with a ConfigAnswer. Must not block.
Listener = Callable[["Device", str, Any], None]


class Device:
    """One enrolled device, for as long as it is. Thread-safe."""

    def __init__(self, settings: DeviceSettings, notify: Listener, clock: Clock) -> None:
        self.settings = settings
        self.berth = Berth()
        self.board = Board(
            f"{settings.kind} {settings.id}",
            self.berth.wait,
            clock,
            wanted=lambda: False,  # it sends by itself
            fps=lambda: 1.0,
            dials=False,
        )
        self.board.listen(self)
        self.address = ""
        #: The hash of the key that it came with.
        self.credential = ""
        self.beats: deque[Beat] = deque(maxlen=REMEMBERED)
        self.starts = Starts()
        #: When it connected, as far as is remembered: more than a few in an hour are one too many.
        self.arrivals: deque[float] = deque(maxlen=REMEMBERED)
        self.frames_received = 0
        self._seen_before = settings.last_seen
        self._notify = notify
        self._clock = clock
        self._arriving = threading.Lock()
        self._changing = threading.Lock()

    @property
    def id(self) -> int:
        return self.settings.id

    @property
    def online(self) -> bool:
        return self.board.link.state.connected

    @property
    def last_seen(self) -> float | None:
        """Seconds since 1970, UTC."""
        return self._seen_by(self.board.link.state)

    def _seen_by(self, link: LinkState) -> float | None:
        if link.connected:
            return self._clock.wall()
        return self._seen_before if link.reason is None else link.since

    def arrive(self, channel: AcceptedChannel, address: str, credential: str) -> None:
        """It has dialled, and shown the key with that hash."""
        with self._arriving:  # the connection that is served has this address and key, however many come at once
            self.address, self.credential = address, credential
            self.berth.arrive(channel)
        if not self.settings.enabled:  # since just now
            self.berth.send_away(REFUSED, "Revoked")

    def reconfigure(self, settings: DeviceSettings) -> None:
        """Take new settings; what it is to be told it is told now, or when it appears next."""
        with self._changing:
            before, self.settings = self.settings, settings
        if before.enabled and not settings.enabled:
            self.berth.send_away(REFUSED, "Revoked")
        if settings.pending and settings.pending != before.pending:
            self._deliver()

    def ask(self, what: str, **fields: Any) -> Future[Answer]:
        """Send a command. The future gets an Answer, or raises DeviceError, NoAnswer or DeviceOffline."""
        return self.board.link.send(what, {"type": what} | fields)

    def _deliver(self) -> None:
        pending = self.settings.pending
        if not pending:
            return
        try:
            answer = self.ask("config", config=pending)
        except DeviceOffline:
            return  # when it appears next

        def answered(answer: Future[Answer]) -> None:
            error = answer.exception()
            if isinstance(error, (NoAnswer, DeviceOffline)) or (error is None and answer.result().superseded):
                return  # still pending
            refused = str(error.values.get("detail", "")) if isinstance(error, DeviceError) else None
            with self._changing:
                now = self.settings
                config = pending if refused is None else now.config
                left = None if now.pending == pending else now.pending  # there may be another since
                self.settings = replace(now, config=config, pending=left)
            self._notify(self, "config", ConfigAnswer(pending, refused))

        answer.add_done_callback(answered)

    # What the board tells (in its link's threads)

    def on_frame(self, data: bytes) -> None:
        self.frames_received += 1

    def on_message(self, board: Board, message: DeviceMessage) -> None:
        match message:
            case Connect():
                self._remember(message)
                self._welcome()  # before whatever else somebody has to say to it now
                self._notify(self, "hello", message)
            case Heartbeat():
                self._remember(message)
                self._notify(self, "beat", message)
            case Log():
                self._notify(self, "log", message)
            case Motion():
                self._notify(self, "motion", message)

    def _remember(self, said: Heartbeat | Connect) -> None:
        at = self._clock.wall()
        self.beats.append(Beat(at, said))
        self.starts.note(at, said)

    def _welcome(self) -> None:
        config = self.settings.pending or self.settings.config
        welcome = {"type": "welcome", "device_id": self.id, "server_time": iso(self._clock.wall()), "config": config}
        self.board.link.tell("welcome", welcome)
        self._deliver()

    def on_link_change(self, board: Board) -> None:
        level = logging.DEBUG if self.restless else logging.INFO
        if self.online:
            self.arrivals.append(self._clock.wall())
            log.log(level, "%s: online, from %s", self.board.name, self.address)
        else:
            state = self.board.link.state
            log.log(level, "%s: offline: %s: %s", self.board.name, state.reason, state.detail)
        self._notify(self, "online" if self.online else "offline", None)

    @property
    def restless(self) -> bool:
        """Whether it comes and goes so often that the log and the events would be of nothing else."""
        full = len(self.arrivals) == self.arrivals.maxlen
        return full and abs(self._clock.wall() - self.arrivals[0]) < RESTLESS_WITHIN

    def cancel(self) -> None:
        """Begin to stop, without waiting for it."""
        self.board.link.cancel()
        self.berth.end()

    def stop(self) -> None:
        self.cancel()
        self.board.link.stop()

    # State

    @property
    def state(self) -> str:
        """`disabled`, `online`, `never` (not been here yet), `asleep`, `offline`, or `stale`: not here for a day."""
        return self._state_by(self.board.link.state)

    def _state_by(self, link: LinkState) -> str:
        if not self.settings.enabled:
            return "disabled"
        if link.connected:
            return "online"
        last_seen = self._seen_by(link)
        if last_seen is None:
            return "never"
        if self._clock.wall() - last_seen > STALE_AFTER:
            return "stale"
        return "asleep" if link.reason == "asleep" else "offline"

    def vitals(self) -> dict[str, Any]:
        """The latest that it said of each."""
        beats = list(self.beats)
        return {
            name: next(
                (value for beat in reversed(beats) if (value := getattr(beat.said, name, None)) is not None), None
            )
            for name in VITALS
        }

    def status(self) -> dict[str, Any]:
        """device_status, see docs/protocol.md."""
        link = self.board.link.state  # once: it may come or go meanwhile
        last_seen = self._seen_by(link)
        since = link.since if link.connected else last_seen
        vitals = self.vitals()
        its_reset = vitals["reset_reason"]
        return {
            "device": self.id,
            "kind": self.settings.kind,
            "name": self.settings.name,
            "state": self._state_by(link),
            "online": link.connected,
            "since": iso(since) if since is not None else None,
            "last_seen": iso(last_seen) if last_seen is not None else None,
            "reason": None if link.connected else link.reason,
            "address": self.address,
            "frames_received": self.frames_received,
            "ignored": self.board.ignored.total(),
            "reset": None if its_reset is None else reset_of(its_reset, self.settings.kind).value,
        } | vitals


class Devices:
    """The registry. A subsystem: start, stop, state. Thread-safe."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._by_id: dict[int, Device] = {}
        self._running = False
        self.listeners: list[Listener] = []

    def start(self) -> None:
        self._running = True
        for device in self:
            device.board.link.start()

    def stop(self) -> None:
        self._running = False
        devices = list(self)
        for device in devices:
            device.cancel()  # all of them first
        for device in devices:
            device.stop()

    def state(self) -> dict[str, Any]:
        return {"devices": [device.status() for device in self]}

    def __iter__(self) -> Iterator[Device]:
        with self._lock:
            return iter(sorted(self._by_id.values(), key=lambda device: device.id))

    def get(self, device_id: int) -> Device:
        """Raises NotFound."""
        with self._lock:
            found = self._by_id.get(device_id)
        if found is None:
            raise NotFound("There is no such device.")
        return found

    def board(self, device_id: int) -> Board | None:
        with self._lock:
            found = self._by_id.get(device_id)
        return found.board if found else None

    def put(self, settings: DeviceSettings) -> Device:
        """Add a device, or give one its new settings."""
        with self._lock:
            known = self._by_id.get(settings.id)
            device = known or Device(settings, self._changed, self._clock)
            self._by_id[settings.id] = device
        if known:
            device.reconfigure(settings)
            return device
        self._changed(device, "added", None)
        if self._running:
            device.board.link.start()
        return device

    def remove(self, device_id: int) -> None:
        with self._lock:
            device = self._by_id.pop(device_id, None)
        if device:
            device.berth.send_away(REFUSED, "Revoked")
            device.stop()

    def _changed(self, device: Device, what: str, detail: Any) -> None:
        tell(self.listeners, device, what, detail)
