"""Discovery: boards find the server, and the server finds boards, without anybody typing an address (mDNS, DNS-SD).

All of it happens in one thread with an event loop of its own; the server never waits for it, and runs without it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import threading
from collections.abc import Callable
from typing import Any

import zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from camproxy import __version__, interfaces
from camproxy.board_listener import BoardListener
from camproxy.clock import Clock, SystemClock
from camproxy.errors import BadSetting
from camproxy.found_devices import FoundDevice, FoundDevices
from camproxy.listeners import tell
from camproxy.settings import Settings

log = logging.getLogger(__name__)

SERVER = "_camproxy._tcp.local."
#: What browsers of the local network look for. There is none for https.
WEB = "_http._tcp.local."

#: After a failure, and to see whether the certificate has been renewed. Seconds.
LOOK_EVERY = 60.0
#: How long until the owner of a name has said so: somebody who spoke just now waits for a second. Seconds.
ANSWERED_WITHIN = 1.5
#: How long the goodbyes may take, of which mDNS wants three. Seconds.
STOP_WITHIN = 1.0


class Discovery:
    """A subsystem: start, stop, state. `port` says where the server listens, None when it does not.

    `addresses` gives the addresses of this machine to announce and to listen on, those of `settings.host` by default.
    `listeners` are called in its thread, without arguments, when `found()` has changed; they must not block.
    """

    def __init__(
        self,
        settings: Settings,
        port: Callable[[], int | None],
        clock: Clock = SystemClock(),
        addresses: Callable[[], list[str]] | None = None,
    ) -> None:
        self._settings = settings
        self._port = port
        self._clock = clock
        self._addresses = addresses or (lambda: interfaces.addresses(self._host))
        self._devices = FoundDevices()
        self.listeners: list[Callable[[], None]] = []
        self._announced: list[str] = []
        self._why: str | None = "not started"
        self._refused = 0
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="discovery", daemon=True)

    # From any thread

    def start(self) -> None:
        if why := self._cannot():
            self._is_silent(why)
            return
        self._loop = self._runner.get_loop()
        self._thread.start()

    def stop(self) -> None:
        """Say goodbye; at most for a second."""
        if not self._thread.is_alive():
            return
        try:
            self._loop.call_soon_threadsafe(self._stopping.set)
        except RuntimeError:
            log.debug("it has ended by itself")
        self._thread.join(STOP_WITHIN)

    def state(self) -> dict[str, Any]:
        """`why` says why nothing is announced; None when something is. `refused` counts announcements of boards."""
        return {
            "announced": self._announced,
            "why": self._why,
            "found": len(self._devices),
            "refused": self._refused,
        }

    def found(self) -> list[FoundDevice]:
        """The boards that are there now, at most 64. None of what they say is proven."""
        return self._devices.all()

    # What there is to say

    def _cannot(self) -> str | None:
        if not self._settings.mdns:
            return "MDNS is off"
        if self._port() is None:
            return "the server has no port"
        if interfaces.is_loopback(self._settings.host) and not self._settings.trusted_proxies:
            return f"the server listens on {self._settings.host}, for this machine only"
        if ":" in self._settings.host and not interfaces.is_loopback(self._settings.host):
            return "the server listens on IPv6, and boards look for it by IPv4"
        return None

    @property
    def _is_behind_a_proxy(self) -> bool:
        """Then others come by the proxy's address and port, which the server does not know; boards it can still see."""
        return interfaces.is_loopback(self._settings.host)

    @property
    def _host(self) -> str:
        return "0.0.0.0" if self._is_behind_a_proxy else self._settings.host

    def _fingerprint(self) -> str | None:
        certificate = self._settings.certificate()
        return certificate.fingerprint if certificate else None

    def _services(self, addresses: list[str], fingerprint: str | None) -> list[AsyncServiceInfo]:
        """TXT: nothing that not everybody in the network may know."""
        machine = socket.gethostname().split(".")[0]
        name = self._settings.mdns_name or f"CamProxy on {machine}".encode()[:58].decode(errors="ignore")
        texts = {"version": __version__, "path": "/", "ws_path": "/ws", "tls": "1" if fingerprint else "0"}
        if fingerprint:
            texts["fingerprint"] = fingerprint
        # A host name of its own: avahi would take our addresses of all networks under its name for a conflict.
        host = f"camproxy-{secrets.token_hex(4)}.local."
        return [
            AsyncServiceInfo(
                kind, f"{name}.{kind}", port=self._port(), parsed_addresses=addresses, server=host, properties=texts
            )
            for kind in ((SERVER,) if fingerprint else (SERVER, WEB))
        ]

    # In its own thread

    def _run(self) -> None:
        with self._runner:
            self._runner.run(self._until_stopped())

    async def _until_stopped(self) -> None:
        serving = asyncio.create_task(self._serve())
        await self._stopping.wait()
        serving.cancel()
        await asyncio.wait([serving])
        self._why = "stopped"

    async def _serve(self) -> None:
        """Again whenever the network is another; a failure ends nothing."""
        changes = interfaces.AddressChanges()
        try:
            while True:
                try:
                    await self._serve_once(changes)
                except (OSError, zeroconf.Error, BadSetting) as error:
                    self._is_silent(f"mDNS does not work: {error}")
                    await asyncio.sleep(LOOK_EVERY)
                except Exception:
                    log.exception("mDNS failed")
                    self._is_silent("mDNS failed; the log says how")
                    await asyncio.sleep(LOOK_EVERY)
        finally:
            changes.close()

    async def _serve_once(self, changes: interfaces.AddressChanges) -> None:
        """Announce and listen until the addresses, or the certificate, are others."""
        addresses, fingerprint = self._addresses(), self._fingerprint()
        if not addresses:
            self._is_silent("no network with multicast is there")
            await self._other_than(addresses, fingerprint, changes)
            return
        # Always anew: a socket does not tell whether it still belongs to a multicast group.
        network = AsyncZeroconf(interfaces=list(addresses), ip_version=zeroconf.IPVersion.V4Only)
        boards = BoardListener(network, self._devices, self._clock, self._tell, self._refuse)
        try:
            # Shielded: who is cancelled while it waits for this cancels the opening itself, and the sockets stay.
            await asyncio.shield(network.zeroconf.async_wait_for_start())
            boards.listen()
            if self._is_behind_a_proxy:
                self._is_silent("the server listens for its proxy only, which it cannot announce")
            else:
                await self._announce(network, self._services(addresses, fingerprint), addresses)
            await self._other_than(addresses, fingerprint, changes)
        finally:
            await boards.close()
            self._announced = []
            await network.async_close()  # with goodbyes
            if self._devices.clear():
                self._tell()

    async def _announce(self, network: AsyncZeroconf, services: list[AsyncServiceInfo], addresses: list[str]) -> None:
        # zeroconf asks for the name's owner, to be answered alone. But of several programs on a machine (avahi, another
        # CamProxy) the kernel gives such an answer to any one. So all are asked first, to be answered before everybody.
        others = AsyncServiceBrowser(
            network.zeroconf,
            [service.type for service in services],
            handlers=[lambda **_: None],
            question_type=zeroconf.DNSQuestionType.QM,
        )
        try:
            await asyncio.sleep(ANSWERED_WITHIN)
            sent = await asyncio.gather(
                *(network.async_register_service(service, allow_name_change=True) for service in services)
            )
        finally:
            await others.async_cancel()
        await asyncio.gather(*sent)
        self._announced = [service.name.removesuffix(".") for service in services]
        self._why = None
        log.info("announced by mDNS: %s on %s", services[0].get_name(), ", ".join(addresses))

    async def _other_than(
        self, addresses: list[str], fingerprint: str | None, changes: interfaces.AddressChanges
    ) -> None:
        went = False
        while not went and self._addresses() == addresses and self._fingerprint() == fingerprint:
            try:
                went = await asyncio.wait_for(changes.next(), LOOK_EVERY)
            except TimeoutError:
                continue

    def _is_silent(self, why: str) -> None:
        if why != self._why:
            log.info("not announced by mDNS: %s", why)
        self._why = why

    def _refuse(self) -> None:
        self._refused += 1

    def _tell(self) -> None:
        tell(self.listeners)
