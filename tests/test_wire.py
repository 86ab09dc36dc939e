"""tests/wire: the server takes what boards may say, and says to boards what the examples say.

The boards' tests read the same files.
"""

from __future__ import annotations

import json
import re
import typing
from pathlib import Path
from typing import Any

import pytest

from camproxy.control.pan_tilt import Pose, servo_message
from camproxy.device_config import CONFIGS, whole_config
from camproxy.errors import BadRequest
from camproxy.messages import DeviceMessage, read_device_message
from camproxy.updates import Image
from camproxy.web.api.firmware import checked_signature

WIRE = Path(__file__).parent / "wire"
TO_SERVER = {file.stem: json.loads(file.read_text()) for file in sorted((WIRE / "to_server").glob("*.json"))}
TO_DEVICE = {file.stem: json.loads(file.read_text()) for file in sorted((WIRE / "to_device").glob("*.json"))}


def each(kind: str) -> list[Any]:
    return [
        pytest.param(name, message, id=f"{name}-{number}")
        for name, examples in TO_SERVER.items()
        for number, message in enumerate(examples[kind])
    ]


@pytest.mark.parametrize(("name", "message"), each("good"))
def test_the_server_takes_what_boards_may_say(name: str, message: dict[str, Any]) -> None:
    read = read_device_message(json.dumps(message))
    assert read.type == name
    for field, value in message.items():
        if field in type(read).model_fields:
            assert getattr(read, field) == value


@pytest.mark.parametrize(("name", "message"), each("bad"))
def test_the_server_does_not_take_what_they_may_not_say(name: str, message: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        read_device_message(json.dumps(message))


def test_every_message_of_a_board_has_an_example() -> None:
    models = typing.get_args(typing.get_args(DeviceMessage)[0])
    kinds = {kind for model in models for kind in typing.get_args(model.model_fields["type"].annotation)}
    assert set(TO_SERVER) == kinds


def test_every_message_to_a_board_has_an_example() -> None:
    document = (Path(__file__).parent.parent / "docs" / "protocol.md").read_text()
    listed: set[str] = set()
    for table in re.findall(r"^\| server → device.*?\n\n", document, re.M | re.S):
        listed |= set(re.findall(r"^\| `(\w+)` \|", table, re.M))
    assert listed
    assert {file.split("_pico")[0].split("_esp32cam")[0] for file in TO_DEVICE} >= listed


def test_the_server_moves_a_head_as_the_example_says() -> None:
    (first, *_) = TO_DEVICE["servo"]["good"]
    said = first["message"]
    assert {field: said[field] for field in ("type", "command")} == servo_message(Pose(90, 45))


def test_the_server_orders_an_update_as_the_example_says() -> None:
    (first,) = TO_DEVICE["update"]["good"]
    said = first["message"]
    image = Image(7, "1.1.0", said["size"], said["sha256"], said["signature"])
    assert {field: said[field] for field in image.order} == image.order
    assert checked_signature(said["signature"]) == said["signature"]


@pytest.mark.parametrize("kind", sorted(CONFIGS))
def test_the_server_and_the_boards_take_the_same_configurations(kind: str) -> None:
    examples = TO_DEVICE[f"config_{kind}"]
    for good in examples["good"]:
        whole_config(kind, good["message"]["config"])
    refused = [bad["config"] for bad in examples["bad"] if isinstance(bad.get("config"), dict)]
    assert refused
    for config in refused:
        with pytest.raises(BadRequest):
            whole_config(kind, config)


def test_the_examples_of_a_configuration_name_every_field() -> None:
    for kind, model in CONFIGS.items():
        assert TO_DEVICE[f"config_{kind}"]["good"][0]["message"]["config"].keys() == model.model_fields.keys()
