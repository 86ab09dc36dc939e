"""What a device says while it runs becomes advice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from camproxy.advice import advise
from camproxy.checkup import vitals_of
from camproxy.devices import Device, DeviceSettings
from camproxy.frames import BadFrame, FrameHub
from camproxy.messages import Connect, Heartbeat
from tests.clocks import FakeClock
from tests.pictures import jpeg


class Checked:
    """A device that says things at a time of the test's own."""

    def __init__(self, kind: str = "esp32cam", **more: Any) -> None:
        self.clock = FakeClock()
        known = {"config": {}, "pending": None, "last_seen": None} | more
        settings = DeviceSettings(7, kind, "Board", "24:0A:C4:00:00:01", enabled=True, **known)
        self.device = Device(settings, lambda *_: None, self.clock)

    def hello(self, **said: Any) -> None:
        self.device.on_message(self.device.board, Connect(type="connect", device="board", **said))

    def beat(self, **said: Any) -> None:
        self.device.on_message(self.device.board, Heartbeat(type="heartbeat", **said))

    def codes(self, hub: FrameHub | None = None) -> list[str]:
        return [advice.code for advice in advise(vitals_of(self.device, self.clock.wall(), hub))]


@pytest.fixture
def checked() -> Iterator[Checked]:
    checked = Checked()
    yield checked
    checked.device.stop()


def test_a_board_that_has_said_nothing_is_well(checked: Checked) -> None:
    assert checked.codes() == []


def test_brownouts_add_up_and_fade(checked: Checked) -> None:
    for _ in range(3):
        checked.hello(reset_reason="brownout", uptime_ms=500)
        checked.clock.advance(600)
    assert checked.codes() == ["brownouts"]
    checked.clock.advance(86_400)
    assert checked.codes() == []


def test_one_that_only_lost_its_wifi_has_no_brownouts(checked: Checked) -> None:
    for minute in range(3):
        checked.hello(reset_reason="poweron", uptime_ms=100_000 + 60_000 * minute)
        checked.clock.advance(60)
    assert checked.codes() == []


def test_many_arrivals_in_an_hour_are_flapping_but_not_of_a_board_that_sleeps(checked: Checked) -> None:
    checked.device.arrivals.extend([checked.clock.wall()] * 6)
    assert checked.codes() == ["flapping"]
    sleeper = Checked(config={"sleep": True})
    sleeper.device.arrivals.extend([sleeper.clock.wall()] * 6)
    assert sleeper.codes() == []
    sleeper.device.stop()
    checked.clock.advance(3601)
    assert checked.codes() == []


def test_memory_that_shrinks_since_the_last_start(checked: Checked) -> None:
    checked.beat(uptime_ms=1000, largest_block=200_000)
    checked.clock.advance(3600)
    for number in range(9):
        checked.beat(uptime_ms=1000 + 60_000 * number, largest_block=90_000 - 5000 * number)
        checked.clock.advance(60)
    assert "shrinking_memory" in checked.codes()
    blocks = vitals_of(checked.device, checked.clock.wall(), None).largest_block
    assert max(block for _, block in blocks) == 90_000, "what was before the start is another life"


def test_the_average_of_the_signal_counts(checked: Checked) -> None:
    for rssi in (-60, -60, -60, -90):
        checked.beat(rssi=rssi)
    assert checked.codes() == []
    for _ in range(9):
        checked.beat(rssi=-80)
    assert checked.codes() == ["weak_signal"]


def test_pictures_that_came_damaged_and_those_left_out(checked: Checked) -> None:
    hub = FrameHub(largest=100_000, linger=0.0, clock=checked.clock)
    for _ in range(20):
        with pytest.raises(BadFrame):
            hub.publish(b"no picture")
    hub.publish(jpeg())
    checked.beat(frames_sent=100, frames_skipped=50)
    assert checked.codes(hub) == ["bad_frames", "skipped_frames"]
    assert checked.codes() == ["skipped_frames"]


def test_one_that_has_not_been_here_for_long() -> None:
    long_gone = Checked("pico", last_seen=FakeClock().wall() - 100 * 3600)
    assert long_gone.codes() == ["silent"]
    long_gone.device.stop()
