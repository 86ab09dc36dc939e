"""House: a server with a camera and its head, as somebody has it at home."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from typing import Any

from tests.firmware.esp32cam import SimulatedCamera, mac
from tests.firmware.pico import SimulatedPico, write_config
from tests.integration.people import wait_until
from tests.running import RunningServer

#: Many boards come and go in tests, all from one address.
ROOM = {"ENROL_LIMIT": "1000 per minute", "DEVICE_CONNECTIONS": "100000 per minute"}


def free_port() -> int:
    """For UDP; nobody else is likely to take it within the next moments."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


class House:
    """A server, its admin, and two boards that are paired by their links, as on the first day."""

    def __init__(self, directory: Path, pictures: Path) -> None:
        self.data = directory / "data"
        self.server = RunningServer(self.data, TLS="true", **ROOM)
        self.admin = self.server.person()
        pose = ("--pose-port", str(free_port()))
        self.camera = SimulatedCamera(directory / "camera", pictures, "--mac", mac(), *pose)
        opened = self.admin.made("/api/pairing", {"kind": "esp32cam"})
        for line in ("wifi The network", "name Porch", f"pair {opened['link']}"):
            self.camera.say(line)
        opened = self.admin.made("/api/pairing", {"kind": "pico"})
        write_config(directory / "pico", self.server, pairing=opened["link"], name="Porch head")
        self.pico = SimulatedPico(directory / "pico", *pose)
        wait_until(lambda: len(self.devices) == 2, "both are let in")
        self.until_online()

    @property
    def devices(self) -> dict[str, Any]:
        """By their kind."""
        return {device["kind"]: device for device in self.admin.get("/api/devices").json()["items"]}

    def device(self, kind: str) -> str:
        """Its address in the API."""
        return f"/api/devices/{self.devices[kind]['id']}"

    def until_online(self) -> None:
        wait_until(lambda: all(device["status"]["online"] for device in self.devices.values()), "both are online")

    def set_off(self, x: int, y: int) -> None:
        self.admin.made("/api/cameras/porch/position_command", {"x": x, "y": y})

    def picture(self) -> bytes:
        return self.admin.get("/snapshot/porch.jpg").content

    def frames(self) -> int:
        count: int = self.devices["esp32cam"]["status"]["frames_received"]
        return count

    def restart(self) -> None:
        """The server is killed and comes back, at the same place and with what it knew."""
        port = self.server.port
        self.admin.close()
        self.server.stop(signal.SIGKILL)
        self.camera.until("again in")
        self.pico.until_it_says("ECONNREFUSED", self.pico.now)
        self.server = RunningServer(self.data, TLS="true", PORT=port, PORT_RANGE="1", **ROOM)
        self.admin = self.server.person()

    def close(self) -> None:
        self.pico.close()
        assert self.camera.close() == 0, self.camera.printed
        self.admin.close()
        self.server.stop()
