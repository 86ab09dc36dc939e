"""The ledger of what is missing, with a clock of its own."""

from __future__ import annotations

from camproxy.recording.book import DISK_FULL, ENCODER_FAILED, OFFLINE, SERVER_STOPPED
from camproxy.recording.gaps import Ledger
from tests.clocks import FakeClock
from tests.recording.studio import Notes


class Watched:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.notes = Notes()
        self.ledger = Ledger(1, self.notes, self.clock)
        self.begun = self.clock.wall()

    def run(self, seconds: int, *, expected: bool = True, seen: bool = False, cause: str = OFFLINE) -> None:
        for _ in range(seconds):
            self.clock.advance(1)
            if seen:
                self.ledger.seen(self.clock.wall() - 1, self.clock.wall(), self.clock.monotonic(), cause)
            self.ledger.look(expected, cause)

    def gaps(self) -> list[tuple[str, float, float | None]]:
        """Cause, begin and end in seconds after the beginning."""
        return [(cause, begin - self.begun, end and end - self.begun) for cause, begin, end in self.notes.gaps]


def test_what_is_there_is_no_gap_and_what_nobody_expects_neither() -> None:
    watched = Watched()
    watched.run(60, seen=True)
    watched.run(60, expected=False)
    assert watched.gaps() == []


def test_a_gap_begins_with_the_last_picture_and_ends_with_the_next() -> None:
    watched = Watched()
    watched.run(30, seen=True)
    watched.run(60)
    assert watched.gaps() == [(OFFLINE, 30, None)]
    watched.run(5, seen=True)
    assert watched.gaps() == [(OFFLINE, 30, 90)]


def test_another_cause_is_another_gap() -> None:
    watched = Watched()
    watched.run(30, seen=True)
    watched.run(20)
    watched.run(20, cause=DISK_FULL)
    watched.run(5, expected=False)
    assert watched.gaps() == [(OFFLINE, 30, 51), (DISK_FULL, 51, 71)]


def test_a_camera_that_never_comes_is_missed_from_when_it_was_expected() -> None:
    watched = Watched()
    watched.run(10, expected=False)
    watched.run(20)
    assert watched.gaps() == [(OFFLINE, 11, None)]


def test_a_short_hole_between_two_parts_is_written_down_when_it_is_over() -> None:
    watched = Watched()
    watched.run(30, seen=True)
    watched.run(5)
    watched.run(5, seen=True, cause=ENCODER_FAILED)
    assert watched.gaps() == [(ENCODER_FAILED, 30, 35)]


def test_after_a_restart_the_servers_absence_lasts_until_there_are_pictures() -> None:
    watched = Watched()
    watched.ledger.stopped_since(watched.begun - 100)
    watched.run(5)
    watched.run(5, seen=True)
    assert watched.gaps() == [(SERVER_STOPPED, -100, 5)]


def test_a_camera_that_does_not_come_back_after_a_restart_is_missing_for_its_own_cause() -> None:
    watched = Watched()
    watched.ledger.stopped_since(watched.begun - 100)
    watched.run(30)
    assert watched.gaps() == [(SERVER_STOPPED, -100, 11), (OFFLINE, 11, None)]


def test_what_is_told_late_or_twice_changes_nothing() -> None:
    watched = Watched()
    watched.run(30, seen=True)
    watched.run(20)
    watched.ledger.seen(watched.begun, watched.begun + 10, watched.clock.monotonic() - 40)
    assert watched.gaps() == [(OFFLINE, 30, None)]
