"""What travels: every message of a browser and of a device, validated once, here.

docs/protocol.md describes the same messages; a test holds the two together.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic_core
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

from camproxy.errors import N_, BadRequest
from camproxy.macs import normal_mac

# strict: a boolean is no number and a text is none, whatever Python or JSON would make of them.
Angle = Annotated[int, Field(strict=True, ge=0, le=180)]
Step = Annotated[int, Field(strict=True, ge=1, le=90)]
Slot = Annotated[int, Field(strict=True, ge=1, le=9)]
Switch = Annotated[bool, Field(strict=True)]
Rate = Annotated[float, Field(strict=True, ge=0.1, le=60, allow_inf_nan=False)]
CameraKey = Annotated[str, StringConstraints(max_length=80)] | Annotated[int, Field(strict=True, ge=1)]
Direction = Literal["up", "down", "left", "right", "center"]
Kind = Literal["esp32cam", "pico"]


def printable(text: str) -> str:
    """Names are shown to people: no control characters, and none that turn the text around them (bidi)."""
    if not all(character.isprintable() or character == "\u200c" for character in text):
        raise ValueError(N_("must not have control characters"))
    return text


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80), AfterValidator(printable)]


def mac(text: str) -> str:
    try:
        return normal_mac(text)
    except ValueError:
        raise ValueError(N_("must be the MAC address of one device, such as 24:0A:C4:12:34:56")) from None


Mac = Annotated[str, StringConstraints(strip_whitespace=True, max_length=40), AfterValidator(mac)]


class Message(BaseModel):
    """Fields that are not described are ignored, so that newer programs can talk to older servers."""

    model_config = ConfigDict(extra="ignore", frozen=True)


# Browser → server


class ForCamera(Message):
    camera: CameraKey | None = None


class Subscribe(ForCamera):
    format: Literal["base64", "binary", "none"] = "base64"
    max_fps: Rate | None = None


class FrameAck(ForCamera):
    seq: Annotated[int, Field(strict=True, ge=0)]


class ServoCommand(ForCamera):
    command: Direction
    step: Step = 10


class PositionCommand(ForCamera):
    x: Angle
    y: Angle


class LightCommand(ForCamera):
    state: Switch


class PresetCommand(ForCamera):
    preset: Slot


class ControlRequest(ForCamera):
    take_over: Switch = False


class FollowDevice(Message):
    """Whose log a page wants to hear; none to hear no more."""

    device: Annotated[int, Field(strict=True, ge=1)] | None = None


class Hello(Message):
    """The payload of a Socket.IO connection."""

    subscribe: Switch = True


class Nothing(Message):
    """An event without a payload."""


BROWSER_EVENTS: dict[str, type[Message]] = {
    "subscribe": Subscribe,
    "unsubscribe": ForCamera,
    "frame_ack": FrameAck,
    "servo_command": ServoCommand,
    "position_command": PositionCommand,
    "get_position": ForCamera,
    "light_command": LightCommand,
    "preset_command": PresetCommand,
    "control_request": ControlRequest,
    "control_release": ForCamera,
    "follow_device": FollowDevice,
    "clock": Nothing,
}


# Device → server


def plain(text: str) -> str:
    """What a board says is kept and shown: nothing in it writes lines of its own or turns the text around it (bidi)."""
    return "".join(
        character if character.isprintable() or character == "\u200c" else "\N{REPLACEMENT CHARACTER}"
        for character in text.strip()
    )


# A real servo can be commanded to 0…180; a board may count in tenths.
Degrees = Annotated[float, Field(strict=True, ge=-360, le=360, allow_inf_nan=False)]
ShortText = Annotated[str, StringConstraints(max_length=500), AfterValidator(plain)]
# Up to what a browser's number, which is a double, can count.
Count = Annotated[int, Field(strict=True, ge=0, le=2**53)]
MessageId = Annotated[str, StringConstraints(max_length=64)] | Annotated[int, Field(strict=True)]


class Connect(Message):
    """`trial`: its firmware has still to prove itself. `update_error`: why it has not the one that it was told of."""

    type: Literal["connect"]
    device: ShortText
    version: ShortText | None = None
    timestamp: ShortText | None = None
    trial: Switch = False
    update_error: ShortText | None = None
    reset_reason: ShortText | None = None
    uptime_ms: Annotated[int, Field(strict=True, ge=0)] | None = None
    servo1_angle: Degrees | None = None
    servo2_angle: Degrees | None = None


class Ack(Message):
    type: Literal["ack"]
    command: ShortText
    status: Literal["success", "error"]
    id: MessageId | None = None
    detail: ShortText = ""


class KindAck(Message):
    """The source's own shape: the kind is the type."""

    type: Literal["servo", "light"]
    status: Literal["success", "error"]
    id: MessageId | None = None
    detail: ShortText = ""

    @property
    def command(self) -> str:
        return self.type


