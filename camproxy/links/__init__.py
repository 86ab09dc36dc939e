"""Connections to devices. Knows neither Flask nor the database.

A new kind of camera is a new file here and one row in SCHEMES.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from camproxy.addresses import device_of
from camproxy.errors import BadRequest, ChannelError
from camproxy.links.channel import Channel
from camproxy.links.demo import DemoChannel
from camproxy.links.mjpeg import MjpegChannel
from camproxy.links.websocket import WebSocketChannel

HIDDEN = "•••"


@dataclass(frozen=True, slots=True)
class Scheme:
    """`on_demand`: opening is asking for frames. `steers`: commands can go down the same connection."""

    open: Callable[[str, int], Channel]
    on_demand: bool = False
    steers: bool = True


def no_dialling(url: str, largest: int) -> Channel:
    raise ChannelError("no_device", "a device that dials in cannot be dialled")


SCHEMES = {
    "ws": Scheme(WebSocketChannel),
    "wss": Scheme(WebSocketChannel),
    "http": Scheme(MjpegChannel, on_demand=True, steers=False),
    "https": Scheme(MjpegChannel, on_demand=True, steers=False),
    "device": Scheme(no_dialling),
    "demo": Scheme(lambda url, _largest: DemoChannel(urlsplit(url).path)),
}


def scheme_of(url: str) -> Scheme:
    """The row for a camera's address. Raises BadRequest with what is allowed."""
    try:
        parts = urlsplit(url)
        known = parts.scheme in SCHEMES and (
            parts.scheme == "demo" or device_of(url) is not None or bool(parts.hostname and parts.port != 0)
        )
    except ValueError:
        known = False
    if not known or any(ord(character) <= 32 for character in url):
        raise BadRequest("The address must look like ws://192.168.1.100:80/ws, http://192.168.1.100:81/stream or demo:")
    return SCHEMES[parts.scheme]


def open_channel(url: str, largest: int) -> Channel:
    """Dial `url`. Messages over `largest` bytes will be refused. Raises ChannelError."""
    return scheme_of(url).open(url, largest)


def without_password(url: str) -> str:
    """The same address with the password hidden, to be shown or logged."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=f"{parts.username}:{HIDDEN}@{parts.netloc.rpartition('@')[2]}"))


def with_password_of(url: str, earlier: str) -> str:
    """`url` with the hidden password put back from `earlier`, for an address that was shown and came back edited."""
    parts, before = urlsplit(url), urlsplit(earlier)
    if parts.password != HIDDEN or before.password is None or parts.hostname != before.hostname:
        return url
    return urlunsplit(parts._replace(netloc=f"{parts.username}:{before.password}@{parts.netloc.rpartition('@')[2]}"))
