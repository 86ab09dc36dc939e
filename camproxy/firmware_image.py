"""What an image for an ESP32 says of itself, and whether it is whole.

https://docs.espressif.com/projects/esptool/en/latest/esp32/advanced-topics/firmware-image-format.html
"""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass

from camproxy.errors import BadRequest

#: A slot of the boards' partition table, min_spiffs.csv: what is larger fits nowhere. Bytes.
LARGEST = 0x1E0000
MAGIC, CHIP_ESP32 = 0xE9, 0
HEADER, SEGMENT_HEADER, MOST_SEGMENTS = 24, 8, 16
#: esp_app_desc_t, at the beginning of the first segment.
DESCRIPTOR = struct.Struct("<I4x8x32s32s16s16s32s")
DESCRIPTOR_MAGIC = 0xABCD5432
#: What our own firmware says, see esp32/core/messages.h. Under Arduino the descriptor is that of its own libraries.
MARK = re.compile(rb"camproxy-firmware esp32cam ([\x21-\x7e]{1,31})\0")
OF_ARDUINO = "arduino-lib-builder"


@dataclass(frozen=True)
class ImageFacts:
    """Each is empty where the image does not say it."""

    version: str
    project: str


def read_image(data: bytes) -> ImageFacts:
    """Raises BadRequest, with a sentence on what is wrong, for what is no whole image for an ESP32."""
    if len(data) > LARGEST:
        raise BadRequest("The image has %(size)s bytes; a board has room for %(most)s.", size=len(data), most=LARGEST)
    if len(data) < HEADER + SEGMENT_HEADER or data[0] != MAGIC:
        raise BadRequest("That is no image for an ESP32: it is the file firmware.bin that is wanted.")
    (chip,) = struct.unpack_from("<H", data, 12)
    if chip != CHIP_ESP32:
        raise BadRequest("That image is for another chip than the ESP32.")
    check_whole(data)
    return facts(data)


def check_whole(data: bytes) -> None:
    """The segments, the checksum over them and the hash over all are as the header promises. Raises BadRequest."""
    broken = BadRequest("The image is damaged or cut off. Build it again, or copy it again.")
    segments, hashed = data[1], data[23]
    if not 1 <= segments <= MOST_SEGMENTS or hashed > 1:
        raise broken
    at, checksum = HEADER, 0xEF
    for _ in range(segments):
        if at + SEGMENT_HEADER > len(data):
            raise broken
        (size,) = struct.unpack_from("<I", data, at + 4)
        at += SEGMENT_HEADER
        if size > len(data) - at:
            raise broken
        # The exclusive or of all bytes: that of the parts of a long number, which Python folds quickly.
        checksum ^= folded(data[at : at + size])
        at += size
    end = at + 16 - at % 16  # the last of these bytes is the checksum
    if len(data) != end + 32 * hashed or data[end - 1] != checksum:
        raise broken
    if hashed and hashlib.sha256(data[:end]).digest() != data[end:]:
        raise broken


def folded(data: bytes) -> int:
    """The exclusive or of all bytes."""
    while len(data) > 1:
        half = (len(data) + 1) // 2
        one, other = int.from_bytes(data[:half], "little"), int.from_bytes(data[half:], "little")
        data = (one ^ other).to_bytes(half, "little")
    return data[0] if data else 0


def facts(data: bytes) -> ImageFacts:
    if mark := MARK.search(data):
        return ImageFacts(mark[1].decode("ascii"), "CamProxy")
    at = HEADER + SEGMENT_HEADER
    if len(data) < at + DESCRIPTOR.size:
        return ImageFacts("", "")
    magic, version, project, *_ = DESCRIPTOR.unpack_from(data, at)
    if magic != DESCRIPTOR_MAGIC:
        return ImageFacts("", "")
    named = text(project)
    return ImageFacts("" if named == OF_ARDUINO else text(version), named)


def text(field: bytes) -> str:
    """What stands before the first zero, without what is no printable ASCII."""
    return "".join(chr(byte) for byte in field.split(b"\0")[0] if 0x20 <= byte <= 0x7E).strip()
