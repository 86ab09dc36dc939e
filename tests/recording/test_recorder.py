"""The recorder with a real ffmpeg, and a clock that the test moves."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from camproxy.recording.book import COMPLETE, RECOVERED
from camproxy.recording.encoder import STALLED_AFTER
from camproxy.recording.fed import ffmpeg
from camproxy.recording.footage import read_footage
from camproxy.recording.modes import CameraRecording
from tests.integration.people import wait_until
from tests.recording.studio import FOLDER, Studio
from tests.recording.test_encoder import runs

pytestmark = pytest.mark.ffmpeg


@pytest.mark.parametrize("codec", ["h264", "mjpeg"])
def test_an_hour_ends_and_the_next_begins_without_a_seam(tmp_path: Path, codec: str) -> None:
    with Studio(tmp_path, "2023-12-01T08:59:55.05+01:00", codec=codec) as studio:
        studio.film(10)
    assert studio.seconds() == {"2023-12-01/08.mp4": 5.0, "2023-12-01/09.mp4": 5.0}
    (first, second) = studio.notes.parts.values()
    assert studio.notes.ends[first.path].ended_at == pytest.approx(second.started_at, abs=0.01)
    assert (first.zone, first.codec, first.width, first.height) == ("Europe/Berlin", codec, 160, 120)
    assert {end.state for end in studio.notes.ends.values()} == {COMPLETE}
    assert studio.notes.gaps == []


def test_a_picture_that_stood_over_the_full_hour_stands_in_both(tmp_path: Path) -> None:
    with Studio(tmp_path, "2023-12-01T08:59:55.05+01:00") as studio:
        studio.film(2)
        studio.wait(5)
        studio.film(2)
    assert studio.seconds() == {"2023-12-01/08.mp4": 5.0, "2023-12-01/09.mp4": 2.0}


def test_in_autumn_the_repeated_hour_is_a_second_part(tmp_path: Path) -> None:
    with Studio(tmp_path, "2026-10-25T02:59:57.05+02:00") as studio:
        studio.film(6)
        studio.clock.advance(3590)
        studio.film(10)
    names = ["02.mp4", "02-2.mp4", "02-3.mp4", "03.mp4"]
    assert studio.seconds() == dict(zip((f"2026-10-25/{name}" for name in names), (3, 3, 7, 3), strict=True))


def test_in_spring_an_hour_is_left_out(tmp_path: Path) -> None:
    with Studio(tmp_path, "2026-03-29T01:59:57.05+01:00") as studio:
        studio.film(6)
    assert studio.seconds() == {"2026-03-29/01.mp4": 3.0, "2026-03-29/03.mp4": 3.0}
    assert studio.notes.gaps == []


def test_a_clock_that_is_set_begins_a_new_part_and_overwrites_nothing(tmp_path: Path) -> None:
    with Studio(tmp_path) as studio:
        studio.film(3)
        studio.jump(3600)
        studio.film(3)
        studio.jump(-3600)
        studio.film(3)
        studio.jump(-3600)
        studio.film(3)
        studio.jump(1)  # as time servers do
        studio.film(3)
    assert studio.seconds() == {
        "2023-12-01/07.mp4": 6.0,
        "2023-12-01/08.mp4": 3.0,
        "2023-12-01/08-2.mp4": 3.0,
        "2023-12-01/09.mp4": 3.0,
    }
    assert studio.notes.lengths() == [("clock_changed", 3600.0)]


def test_another_size_begins_a_new_part_and_both_play_as_long_as_they_lasted(tmp_path: Path) -> None:
    with Studio(tmp_path, codec="h264") as studio:
        studio.film(2)
        studio.film(2, width=320, height=240)
        studio.film(2)
    sizes = [(played.width, played.height, round(played.seconds, 1)) for played in studio.played().values()]
    assert sizes == [(160, 120, 2.0), (320, 240, 2.0), (160, 120, 2.0)]
    assert studio.notes.gaps == []


def test_a_pause_is_in_the_part_and_a_long_one_is_a_gap(tmp_path: Path) -> None:
    with Studio(tmp_path) as studio:
        studio.film(2)
        studio.wait(8)
        studio.film(2)
        assert studio.notes.gaps == []
        studio.wait(20)
        assert studio.notes.lengths() == [("camera_offline", None)]
        studio.cause = "camera_asleep"
        studio.wait(20)
        studio.film(2)
    assert studio.seconds() == {"2023-12-01/08.mp4": 12.0, "2023-12-01/08-2.mp4": 2.0}
    assert studio.notes.lengths() == [("camera_offline", pytest.approx(21, abs=0.2)), ("camera_asleep", 19.0)]


def test_no_more_frames_than_are_wanted_and_none_of_them_counts_as_lost(tmp_path: Path) -> None:
    with Studio(tmp_path, fps=5) as studio:
        studio.film(4, fps=25)
        studio.film(4, fps=5)
        studio.film(4, fps=2)
    (played,) = studio.played().values()
    assert len(played.times) == pytest.approx(20 + 20 + 8, abs=2)
    assert played.seconds == pytest.approx(12, abs=0.4), "its last frame lasts as long as one at most, 0.2 s"
    assert studio.recorder.lost == 0


def test_motion_is_recorded_with_what_was_before_and_after(tmp_path: Path) -> None:
    with Studio(tmp_path, mode="motion", pre_seconds=3, post_seconds=4) as studio:
        studio.film(20)
        assert studio.notes.parts == {}, "nothing moves"
        studio.recorder.motion()
        studio.film(2)
        studio.recorder.motion()
        studio.film(10)
        wait_until(lambda: studio.notes.ends, "the part has ended")
        studio.recorder.motion(studio.clock.wall() - 3)
        studio.film(5)
    first, second = studio.played().values()
    assert first.seconds == pytest.approx(3 + 2 + 4, abs=0.3)
    assert second.seconds == pytest.approx(6 + 1, abs=0.3), "3 s before it, seen 3 s ago, and 1 s to come"
    begun, again = studio.notes.parts.values()
    assert again.started_at >= studio.notes.ends[begun.path].ended_at - 0.11, "no frame is in two parts"
    assert studio.notes.gaps == []
    assert studio.recorder.lost == 0


def test_what_goes_on_moving_is_one_part_however_seldom_that_is_said(tmp_path: Path) -> None:
    with Studio(tmp_path, mode="motion", pre_seconds=3, post_seconds=0) as studio:
        studio.film(10)
        studio.recorder.motion(goes_on=True)
        studio.film(20)
        studio.recorder.motion(goes_on=True)
        studio.film(5)
        studio.recorder.motion(goes_on=False)
        studio.film(5)
        wait_until(lambda: studio.notes.ends, "the part has ended")
    (played,) = studio.played().values()
    assert played.seconds == pytest.approx(3 + 25, abs=0.3)


def test_motion_that_was_over_in_another_mode_is_over(tmp_path: Path) -> None:
    with Studio(tmp_path, mode="motion", pre_seconds=1, post_seconds=0) as studio:
        studio.film(2)
        studio.recorder.motion(goes_on=True)
        motion, studio.recorder.config = studio.config, replace(studio.config, mode="continuous")
        studio.recorder.motion(goes_on=False)
        studio.recorder.config = motion
        assert not studio.recorder.wants


def test_a_camera_that_nobody_could_watch_for_motion_has_a_gap(tmp_path: Path) -> None:
    with Studio(tmp_path, mode="motion") as studio:
        studio.film(5)
        studio.wait(30)
        studio.film(5)
    assert studio.notes.lengths() == [("camera_offline", pytest.approx(31, abs=1))]
    assert studio.notes.parts == {}


def test_by_hand_for_a_while_whatever_the_mode(tmp_path: Path) -> None:
    with Studio(tmp_path, mode="off") as studio:
        studio.film(1)
        assert not studio.hub.attached
        studio.recorder.record_for(4)
        wait_until(lambda: studio.hub.attached, "the camera is wanted")
        studio.film(8)
        wait_until(lambda: not studio.hub.attached, "the camera is let go")
        studio.recorder.look()  # as twice a second on a server
        studio.recorder.record_for(3600)
        wait_until(studio.is_attached, "the camera is wanted again")
        studio.film(2)
        studio.recorder.record_for(0)
        wait_until(lambda: not studio.hub.attached, "it is ended by hand")
    assert list(studio.seconds().values()) == pytest.approx([4, 2], abs=0.3)
    assert studio.notes.gaps == []


def test_a_schedule_begins_and_ends(tmp_path: Path) -> None:
    friday = ((4, 8 * 60 + 16, 8 * 60 + 17),)
    with Studio(tmp_path, "2023-12-01T08:15:56.05+01:00", mode="schedule", schedule=friday) as studio:
        studio.film(3)
        assert not studio.hub.attached
        studio.clock.advance(1)
        wait_until(studio.is_attached, "its time has come")
        studio.film(70)
        wait_until(lambda: not studio.hub.attached, "its time is over")
    assert list(studio.seconds().values()) == pytest.approx([60], abs=0.3)
    assert studio.notes.gaps == []


def test_new_settings_hold_at_once(tmp_path: Path) -> None:
    with Studio(tmp_path) as studio:
        studio.film(2)
        studio.recorder.config = CameraRecording(FOLDER, "continuous", "h264")
        studio.film(2)
        studio.recorder.config = CameraRecording(FOLDER, "off")
        studio.recorder.look()
        wait_until(lambda: not studio.hub.attached, "it is not recorded any more")
    assert [(played.codec, round(played.seconds)) for played in studio.played().values()] == [("mjpeg", 2), ("h264", 2)]


def test_ffmpeg_killed_at_twenty_random_moments_costs_nothing(tmp_path: Path) -> None:
    """What was on its way is still in the ring, and goes into the next part."""
    dice = random.Random(13)
    kills = 0
    with Studio(tmp_path, codec="mjpeg") as studio:
        while kills < 20:
            studio.film(dice.uniform(6, 9))
            part = studio.recorder._part
            assert part
            wait_until(lambda part=part: part.has_pictures, "there is something that could be lost")
            time.sleep(dice.random() * 0.02)
            os.kill(part.pid, signal.SIGKILL)
            wait_until(lambda part=part: not runs(part.pid), "it is dead")  # the next frame meets no living one
            kills += 1
        studio.film(3)
        recorded = studio.hub.received
    played = studio.played()
    assert len(played) == 21
    assert sum(end.frames for end in studio.notes.ends.values()) == recorded, "each frame is in one part"
    assert sum(end.lost for end in studio.notes.ends.values()) == 0
    assert [end.state for end in studio.notes.ends.values()] == [RECOVERED] * 20 + [COMPLETE]
    assert studio.notes.gaps == []


def test_a_stalled_ffmpeg_is_replaced_within_ten_seconds_and_nothing_is_lost(tmp_path: Path) -> None:
    with Studio(tmp_path, codec="h264") as studio:
        studio.film(5)
        part = studio.recorder._part
        assert part
        file = studio.storage.file(part.path)
        wait_until(lambda: part.has_pictures and read_footage(file).seconds > 3.5, "ffmpeg keeps up")
        os.kill(part.pid, signal.SIGSTOP)
        begun = time.monotonic()
        while studio.recorder._part in (part, None):
            assert time.monotonic() - begun < 10
            studio.hub.publish(studio.hub.newest.data if studio.hub.newest else b"")
            studio.clock.advance(0.1)
            time.sleep(0.1)
        assert not os.path.exists(f"/proc/{part.pid}")
        studio.film(2)
        published = studio.hub.received
    studio.played()
    assert sum(end.frames for end in studio.notes.ends.values()) == published
    assert studio.notes.gaps == []


def test_an_ffmpeg_that_cannot_run_is_tried_again_with_pauses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[float] = []
    with Studio(tmp_path) as studio:

        def nothing() -> str:
            tries.append(studio.clock.monotonic())
            return "/bin/false"

        with monkeypatch.context() as patch:
            patch.setattr("camproxy.recording.encoder.ffmpeg", nothing)

            def filmed() -> None:
                studio.hub.publish(studio.hub.newest.data if studio.hub.newest else Studio.first())
                studio.wait(1)

            def failed() -> str:
                studio.hub.publish(Studio.first())
                studio.clock.advance(0.1)
                return studio.recorder.fault

            wait_until(failed, "it is known that it fails")  # before something is missing for long
            wait_until(lambda: filmed() or len(tries) >= 5, "it is tried again")
            wait_until(lambda: filmed() or not list(studio.storage.walk()), "what has no picture in it is not kept")
        pauses = [later - earlier for earlier, later in pairwise(tries)]
        assert len(pauses) >= 4
        assert all(pause >= least for pause, least in zip(pauses[1:4], (1, 2, 4), strict=True))
        assert [cause for cause, _ in studio.notes.lengths()] == ["encoder_failed"]
        wait_until(lambda: filmed() or studio.recorder.state()["recording"], "the longest pause is over")
        studio.film(8)
        wait_until(lambda: studio.recorder.state()["fault"] is None, "all is well")
    assert sum(studio.seconds().values()) >= 8
    assert [end for _, end in studio.notes.lengths()] != [None]


def test_an_ffmpeg_that_takes_long_to_begin_is_given_more_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine whose processor others have."""
    slow = tmp_path / "slow"
    slow.write_text(f'#!/bin/sh\nsleep 1.3\nexec {ffmpeg()} "$@"\n')
    slow.chmod(0o700)
    monkeypatch.setattr("camproxy.recording.recorder.STALLED_AFTER", 0.5)  # for its beginning only
    monkeypatch.setattr("camproxy.recording.encoder.LOOK_EVERY", 0.05)
    monkeypatch.setattr("camproxy.recording.encoder.ffmpeg", lambda: str(slow))
    with Studio(tmp_path) as studio:

        def is_recorded() -> bool:
            studio.hub.publish(Studio.first())
            studio.clock.advance(0.1)
            part = studio.recorder._part
            return part is not None and part.has_pictures

        wait_until(is_recorded, "it is recorded")
    assert [end.state for end in studio.notes.ends.values()] == [COMPLETE]
    assert [cause for cause, _ in studio.notes.lengths()] in ([], ["encoder_failed"])


def test_no_frame_of_a_camera_waits_for_its_recorder(tmp_path: Path) -> None:
    with Studio(tmp_path, codec="h264") as studio:
        studio.film(1)
        part = studio.recorder._part
        assert part
        os.kill(part.pid, signal.SIGSTOP)
        begun = time.perf_counter()
        for _ in range(2000):
            studio.hub.publish(Studio.first())
            studio.clock.advance(0.1)
        assert time.perf_counter() - begun < STALLED_AFTER, "for so long it would wait for ffmpeg"
        os.kill(part.pid, signal.SIGCONT)
        wait_until(lambda: studio.hub.received - studio.recorder.taken < 4, "it catches up")
        assert studio.recorder.lost > 1000, "what the ring could not hold is counted"
