"""DeviceBook: what happens to devices by itself, written down: when they were here, what they run, what they took."""

from __future__ import annotations

from typing import Any

from camproxy.devices import ConfigAnswer, Device, Devices
from camproxy.later import Later
from models import Device as Row
from models import Event, now

#: How often devices that stay are noted as seen. Seconds.
SEEN_EVERY = 60.0


class DeviceBook:
    """Listens to the registry; called in the devices' threads, writes without blocking."""

    def __init__(self, devices: Devices, later: Later) -> None:
        self._devices = devices
        self._later = later
        self._seen_at = 0.0
        self._firmware: dict[int, str] = {}
        self._restless: set[int] = set()
        devices.listeners.append(self.changed)

    def changed(self, device: Device, what: str, detail: Any) -> None:
        match what:
            case "online":
                self._come_or_gone(device, "device_online", device.address)
                self._change(device, "address", address=device.address[:45], last_seen_at=now())
            case "offline":
                self._come_or_gone(device, "device_offline", device.board.link.state.reason or "")
                self._change(device, "seen", last_seen_at=now())
            case "hello" if detail.version and detail.version != self._firmware.get(device.id):
                self._firmware[device.id] = detail.version
                self._change(device, "firmware", firmware=detail.version[:40])
            case "beat":
                self._beat(device.beats[-1].at)
            case "config":
                self._config(device, detail)

    def _come_or_gone(self, device: Device, kind: str, detail: str) -> None:
        """One that comes and goes all the time is written down as just that, once, until it is quiet again."""
        if not device.restless:
            self._restless.discard(device.id)
            self._event(device, kind, detail)
        elif device.id not in self._restless:
            self._restless.add(device.id)
            self._event(device, "device_restless")

    def _beat(self, at: float) -> None:
        """All at once, in one commit: after each, everybody's rights are looked at anew, see AccessWatch."""
        if abs(at - self._seen_at) >= SEEN_EVERY:
            self._seen_at = at
            for device in self._devices:
                if device.online:
                    self._change(device, "seen", last_seen_at=now())

    def _config(self, device: Device, answer: ConfigAnswer) -> None:
        at, taken, config = now(), answer.refused is None, device.settings.config
        self._event(device, "config_delivered" if taken else "config_refused", answer.refused or "")

        def change(row: Row) -> None:
            row.config = config
            if row.pending == answer.config:  # else there is another since
                row.pending, row.config_at = None, at
                row.config_state, row.config_detail = "delivered" if taken else "refused", (answer.refused or "")[:500]

        self._later.change(Row, device.id, "config", change)

    def _event(self, device: Device, kind: str, detail: str = "") -> None:
        self._later.note(Event(at=now(), kind=kind, device_id=device.id, detail=detail[:500]))

    def _change(self, device: Device, what: str, **columns: Any) -> None:
        def change(row: Row) -> None:
            for name, value in columns.items():
                setattr(row, name, value)

        self._later.change(Row, device.id, what, change)
