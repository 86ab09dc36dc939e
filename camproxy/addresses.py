"""Addresses: which network one is of, which of them are one and the same client, which name a device of ours."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def within(address: str, networks: Iterable[Network]) -> bool:
    """Whether the address is of one of the networks. False for what is no address, such as a Unix socket's path."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)


def client(address: str) -> str:
    """What counts as one client: an IPv4 address, or the /64 of an IPv6 address, all of which one household has."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))


def device_of(url: str) -> int | None:
    """The number of the device that a camera's address names, as in `device:7`; None for every other address."""
    scheme, _, number = url.partition(":")
    return int(number) if scheme == "device" and re.fullmatch("[1-9][0-9]{0,8}", number, re.ASCII) else None
