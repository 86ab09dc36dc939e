"""Boards for the tests of firmware."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.firmware.esp32cam import ESP32, SimulatedCamera, Start, skip_without


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What simulated cameras see, in two sizes."""
    directory = tmp_path_factory.mktemp("pictures")
    command = [sys.executable, str(ESP32 / "sim" / "make_pictures.py"), str(directory), "--step", "45"]
    subprocess.run([*command, "--sizes", "QVGA", "SVGA"], check=True)
    return directory


@pytest.fixture
def start_camera(tmp_path: Path, pictures: Path) -> Iterator[Start]:
    skip_without()
    running: list[tuple[SimulatedCamera, int]] = []

    def start(*options: str, store: str = "store", ends: int = 0, **more: int) -> SimulatedCamera:
        camera = SimulatedCamera(tmp_path / store, pictures, *options, **more)
        running.append((camera, ends))
        return camera

    yield start
    for camera, ends in running:
        assert camera.close() == ends, camera.printed
