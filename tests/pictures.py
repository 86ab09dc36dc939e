"""JPEGs made with Pillow, and broken ones."""

from __future__ import annotations

from io import BytesIO

from PIL import Image


def jpeg(width: int = 64, height: int = 48, grey: int = 128, **options: object) -> bytes:
    out = BytesIO()
    Image.new("L", (width, height), grey).save(out, "JPEG", **options)
    return out.getvalue()
