from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camproxy.frames import BadFrame, FrameHub, Viewer, check_jpeg
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
