"""Time zones for tests that record in real time: a part ends at the full hour on the wall, and a page shows one day.

Each server of the tests has such a one, see tests/running.py.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

#: Around the world, and half an hour apart.
_ZONES = ("Europe/Berlin", "Asia/Tokyo", "America/Los_Angeles")
_BETWEEN = ("Asia/Tehran", "Australia/Darwin", "Pacific/Marquesas", "America/St_Johns")


def calm_zone() -> ZoneInfo:
    """One in which it is day, and no hour ends within the next quarter of one."""
    for zone in map(ZoneInfo, _ZONES + _BETWEEN):
        now = datetime.now(zone)
        if 8 <= now.hour < 18 and now.minute < 45:
            return zone
    raise AssertionError("there is always one")
