"""A link on a channel made by hand: it dials again and again, asks for frames only while they are wanted."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from camproxy.errors import DeviceOffline, NoAnswer
from camproxy.links.link import HELD, Backoff, DeviceLink, LinkState
from tests.clocks import FakeClock
from tests.integration.people import wait_until
from tests.lines import Exchange, Line


class Device:
    """A link, its handler and whoever answers when it dials."""

    def __init__(self, **options: Any) -> None:
        self.clock = FakeClock()
        self.wanted = False
        self.frames: queue.Queue[bytes] = queue.Queue()
        self.texts: queue.Queue[str] = queue.Queue()
        self.states: queue.Queue[LinkState] = queue.Queue()
        self.exchange = Exchange()
        self.looked = threading.Semaphore(0)
        self.on_frame: Callable[[bytes], None] = self.frames.put
        self.on_text = self.texts.put
        options = {"retry_step": 0.001, "fps": lambda: 10.0} | options
        self.link = DeviceLink("it", self.exchange.dial, self, wanted=self._wanted, clock=self.clock, **options)

    def _wanted(self) -> bool:
        self.looked.release()
        return self.wanted

    def on_link_change(self) -> None:
        self.states.put(self.link.state)

    def changed(self) -> LinkState:
        return self.states.get(timeout=10)

    def connect(self, pull: bool = True) -> Line:
        """Answer the next dialling with a new line."""
        line = self.exchange.connect(pull)
        while not self.changed().connected:
            pass
        return line

    def refuse(self) -> LinkState:
        self.exchange.refuse()
        return self.changed()

    def want(self, wanted: bool = True) -> None:
        self.wanted = wanted
        self.link.poke()

    def pause(self, state: LinkState) -> float:
        assert state.retry_at is not None
        return state.retry_at - self.clock.wall()

    def asked_now(self, line: Line) -> list[str]:
        """What the link has sent, after it has looked at least once more at what there is to send."""
        found = []
        for round_ in ("first", "second"):
            answer = self.link.send(round_, {"type": round_})
            while json.loads("{}" if (text := line.heard()) == "getframe" else text).get("type") != round_:
                found.append(text)
            self.link.answered(round_, {})
            answer.result(10)
        return found


@pytest.fixture
def make() -> Iterator[Callable[..., Device]]:
    made: list[Device] = []

    def make(**options: Any) -> Device:
        made.append(Device(**options))
        made[-1].link.start()
        return made[-1]

    before = set(threading.enumerate())
    yield make
    for device in made:
        # Whoever waits for a line gets none.
        device.exchange.refuse()
        device.link.stop()
    assert set(threading.enumerate()) <= before, "a thread was left behind"


@pytest.fixture
def device(make: Callable[..., Device]) -> Device:
    return make()


class TestBackoff:
    def test_the_pause_grows_to_six_times_the_first_and_no_further(self) -> None:
        backoff = Backoff(5.0, jitter=lambda low, high: 1.0)
        assert [backoff.next() for _ in range(9)] == [5, 10, 15, 20, 25, 30, 30, 30, 30]
        assert backoff.attempts == 9

    def test_after_a_success_it_starts_again(self) -> None:
        backoff = Backoff(5.0, jitter=lambda low, high: 1.0)
        backoff.next()
        backoff.next()
        backoff.reset()
        assert (backoff.attempts, backoff.next()) == (0, 5.0)

    def test_twenty_percent_of_jitter(self) -> None:
        pauses = {Backoff(10.0).next() for _ in range(200)}
        assert len(pauses) > 100
        assert 8 <= min(pauses) < 9
        assert 11 < max(pauses) <= 12


class TestReconnecting:
    def test_it_never_gives_up_and_the_pauses_grow(self, device: Device) -> None:
        states = [device.refuse() for _ in range(30)]
        assert [state.attempts for state in states] == list(range(1, 31))
        assert {(state.connected, state.reason, state.detail) for state in states} == {
            (False, "refused", "nobody is there")
        }
        for attempt, state in enumerate(states, 1):
            due = 0.001 * min(attempt, 6)
            # The wall clock counts in ten millionths of a second at best.
            assert 0.79 * due < device.pause(state) < 1.21 * due
        device.connect()
        assert device.link.state == LinkState(connected=True, since=device.clock.wall())

    def test_offline_counts_from_when_the_connection_was_lost(self, device: Device) -> None:
        line = device.connect()
        device.clock.advance(100)
        lost_at = device.clock.wall()
        line.cut()
        assert device.changed().since == lost_at
        device.clock.advance(50)
        assert [device.refuse().since for _ in range(3)] == [lost_at] * 3

    def test_a_connection_that_held_makes_the_next_pause_the_shortest(self, device: Device) -> None:
        for _ in range(4):
            device.refuse()
        line = device.connect()
        device.clock.advance(HELD)
        line.cut()
        assert device.changed().attempts == 1

    def test_one_that_breaks_at_once_does_not(self, device: Device) -> None:
        for _ in range(4):
            device.refuse()
        line = device.connect()
        device.clock.advance(HELD - 1)
        line.cut("handshake")
        state = device.changed()
        assert (state.attempts, state.reason) == (5, "handshake")

    def test_a_fault_in_the_server_costs_the_connection_and_not_the_camera(
        self, device: Device, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fails(data: bytes) -> None:
            raise RuntimeError("a bug")

        device.on_frame = fails
        line = device.connect()
        line.say(b"a frame")
        state = device.changed()
        assert (state.connected, state.reason, state.detail) == (False, "unknown", "RuntimeError")
        assert line.closed.is_set()
        assert "a bug" in caplog.text
        device.on_frame = device.frames.put
        line = device.connect()
        line.say(b"a frame")
        assert device.frames.get(timeout=10) == b"a frame"

    def test_a_broken_line_is_closed_before_the_next_is_dialled(self, device: Device) -> None:
        first = device.connect()
        first.cut()
        device.connect()
        assert first.closed.is_set()


class TestFrames:
    def test_none_is_asked_for_until_somebody_wants_one(self, device: Device) -> None:
        line = device.connect()
        assert device.asked_now(line) == []
        device.want()
        assert line.heard() == "getframe"

    def test_the_next_when_the_last_has_come_and_it_is_time(self, device: Device) -> None:
        device.want()
        line = device.connect()
        assert line.heard() == "getframe"
        device.clock.advance(1)
        assert device.asked_now(line) == [], "one request is outstanding at most"
        line.say(b"frame 1")
        assert device.frames.get(timeout=10) == b"frame 1"
        assert line.heard() == "getframe"
        line.say(b"frame 2")
        assert device.frames.get(timeout=10) == b"frame 2"
        assert device.asked_now(line) == [], "not before a tenth of a second has passed"
        device.clock.advance(0.1)
        device.link.poke()
        assert line.heard() == "getframe"

    def test_no_more_when_nobody_wants_them(self, device: Device) -> None:
        device.want()
        line = device.connect()
        assert line.heard() == "getframe"
        device.want(False)
        line.say(b"the last")
        assert device.frames.get(timeout=10) == b"the last"
        device.clock.advance(10)
        device.link.poke()
        assert device.asked_now(line) == []
        assert device.link.state.connected

    def test_a_device_that_sends_by_itself_is_not_asked(self, device: Device) -> None:
        device.want()
        line = device.connect(pull=False)
        line.say(b"frame")
        line.say('{"type": "log"}')
        assert device.frames.get(timeout=10) == b"frame"
        assert device.texts.get(timeout=10) == '{"type": "log"}'
        assert device.asked_now(line) == []

    def test_silence_ends_the_connection(self, device: Device) -> None:
        device.want()
        line = device.connect()
        for _ in range(3):
            assert line.heard() == "getframe"
            device.clock.advance(2.1)
            device.link.poke()
        state = device.changed()
        assert (state.connected, state.reason) == (False, "silent")
        assert line.closed.is_set()


class TestOnDemand:
    """Where opening the connection is asking for frames."""

    @pytest.fixture
    def device(self, make: Callable[..., Device]) -> Device:
        return make(on_demand=True)

    def test_it_dials_when_frames_are_wanted_and_hangs_up_when_they_are_not(self, device: Device) -> None:
        device.want()
        line = device.connect(pull=False)
        line.say(b"frame 1")
        assert device.frames.get(timeout=10) == b"frame 1"
        device.want(False)
        line.say(b"frame 2")
        state = device.changed()
        assert (state.connected, state.attempts, state.reason) == (False, 0, None), "that is no failure"
        assert line.closed.wait(10)

    def test_it_does_not_dial_for_nobody(self, device: Device) -> None:
        for _ in range(5):
            assert device.looked.acquire(timeout=10)
            device.link.poke()
        assert not device.exchange.dialling.is_set()

    def test_it_dials_again_for_the_next(self, device: Device) -> None:
        for round_ in range(3):
            device.want()
            line = device.connect(pull=False)
            line.say(b"%d" % round_)
            assert device.frames.get(timeout=10) == b"%d" % round_
            device.want(False)
            line.say("{}")  # it looks up
            assert line.closed.wait(10)


class TestCommands:
    def test_without_a_connection_they_fail_at_once(self, device: Device) -> None:
        with pytest.raises(DeviceOffline):
            device.link.send("servo", {"type": "servo"})
        assert not device.link.answered("servo", {})

    def test_they_go_out_and_are_answered(self, device: Device) -> None:
        line = device.connect()
        answer = device.link.send("servo", {"type": "servo"})
        sent = json.loads(line.heard())
        assert device.link.answered("servo", {"id": sent["id"]})
        assert answer.result(10).message == {"id": sent["id"]}

    def test_nothing_is_replayed_on_the_next_connection(self, device: Device) -> None:
        line = device.connect()
        sent = device.link.send("servo", {"type": "servo", "number": 1})
        line.heard()
        unsent = device.link.send("servo", {"type": "servo", "number": 2})
        line.cut()
        with pytest.raises(NoAnswer):
            sent.result(10)
        with pytest.raises(DeviceOffline):
            unsent.result(10)
        assert device.asked_now(device.connect()) == []


class TestStop:
    def test_it_closes_the_connection_and_leaves_no_thread(self, device: Device) -> None:
        line = device.connect()
        both = {"link-it", "link-it-send"}
        wait_until(lambda: both <= {thread.name for thread in threading.enumerate()}, "it has its two threads")
        device.link.stop()
        assert line.closed.is_set()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("link-it")]
        device.link.stop()

    def test_it_does_not_wait_for_the_next_attempt(self, make: Callable[..., Device]) -> None:
        device = make(retry_step=300.0)
        assert device.pause(device.refuse()) >= 240
        device.link.stop()
        assert not [thread for thread in threading.enumerate() if thread.name == "link-it"]

    def test_a_line_that_opens_meanwhile_is_closed(self, device: Device) -> None:
        assert device.exchange.dialling.wait(10)
        stopping = threading.Thread(target=device.link.stop)
        stopping.start()
        line = device.exchange.connect()
        stopping.join(10)
        assert line.closed.is_set()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("link-it")]

    def test_before_the_start_it_is_nothing(self) -> None:
        Device().link.stop()
