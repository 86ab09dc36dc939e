"""Devices that have enrolled, for tests of everything after that."""

from __future__ import annotations

import hashlib
import itertools
import secrets
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.devices import FAKES
from tests.running import Person

_numbers = itertools.count(1)


@dataclass
class Enrolled:
    """A device that the server knows, and its key."""

    admin: Person
    id: int
    kind: str
    key: str = field(repr=False)

    def dial(self, **options: Any) -> Any:
        """A new connection of it."""
        return FAKES[self.kind](self.admin.server, self.key, **options)

    def come(self, **hello: Any) -> Any:
        """A new connection of it, on which it has said who it is."""
        device = self.dial()
        device.connect(**hello)
        return device


def enrol(admin: Person, kind: str) -> Enrolled:
    number, key = next(_numbers), secrets.token_urlsafe(32)
    mac = f"24:6F:28:00:00:{number:02X}"
    server = admin.server
    server.execute(
        "INSERT INTO device"
        " (kind, name, mac, enabled, firmware, address, created_at, config, config_state, config_detail)"
        f" VALUES ('{kind}', 'Board {number}', '{mac}', true, '', '', '2026-11-21 10:00:00', '{{}}', '', '')"
    )
    ((device_id,),) = server.execute(f"SELECT id FROM device WHERE mac = '{mac}'")
    digest = hashlib.sha256(key.encode()).hexdigest()
    server.execute(
        "INSERT INTO device_key (device_id, sha256, created_at)"
        f" VALUES ({device_id}, '{digest}', '2026-11-21 10:00:00')"
    )
    return Enrolled(admin, device_id, kind, key)
