from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camproxy.frames import RING, BadFrame, Cursor, FrameHub, Viewer, check_jpeg
from tests.clocks import FakeClock
from tests.pictures import jpeg

LIMIT = 524_288


def make_hub(clock: FakeClock | None = None) -> FrameHub:
    return FrameHub(largest=LIMIT, linger=5.0, clock=clock or FakeClock())


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 5}, {"exif": b"Exif\0\0" + bytes(5000)}])
def test_the_size_is_read_from_the_header(options: dict[str, object]) -> None:
    assert check_jpeg(jpeg(800, 600, **options), LIMIT) == (800, 600)


def test_zeros_behind_the_end_are_what_some_sensors_send() -> None:
    assert check_jpeg(jpeg(64, 48) + bytes(7), LIMIT) == (64, 48)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", "not_a_jpeg"),
        (b"\xff\xd8\xff", "not_a_jpeg"),
        (b"<html>no camera</html>", "not_a_jpeg"),
        (b"\xff\xd8\xff\xd9", "not_a_jpeg"),
        (b"\xff\xd8\xff\xe0\x00\x00\xff\xd9", "not_a_jpeg"),
        (jpeg()[:-2], "truncated"),
        (jpeg(640, 480)[:300], "truncated"),
        (bytes(LIMIT + 1), "too_large"),
    ],
)
def test_broken_pictures_are_refused(data: bytes, fault: str) -> None:
    with pytest.raises(BadFrame, match=fault):
        check_jpeg(data, LIMIT)


def test_absurd_dimensions_are_refused() -> None:
    good = jpeg(64, 48)
    at = good.index(b"\xff\xc0") + 5
    with pytest.raises(BadFrame, match="absurd_dimensions"):
        check_jpeg(good[:at] + b"\xff\xff\xff\xff" + good[at + 4 :], LIMIT)
    with pytest.raises(BadFrame, match="absurd_dimensions"):
        check_jpeg(good[:at] + b"\x00\x00\x00\x00" + good[at + 4 :], LIMIT)


@given(st.binary(max_size=400))
def test_no_bytes_break_the_check(data: bytes) -> None:
    for candidate in (data, b"\xff\xd8\xff" + data + b"\xff\xd9"):
        try:
            width, height = check_jpeg(candidate, LIMIT)
        except BadFrame:
            continue
        assert width > 0
        assert height > 0


def test_a_bad_frame_is_counted_and_reaches_nobody() -> None:
    hub = make_hub()
    heard: list[FrameHub] = []
    hub.listeners.append(heard.append)
    with pytest.raises(BadFrame):
        hub.publish(b"no")
    assert hub.bad["not_a_jpeg"] == 1
    assert (hub.received, hub.newest, heard) == (0, None, [])


def test_for_eyes_the_newest_frame_wins_and_what_is_skipped_is_counted() -> None:
    hub = make_hub()
    with Viewer(hub) as viewer:
        for grey in range(5):
            hub.publish(jpeg(grey=grey))
        frame = viewer.next(0)
        assert frame is not None
        assert (frame.seq, viewer.dropped) == (5, 4)
        assert viewer.next(0) is None


def test_a_viewer_who_waits_is_woken_by_the_next_frame() -> None:
    hub = make_hub()
    seen: list[int] = []
    with Viewer(hub) as viewer:

        def watch() -> None:
            frame = viewer.next(10)
            seen.append(frame.seq if frame else 0)

        thread = threading.Thread(target=watch)
        thread.start()
        hub.publish(jpeg())
        thread.join(10)
    assert seen == [1]


def test_frames_are_wanted_while_somebody_watches_and_a_little_longer() -> None:
    clock = FakeClock()
    hub = make_hub(clock)
    demands: list[bool] = []
    hub.on_demand = lambda: demands.append(hub.wanted)
    assert not hub.wanted
    with Viewer(hub), Viewer(hub):
        assert hub.wanted
    assert demands == [True]
    clock.advance(4.9)
    assert hub.wanted
    clock.advance(0.2)
    assert not hub.wanted


def test_the_rate_and_the_age_are_of_the_last_seconds() -> None:
    clock = FakeClock()
    hub = make_hub(clock)
    for _ in range(20):
        clock.advance(0.1)
        hub.publish(jpeg())
    assert hub.fps == pytest.approx(10, abs=0.1)
    clock.advance(10)
    assert hub.fps == 0
    assert hub.age == pytest.approx(10)


def test_waiting_counts_from_when_somebody_came_not_from_the_last_frame_of_yesterday() -> None:
    clock = FakeClock()
    hub = make_hub(clock)
    hub.publish(jpeg())
    clock.advance(86_400)
    assert hub.waiting == 0
    with Viewer(hub):
        clock.advance(2)
        assert hub.waiting == pytest.approx(2)


def fill(hub: FrameHub, clock: FakeClock, count: int) -> None:
    """So many frames, one each tenth of a second."""
    for _ in range(count):
        clock.advance(0.1)
        hub.publish(jpeg())


def taken(cursor: Cursor) -> list[int]:
    numbers = []
    while frame := cursor.next(0):
        numbers.append(frame.seq)
    return numbers


def test_for_the_recorder_every_frame_counts_until_the_rings_end() -> None:
    clock = FakeClock()
    hub = make_hub(clock)
    with Cursor(hub) as cursor:
        assert hub.wanted
        assert hub.viewers == 0, "a recorder is nobody who watches"
        fill(hub, clock, RING)
        assert taken(cursor) == list(range(1, RING + 1))
        fill(hub, clock, RING + 7)
        assert taken(cursor) == list(range(RING + 8, 2 * RING + 8))
        assert cursor.lost == 7
        assert cursor.next(0) is None
    clock.advance(6)
    assert not hub.wanted


def test_as_many_seconds_are_remembered_as_asked_for() -> None:
    clock = FakeClock()
    hub = make_hub(clock)
    hub.remember(10)
    cursor = Cursor(hub)
    fill(hub, clock, 200)
    cursor.seek(0)
    assert len(taken(cursor)) == pytest.approx(100, abs=1)
    hub.remember(0)
    fill(hub, clock, 1)
    cursor.seek(0)
    assert len(taken(cursor)) == RING
    assert cursor.lost == 0, "what is passed over in seeking is not lost"


def test_but_no_more_than_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("camproxy.frames.RING_BYTES", 50 * len(jpeg()))
    clock = FakeClock()
    hub = make_hub(clock)
    hub.remember(3600)
    cursor = Cursor(hub)
    fill(hub, clock, 200)
    assert taken(cursor) == list(range(151, 201))
    assert cursor.lost == 150


def test_a_cursor_goes_back_to_a_moment() -> None:
    clock = FakeClock()
    hub = make_hub(clock)
    cursor = Cursor(hub)
    fill(hub, clock, 20)
    cursor.seek(clock.monotonic() - 0.45)
    assert taken(cursor) == [16, 17, 18, 19, 20]
    cursor.seek(clock.monotonic() + 1)
    assert taken(cursor) == []
    assert cursor.lost == 0
