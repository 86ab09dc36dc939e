"""A Pico that is told no address, in a network of its own with a real server: each finds the other."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.conftest import MakeServer
from tests.firmware.pico import SimulatedPico, write_key
from tests.integration.boards import enrol
from tests.integration.people import wait_until
from tests.integration.test_discovery import LAN, health
from tests.networks import in_network_of, with_network

ADDRESS, MAC = "10.1.0.1", "28:CD:C1:0A:0B:0C"


def test_it_finds_the_server_and_the_server_finds_it(make_server: MakeServer, tmp_path: Path) -> None:
    python, *command = with_network(LAN.format("lan0", ADDRESS), sys.executable, "app.py")
    server = make_server(python=python, command=command, HOST="0.0.0.0", MDNS="true")
    wait_until(lambda: "announced by mDNS" in server.logged, "the server is announced")
    enrolled = enrol(SimpleNamespace(server=server), "pico")  # type: ignore[arg-type]
    flash = tmp_path / "flash"
    flash.mkdir()
    write_key(flash, enrolled.key)
    config: dict[str, Any] = {"wifi": {"ssid": "workshop"}, "server": {"encrypted": False, "reconnect_seconds": 0.2}}
    (flash / "config.json").write_text(json.dumps(config))

    def within(*command: str) -> list[str]:
        return in_network_of(server.process.pid, *command)

    with SimulatedPico(flash, "--address", ADDRESS, "--mac", MAC, wrap=within) as pico:
        pico.until_it_says("connected")
        wait_until(lambda: health(server)["mdns"]["found"] == 1, "the server has found it")
        assert health(server)["mdns"]["refused"] == 0
        assert pico.said("no CamProxy in this network") <= 1
