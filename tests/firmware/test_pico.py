"""The Pico's firmware, run by MicroPython itself, against a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.pico import SERVO1, SERVO2, SimulatedPico, microseconds, write_config, write_key
from tests.integration.boards import Enrolled, enrol
from tests.integration.people import wait_until
from tests.running import Person, RunningServer


@pytest.fixture(scope="module")
def admin(server: RunningServer) -> Iterator[Person]:
    with server.person() as person:
        yield person


@pytest.fixture
def enrolled(admin: Person) -> Enrolled:
    return enrol(admin, "pico")


Start = Callable[..., SimulatedPico]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a Pico that the server knows already: `start(enrolled, "--mac", …)`."""
    running: list[SimulatedPico] = []

    def start(enrolled: Enrolled, *options: str, **config: Any) -> SimulatedPico:
        flash = tmp_path / f"flash{len(running)}"
        write_config(flash, enrolled.admin.server, **config)
        write_key(flash, enrolled.key)
        running.append(SimulatedPico(flash, *options))
        return running[-1]

    yield start
    for one in running:
        one.close()


def state(enrolled: Enrolled) -> dict[str, Any]:
    found: dict[str, Any] = enrolled.admin.get(f"/device/status?device={enrolled.id}").json()
    return found


def until_online(enrolled: Enrolled) -> None:
    wait_until(lambda: state(enrolled).get("online"), "the Pico is online", timeout=20)


def test_it_comes_online_and_says_how_it_is(enrolled: Enrolled, start: Start) -> None:
    pico = start(enrolled)
    until_online(enrolled)
    wait_until(lambda: state(enrolled)["uptime_ms"], "it has sent a heartbeat")
    told = state(enrolled)
    for _ in range(5): print(pico.measured())
    print(told, pico.events)
    assert 0
