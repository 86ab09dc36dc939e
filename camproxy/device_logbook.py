"""DeviceLogbook: what boards say, and how they come and go, into the log of each."""

from __future__ import annotations

from typing import Any

from camproxy.device_log import DeviceLogs
from camproxy.devices import Device, Devices


class DeviceLogbook:
    """Listens to the registry; called in the devices' threads. The lines are for a log, in English."""

    def __init__(self, devices: Devices, logs: DeviceLogs) -> None:
        self._devices = devices
        self._logs = logs
        devices.listeners.append(self.changed)

    def changed(self, device: Device, what: str, detail: Any) -> None:
        if self._devices.board(device.id) is not device.board:
            return  # it was removed, and its log with it
        match what:
            case "log":
                self._logs.write(device.id, detail.level, detail.message, "device")
            case "online":
                self._logs.write(device.id, "info", f"has come from {device.address}")
            case "offline":
                link = device.board.link.state
                why = ", ".join(filter(None, (link.reason, link.detail)))
                self._logs.write(device.id, "info" if link.reason == "asleep" else "warning", f"has gone: {why}")
            case "config" if detail.refused is None:
                self._logs.write(device.id, "info", "has taken its configuration")
            case "config":
                self._logs.write(device.id, "error", f"has refused its configuration: {detail.refused}")
