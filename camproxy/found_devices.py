"""Found devices: boards that announce themselves in the local network, as far as one can believe them.

Everything here is what a stranger says. It is checked, cleaned and bounded before anybody else sees it; it is no
proof of who the device is. That proof is its key.
"""

from __future__ import annotations

import ipaddress
import re
import threading
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace

from camproxy.macs import normal_mac

KINDS = ("pico", "esp32cam")

#: How many are remembered; whoever was silent longest goes first.
ROOM = 64
LONGEST_NAME = 40

VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,31}")
ZERO_WIDTH_NON_JOINER = "\u200c"  # without which Persian cannot be written


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """Times are seconds since 1970. `address` is an IPv4 address, `mac` is like AA:BB:CC:DD:EE:FF."""

    kind: str
    mac: str
    name: str
    version: str
    paired: bool
    address: str
    first_seen: float
    last_seen: float


def read(properties: Mapping[bytes, bytes | None], address: str, at: float) -> FoundDevice:
    """A device from what its TXT record says. Raises ValueError when that cannot be a device of ours."""
    texts = {key.decode("ascii", "replace").lower(): (value or b"").decode() for key, value in properties.items()}
    kind, mac, version = texts.get("kind", ""), texts.get("mac", ""), texts.get("version", "")
    if kind not in KINDS:
        raise ValueError("the kind is unknown")
    ip = ipaddress.IPv4Address(address)
    if ip.is_loopback or ip.is_multicast or ip.is_unspecified or ip.is_reserved:
        raise ValueError("the address is nobody's")
    mac = normal_mac(mac)
    return FoundDevice(
        kind=kind,
        mac=mac,
        name=clean_name(texts.get("name", "")) or f"{kind} {mac[-8:]}",
        version=version if VERSION.fullmatch(version) else "",
        paired=texts.get("paired") == "1",
        address=address,
        first_seen=at,
        last_seen=at,
    )


def clean_name(text: str) -> str:
    """What can be shown anywhere: no tags, no control characters, none that turn the text around them (bidi)."""
    kept = "".join(
        " " if character.isspace() else character
        for character in text[: 10 * LONGEST_NAME]
        if (character.isprintable() or character.isspace() or character == ZERO_WIDTH_NON_JOINER)
        and character not in "<>"
    )
    whole = unicodedata.normalize("NFC", " ".join(kept.split()))
    return whole[:LONGEST_NAME].strip(f" {ZERO_WIDTH_NON_JOINER}")


class FoundDevices:
    """Which are there now, by the names of their announcements. Thread-safe, bounded."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._lock = threading.Lock()
        self._devices: dict[str, FoundDevice] = {}

    def __len__(self) -> int:
        return len(self._devices)

    def all(self) -> list[FoundDevice]:
        """Whoever came first is first."""
        with self._lock:
            return sorted(self._devices.values(), key=lambda device: (device.first_seen, device.mac))

    def seen(self, key: str, device: FoundDevice) -> bool:
        """Remember it; whether anything but the time is new."""
        with self._lock:
            before = self._devices.get(key)
            if before:
                device = replace(device, first_seen=before.first_seen)
            elif len(self._devices) >= self._room:
                del self._devices[min(self._devices, key=lambda each: self._devices[each].last_seen)]
            self._devices[key] = device
            return before is None or replace(before, last_seen=device.last_seen) != device

    def heard(self, key: str, at: float) -> None:
        """It has repeated itself."""
        with self._lock:
            if known := self._devices.get(key):
                self._devices[key] = replace(known, last_seen=at)

    def gone(self, key: str) -> bool:
        """Forget it; whether it was there."""
        with self._lock:
            return self._devices.pop(key, None) is not None

    def clear(self) -> bool:
        """Forget all; whether there were any."""
        with self._lock:
            had, self._devices = bool(self._devices), {}
            return had
