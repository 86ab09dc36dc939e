"""Updates as time passes and boards come and go: what is concluded from what they say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from camproxy.devices import Devices, DeviceSettings
from camproxy.errors import Conflict, NotFound
from camproxy.messages import Connect, Heartbeat
from camproxy.updates import EXPIRES, SILENT_AFTER, Image, Update, Updates
from tests.clocks import FakeClock

IMAGE = Image(3, "1.1.0", 1000, "ab" * 32, "MEUCIQ==")


class Boards:
    """One board that is not connected, but talks."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.devices = Devices(self.clock)
        self.updates = Updates(self.devices, self.clock)
        self.told: list[str] = []
        self.updates.listeners.append(lambda update: self.told.append(update.state))
        self.device = self.devices.put(
            DeviceSettings(7, "esp32cam", "Board", "24:0A:C4:00:00:01", True, {}, None, None)
        )

    def comes(self, **said: Any) -> None:
        self.device.on_message(self.device.board, Connect(type="connect", device="esp32cam", **said))

    def beats(self, **said: Any) -> None:
        self.device.on_message(self.device.board, Heartbeat(type="heartbeat", **said))

    def fetches(self, until: int = 1000) -> None:
        self.updates.fetching(7, 3)
        self.updates.fetched(7, 3, until)

    @property
    def update(self) -> Update:
        found = self.updates.of(7)
        assert found
        return found


@pytest.fixture
def boards() -> Iterator[Boards]:
    boards = Boards()
    yield boards
    boards.devices.stop()


def test_kept_is_what_says_that_it_is_no_trial_any_more(boards: Boards) -> None:
    boards.updates.assign(7, IMAGE)
    boards.fetches(400)
    assert (boards.update.state, boards.update.got) == ("downloading", 400)
    boards.fetches()
    assert boards.update.state == "trying"
    boards.comes(version="1.1.0", trial=True)
    boards.beats(trial=True)
    assert boards.update.state == "trying"
    boards.beats(trial=False)
    assert boards.update.state == "installed"
    boards.beats(trial=False)
    assert boards.told == ["pending", "downloading", "trying", "installed"]


def test_one_that_knows_no_trials_has_kept_it_when_it_comes(boards: Boards) -> None:
    boards.updates.assign(7, IMAGE)
    boards.fetches()
    boards.comes(version="1.1.0")
    assert boards.update.state == "installed"


def test_the_old_version_is_a_failure_with_a_reason_and_a_rollback_without(boards: Boards) -> None:
    boards.updates.assign(7, IMAGE)
    boards.fetches()
    boards.comes(version="1.0.0", update_error="its hash is another")
    assert (boards.update.state, boards.update.detail) == ("failed", "its hash is another")
    boards.updates.assign(7, IMAGE)
    boards.fetches()
    boards.comes(version="1.0.0")
    assert boards.update.state == "rolled_back"


def test_one_that_comes_without_half_of_it_is_told_again(boards: Boards) -> None:
    boards.updates.assign(7, IMAGE)
    boards.fetches(400)
    boards.comes(version="1.0.0")
    assert boards.update.state == "pending"
    boards.updates.put(Update(7, "1.1.0", IMAGE, "downloading", boards.clock.wall(), tries=3))
    boards.comes(version="1.0.0")
    assert (boards.update.state, boards.update.detail) == ("failed", "broke_off")


def test_the_time_runs_out(boards: Boards) -> None:
    boards.updates.assign(7, IMAGE)
    assert boards.updates.look() == EXPIRES
    boards.clock.advance(EXPIRES)
    assert boards.updates.look() is None
    assert (boards.update.state, boards.update.detail) == ("failed", "expired")
    boards.updates.assign(7, IMAGE)
    boards.fetches(400)
    boards.clock.advance(SILENT_AFTER - 1)
    assert boards.updates.look() == 1
    boards.fetches(500)  # it goes on: the time begins anew
    assert boards.updates.look() == SILENT_AFTER
    boards.clock.advance(SILENT_AFTER)
    boards.updates.look()
    assert (boards.update.state, boards.update.detail) == ("failed", "silent")
    # And comes after all.
    boards.comes(version="1.1.0", trial=False)
    assert boards.update.state == "installed"


def test_only_what_it_is_to_have_may_be_fetched(boards: Boards) -> None:
    with pytest.raises(NotFound):
        boards.updates.fetching(7, 3)
    boards.updates.assign(7, IMAGE)
    for device, image in ((7, 4), (8, 3)):
        with pytest.raises(NotFound):
            boards.updates.fetching(device, image)
    boards.fetches(10)
    with pytest.raises(Conflict):
        boards.updates.assign(7, IMAGE)
    boards.updates.withdraw(7)
    with pytest.raises(NotFound):
        boards.updates.fetching(7, 3)
    with pytest.raises(NotFound):
        boards.updates.withdraw(7)


def test_a_device_that_was_removed_keeps_nothing(boards: Boards) -> None:
    boards.updates.assign(7, IMAGE)
    assert boards.updates.waiting_for(3)
    boards.updates.keep_only({8})
    assert not boards.updates.waiting_for(3)
    assert boards.updates.look() is None


def test_what_a_board_says_by_itself_concerns_no_update(boards: Boards) -> None:
    boards.comes(version="1.1.0", trial=False, update_error="something old")
    assert boards.updates.of(7) is None
    boards.updates.assign(7, IMAGE)
    boards.comes(version="1.0.0", update_error="something old")
    assert boards.update.state == "pending"
