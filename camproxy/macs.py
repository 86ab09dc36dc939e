"""MAC addresses, by which devices are known."""

from __future__ import annotations

import re

WRITTEN = re.compile(
    r"[0-9a-f]{2}([:-]?)(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}|[0-9a-f]{4}(\.[0-9a-f]{4}){2}", re.I | re.ASCII
)


def normal_mac(text: str) -> str:
    """AA:BB:CC:DD:EE:FF, whichever usual way it is written. Raises ValueError when it cannot be that of one device."""
    if not WRITTEN.fullmatch(text):
        raise ValueError("is not a MAC address")
    pairs = re.findall("[0-9A-F]{2}", re.sub("[.:-]", "", text).upper())
    if pairs == ["00"] * 6 or int(pairs[0], 16) & 1:  # nobody's; a group's, or everybody's
        raise ValueError("is not the MAC address of one device")
    return ":".join(pairs)
