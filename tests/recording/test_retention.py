"""What goes and what stays: `plan` alone, no disk, no clock but a number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from camproxy.recording.retention import (
    ALL_FULL,
    CAMERA_FULL,
    DAY,
    DISK_FULL,
    TOO_OLD,
    Kept,
    Limits,
    plan,
)

NOW = 1_800_000_000.0


def file(number: int, days_ago: float, *, camera: int | None = 1, size: int = 10, **more: bool) -> Kept:
    at = NOW - days_ago * DAY
    return Kept(number, f"{number}.mp4", camera, at, at + 3600, size, **more)


def gone(*args: object, **options: object) -> list[tuple[int, str]]:
    return [(kept.id, why) for kept, why in plan(*args, **options)]  # type: ignore[arg-type]


def test_what_ended_before_so_many_days_goes() -> None:
    files = [file(1, 7.05), file(2, 7.03), file(3, 1)]
    assert gone(files, NOW, Limits(7)) == [(1, TOO_OLD)]
    assert gone(files, NOW, Limits(8)) == []
    assert gone(files, NOW, Limits(7), by_age=False) == []


def test_a_camera_may_have_days_of_its_own_and_one_that_was_removed_has_the_servers() -> None:
    files = [file(1, 20, camera=1), file(2, 20, camera=2), file(3, 20, camera=None)]
    assert gone(files, NOW, Limits(7), {1: Limits(30), 2: Limits(7)}) == [(2, TOO_OLD), (3, TOO_OLD)]


def test_too_much_of_one_camera_goes_oldest_first_whatever_the_others_have() -> None:
    files = [file(1, 5, camera=2), file(2, 4), file(3, 3), file(4, 2)]
    assert gone(files, NOW, Limits(7), {1: Limits(7, 15)}) == [(2, CAMERA_FULL), (3, CAMERA_FULL)]


def test_too_much_of_all_goes_oldest_first() -> None:
    files = [file(1, 2), file(2, 4, camera=2), file(3, 3)]
    assert gone(files, NOW, Limits(7, 20)) == [(2, ALL_FULL)]
    assert gone(files, NOW, Limits(7, 30)) == []


def test_for_room_on_the_disk_the_oldest_go_and_what_goes_anyway_counts() -> None:
    files = [file(1, 9), file(2, 4), file(3, 3)]
    assert gone(files, NOW, Limits(7), to_free=15) == [(1, TOO_OLD), (2, DISK_FULL)]
    assert gone(files, NOW, Limits(7), to_free=10) == [(1, TOO_OLD)]


def test_what_is_protected_or_active_stays_and_counts() -> None:
    files = [file(1, 30, protected=True), file(2, 20, active=True), file(3, 3), file(4, 2)]
    assert gone(files, NOW, Limits(7, 30), to_free=1000) == [(3, ALL_FULL), (4, DISK_FULL)]


FILES = st.lists(
    st.builds(
        file,
        st.integers(1, 10_000),
        st.floats(0, 30),
        camera=st.sampled_from([1, 2, None]),
        size=st.integers(0, 100),
        protected=st.booleans(),
        active=st.booleans(),
    ),
    unique_by=lambda kept: kept.id,
)


@given(FILES, st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_whatever_there_is(files: list[Kept], most: int, of_one: int, to_free: int) -> None:
    limits = {1: Limits(10, of_one)}
    going = plan(files, NOW, Limits(7, most), limits, to_free)
    ids = {kept.id for kept, _ in going}
    assert len(ids) == len(going)
    assert not [kept for kept, _ in going if kept.protected or kept.active]
    stay = [kept for kept in files if kept.id not in ids]
    free = [kept for kept in stay if not (kept.protected or kept.active)]
    assert not most or not free or sum(kept.bytes for kept in stay) <= most
    own = [kept for kept in free if kept.camera_id == 1]
    assert not of_one or not own or sum(kept.bytes for kept in stay if kept.camera_id == 1) <= of_one
    assert not free or sum(kept.bytes for kept, _ in going) >= to_free
