"""Boards that tests start: Picos under MicroPython, cameras as processes of this machine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.esp32cam import ESP32, SimulatedCamera, skip_without
from tests.firmware.esp32cam import Start as StartCamera
from tests.firmware.house import ROOM
from tests.firmware.pico import SimulatedPico, write_config, write_key
from tests.integration.boards import Enrolled, enrol
from tests.running import Person, RunningServer

Start = Callable[..., SimulatedPico]


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One for all tests of boards, each of which brings boards of its own."""
    running = RunningServer(tmp_path_factory.mktemp("server"), **ROOM)
    yield running
    running.stop()


@pytest.fixture(scope="package")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The same over TLS."""
    running = RunningServer(tmp_path_factory.mktemp("secure"), TLS="true", **ROOM)
    yield running
    running.stop()


@pytest.fixture(scope="package")
def admin(server: RunningServer) -> Iterator[Person]:
    with server.person() as person:
        yield person


@pytest.fixture(scope="package")
def secure_admin(secure: RunningServer) -> Iterator[Person]:
    with secure.person() as person:
        yield person


@pytest.fixture
def enrolled(admin: Person) -> Enrolled:
    return enrol(admin, "pico")


@pytest.fixture
def power_on(tmp_path: Path) -> Iterator[Start]:
    """A Pico that somebody has configured for a server: `power_on(server, "--mac", …, pairing=token)`."""
    running: list[SimulatedPico] = []

    def power_on(served_by: RunningServer, *options: str, key: str = "", **config: Any) -> SimulatedPico:
        flash = tmp_path / f"flash{len(running)}"
        write_config(flash, served_by, **config)
        if key:
            write_key(flash, key)
        running.append(SimulatedPico(flash, *options))
        return running[-1]

    yield power_on
    for one in running:
        one.close()


@pytest.fixture
def start(power_on: Start) -> Start:
    """A Pico that the server knows already: `start(enrolled)`."""

    def start(enrolled: Enrolled, *options: str, **config: Any) -> SimulatedPico:
        return power_on(enrolled.admin.server, *options, key=enrolled.key, **config)

    return start


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What simulated cameras see, in two sizes."""
    directory = tmp_path_factory.mktemp("pictures")
    command = [sys.executable, str(ESP32 / "sim" / "make_pictures.py"), str(directory), "--step", "45"]
    subprocess.run([*command, "--sizes", "QVGA", "SVGA"], check=True)
    return directory


@pytest.fixture
def start_camera(tmp_path: Path, pictures: Path) -> Iterator[StartCamera]:
    skip_without()
    running: list[tuple[SimulatedCamera, int]] = []

    def start(*options: str, store: str = "store", ends: int = 0, **more: int) -> SimulatedCamera:
        camera = SimulatedCamera(tmp_path / store, pictures, *options, **more)
        running.append((camera, ends))
        return camera

    yield start
    for camera, ends in running:
        assert camera.close() == ends, camera.printed
