"""What a pairing QR code says, and its picture. docs/protocol.md describes the text."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

import segno


def pairing_link(server: str, kind: str, token: str, fingerprint: str | None = None) -> str:
    """`camproxy://host:port/?kind=…&token=…&tls=1&fingerprint=…`

    `server` is its address for devices, `https://host[:port]`; `fingerprint` that of its certificate, if it is known.
    """
    parts = urlsplit(server)
    tls = parts.scheme == "https"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    said = {"kind": kind, "token": token, "tls": int(tls)}
    if tls and fingerprint:
        said["fingerprint"] = fingerprint.replace(":", "").lower()
    return f"camproxy://{host}:{parts.port or (443 if tls else 80)}/?{urlencode(said)}"


def qr(text: str) -> segno.QRCode:
    return segno.make_qr(text, error="m")


def qr_image(text: str) -> str:
    """An SVG as a data: URI, dark on white whatever the page's colours are: phones read no other."""
    uri: str = qr(text).svg_data_uri(scale=4, dark="#000", light="#fff", encode_minimal=False)
    return uri
