#!/usr/bin/env python3
"""Make the key that signs firmware for the ESP32-CAM, and sign images with it.

    python scripts/sign_firmware.py --make-key firmware.key        once; put what it prints into esp32/src/own_keys.h
    python scripts/sign_firmware.py --key firmware.key firmware.bin

The key belongs where firmware is built, not on the server: whoever has it can put any program onto every board that
knows it. Keep a copy in another place: without it boards that are out there take no firmware over the air any more. The
signature is printed, for the page *Firmware*, and written beside the image as firmware.bin.sig. It ends with 0 when
that was done and with 1, and a sentence, when it was not.
"""

from __future__ import annotations

import argparse
import base64
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from camproxy.errors import BadRequest
from camproxy.firmware_image import read_image


class Refused(Exception):
    """It was not done; the text says why."""


def main(arguments: list[str] | None = None) -> int:
    options = read_options(arguments)
    try:
        if options.make_key:
            make_key(options.make_key)
        else:
            sign(options.key, options.image)
    except (Refused, BadRequest) as error:
        return refuse(str(error))
    except OSError as error:
        return refuse(f"{error.filename}: {error.strerror}")
    return 0


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--make-key", type=Path, metavar="FILE", help="make a private key; a file that is there stays")
    parser.add_argument("--key", type=Path, metavar="FILE", help="the private key to sign with")
    parser.add_argument("image", nargs="?", type=Path, help="firmware.bin, as it was built")
    options = parser.parse_args(arguments)
    if bool(options.make_key) == bool(options.key and options.image):
        parser.error("either --make-key FILE, or --key FILE and an image")
    return options


def make_key(file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with open(file, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
        out.write(text)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    lines = "\n".join(f'    "{line}\\n"' for line in public.decode().splitlines())
    print(f"// for esp32/src/own_keys.h\nconstexpr const char* kUpdateKey =\n{lines};")


def sign(key_file: Path, image: Path) -> None:
    try:
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
    except (ValueError, TypeError):
        raise Refused(f"{key_file} is no private key in PEM, or has a password") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Refused(f"{key_file} is no key of ECDSA P-256")
    data = image.read_bytes()
    found = read_image(data)
    signature = base64.b64encode(key.sign(data, ec.ECDSA(hashes.SHA256()))).decode()
    image.with_name(f"{image.name}.sig").write_text(signature + "\n")
    print(f"version    {found.version or '(the image does not say)'}\nsignature  {signature}")


def refuse(why: str) -> int:
    print(f"It was not done: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
