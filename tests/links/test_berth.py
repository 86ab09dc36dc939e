"""Where a link waits for a device that dials."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from camproxy.errors import ChannelError
from camproxy.links.accepted import REFUSED, REPLACED
from camproxy.links.berth import Berth
from tests.lines import Line


class Visitor(Line):
    """A device's connection, as far as a berth is concerned with it."""

    def __init__(self) -> None:
        super().__init__(pull=False)
        self.goodbye: tuple[int, str] | None = None
        self.released = threading.Event()

    def close(self, code: int = 0, reason: str = "") -> None:
        super().close()
        self.goodbye = self.goodbye or (code, reason)

    def release(self) -> None:
        super().release()
        self.released.set()


@pytest.fixture
def berth() -> Iterator[Berth]:
    made = Berth()
    yield made
    made.end()


def test_who_waits_gets_who_comes(berth: Berth) -> None:
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(berth.wait)
        visitor = Visitor()
        berth.arrive(visitor)
        assert waiting.result(10) is visitor
    assert visitor.goodbye is None


def test_the_newest_wins_also_before_anybody_has_looked(berth: Berth) -> None:
    served, overtaken, newest = Visitor(), Visitor(), Visitor()
    berth.arrive(served)
    assert berth.wait() is served
    berth.arrive(overtaken)
    berth.arrive(newest)
    assert served.goodbye == overtaken.goodbye == (REPLACED, "Replaced")
    assert overtaken.released.is_set(), "no thread has had it"
    assert not served.released.is_set(), "its thread does that"
    assert berth.wait() is newest


def test_sent_away_and_welcome_again(berth: Berth) -> None:
    visitor, waiting, later = Visitor(), Visitor(), Visitor()
    berth.arrive(visitor)
    assert berth.wait() is visitor
    berth.send_away(REFUSED, "Revoked")
    assert visitor.goodbye == (REFUSED, "Revoked")
    berth.arrive(waiting)
    berth.send_away(REFUSED, "Revoked")
    assert waiting.released.is_set()
    berth.arrive(later)
    assert berth.wait() is later


def test_at_the_end_nobody_waits_and_who_comes_too_late_is_let_go(berth: Berth) -> None:
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(berth.wait)
        berth.end()
        with pytest.raises(ChannelError):
            waiting.result(10)
    late = Visitor()
    berth.arrive(late)
    assert late.released.is_set()
    with pytest.raises(ChannelError):
        berth.wait()
