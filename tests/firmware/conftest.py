"""Picos that tests start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.pico import SimulatedPico, write_config, write_key
from tests.integration.boards import Enrolled, enrol
from tests.running import Person, RunningServer

Start = Callable[..., SimulatedPico]


@pytest.fixture(scope="module")
def admin(server: RunningServer) -> Iterator[Person]:
    with server.person() as person:
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
