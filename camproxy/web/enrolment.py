"""Where devices that nobody knows yet come in: /register and /public/tokens."""

from __future__ import annotations

import time

from flask import Blueprint, g, request
from flask.typing import ResponseReturnValue
from limits import parse
from sqlalchemy import or_
from werkzeug.exceptions import RequestEntityTooLarge

from camproxy.clock import iso
from camproxy.enrolment import CODE
from camproxy.errors import BadRequest, Forbidden, RateLimited
from camproxy.messages import read_register
from camproxy.new_devices import address_of
from camproxy.rows import config_of
from camproxy.web.guards import ANYONE, NEW_DEVICE, allow
from camproxy.web.login import limiter
from camproxy.web.review import follow_devices, review_access
from camproxy.web.services import services
from models import KINDS, Camera, Device, db

bp = Blueprint("enrolment", __name__)

#: The largest body that is looked at. Bytes.
LARGEST = 2048
#: How often one device may try its code, from whichever addresses.
CODES_OF_ONE = parse("30 per minute")
#: No refusal goes out sooner, that its time may not tell what was wrong. Seconds.
REFUSED_AFTER = 0.1


def enrol_limit() -> str:
    return services().settings.enrol_limit


@bp.post("/register")
@allow(NEW_DEVICE)
@limiter.limit(enrol_limit)
def register() -> ResponseReturnValue:
    """201 `{"device_id", "api_key", "ws_path"}`. The key is told this once."""
    asked = read_register(small_body())
    if CODE.fullmatch(asked.token) and not limiter.limiter.hit(CODES_OF_ONE, "code of", asked.mac):
        raise RateLimited("Too many attempts. Wait a minute and try again.")
    try:
        given = services().enrolment.redeem(asked, request.remote_addr or "", encrypted=request.is_secure)
    except Forbidden:
        time.sleep(max(0.0, g.begun + REFUSED_AFTER - time.monotonic()))
        raise
    return {"device_id": given.device_id, "api_key": given.api_key, "ws_path": given.ws_path}, 201


def appear(device: Device) -> None:
    """A listener of Enrolment: what was written about a device that was let in shall run."""
    follow_devices()
    its = or_(Camera.url == address_of(device), Camera.pico_id == device.id)
    for row in db.session.scalars(db.select(Camera).where(its)):
        services().cameras.put(config_of(row))
    review_access()


def small_body() -> bytes:
    """Raises RequestEntityTooLarge."""
    request.max_content_length = LARGEST + 1
    body = request.get_data(cache=False)
    if len(body) > LARGEST:  # Werkzeug cuts off a body that did not say its length
        raise RequestEntityTooLarge
    return body


@bp.get("/public/tokens")
@allow(ANYONE)
@limiter.limit(enrol_limit)
def public_token() -> ResponseReturnValue:
    """A one-time token, while an admin has a window open to the network; never a key."""
    kind = request.args.get("kind")
    if kind is not None and kind not in KINDS:
        raise BadRequest("must be one of %(known)s", where="kind", known=", ".join(KINDS))
    window, token = services().pairing.network_token(kind, request.remote_addr or "", encrypted=request.is_secure)
    return {"kind": window.kind, "token": token, "expires_at": iso(window.expires_at.timestamp())}
