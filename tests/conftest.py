"""Fixtures that many tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeEsp32Cam
from tests.running import RunningServer

MakeServer = Callable[..., RunningServer]


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_this_machine() -> Iterator[None]:
    """A developer's .env must not change what is tested, here or in the servers that tests start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENV_FILE", os.devnull)
        yield


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A real server with the demo camera, shared by the tests of a module."""
    running = RunningServer(tmp_path_factory.mktemp("data"))
    yield running
    running.stop()


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[MakeServer]:
    """Starts servers with settings of their own: `make_server(PORT=5001)`."""
    running: list[RunningServer] = []

    def make(**options: Any) -> RunningServer:
        data_dir = options.pop("data_dir", tmp_path / f"data{len(running)}")
        running.append(RunningServer(data_dir, **options))
        return running[-1]

    yield make
    for one in running:
        one.stop()


@pytest.fixture
def board() -> Iterator[FakeEsp32Cam]:
    """A fake ESP32-CAM that speaks the card's pull protocol."""
    with FakeEsp32Cam() as fake:
        yield fake
