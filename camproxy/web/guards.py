"""Guards: every route and every event says who may use it. What says nothing is closed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf.csrf import CSRFProtect

from camproxy.access import at_least, level, managed_devices
from camproxy.errors import Forbidden, NotFound, Unauthorized, Unavailable
from camproxy.web.errors import wants_page
from camproxy.web.services import services
from models import Camera, Device, DeviceKey, Recording, User, db

log = logging.getLogger(__name__)

ANYONE, LOGIN, ADMIN, SEE, STEER = "anyone", "login", "admin", "may see", "may steer"
MANAGE, ITSELF = "may manage", "the device, or who may manage it"
#: Only a device, with its key.
DEVICE = "the device"
#: A board that nobody knows yet, and no page: a cookie counts for nothing, so there is no proof to be asked for.
NEW_DEVICE = "new device"
NEEDED_LEVEL = {SEE: "view", STEER: "control"}
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
#: Answers 503 by itself while the server stops.
TELLS_OF_THE_STOP = {"health.health"}

csrf = CSRFProtect()
View = TypeVar("View", bound=Callable[..., Any])


def allow(who: str) -> Callable[[View], View]:
    """Say who may use a view: ANYONE, LOGIN, ADMIN; SEE and STEER for the camera or recording that its path names.

    MANAGE for the device that its path names, if it names one; ITSELF for a device with its key, besides; DEVICE for
    that alone.
    NEW_DEVICE for one that has none yet.
    """

    def mark(view: View) -> View:
        view.allowed = who  # type: ignore[attr-defined]
        return view

    return mark


def takes(mimetype: str, most: int) -> Callable[[View], View]:
    """Say that a view reads a body of that type and up to `most` bytes itself; others go with MESSAGE_BYTES."""

    def mark(view: View) -> View:
        view.takes = mimetype, most  # type: ignore[attr-defined]
        return view

    return mark


def allowed_of(app: Flask, endpoint: str) -> str | None:
    if endpoint == "static":
        return ANYONE
    return getattr(app.view_functions[endpoint], "allowed", None)


def guard() -> ResponseReturnValue | None:
    """Before every request. Raises Unauthorized, Forbidden or NotFound; sends a person's browser to the log-in form.

    While the server stops it raises Unavailable for all: what a request needs may have ended already.
    """
    if services().runtime.stopping and request.endpoint not in TELLS_OF_THE_STOP:
        raise Unavailable("The server is stopping.")
    if request.endpoint is None:
        return None  # no such route: 404 or 405 follows
    who = allowed_of(current_app, request.endpoint)
    if who is None:
        log.error("%s says nothing about who may use it", request.endpoint)
        raise Forbidden("This address is closed.")
    if who == NEW_DEVICE:
        refuse_pages()
        return None
    # Before anything looks at the body.
    mimetype, most = getattr(current_app.view_functions[request.endpoint], "takes", ("", 0))
    if mimetype and request.mimetype == mimetype:
        request.max_content_length = most
    if who in (ITSELF, DEVICE) and (key := shown_key()):
        g.device_row, g.by_token, g.by_device = key.device, True, True
    elif who == DEVICE:
        raise Unauthorized("This address is for devices, with their key.")
    elif who != ANYONE:
        if not current_user.is_authenticated:
            if wants_page():
                return redirect(url_for("auth.login", next=request.full_path.rstrip("?")))
            raise Unauthorized("Log in first.")
        if who == ADMIN and not current_user.is_admin:
            raise Forbidden("Only an admin may do that.")
        if who in (MANAGE, ITSELF):
            g.by_device = False
            g.device_row = managed_device((request.view_args or {}).get("device", request.args.get("device")))
    # A token is not sent by a browser on its own, as a cookie is; so only cookies need the proof that our page asked.
    if request.method in UNSAFE and not g.get("by_token"):
        csrf.protect()
    if who in NEEDED_LEVEL:
        named = request.view_args or {}
        if "recording_id" in named:
            g.recording_row = recording_for(current_user, named["recording_id"], NEEDED_LEVEL[who])
        else:
            g.camera_row = camera_for(current_user, named["camera"], NEEDED_LEVEL[who])
    return None


def shown_key() -> DeviceKey | None:
    """The key of a device, in the header of the request. Raises Unauthorized for one that is none (any more)."""
    authorization = request.authorization
    if current_user.is_authenticated or authorization is None or authorization.type != "bearer":
        return None
    key = DeviceKey.shown(authorization.token or "")
    if key is None or not key.device.enabled:
        raise Unauthorized("Log in first.")
    return key


def managed_device(key: str | int | None) -> Device | None:
    """The device that is meant, None when none is named. Raises NotFound for one that is not this user's business."""
    if current_user.role not in ("operator", "admin"):
        raise Forbidden("Only operators and admins may do that.")
    if key is None:
        return None
    text = str(key)
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    device = db.session.get(Device, number)
    if device is None or device.id not in managed_devices(current_user):
        raise NotFound("There is no such device.")
    return device


def refuse_pages() -> None:
    """A page of whichever site must not try tokens from within the network of who reads it. Raises Forbidden."""
    if "Origin" in request.headers or "Sec-Fetch-Site" in request.headers:
        raise Forbidden("This address is for devices, not for pages.")


def camera_for(user: User, key: str | int | None, needed: str) -> Camera:
    """The camera that is meant, if the user has that level. None means the user's default, else the first to be seen.

    Raises NotFound for what the user may not even see, Forbidden for the rest.
    """
    if key is None:
        camera = default_camera(user)
    else:
        text = str(key)
        by_number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
        camera = db.session.scalar(
            db.select(Camera).where(Camera.id == by_number if by_number is not None else Camera.slug == text)
        )
    granted = level(user, camera) if camera else "none"
    if camera is None or granted == "none":
        raise NotFound("There is no such camera.")
    if not at_least(granted, needed):
        raise Forbidden("You may watch this camera, but not steer it.")
    return camera


def recording_for(user: User, number: int, needed: str) -> Recording:
    """A recording of a camera that the user has that level of; those of cameras that were removed are an admin's.

    Raises NotFound for what the user may not even see, Forbidden for the rest.
    """
    row = db.session.get(Recording, number)
    camera = db.session.get(Camera, row.camera_id) if row and row.camera_id else None
    granted = level(user, camera) if camera else "control" if user.is_admin else "none"
    if row is None or granted == "none":
        raise NotFound("There is no such recording.")
    if not at_least(granted, needed):
        raise Forbidden("You may watch this recording, but not change it.")
    return row


def default_camera(user: User) -> Camera | None:
    """The first camera the user may see, the chosen default before all others."""
    rows = db.session.scalars(db.select(Camera).order_by(Camera.id != (user.default_camera_id or 0), Camera.id))
    return next((row for row in rows if level(user, row) != "none"), None)
