"""What a board can be told to be like: the fields, what they may be, and what they are if nobody chose.

docs/protocol.md describes the same fields; a test holds the two together.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from camproxy.errors import N_
from camproxy.messages import Angle, Message, Switch, refusal


class DeviceConfig(Message):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Esp32CamConfig(DeviceConfig):
    """`framesize` as esp32-camera names them; `quality` as it counts: smaller is better and larger in bytes.

    With `pir`, motion wakes the camera; with `sleep` it sleeps `stream_seconds` after the last motion. With `light`,
    the lamp is on while it streams because of motion.
    """

    framesize: Literal["QQVGA", "QVGA", "CIF", "HVGA", "VGA", "SVGA", "XGA", "HD", "SXGA", "UXGA"] = "SVGA"
    quality: Annotated[int, Field(strict=True, ge=4, le=63)] = 12
    fps: Annotated[int, Field(strict=True, ge=1, le=25)] = 10
    stream_seconds: Annotated[int, Field(strict=True, ge=5, le=3600)] = 30
    sleep: Switch = False
    pir: Switch = False
    light: Switch = False


class PicoConfig(DeviceConfig):
    """Degrees; `speed` in degrees a second; `detach_seconds` of rest until the servos are let go, 0 for never."""

    servo1_min: Angle = 0
    servo1_max: Angle = 180
    servo2_min: Angle = 0
    servo2_max: Angle = 180
    servo1_trim: Annotated[int, Field(strict=True, ge=-30, le=30)] = 0
    servo2_trim: Annotated[int, Field(strict=True, ge=-30, le=30)] = 0
    speed: Annotated[int, Field(strict=True, ge=10, le=600)] = 180
    detach_seconds: Annotated[int, Field(strict=True, ge=0, le=3600)] = 5

    @model_validator(mode="after")
    def _limits_rise(self) -> PicoConfig:
        if self.servo1_min >= self.servo1_max or self.servo2_min >= self.servo2_max:
            raise ValueError(N_("limits must rise and lie within 0…180"))
        return self


CONFIGS: dict[str, type[DeviceConfig]] = {"esp32cam": Esp32CamConfig, "pico": PicoConfig}


def whole_config(kind: str, chosen: dict[str, Any]) -> dict[str, Any]:
    """Every field, with what was chosen. Raises BadRequest with the name of the field that cannot be."""
    try:
        return CONFIGS[kind].model_validate(chosen).model_dump()
    except ValidationError as error:
        raise refusal(error) from None
