"""Images for ESP32s, built as esptool builds them, and keys that sign them."""

from __future__ import annotations

import base64
import functools
import hashlib
import operator
import struct
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def descriptor(version: str = "", project: str = "arduino-lib-builder") -> bytes:
    """esp_app_desc_t; under Arduino it has the name and the version of Arduino's own libraries."""
    texts = [version or "esp-idf: v4.4.7", project, "10:00:00", "Nov 21 2026", "v4.4.7"]
    fields = [text.encode().ljust(size, b"\0") for text, size in zip(texts, (32, 32, 16, 16, 32), strict=True)]
    return struct.pack("<II8x", 0xABCD5432, 0) + b"".join(fields) + bytes(32 + 80)


def image(*segments: bytes, chip: int = 0, hashed: bool = True) -> bytes:
    """Of these segments."""
    data = struct.pack("<BBBBIB3xHB8xB", 0xE9, len(segments), 2, 0x20, 0x40080000, 0xEE, chip, 0, hashed)
    for segment in segments:
        data += struct.pack("<II", 0x3F400020, len(segment)) + segment
    checksum = functools.reduce(operator.xor, b"".join(segments), 0xEF)
    data += bytes(15 - len(data) % 16) + bytes([checksum])
    return data + hashlib.sha256(data).digest() if hashed else data


def firmware(version: str, more: bytes = b"", size: int = 100_000) -> bytes:
    """One of CamProxy's, of about that size."""
    mark = f"camproxy-firmware esp32cam {version}".encode() + b"\0"
    filling = hashlib.shake_128(version.encode() + more).digest(size // 4 * 4)
    return image(descriptor() + mark.ljust(64, b"\0"), more.ljust(64, b"\0") + filling)


@dataclass
class Signer:
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls) -> Signer:
        return cls(ec.generate_private_key(ec.SECP256R1()))

    def sign(self, data: bytes) -> str:
        return base64.b64encode(self.key.sign(data, ec.ECDSA(hashes.SHA256()))).decode()

    def public(self, file: Path) -> Path:
        """The public key, in that file."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        file.write_bytes(self.key.public_key().public_bytes(serialization.Encoding.PEM, form))
        return file
