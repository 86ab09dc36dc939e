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
    (enrolled,) = enrol_all(admin, kind, 1)
    return enrolled


def enrol_all(admin: Person, kind: str, count: int) -> list[Enrolled]:
    """So many boards at once."""
    execute, made_at = admin.server.execute, "'2026-11-21 10:00:00'"
    macs = [f"24:6F:28:00:{number >> 8:02X}:{number & 255:02X}" for number in itertools.islice(_numbers, count)]
    rows = [f"('{kind}', 'Board {mac[-5:]}', '{mac}', true, '', '', {made_at}, '{{}}', '', '')" for mac in macs]
    execute(
        "INSERT INTO device"
        " (kind, name, mac, enabled, firmware, address, created_at, config, config_state, config_detail)"
        f" VALUES {', '.join(rows)}"
    )
    ids = dict(execute("SELECT mac, id FROM device"))
    boards = [Enrolled(admin, ids[mac], kind, secrets.token_urlsafe(32)) for mac in macs]
    keys = [f"({board.id}, '{hashlib.sha256(board.key.encode()).hexdigest()}', {made_at})" for board in boards]
    execute(f"INSERT INTO device_key (device_id, sha256, created_at) VALUES {', '.join(keys)}")
    return boards
