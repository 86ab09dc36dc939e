"""The link for devices, and its QR code as a phone reads it from a terminal. The page's is in browser/."""

from __future__ import annotations

import io

import pytest
import zxingcpp
from PIL import Image

from camproxy.pairing_link import pairing_link, qr

FINGERPRINT = ":".join(f"{number:02X}" for number in range(32))
LINK = pairing_link("https://192.168.1.20:5000/", "esp32cam", "a-token_of.22~characters", FINGERPRINT)


@pytest.mark.parametrize(
    ("server", "link"),
    [
        ("https://192.168.1.20:5000/", "camproxy://192.168.1.20:5000/?kind=pico&token=T-_t&tls=1&fingerprint=00ff"),
        (
            "https://cameras.example.org",
            "camproxy://cameras.example.org:443/?kind=pico&token=T-_t&tls=1&fingerprint=00ff",
        ),
        ("http://[2001:db8::7]:80/", "camproxy://[2001:db8::7]:80/?kind=pico&token=T-_t&tls=0"),
        ("http://camproxy.local", "camproxy://camproxy.local:80/?kind=pico&token=T-_t&tls=0"),
    ],
)
def test_what_it_says(server: str, link: str) -> None:
    assert pairing_link(server, "pico", "T-_t", "00:FF") == link


def test_a_phone_can_read_it_from_a_terminal() -> None:
    """Half blocks: each character is two squares, one above the other; light on a dark terminal."""
    said = io.StringIO()
    qr(LINK).terminal(said, compact=True)
    lines = said.getvalue().splitlines()
    squares = Image.new("L", (max(map(len, lines)), 2 * len(lines)), 0)
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            upper, lower = {" ": (0, 0), "▀": (255, 0), "▄": (0, 255), "█": (255, 255)}[character]
            squares.putpixel((column, 2 * row), upper)
            squares.putpixel((column, 2 * row + 1), lower)
    size = (4 * squares.width, 4 * squares.height)
    (found,) = zxingcpp.read_barcodes(squares.resize(size, Image.Resampling.NEAREST))
    assert found.text == LINK