class Position(Message):
    type: Literal["position"]
    servo1: Degrees
    servo2: Degrees
    id: MessageId | None = None


class ServoEcho(Message):
    """The source's answer to `servo_command_log`: only that it has read it."""

    type: Literal["servo_command"]


class Motion(Message):
    """What the PIR sees."""

    type: Literal["motion"]
    state: Switch


class Heartbeat(Message):
    type: Literal["heartbeat"]
    trial: Switch = False
    uptime_ms: Count | None = None
    free_heap: Count | None = None
    largest_block: Count | None = None
    rssi: Annotated[int, Field(strict=True, ge=-150, le=50)] | None = None
    temperature: Annotated[float, Field(strict=True, ge=-100, le=200, allow_inf_nan=False)] | None = None
    frames_sent: Count | None = None
    frames_skipped: Count | None = None
    reset_reason: ShortText | None = None


class Log(Message):
    type: Literal["log"]
    level: Annotated[str, StringConstraints(max_length=20), AfterValidator(plain)]
    message: ShortText


class Pong(Message):
    type: Literal["pong"]
    id: MessageId | None = None


class Register(Message):
    """What a device that wants to enrol posts. `token` may be the code of 8 digits that it shows."""

    token: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    kind: Kind
    mac: Mac
    name: Name | None = None
    firmware: Annotated[str, StringConstraints(max_length=40), AfterValidator(printable)] = ""
    nonce: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None


DeviceMessage = Annotated[
    Connect | Ack | KindAck | Position | ServoEcho | Motion | Heartbeat | Log | Pong,
    Field(discriminator="type"),
]
_device_message: TypeAdapter[DeviceMessage] = TypeAdapter(DeviceMessage)

#: Largest text taken from a device, in characters.
LONGEST_DEVICE_TEXT = 8192


def read_json(text: str | bytes) -> Any:
    """JSON without NaN, Infinity or endless nesting. Raises BadRequest."""
    try:
        return pydantic_core.from_json(text, allow_inf_nan=False, cache_strings=False)
    except (ValueError, TypeError) as error:  # TypeError: half of a surrogate pair, which is no text
        raise BadRequest("That is not JSON: %(why)s", why=error) from None


def read_browser_event(event: str, payload: Any) -> Message:
    """Validate what a browser sent with `event`. Raises BadRequest with a sentence that names the field."""
    if payload is None:
        payload = {}
    try:
        return BROWSER_EVENTS[event].model_validate(payload)
    except ValidationError as error:
        raise refusal(error) from None


def read_device_message(text: str) -> DeviceMessage:
    """Validate a device's JSON text. Raises BadRequest; the device's kind of message may simply be unknown."""
    if len(text) > LONGEST_DEVICE_TEXT:
        raise BadRequest(
            "A text may have %(most)s characters, not %(length)s.", most=LONGEST_DEVICE_TEXT, length=len(text)
        )
    try:
        return _device_message.validate_python(read_json(text))
    except ValidationError as error:
        raise refusal(error) from None


def read_register(body: bytes) -> Register:
    """Raises BadRequest with a sentence that names the field."""
    try:
        return Register.model_validate(read_json(body))
    except ValidationError as error:
        raise refusal(error) from None


#: What a person may run into at a form. The rest only programs get wrong: those read pydantic's own English.
SENTENCES = {
    "missing": N_("must have a value"),
    "string_too_short": N_("must have at least %(min_length)s characters"),
    "string_too_long": N_("must have at most %(max_length)s characters"),
    "greater_than_equal": N_("must be at least %(ge)s"),
    "less_than_equal": N_("must be at most %(le)s"),
}


def refusal(error: ValidationError) -> BadRequest:
    """The first thing that is wrong, with the field's name. What was sent is not repeated."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    context = first.get("ctx", {})
    if sentence := SENTENCES.get(first["type"]):
        return BadRequest(sentence, where=where, **context)
    # One of our own validators says in its own words what is wrong.
    own_words = str(context["error"]) if "error" in context else first["msg"]
    return BadRequest(own_words, where=where)
