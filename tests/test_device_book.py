"""What is written down of devices, and how seldom: each commit has everybody's rights looked at anew."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from camproxy.board import Board
from camproxy.device_book import SEEN_EVERY, DeviceBook
from camproxy.devices import Devices, DeviceSettings
from camproxy.links.outbox import Answer
from models import Event
from tests.clocks import FakeClock
from tests.integration.people import wait_until
from tests.lines import Obedient


class Notebook:
    """A Later that only remembers what it was given."""

    def __init__(self) -> None:
        self.changes: list[tuple[int, str]] = []
        self.events: list[tuple[int | None, str]] = []

    def change(self, table: Any, number: int, what: str, change: Any) -> None:
        self.changes.append((number, what))
        self.newest = change

    def note(self, event: Event) -> None:
        self.events.append((event.device_id, event.kind))


class House:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.devices = Devices(self.clock)
        self.notes = Notebook()
        DeviceBook(self.devices, self.notes)  # type: ignore[arg-type]
        for number in (1, 2, 3):
            mac = f"24:0A:C4:00:00:0{number}"
            self.devices.put(DeviceSettings(number, "pico", f"Pico {number}", mac, True, {}, None, None))
        self.devices.start()
        self.lines = {number: self.come(number) for number in (1, 2)}
        self.notes.changes.clear()

    def come(self, number: int) -> Obedient:
        line, device = Obedient(), self.devices.get(number)
        device.arrive(line, "10.0.0.1", "a hash")
        wait_until(lambda: (number, "address") in self.notes.changes, "its coming is noted")  # the last thing of it
        return line

    def beat(self, number: int) -> None:
        device = self.devices.get(number)
        before = len(device.beats)
        self.lines[number].say(json.dumps({"type": "heartbeat", "rssi": -60}))
        wait_until(lambda: len(device.beats) > before and self.settled(number), "it has beaten")

    def settled(self, number: int) -> bool:
        """Whether the message has been told to everybody: the answer to one after it has come."""
        return self.devices.get(number).ask("ping").result(10) is not None


@pytest.fixture
def house() -> Iterator[House]:
    before = set(threading.enumerate())
    house = House()
    yield house
    house.devices.stop()
    assert set(threading.enumerate()) <= before


def test_those_who_stay_are_noted_together_once_a_minute(house: House) -> None:
    for number in (1, 2, 1, 2):
        house.beat(number)
    assert house.notes.changes == [(1, "seen"), (2, "seen")], "not the third, which is not here"
    house.clock.advance(SEEN_EVERY - 1)
    house.beat(2)
    assert len(house.notes.changes) == 2
    house.clock.advance(1)
    house.beat(2)
    house.beat(1)
    assert house.notes.changes[2:] == [(1, "seen"), (2, "seen")]


def test_one_that_has_just_gone_has_been_here(house: House) -> None:
    """Also for who looks before everybody knows that it has gone."""
    device, seen = house.devices.get(1), []

    class Early:
        def on_link_change(self, board: Board) -> None:
            seen.append(device.status())

    device.board.listeners = (Early(), *device.board.listeners)  # type: ignore[assignment]
    house.lines[1].cut("asleep")
    wait_until(lambda: seen, "it has gone")
    assert (seen[0]["online"], seen[0]["state"]) == (False, "asleep")
    assert seen[0]["last_seen"] == seen[0]["since"] is not None


def test_a_configuration_that_came_later_is_not_taken_for_the_one_that_was_delivered(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    device, asked = house.devices.get(1), []

    def ask(what: str, config: dict[str, Any]) -> Future[Answer]:
        asked.append((config, Future[Answer]()))
        return asked[-1][1]

    monkeypatch.setattr(device, "ask", ask)
    first, second = {"fps": 1}, {"fps": 2}
    for pending in (first, second):
        device.reconfigure(replace(device.settings, pending=pending))
    row = SimpleNamespace(config={}, pending=second, config_state="pending")
    for number, (config, left, state) in enumerate([(first, second, "pending"), (second, None, "delivered")]):
        asked[number][1].set_result(Answer())
        assert (device.settings.config, device.settings.pending) == (config, left)
        house.notes.newest(row)
        assert (row.config, row.pending, row.config_state) == (config, left, state)
    assert [config for config, _ in asked] == [first, second]
