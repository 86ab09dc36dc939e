"""Updates: which device is to have which firmware, and how far that is. Knows neither Flask nor the database.

The board has the last word: it checks hash and signature, starts the new firmware on trial, and says in its `connect`
and heartbeats which version runs, whether that is still on trial, and why it has not what it was told to fetch.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from camproxy.clock import Clock
from camproxy.devices import Device, Devices
from camproxy.errors import Conflict, DeviceError, DeviceOffline, NotFound
from camproxy.links.outbox import Answer
from camproxy.listeners import tell
from camproxy.messages import Connect

log = logging.getLogger(__name__)

#: So many boards are updated at once; the others wait, and go on sending pictures.
AT_ONCE = 4
#: A board that comes back without the firmware, and without a reason, is told to fetch it so often.
MOST_TRIES = 3
#: A board that was told to fetch it and is not heard of for so long is given up; and one that never came. Seconds.
SILENT_AFTER, EXPIRES = 1800.0, 7 * 86_400.0

WAITING = "pending"
UNDER_WAY = ("offered", "downloading", "trying")
#: Why the server itself has given up; a board's own words stand in the same place.
SILENT, BROKE_OFF, EXPIRED = "silent", "broke_off", "expired"


@dataclass(frozen=True, slots=True)
class Image:
    """What a board is told of a firmware. `signature` is DER in base64."""

    id: int
    version: str
    size: int
    sha256: str
    signature: str

    @property
    def order(self) -> dict[str, Any]:
        """The fields of the message `update`, see docs/protocol.md."""
        path = f"/device/firmware/{self.id}"
        return {"path": path, "size": self.size, "sha256": self.sha256, "signature": self.signature}


@dataclass(frozen=True, slots=True)
class Update:
    """`state`: pending, offered (the board has said yes), downloading, trying (it has all of it, and checks and tries
    it), installed, failed (`detail` says why), rolled_back. `since`: seconds since 1970. `got`: bytes, as far as known.

    `image` is None when it is over and the image was removed.
    """

    device: int
    version: str
    image: Image | None
    state: str
    since: float
    detail: str = ""
    tries: int = 0
    got: int = 0

    @property
    def active(self) -> bool:
        return self.state == WAITING or self.state in UNDER_WAY


#: Told of each step; not of each byte. Must not block.
Listener = Callable[[Update], None]


class Updates:
    """A subsystem: start, stop, state. Thread-safe."""

    def __init__(self, devices: Devices, clock: Clock) -> None:
        self._devices = devices
        self._clock = clock
        self._changed = threading.Condition(threading.RLock())
        self._by_device: dict[int, Update] = {}
        self._asked: set[int] = set()
        self._runs: dict[int, str] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="updates", daemon=True)
        self.listeners: list[Listener] = []
        devices.listeners.append(self._heard)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def state(self) -> dict[str, Any]:
        with self._changed:
            return {"active": sum(update.active for update in self._by_device.values())}

    def put(self, update: Update) -> None:
        """One that is known from before."""
        with self._changed:
            self._by_device[update.device] = update
            self._changed.notify_all()

    def of(self, device: int) -> Update | None:
        with self._changed:
            return self._by_device.get(device)

    def waiting_for(self, image: int) -> list[Update]:
        """Those of the image that are not over."""
        with self._changed:
            known = self._by_device.values()
            return [update for update in known if update.active and update.image and update.image.id == image]

    def runs(self, device: int) -> str:
        """The version that it said last; "" while it has not been here since the server started."""
        with self._changed:
            return self._runs.get(device, "")

    # What people do

    def assign(self, device: int, image: Image) -> Update:
        """From now on the device is to have it: it is told at once, or when it comes.

        Raises Conflict while another update of it is under way.
        """
        with self._changed:
            self.check_free(device)
            update = Update(device, image.version, image, WAITING, self._clock.wall())
            self._set(update)
            self._offer_waiting()
            return self._by_device[device]

    def check_free(self, device: int) -> None:
        """Raises Conflict."""
        with self._changed:
            known = self._by_device.get(device)
            if known and known.state in UNDER_WAY:
                raise Conflict("It is being updated just now.")

    def withdraw(self, device: int) -> None:
        """Forget it. A board that is fetching it gets no more; one that has it keeps it. Raises NotFound."""
        with self._changed:
            if self._by_device.pop(device, None) is None:
                raise NotFound("There is no update of that device.")
            self._offer_waiting()

    def keep_only(self, devices: Collection[int]) -> None:
        """Others were removed."""
        with self._changed:
            for known in (self._by_device, self._runs):
                for device in known.keys() - devices:
                    del known[device]
            self._offer_waiting()

    # What boards do

    def fetching(self, device: int, image: int) -> Image:
        """The device asks for the image. Raises NotFound when it is not to have it."""
        with self._changed:
            update = self._by_device.get(device)
            if update is None or not update.active or update.image is None or update.image.id != image:
                raise NotFound("There is no such firmware.")
            if update.state != "downloading":
                self._step(update, "downloading")
            return update.image

    def fetched(self, device: int, image: int, until: int) -> None:
        """The bytes before `until` were sent to it."""
        with self._changed:
            update = self._by_device.get(device)
            if update is None or update.state != "downloading" or update.image is None or update.image.id != image:
                return
            whole = until >= update.image.size
            update = replace(update, got=until, since=self._clock.wall())
            self._by_device[device] = update
            if whole:
                self._step(update, "trying")

    def _heard(self, device: Device, what: str, detail: Any) -> None:
        with self._changed:
            if what == "hello":
                self._runs[device.id] = detail.version or ""
            update = self._by_device.get(device.id)
            if what not in ("hello", "beat") or update is None:
                return
            if self._runs.get(device.id) == update.version:
                self._runs_it(update, bool(detail.trial))
            elif isinstance(detail, Connect):
                self._came_without(update, detail.update_error or "")
            self._offer_waiting()

    def _runs_it(self, update: Update, trial: bool) -> None:
        """Whatever was thought of it before, and however it came there."""
        if not trial and update.state != "installed":
            self._step(update, "installed")
        elif trial and update.active and update.state != "trying":
            self._step(update, "trying")

    def _came_without(self, update: Update, error: str) -> None:
        if update.state not in UNDER_WAY:
            return
        if error:
            self._step(update, "failed", error)
        elif update.state == "trying":
            self._step(update, "rolled_back")
        elif update.tries < MOST_TRIES:
            self._step(update, WAITING)
        else:
            self._step(update, "failed", BROKE_OFF)

    # Telling boards

    def _offer_waiting(self) -> None:
        """Tell those who are here and wait, the longest first, as many as may be under way at once."""
        updates = sorted(self._by_device.values(), key=lambda update: update.since)
        room = AT_ONCE - len(self._asked) - sum(update.state in UNDER_WAY for update in updates)
        for update in updates:
            if room <= 0:
                return
            if update.state == WAITING and update.device not in self._asked:
                room -= self._offer(update)

    def _offer(self, update: Update) -> bool:
        """Whether it was told."""
        assert update.image, "an update that is not over has one"
        try:
            device = self._devices.get(update.device)
            # First whatever is on its way to it, the welcome above all.
            answer = device.ask("update", **update.image.order)
        except (NotFound, DeviceOffline):
            return False
        self._asked.add(update.device)
        answer.add_done_callback(lambda answer: self._answered(update, answer))
        return True

    def _answered(self, asked: Update, answer: Future[Answer]) -> None:
        error = answer.exception()
        with self._changed:
            self._asked.discard(asked.device)
            update = self._by_device.get(asked.device)
            if update is not None and update.state == WAITING and update.image == asked.image:
                if isinstance(error, DeviceError):
                    self._step(update, "failed", str(error.values.get("detail", "")))
                elif error is None and not answer.result().superseded:
                    self._step(replace(update, tries=update.tries + 1), "offered")
            # Otherwise it is told when it comes again.

    # Time

    def look(self) -> float | None:
        """Give up those that are too late; in how many seconds to look again."""
        with self._changed:
            now = self._clock.wall()
            waits = []
            for update in list(self._by_device.values()):
                if not update.active:
                    continue
                left = update.since + (EXPIRES if update.state == WAITING else SILENT_AFTER) - now
                if left > 0:
                    waits.append(left)
                else:
                    self._step(update, "failed", EXPIRED if update.state == WAITING else SILENT)
                    self._offer_waiting()
            return min(waits, default=None)

    def _run(self) -> None:
        with self._changed:
            while not self._stopping:
                self._changed.wait(self.look())

    def _step(self, update: Update, state: str, detail: str = "") -> None:
        got = update.got if state in ("downloading", "trying") else 0
        self._set(replace(update, state=state, detail=detail, since=self._clock.wall(), got=got))

    def _set(self, update: Update) -> None:
        self._by_device[update.device] = update
        log.info("device %d: firmware %s: %s %s", update.device, update.version, update.state, update.detail)
        self._changed.notify_all()
        tell(self.listeners, update)
