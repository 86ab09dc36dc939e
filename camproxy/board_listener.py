"""Board listener: hears what boards announce by mDNS, asks them for the rest, and keeps what can be believed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from camproxy.clock import Clock
from camproxy.found_devices import FoundDevices, read

log = logging.getLogger(__name__)

DEVICE = "_camproxy-device._tcp.local."

#: How long a board that named itself has to tell the rest. Milliseconds.
TELL_WITHIN = 3000
#: How many boards may be asked for the rest at once.
ASKED_AT_ONCE = 64


class BoardListener(zeroconf.RecordUpdateListener):
    """Hears what boards announce in one network. In the event loop only."""

    def __init__(
        self,
        network: AsyncZeroconf,
        devices: FoundDevices,
        clock: Clock,
        tell: Callable[[], None],
        refuse: Callable[[], None],
    ) -> None:
        self._network = network
        self._devices = devices
        self._clock = clock
        self._tell = tell
        self._refuse = refuse
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._browser: AsyncServiceBrowser | None = None

    def listen(self) -> None:
        self._network.zeroconf.async_add_listener(self, None)
        self._browser = AsyncServiceBrowser(self._network.zeroconf, [DEVICE], handlers=[self._changed])

    async def close(self) -> None:
        if self._browser:
            await self._browser.async_cancel()
        for task in self._asking.values():
            task.cancel()

    def async_update_records(self, zc: zeroconf.Zeroconf, now: float, records: list[zeroconf.RecordUpdate]) -> None:
        """Every record that anybody sends, also when it says nothing new."""
        for record in records:
            if record.new.name.endswith(DEVICE) and not record.new.is_expired(now):
                self._devices.heard(getattr(record.new, "alias", record.new.name), self._clock.wall())

    def async_update_records_complete(self) -> None:
        """Part of the interface."""

    def _changed(
        self, zeroconf: zeroconf.Zeroconf, service_type: str, name: str, state_change: zeroconf.ServiceStateChange
    ) -> None:
        if earlier := self._asking.pop(name, None):
            earlier.cancel()
        if state_change.name == "Removed":
            if self._devices.gone(name):
                self._tell()
        elif len(self._asking) >= ASKED_AT_ONCE:
            self._refuse()
        else:
            self._asking[name] = asyncio.ensure_future(self._ask(name))
            self._asking[name].add_done_callback(lambda task: self._answered(name, task))

    def _answered(self, name: str, task: asyncio.Task[None]) -> None:
        if self._asking.get(name) is task:
            del self._asking[name]

    async def _ask(self, name: str) -> None:
        service = AsyncServiceInfo(DEVICE, name)
        if not service.load_from_cache(self._network.zeroconf):
            await service.async_request(self._network.zeroconf, TELL_WITHIN)
        addresses = service.parsed_addresses(zeroconf.IPVersion.V4Only)
        try:
            device = read(service.properties, addresses[0] if addresses else "", self._clock.wall())
        except ValueError as error:
            self._refuse()
            log.debug("a board's announcement is refused: %s", error)
            # What it said before is not true any more.
            new = self._devices.gone(name)
        else:
            new = self._devices.seen(name, device)
        if new:
            self._tell()
