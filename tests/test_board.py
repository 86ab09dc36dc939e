"""Board: whatever a device says, it changes nothing but what it may, and what is no message is counted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camproxy.board import Board
from camproxy.camera import Camera, CameraConfig, Policy
from camproxy.devices import Device, DeviceSettings
from camproxy.errors import BadRequest
from camproxy.links.channel import Channel
from camproxy.messages import LONGEST_DEVICE_TEXT, DeviceMessage, read_device_message
from tests.clocks import FakeClock

KINDS = ("connect", "ack", "servo", "light", "position", "servo_command", "motion", "heartbeat", "log", "pong")
FIELDS = ("id", "command", "status", "detail", "servo1", "servo2", "state", "device", "version", "level", "message")
FIELDS += ("servo1_angle", "servo2_angle", "reset_reason", "uptime_ms", "free_heap", "largest_block", "rssi")
FIELDS += ("temperature", "frames_sent", "frames_skipped")

hostile = st.sampled_from(
    (
        "\x00",
        "a\nb",
        "\r\n[forged]",
        "\u202e",
        "\u2066x",
        "<script>",
        "'; DROP TABLE",
        "../..",
        "success",
        "error",
        "ß" * 600,
    )
)
numbers = st.sampled_from((0, -1, 90, 180, 181, 360, 361, 2**31, 2**53, 2**53 + 1, 2**64, 10**400, 1e308, -0.0, 90.5))
values = st.one_of(
    numbers,
    hostile,
    st.booleans(),
    st.none(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.just([]),
    st.just({}),
)
#: Near to a message: a type that there is, fields that there are, values that may be right.
near = st.fixed_dictionaries({"type": st.sampled_from(KINDS)}, optional=dict.fromkeys(FIELDS, values)).map(json.dumps)
anything = st.recursive(
    values, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
).map(json.dumps)
texts = st.one_of(near, near, near, anything, st.text(max_size=200))


class Heard:
    """A listener that looks at what it is told."""

    def __init__(self) -> None:
        self.messages: list[DeviceMessage] = []

    def on_frame(self, data: bytes) -> None:
        raise AssertionError("that is no picture")

    def on_message(self, board: Board, message: DeviceMessage) -> None:
        self.messages.append(message)

    def on_link_change(self, board: Board) -> None:
        raise AssertionError("the link does not change")


def nowhere() -> Channel:
    raise AssertionError("nobody dials")


def new_board() -> Board:
    return Board("board", nowhere, FakeClock(), wanted=lambda: False, fps=lambda: 1.0, dials=False)


@given(texts)
@settings(max_examples=500)
def test_a_text_is_a_message_or_is_ignored_and_counted(text: str) -> None:
    board, heard = new_board(), Heard()
    board.listen(heard)
    board.on_text(text)
    assert len(heard.messages) + board.ignored.total() == 1
    for message in heard.messages:
        told = json.loads(json.dumps(message.model_dump(exclude={"id"}), allow_nan=False))  # which is only compared
        for value in told.values():
            assert not isinstance(value, str) or value.replace("\u200c", "").isprintable()
            assert not isinstance(value, int) or abs(value) <= 2**53


@given(st.lists(texts, max_size=5))
def test_a_head_never_points_where_none_can(said: list[str]) -> None:
    board = new_board()
    config = CameraConfig(id=1, name="Head", slug="head", url="device:1", pico=2)
    camera = Camera(config, Policy(), lambda *_: None, FakeClock(), {1: new_board(), 2: board}.get)
    camera.start()
    for text in said:
        board.on_text(text)
        pose = camera.head.pose
        assert pose is None or (0 <= pose.x <= 180 and 0 <= pose.y <= 180)
        json.dumps(camera.status(), allow_nan=False)


@given(st.lists(near, max_size=5))
def test_what_a_device_says_of_itself_can_be_told(said: list[str]) -> None:
    settings = DeviceSettings(1, "pico", "Board", "24:6F:28:00:00:01", True, {}, None, None)
    device = Device(settings, lambda *_: None, FakeClock())
    for text in said:
        device.board.on_text(text)
    told = json.dumps(device.status(), allow_nan=False)
    assert len(told) < 3000


NESTED = "[" * 200_000
TOO_MUCH = [
    NESTED,
    '{"type":' * 2000,
    "[" * (LONGEST_DEVICE_TEXT // 2) + "]" * (LONGEST_DEVICE_TEXT // 2),
    '{"type":"position","servo1":NaN,"servo2":90}',
    '{"type":"position","servo1":Infinity,"servo2":90}',
    '{"type":"position","servo1":1e999,"servo2":90}',
    '{"type":"position","servo1":-1e999,"servo2":90}',
    '{"type":"position","servo1":"90","servo2":90}',
    '{"type":"position","servo1":true,"servo2":90}',
    '{"type":"position","servo1":' + "9" * 5000 + ',"servo2":90}',
    '{"type":"heartbeat","free_heap":' + "9" * 400 + "}",
    '{"type":"heartbeat","uptime_ms":-1}',
    '{"type":"log","level":"info","message":"' + "x" * 501 + '"}',
    '{"type":"log","level":"info","message":"\\ud800"}',
    '{"type":"ack","command":"servo","status":"perhaps"}',
    '{"type":["ack"]}',
    '{"type":null}',
    "{}",
    "null",
    "",
    "\x00",
    "\ud800",
    "\ufeff{}",
]


@pytest.mark.parametrize("text", TOO_MUCH, ids=[text[:30].encode("unicode_escape").decode() for text in TOO_MUCH])
def test_what_is_too_much_or_too_little_is_refused(text: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read_device_message(text)
    assert len(str(refused.value)) < 300, "and is not repeated"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"type":"log","level":"in\\nfo","message":"a\\u0000b\\u202ec\\n"}', ("in\ufffdfo", "a\ufffdb\ufffdc")),
        ('{"type":"log","level":"info","message":"سلام\\u200cها"}', ("info", "سلام\u200cها")),
        ('{"type":"log","level":"a","level":"b","message":"one","message":"two"}', ("b", "two")),
    ],
)
def test_texts_are_made_plain(text: str, said: tuple[str, str]) -> None:
    message: Any = read_device_message(text)
    assert (message.level, message.message) == said
