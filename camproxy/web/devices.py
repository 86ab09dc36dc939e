"""Where devices come in: /ws/esp32cam, /ws/pico and /ws. docs/protocol.md, "Devices", describes what is said there.

The handshake is always accepted and a refusal is a close code, as the source documents have it: boards know how to
read that. Before a device has shown its key nothing is read from it.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from contextlib import suppress

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from camproxy import rfc6455
from camproxy.addresses import client
from camproxy.camera import MESSAGE_HEADROOM
from camproxy.devices import Device
from camproxy.errors import BadRequest, ChannelError, RateLimited
from camproxy.links.accepted import NOT_AUTHORIZED, REFUSED, AcceptedChannel
from camproxy.web.edge import server_socket
from camproxy.web.guards import ANYONE, allow
from camproxy.web.review import running_device
from camproxy.web.services import services
from camproxy.web.viewers.handover import HandedOver, can_hand_over, dealt_with
from models import DeviceKey, db

log = logging.getLogger(__name__)

bp = Blueprint("devices", __name__)


class Refused(Exception):
    """Why a device may not come in, as a close code and its reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@bp.route("/ws/esp32cam", websocket=True, endpoint="esp32cam", defaults={"kind": "esp32cam"})
@bp.route("/ws/pico", websocket=True, endpoint="pico", defaults={"kind": "pico"})
@bp.route("/ws", websocket=True, endpoint="any", defaults={"kind": None})
@allow(ANYONE)
def dial_in(kind: str | None) -> ResponseReturnValue:
    opening = rfc6455.switching(websocket_key())
    try:
        device, credential = who_comes(kind)
    except Refused as refused:
        if not services().refusals.allow(client(request.remote_addr or "")):
            raise RateLimited("Too many attempts. Try again in a minute.") from None
        log.warning("%s: refused a device from %s: %s", request.path, request.remote_addr, refused.reason)
        return send_away(opening, refused)
    return let_in(device, credential, opening)


def websocket_key() -> str:
    """Raises BadRequest."""
    key = request.headers.get("Sec-WebSocket-Key", "")
    if request.headers.get("Sec-WebSocket-Version") != "13" or len(key) != 24:
        raise BadRequest("This address is for WebSockets of version 13.")
    return key


def who_comes(kind: str | None) -> tuple[Device, str]:
    """The device, and the hash of the key that it has shown. Raises Refused, or RateLimited for a restless one."""
    authorization = request.authorization
    if authorization is None or authorization.type != "bearer" or not authorization.token:
        raise Refused(NOT_AUTHORIZED, "Missing authorization")
    key = DeviceKey.shown(authorization.token)
    if key is None:
        raise Refused(NOT_AUTHORIZED, "Invalid token")
    if not key.device.enabled:
        raise Refused(REFUSED, "Revoked")
    if kind not in (None, key.device.kind):
        raise Refused(REFUSED, "Wrong device type")
    if not services().arrivals.allow(key.device_id):
        raise RateLimited("Too many attempts. Try again in a minute.")
    if key.used() | key.device.expire_config():
        db.session.commit()
    return running_device(key.device), key.sha256


def let_in(device: Device, credential: str, opening: bytes) -> Response:
    shared = services()
    address = request.remote_addr or ""

    def take(sock: socket.socket) -> AcceptedChannel:
        channel = AcceptedChannel(sock, shared.settings.frame_bytes * MESSAGE_HEADROOM, shared.linger, opening)
        device.arrive(channel, address, credential)  # first: whoever dials after the answer is the newer one
        with suppress(ChannelError):  # its link finds out
            channel.open()
        return channel

    return give_away(take)


def send_away(opening: bytes, refused: Refused) -> Response:
    linger = services().linger

    def take(sock: socket.socket) -> None:
        sock.setblocking(False)
        with suppress(OSError):
            sock.send(opening + rfc6455.close(refused.code, refused.reason))
        linger.keep(sock)

    return give_away(take)


def give_away(take: Callable[[socket.socket], AcceptedChannel | None]) -> Response:
    """Hand the connection over; or serve it here to its end, where it cannot be had."""
    if can_hand_over(request.environ):
        return HandedOver(take, 101)
    sock = server_socket(request.environ)
    assert sock is not None
    channel = take(sock.dup())
    db.session.remove()  # a device may stay for months
    if channel:
        services().sockets.leave(sock)
        channel.released.wait()
    return dealt_with(request.environ)
