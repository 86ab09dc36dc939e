from __future__ import annotations

import pytest

from camproxy.errors import ChannelError
from camproxy.links.pull import FramePull
from tests.clocks import FakeClock


class Wish:
    wanted = True
    fps = 10.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def wish() -> Wish:
    return Wish()


@pytest.fixture
def pull(clock: FakeClock, wish: Wish) -> FramePull:
    return FramePull(lambda: wish.wanted, lambda: wish.fps, clock)


def test_one_request_is_outstanding_at_most(pull: FramePull, clock: FakeClock) -> None:
    assert pull.ask()
    clock.advance(1)
    assert not pull.ask()
    pull.arrived()
    assert pull.ask()


def test_the_rate_is_kept_whatever_a_request_takes(pull: FramePull, clock: FakeClock) -> None:
    asked = 0
    for _ in range(1000):
        clock.advance(0.01)
        if pull.ask():
            asked += 1
            pull.arrived()
    assert 98 <= asked <= 102


def test_nobody_wants_frames(pull: FramePull, wish: Wish) -> None:
    wish.wanted = False
    assert not pull.ask()
    assert pull.next_moment() == float("inf")


def test_silence_is_asked_again_after_two_seconds_and_ends_the_link_after_three_times(
    pull: FramePull, clock: FakeClock
) -> None:
    assert pull.ask()
    for _ in range(2):
        clock.advance(1.9)
        assert not pull.ask()
        clock.advance(0.2)
        assert pull.ask()
    clock.advance(2.1)
    with pytest.raises(ChannelError) as ended:
        pull.ask()
    assert ended.value.reason == "silent"


def test_a_frame_forgives_the_misses_before_it(pull: FramePull, clock: FakeClock) -> None:
    for _ in range(10):
        assert pull.ask()
        clock.advance(2.1)
        assert pull.ask()
        pull.arrived()
        clock.advance(0.2)
