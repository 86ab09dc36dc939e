"""The fan-out on real sockets: one thread, many viewers, none of whom waits for another."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from camproxy.web.viewers.fanout import (
    CAMERA_GONE,
    HEARD_A_SECOND,
    LEAVE_WITHIN,
    NOT_ALLOWED,
    PING_EVERY,
    STALLED_AFTER,
    STOPPING,
    FanOut,
)
from camproxy.web.viewers.framing import MultipartFraming, WebSocketFraming
from tests.pictures import jpeg
from tests.web.stage import BINARY, CLOSE, PING, PONG, TEXT, Stage


@pytest.fixture
def make() -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def make(**options: int) -> Stage:
        made.append(Stage(**options))
        return made[-1]

    yield make
    for stage in made:
        stage.end()
    assert "fanout" not in [thread.name for thread in threading.enumerate()]


@pytest.fixture
def stage(make: Callable[..., Stage]) -> Stage:
    return make()


def test_the_handshake_and_the_greeting_come_before_a_frame_exists(stage: Stage) -> None:
    viewer = stage.enter(hello={"type": "status", "state": "connecting"})
    head = viewer.head()
    assert head[0] == "HTTP/1.1 101 Switching Protocols"
    assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    assert viewer.message() == (TEXT, b'{"type":"status","state":"connecting"}')


def test_multipart_is_greeted_with_its_first_boundary_only(stage: Stage) -> None:
    viewer = stage.enter(mjpeg=True)
    assert viewer.head()[0] == "HTTP/1.1 200 OK"
    assert viewer.read.readline() == b"--frame\r\n"
    picture = stage.publish()
    assert viewer.head() == ["Content-Type: image/jpeg", f"Content-Length: {len(picture)}"]
    assert viewer.read.read(len(picture)) == picture
    assert viewer.read.read(11) == b"\r\n--frame\r\n", "so that a browser shows it at once"


@pytest.mark.parametrize("size", [0, 300, 65_000])
def test_a_frame_is_a_binary_message_whatever_its_size(stage: Stage, size: int) -> None:
    viewer = stage.watch()
    assert stage.publish(size=size) == viewer.frame()


def test_frames_are_described_once_a_second(stage: Stage) -> None:
    viewer = stage.watch()
    kinds = []
    for _ in range(21):
        stage.publish()
        opcode, payload = viewer.message()
        kinds.append(opcode)
        if opcode == TEXT:
            told = json.loads(payload)
            assert told == {"type": "frame", "seq": len(kinds), "captured_at": stage.clock.wall(), "dropped": 0}
            assert viewer.message()[0] == BINARY, "what it describes"
        stage.clock.advance(0.125)
    assert kinds == ([TEXT] + [BINARY] * 7) * 2 + [TEXT] + [BINARY] * 4


def test_a_frame_that_comes_while_something_else_is_sent_is_judged_by_the_time_of_its_coming(stage: Stage) -> None:
    viewer = stage.watch()
    stage.publish()
    assert viewer.text("frame")["seq"] == 1

    def a_second_later() -> None:
        stage.clock.advance(1)
        stage.hub(1).publish(jpeg())

    viewer.theirs.sent = a_second_later
    stage.fanout.note(1, {"type": "status"})
    assert viewer.text("frame")["seq"] == 2, "it is time for another description"


def test_each_camera_s_viewers_get_its_frames_and_notes(stage: Stage) -> None:
    viewers = {camera_id: [stage.watch(camera_id) for _ in range(3)] for camera_id in (1, 2, 3)}
    for camera_id in viewers:
        stage.fanout.note(camera_id, {"type": "status", "camera": camera_id})
        stage.publish(camera_id, grey=camera_id)
    for camera_id, watching in viewers.items():
        for viewer in watching:
            assert viewer.text("status")["camera"] == camera_id
            assert viewer.frame() == stage.hub(camera_id).newest.data
    assert stage.fanout.state() == {"viewers": 10, "frames_sent": 9}


def test_a_frame_is_framed_once_however_many_watch(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    framed: list[int] = []
    for framing in (WebSocketFraming, MultipartFraming):
        original = framing.frame
        count = staticmethod(lambda frame, original=original: framed.append(frame.seq) or original(frame))
        monkeypatch.setattr(framing, "frame", count)
    viewers = [stage.watch() for _ in range(5)]
    for _ in range(5):
        stage.enter(mjpeg=True)
    stage.settle()
    stage.publish()
    stage.publish()
    for viewer in viewers:
        viewer.frame()
        viewer.frame()
    assert framed == [1, 1, 2, 2], "once for each kind"


def test_a_viewer_may_want_fewer_and_gets_that_many(stage: Stage) -> None:
    slow, fast = stage.watch(max_fps=5), stage.watch()
    for _ in range(126):
        stage.publish()
        fast.frame()
        stage.clock.advance(0.08)
    # Ten seconds; with whatever is left of a frame's time thrown away, it would be 42.
    assert 49 <= stage.fanout.state()["frames_sent"] - 126 <= 51
    assert slow.text("frame")["seq"] == 1
    assert slow.text("frame")["dropped"] > 0


class TestOneWhoDoesNotRead:
    def test_delays_nobody_and_gets_the_newest_later(self, stage: Stage) -> None:
        stuck, reader = stage.watch(buffer=4096), stage.watch()
        seen = []
        for grey in range(30):  # more than the buffers of who does not read hold
            stage.publish(grey=grey, size=60_000)
            seen.append(reader.frame())
        assert len(set(seen)) == 30, "the other got every one"
        newest = stage.publish(grey=200)
        begun = [stuck.frame()]
        while begun[-1] != newest:
            begun.append(stuck.frame())
        assert len(begun) < 5, "what was on the line, and then the newest"
        assert begun[:-1] == seen[: len(begun) - 1], "a frame that was begun comes whole"
        stage.clock.advance(1)
        stage.publish()
        assert stuck.text("frame")["dropped"] == 31 - len(begun)

    def test_is_told_what_holds_now_and_not_what_held_meanwhile(self, stage: Stage) -> None:
        stuck = stage.watch(buffer=4096)
        stage.stuff()
        for state in ("stalled", "offline", "live"):
            stage.fanout.note(1, {"type": "status", "state": state})
        stage.fanout.note(1, {"type": "other"})
        stage.settle()
        assert stuck.text("status")["state"] == "live"
        assert stuck.text("other")

    @pytest.mark.parametrize(("mjpeg", "after"), [(False, 3 * PING_EVERY), (True, STALLED_AFTER)])
    def test_is_given_up_after_a_while(self, stage: Stage, mjpeg: bool, after: float) -> None:
        stuck = stage.enter(mjpeg=mjpeg, buffer=4096)
        stage.stuff()
        stage.pass_time(after)
        assert stage.hub(1).attached == 1
        stage.pass_time(1.5)
        assert stage.hub(1).attached == 0
        while stuck.read.read(65536):
            pass


class TestLeaving:
    @pytest.mark.parametrize("mjpeg", [False, True])
    def test_whoever_hangs_up_is_forgotten(self, stage: Stage, mjpeg: bool) -> None:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(10):
            viewer = stage.enter(mjpeg=mjpeg)
            stage.publish()
            assert stage.hub(1).attached == 1
            viewer.end()
            while stage.hub(1).attached:
                stage.settle()
        assert stage.hub(1).listeners == []
        assert stage.fanout.state()["viewers"] == 1
        assert len(os.listdir("/proc/self/fd")) <= before

    def test_a_close_is_answered(self, stage: Stage) -> None:
        viewer = stage.watch()
        viewer.say(CLOSE, (1000).to_bytes(2))
        assert viewer.close_code() == 1000

    def test_some_are_shown_out_and_told_why(self, stage: Stage) -> None:
        anna = [stage.watch(camera_id) for camera_id in (1, 2)]
        ben = [stage.watch(camera_id, credential="ben") for camera_id in (1, 2)]
        mjpeg = stage.enter(2, mjpeg=True, credential="ben")
        stage.fanout.close_where(lambda outlet: (outlet.credential, outlet.camera_id) == ("ben", 2), NOT_ALLOWED)
        assert ben[1].close_code() == NOT_ALLOWED
        assert mjpeg.read.read().endswith(b"--frame\r\n")
        stage.fanout.close_where(lambda outlet: outlet.camera_id == 1, CAMERA_GONE)
        assert [anna[0].close_code(), ben[0].close_code()] == [CAMERA_GONE, CAMERA_GONE]
        stage.publish(2)
        assert anna[1].frame()
        assert stage.fanout.state()["viewers"] == 2

    def test_one_in_the_middle_of_a_frame_gets_the_rest_of_it_and_is_told(self, stage: Stage) -> None:
        slow = stage.watch(buffer=4096)
        stage.stuff()
        stage.fanout.close_where(lambda outlet: outlet.camera_id == 1, NOT_ALLOWED)
        assert slow.close_code() == NOT_ALLOWED
        stage.settle()
        assert stage.hub(1).attached == 0

    def test_one_in_the_middle_of_a_frame_that_takes_nothing_is_cut_off(self, stage: Stage) -> None:
        stuck = stage.watch(buffer=4096)
        stage.stuff()
        stage.fanout.close_where(lambda outlet: outlet.camera_id == 1, NOT_ALLOWED)
        stage.publish()
        assert stage.hub(1).attached == 1
        stage.pass_time(LEAVE_WITHIN + 1)
        assert stage.hub(1).attached == 0
        while stuck.read.read(65536):
            pass


class TestConversation:
    def test_a_ping_is_answered(self, stage: Stage) -> None:
        viewer = stage.watch()
        viewer.say(PING, b"hello?")
        assert viewer.message() == (PONG, b"hello?")

    def test_who_answers_pings_stays_and_who_does_not_is_dropped(self, stage: Stage) -> None:
        silent, alive = stage.watch(), stage.watch()
        for _ in range(4):
            stage.pass_time(PING_EVERY + 1)
            assert alive.message()[0] == PING
            alive.say(PONG)
        assert stage.hub(1).attached == 1
        while silent.read.read(65536):
            pass
        stage.publish()
        assert alive.frame()

    @pytest.mark.parametrize(
        "sent",
        [
            b"\x81\x02hi",
            b"\xf1\x80\0\0\0\0",
            b"\x89\xfe\x00\x7e\0\0\0\0" + bytes(126),
            b"\x81\x81\0\0\0\0\xff",
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x82\xff" + (10**6).to_bytes(8) + bytes(4) + bytes(HEARD_A_SECOND),
        ],
        ids=["not masked", "reserved bits", "long ping", "not UTF-8", "HTTP", "endless"],
    )
    def test_who_breaks_the_rules_is_dropped_and_nobody_else(self, stage: Stage, sent: bytes) -> None:
        rude, other = stage.watch(), stage.watch()
        rude.sock.sendall(sent)
        while stage.hub(1).attached == 2:
            stage.settle()
        stage.publish()
        assert other.frame()


class TestStopping:
    def test_everybody_is_told_and_let_go(self, make: Callable[..., Stage]) -> None:
        before = len(os.listdir("/proc/self/fd"))
        stage = make()
        viewers = [stage.watch(camera_id) for camera_id in (1, 1, 2)]
        mjpeg, stuck = stage.enter(2, mjpeg=True), stage.watch(3, buffer=4096)
        stage.stuff(3)
        stage.fanout.stop()
        assert [viewer.close_code() for viewer in viewers] == [STOPPING] * 3
        mjpeg.read.read()
        while stuck.read.read(65536):
            pass
        assert stage.fanout.state()["viewers"] == 0
        assert [hub.attached for hub in stage.hubs.values()] == [0] * 4
        assert [hub.listeners for hub in stage.hubs.values()] == [[]] * 4
        stage.fanout.stop()
        stage.end()
        assert len(os.listdir("/proc/self/fd")) <= before

    @pytest.mark.parametrize("started", [True, False])
    def test_who_comes_too_late_or_too_early_is_let_go_at_once(self, make: Callable[..., Stage], started: bool) -> None:
        stage = make()
        if started:
            stage.fanout.stop()
        else:
            stage.fanout.stop()
            stage.fanout = FanOut(clock=stage.clock)
        late = stage.enter(1)
        assert late.read.read() == b""
        assert late.theirs.fileno() == -1
        assert stage.hub(1).attached == 0
        stage.fanout.note(1, {"type": "status"})
        stage.fanout.close_where(lambda outlet: True, STOPPING)
        stage.fanout.stop()


def test_who_has_gone_is_said_to_have_left_once(make: Callable[..., Stage]) -> None:
    stage = make()
    gone: list[str] = []
    leaves = stage.watch(left=partial(gone.append, "a"))
    stage.watch(credential="ben", left=partial(gone.append, "b"))
    stage.watch(left=partial(gone.append, "c"))
    leaves.end()
    while gone != ["a"]:
        stage.settle()
    stage.fanout.close_where(lambda outlet: outlet.credential == "ben", NOT_ALLOWED)
    stage.settle()
    assert gone == ["a", "b"]
    stage.fanout.stop()
    assert gone == ["a", "b", "c"]
    stage.enter(left=partial(gone.append, "too late"))
    assert gone[3:] == ["too late"]


def test_a_frame_that_comes_while_it_stops_is_no_fault_of_the_camera() -> None:
    stage = Stage()
    stage.watch()
    (published,) = stage.hub(1).listeners
    stage.end()
    published(stage.hub(1))


def test_one_failing_job_does_not_end_it_for_everybody() -> None:
    stage = Stage()
    viewer = stage.watch()

    def fails(outlet: object) -> bool:
        raise RuntimeError("a caller's bug")

    stage.fanout.close_where(fails, 1001)
    try:
        stage.probe.sock.settimeout(2)
        stage.publish()
        assert viewer.frame()
    finally:
        stage.end()
