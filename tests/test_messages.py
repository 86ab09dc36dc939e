from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camproxy.errors import BadRequest
from camproxy.messages import (
    BROWSER_EVENTS,
    Ack,
    KindAck,
    Message,
    Position,
    PositionCommand,
    ServoCommand,
    read_browser_event,
    read_device_message,
)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


def test_the_card_s_events() -> None:
    assert read_browser_event("servo_command", {"command": "up"}) == ServoCommand(command="up")
    assert read_browser_event("position_command", {"x": 90, "y": 45}) == PositionCommand(x=90, y=45)
    read_browser_event("get_position", None)
    read_browser_event("light_command", {"state": True})


BAD_NUMBERS = [True, False, "90", None, [], {}, -1, 181, 1e300, float("nan"), float("inf"), -float("inf"), 90.5]


@pytest.mark.parametrize("value", BAD_NUMBERS, ids=str)
def test_what_is_no_angle_is_refused_with_the_field_s_name(value: Any) -> None:
    with pytest.raises(BadRequest, match="x"):
        read_browser_event("position_command", {"x": value, "y": 45})


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("servo_command", {"command": "sideways"}),
        ("servo_command", {"command": "up", "step": True}),
        ("servo_command", {"command": "up", "step": 0}),
        ("servo_command", "up"),
        ("servo_command", []),
        ("light_command", {"state": 1}),
        ("light_command", {"state": "true"}),
        ("light_command", {}),
        ("preset_command", {"preset": 10}),
        ("subscribe", {"format": "gif"}),
        ("subscribe", {"max_fps": float("nan")}),
        ("frame_ack", {"seq": -1}),
        ("position_command", {"x": 1, "y": 1, "camera": "x" * 1000}),
        ("position_command", {"x": 1, "y": 1, "camera": True}),
    ],
)
def test_bad_payloads_are_refused(event: str, payload: Any) -> None:
    with pytest.raises(BadRequest):
        read_browser_event(event, payload)


@given(st.sampled_from(sorted(BROWSER_EVENTS)), anything)
def test_no_payload_does_more_than_be_refused(event: str, payload: Any) -> None:
    try:
        accepted = read_browser_event(event, payload)
    except BadRequest:
        return
    assert isinstance(accepted, BROWSER_EVENTS[event])


def test_the_device_s_messages_in_both_shapes() -> None:
    new = read_device_message('{"type":"ack","id":"a1","command":"servo","status":"success","detail":"X=90°, Y=45°"}')
    assert isinstance(new, Ack)
    old = read_device_message('{"type":"servo","status":"error","detail":"stuck"}')
    assert isinstance(old, KindAck)
    assert (old.command, old.id) == ("servo", None)
    position = read_device_message('{"type":"position","servo1":90,"servo2":45.5}')
    assert isinstance(position, Position)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "{",
        "[" * 200_000,
        '{"a":' * 100_000,
        '{"type":"position","servo1":NaN,"servo2":1}',
        '{"type":"position","servo1":Infinity,"servo2":1}',
        '{"type":"position","servo1":true,"servo2":1}',
        '{"type":"position","servo1":"90","servo2":1}',
        '{"type":"position","servo1":1e99,"servo2":1}',
        '{"type":"unheard of"}',
        '{"no":"type"}',
        "[]",
        "null",
        json.dumps({"type": "log", "level": "info", "message": "x" * 100_000}),
    ],
    ids=lambda text: text[:40],
)
def test_bad_device_messages_are_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        read_device_message(text)


@given(st.text(max_size=200) | anything.map(lambda value: json.dumps(value)))
def test_no_device_text_does_more_than_be_refused(text: str) -> None:
    try:
        accepted = read_device_message(text)
    except BadRequest:
        return
    assert isinstance(accepted, Message)
