"""Where recordings lie, and when their parts end: over midnight, over both changes of the clocks, in odd zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camproxy.macs import normal_mac
from camproxy.recording.hours import Part, begins_at, ends_at, folder_of, part_at, read_path, stand_in

BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # changes by half an hour
KATHMANDU = ZoneInfo("Asia/Kathmandu")  # UTC+5:45
FOLDER = "AA-BB-CC-DD-EE-FF"


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def parts_of(begin: str, end: str, zone: ZoneInfo) -> list[tuple[str, float]]:
    """The paths, without numbers, and minutes of all parts from one moment to the other."""
    at, found = moment(begin), []
    while at < moment(end):
        until = ends_at(at, zone)
        found.append((str(part_at(FOLDER, at, zone).path).partition("/")[2], (until - at) / 60))
        at = until
    return found


def test_a_path_is_of_the_mac_the_date_and_the_hour() -> None:
    at = moment("2023-12-01T08:15:00+01:00")
    assert str(part_at(folder_of("aa:bb:cc:dd:ee:ff"), at, BERLIN).path) == "AA-BB-CC-DD-EE-FF/2023-12-01/08.mp4"
    assert str(part_at(FOLDER, at, BERLIN, 2).path) == "AA-BB-CC-DD-EE-FF/2023-12-01/08-2.mp4"
    assert str(part_at(FOLDER, at, KATHMANDU).path) == "AA-BB-CC-DD-EE-FF/2023-12-01/13.mp4"


def test_a_part_ends_at_the_full_hour_on_the_wall() -> None:
    assert ends_at(moment("2023-12-01T08:15:00.5+01:00"), BERLIN) == moment("2023-12-01T09:00:00+01:00")
    assert ends_at(moment("2023-12-01T09:00:00+01:00"), BERLIN) == moment("2023-12-01T10:00:00+01:00")
    assert ends_at(moment("2023-12-31T23:59:59.9+01:00"), BERLIN) == moment("2024-01-01T00:00:00+01:00")
    assert ends_at(moment("2023-12-01T08:50:00+00:00"), KATHMANDU) == moment("2023-12-01T09:15:00+00:00")


def test_in_spring_an_hour_is_missing() -> None:
    assert parts_of("2026-03-29T01:00+01:00", "2026-03-29T04:00+02:00", BERLIN) == [
        ("2026-03-29/01.mp4", 60),
        ("2026-03-29/03.mp4", 60),
    ]


def test_in_autumn_an_hour_comes_twice_and_each_is_a_part_of_its_own() -> None:
    assert parts_of("2026-10-25T01:00+02:00", "2026-10-25T04:00+01:00", BERLIN) == [
        ("2026-10-25/01.mp4", 60),
        ("2026-10-25/02.mp4", 60),
        ("2026-10-25/02.mp4", 60),
        ("2026-10-25/03.mp4", 60),
    ]


def test_clocks_that_change_by_half_an_hour() -> None:
    assert parts_of("2026-04-05T01:00+11:00", "2026-04-05T03:00+10:30", LORD_HOWE) == [
        ("2026-04-05/01.mp4", 60),
        ("2026-04-05/01.mp4", 30),
        ("2026-04-05/02.mp4", 60),
    ]
    assert parts_of("2026-10-04T01:00+10:30", "2026-10-04T04:00+11:00", LORD_HOWE) == [
        ("2026-10-04/01.mp4", 60),
        ("2026-10-04/02.mp4", 30),
        ("2026-10-04/03.mp4", 60),
    ]


def test_clocks_that_change_in_the_middle_of_an_hour() -> None:
    # Caracas, 1 May 2016: from 2:30 to 3:00.
    caracas = ZoneInfo("America/Caracas")
    begin = moment("2016-05-01T02:15:00-04:30")
    assert ends_at(begin, caracas) == moment("2016-05-01T03:00:00-04:00") == begin + 15 * 60
    assert [part_at(FOLDER, at, caracas).hour for at in (begin, ends_at(begin, caracas))] == [2, 3]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"])
@given(milliseconds=st.integers(1_000 * 946_684_800, 1_000 * 2_145_830_400))
def test_a_part_is_of_one_hour_and_no_longer_than_one(zone: str, milliseconds: int) -> None:
    where, at = ZoneInfo(zone), milliseconds / 1000
    end = ends_at(at, where)
    assert at < end <= at + 3600
    assert part_at(FOLDER, end - 0.001, where) == part_at(FOLDER, at, where)
    assert begins_at(part_at(FOLDER, at, where), where) <= at


def test_a_stand_in_is_a_possible_mac_and_nobodys() -> None:
    made_at = datetime(2026, 11, 21, 10, tzinfo=UTC)
    folder = stand_in(7, made_at)
    assert folder_of(normal_mac(folder)) == folder
    assert int(folder[:2], 16) & 0b11 == 0b10, "of one device, locally administered"
    assert folder == stand_in(7, made_at.astimezone(BERLIN))
    others = {stand_in(8, made_at), stand_in(7, made_at + timedelta(microseconds=1))}
    assert len(others | {folder}) == 3


@given(st.integers(1, 10_000), st.datetimes(timezones=st.just(UTC)).filter(lambda when: when.year >= 1000))
def test_a_path_that_was_written_can_be_read(number: int, when: datetime) -> None:
    part = Part(FOLDER, when.date(), when.hour, number)
    assert read_path(str(part.path)) == part


@pytest.mark.parametrize(
    "path",
    [
        "",
        "AA-BB-CC-DD-EE-FF/2023-12-01/24.mp4",
        "AA-BB-CC-DD-EE-FF/2023-02-30/08.mp4",
        "AA-BB-CC-DD-EE-FF/2023-12-01/08-1.mp4",
        "AA-BB-CC-DD-EE-FF/2023-12-01/08-02.mp4",
        "AA-BB-CC-DD-EE-FF/2023-12-01/8.mp4",
        "AA-BB-CC-DD-EE-FF/2023-12-01/08.mp4\n",
        "aa-bb-cc-dd-ee-ff/2023-12-01/08.mp4",
        "AA-BB-CC-DD-EE-FF/2023-12-01/../2023-12-01/08.mp4",
        "/AA-BB-CC-DD-EE-FF/2023-12-01/08.mp4",
        "AA-BB-CC-DD-EE-FF/٢٠٢٣-12-01/08.mp4",
    ],
)
def test_other_paths_are_nobodys(path: str) -> None:
    assert read_path(path) is None


def test_parts_come_one_after_the_other_through_a_whole_year() -> None:
    at, ends = moment("2026-01-01T00:00+01:00"), []
    while at < moment("2027-01-01T00:00+01:00"):
        ends.append(at)
        at = ends_at(at, BERLIN)
    assert len(ends) == 365 * 24
    assert {after - before for before, after in pairwise(ends)} == {3600.0}
