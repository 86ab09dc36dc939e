"""Who asks again gets the same answer, for a while."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from camproxy.replies import Replies
from tests.clocks import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_the_same_answer_within_its_time(clock: FakeClock) -> None:
    replies: Replies[int] = Replies(clock, seconds=60)
    numbers = count()
    assert replies.once("a", lambda: next(numbers)) == 0
    assert replies.once("b", lambda: next(numbers)) == 1
    clock.advance(59.9)
    assert replies.once("a", lambda: next(numbers)) == 0
    clock.advance(0.1)
    assert replies.once("a", lambda: next(numbers)) == 2


def test_what_fails_is_tried_again(clock: FakeClock) -> None:
    replies: Replies[int] = Replies(clock)
    with pytest.raises(ZeroDivisionError):
        replies.once("a", lambda: 1 // 0)
    assert replies.once("a", lambda: 7) == 7
    assert replies.once("a", lambda: 8) == 7


def test_who_asks_meanwhile_waits(clock: FakeClock) -> None:
    replies: Replies[int] = Replies(clock)
    numbers, asked = count(), threading.Event()

    def slowly() -> int:
        asked.set()
        assert release.wait(10)
        return next(numbers)

    release = threading.Event()
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(replies.once, "a", slowly)
        assert asked.wait(10)
        others = [pool.submit(replies.once, "a", slowly) for _ in range(7)]
        assert replies.once("b", lambda: 99) == 99, "who asks something else does not wait"
        release.set()
        assert {future.result(10) for future in [first, *others]} == {0}


def test_only_so_many_are_kept_the_latest(clock: FakeClock) -> None:
    replies: Replies[int] = Replies(clock, room=3)
    for number in range(10):
        replies.once(number, lambda number=number: number)  # type: ignore[misc]
    assert len(replies._replies) <= 4
    assert replies.once(9, lambda: -1) == 9
    assert replies.once(0, lambda: -1) == -1
