"""Images: what they say of themselves, and that what is no whole image for an ESP32 is refused."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from camproxy.errors import BadRequest
from camproxy.firmware_image import LARGEST, ImageFacts, folded, read_image
from scripts.sign_firmware import main
from tests.images import descriptor, firmware, image
from tests.running import PROJECT


def test_our_own_mark_comes_before_the_descriptor() -> None:
    assert read_image(firmware("1.4.0-rc1")) == ImageFacts("1.4.0-rc1", "CamProxy")


def test_the_descriptor_of_others_is_read() -> None:
    assert read_image(image(descriptor("2.0", "blink"), b"code")) == ImageFacts("2.0", "blink")
    assert read_image(image(descriptor("2.0", "bl\x07\x1bink"), b"code")).project == "blink"


def test_arduinos_own_version_is_nobodys() -> None:
    assert read_image(image(descriptor("esp-idf: v4.4.7"), b"code")).version == ""


def test_an_image_without_a_descriptor_says_nothing() -> None:
    assert read_image(image(b"just code", hashed=False)) == ImageFacts("", "")


def test_what_a_build_leaves_in_its_image_is_found() -> None:
    """The mark is in the very program that the tests run."""
    from tests.firmware.esp32cam import build, skip_without

    skip_without()
    version = (PROJECT / "esp32/core/messages.h").read_text().split("camproxy-firmware esp32cam ")[1].split('"')[0]
    assert f"camproxy-firmware esp32cam {version}\0".encode() in (build("sim") / "esp32cam").read_bytes()


GOOD = firmware("1.0.0", size=4000)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xe9",
        b"MZ" + bytes(5000),
        GOOD[:-1],
        GOOD[:2000],
        GOOD[:24],
        GOOD + b"\0",
        image(descriptor(), b"code", chip=9),
        image(),
        bytes([0xE9, 255]) + GOOD[2:],
        GOOD[:28] + b"\xff\xff\xff\xff" + GOOD[32:],
        image(bytes(LARGEST)),
    ],
    ids=lambda data: f"{len(data)} bytes",
)
def test_what_is_no_whole_image_is_refused(data: bytes) -> None:
    with pytest.raises(BadRequest):
        read_image(data)


def test_whatever_byte_was_changed_is_noticed() -> None:
    chance = random.Random(1)
    for at in [*chance.sample(range(24, len(GOOD)), 300), 0, 1, 12]:
        changed = bytearray(GOOD)
        changed[at] ^= 1 << chance.randrange(8)
        with pytest.raises(BadRequest):
            read_image(bytes(changed))


def test_folding_is_the_exclusive_or_of_all_bytes() -> None:
    for data in (b"", b"a", b"ab", b"abc", bytes(range(256)), random.Random(2).randbytes(1001)):
        expected = 0
        for byte in data:
            expected ^= byte
        assert folded(data) == expected


def test_a_key_is_made_once_and_signs_what_openssl_verifies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key, built = tmp_path / "firmware.key", tmp_path / "firmware.bin"
    assert main(["--make-key", str(key)]) == 0
    assert key.stat().st_mode & 0o777 == 0o600
    lines = capsys.readouterr().out
    public = "".join(part.replace("\\n", "\n") for part in lines.split('"')[1::2])
    loaded = serialization.load_pem_public_key(public.encode())
    assert isinstance(loaded, ec.EllipticCurvePublicKey)
    assert main(["--make-key", str(key)]) == 1
    built.write_bytes(GOOD)
    assert main(["--key", str(key), str(built)]) == 0
    assert "1.0.0" in capsys.readouterr().out
    (tmp_path / "public.pem").write_text(public)
    decoded = subprocess.run(["base64", "-d", tmp_path / "firmware.bin.sig"], capture_output=True, check=True).stdout
    loaded.verify(decoded, GOOD, ec.ECDSA(hashes.SHA256()))
    (tmp_path / "signature").write_bytes(decoded)
    verify = ["openssl", "dgst", "-sha256", "-verify", tmp_path / "public.pem", "-signature", tmp_path / "signature"]
    assert subprocess.run([*verify, built], capture_output=True, check=False).returncode == 0
    built.write_bytes(GOOD[:-1])
    assert main(["--key", str(key), str(built)]) == 1
    assert main(["--key", str(built), str(built)]) == 1
    assert main(["--key", str(tmp_path / "none"), str(built)]) == 1


def test_the_script_says_how_it_is_called() -> None:
    script = [sys.executable, PROJECT / "scripts/sign_firmware.py"]
    assert subprocess.run([*script, "--help"], capture_output=True, check=False).returncode == 0
    assert subprocess.run(script, capture_output=True, check=False).returncode == 2
