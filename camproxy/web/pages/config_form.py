"""The configuration form of a board: each field with its limits from device_config.py, and words for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from camproxy.device_config import CONFIGS
from camproxy.errors import N_

#: Label and help of each field, by its name.
WORDS: dict[str, tuple[str, str]] = {
    "framesize": (
        N_("Picture size"),
        N_("Larger pictures show more, and need more Wi-Fi, memory and time. SVGA is 800 × 600."),
    ),
    "quality": (
        N_("Compression"),
        N_("A lower number looks better and makes larger pictures. 10 to 20 suits most."),
    ),
    "fps": (N_("Pictures per second"), N_("At most; a weak signal makes it fewer.")),
    "stream_seconds": (
        N_("Stays awake after motion, in seconds"),
        N_("Only for a board that sleeps: how long it sends pictures after the last motion."),
    ),
    "sleep": (N_("Sleep when nothing moves"), N_("Saves a battery. While it sleeps, nobody can watch.")),
    "pir": (N_("Motion sensor"), N_("It has a PIR sensor, which wakes it.")),
    "light": (N_("Lamp on at motion"), N_("The lamp is on while it sends pictures because of motion.")),
    "servo1_min": (N_("Pan from"), N_("In degrees: the head never turns further, whoever asks.")),
    "servo1_max": (N_("Pan to"), ""),
    "servo2_min": (N_("Tilt from"), N_("In degrees: the head never tilts further, whoever asks.")),
    "servo2_max": (N_("Tilt to"), ""),
    "servo1_trim": (N_("Correction of pan"), N_("In degrees, for a servo that was mounted slightly turned.")),
    "servo2_trim": (N_("Correction of tilt"), N_("In degrees, for a servo that was mounted slightly turned.")),
    "speed": (N_("Speed"), N_("In degrees a second. Slower is quieter and shakes the picture less.")),
    "detach_seconds": (
        N_("Let the servos go after, in seconds"),
        N_("They hum no more then, and may sag a little. 0 means never."),
    ),
}


@dataclass(frozen=True, slots=True)
class Field:
    """`label` and `help` are message keys. `choices` for one of several words, `least` and `most` for a number."""

    name: str
    label: str
    help: str
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None

    @property
    def is_switch(self) -> bool:
        return not self.choices and self.least is None


def fields(kind: str) -> list[Field]:
    """Of the boards of that kind, in their order."""
    properties = CONFIGS[kind].model_json_schema()["properties"]
    return [field(name, schema) for name, schema in properties.items()]


def field(name: str, schema: dict[str, Any]) -> Field:
    label, help = WORDS[name]
    return Field(name, label, help, tuple(schema.get("enum", ())), schema.get("minimum"), schema.get("maximum"))


def defaults(kind: str) -> dict[str, Any]:
    return CONFIGS[kind]().model_dump()
