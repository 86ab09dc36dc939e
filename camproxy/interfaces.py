"""This machine's IPv4 addresses in networks with multicast, and when they change."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct

import psutil

#: How often it is looked where the system does not tell. Seconds.
LOOK_EVERY = 10.0
#: Changes come in bursts: a new lease is an address that goes and one that comes. Seconds.
SETTLE = 1.0

# From linux/rtnetlink.h; see rtnetlink(7).
RTMGRP_IPV4_IFADDR = 0x10
RTM_DELADDR = 21
HEADER = struct.Struct("=IH")


def addresses(host: str) -> list[str]:
    """Under which others find a server that listens on `host`; empty when it listens for this machine only.

    Raises OSError when `host` is a name that nobody knows.
    """
    own = [
        address.address
        for name, of_interface in psutil.net_if_addrs().items()
        if _takes_multicast(name)
        for address in of_interface
        if address.family == socket.AF_INET
    ]
    if host == "0.0.0.0":
        return sorted(own)
    named = {str(found[4][0]) for found in socket.getaddrinfo(host, None, socket.AF_INET)} if ":" not in host else set()
    return sorted(named & set(own))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches who listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _takes_multicast(interface: str) -> bool:
    known = psutil.net_if_stats().get(interface)
    if known is None or not known.isup:  # that is, with its cable plugged in
        return False
    flags = known.flags.split(",") if known.flags else ["multicast"]  # Windows tells none
    return "multicast" in flags and "loopback" not in flags


class AddressChanges:
    """Tells when addresses came or went. For one task of an event loop; close it afterwards."""

    def __init__(self) -> None:
        self._socket = _netlink()

    async def next(self) -> bool:
        """Return after the next change, when it has settled: whether an address went, if only for a moment.

        Where the system does not tell, it returns now and then; the answer is no.
        """
        if self._socket is None:
            await asyncio.sleep(LOOK_EVERY)
            return False
        loop = asyncio.get_running_loop()
        went = await self._read(loop)
        until = loop.time() + SETTLE
        while (left := until - loop.time()) > 0:
            try:
                went |= await asyncio.wait_for(self._read(loop), left)
            except TimeoutError:
                break
        return went

    async def _read(self, loop: asyncio.AbstractEventLoop) -> bool:
        assert self._socket is not None
        try:
            data = await loop.sock_recv(self._socket, 65536)
        except OSError:
            return True  # ENOBUFS: there was more than the kernel keeps, so who knows
        while len(data) >= 16:
            length, kind = HEADER.unpack_from(data)
            if kind == RTM_DELADDR:
                return True
            data = data[max(length + 3 & ~3, 16) :]
        return False

    def close(self) -> None:
        if self._socket:
            self._socket.close()


def _netlink() -> socket.socket | None:
    """A socket that becomes readable when an IPv4 address comes or goes; None where there is no such thing."""
    if not hasattr(socket, "AF_NETLINK"):
        return None
    try:
        found = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        found.bind((0, RTMGRP_IPV4_IFADDR))
    except OSError:
        return None  # a sandbox that knows no netlink
    found.setblocking(False)
    return found
