"""The HTML pages. What a page needs at once is embedded as data; the rest comes from /api."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, Response, g, make_response, render_template, request
from flask_login import current_user
from pydantic import BaseModel

from camproxy import __version__
from camproxy.errors import NotFound
from camproxy.web.api import cameras, me, schemas
from camproxy.web.api import devices as devices_api
from camproxy.web.api import firmware as firmware_api
from camproxy.web.api import pairing as pairing_api
from camproxy.web.api.audit import events
from camproxy.web.api.device_schemas import device_out
from camproxy.web.guards import ADMIN, LOGIN, MANAGE, allow, camera_for
from camproxy.web.i18n import languages
from camproxy.web.pages import config_form
from camproxy.web.services import services
from models import Device, User, db

bp = Blueprint("pages", __name__)


@bp.get("/")
@allow(LOGIN)
def live() -> str:
    try:
        opened = camera_for(current_user, request.args["camera"], "view").slug if "camera" in request.args else None
    except NotFound:
        opened = None
    return page("index.html", cameras=visible_cameras(), camera=opened)


def recordings() -> Response:
    """What `/recordings` is for a browser; for a program it is a list, hence the route beside the others of it."""
    zone = services().settings.recording_zone.key
    response = make_response(page("recordings.html", cameras=visible_cameras(), zone=zone))
    response.vary.add("Accept")
    return response


@bp.get("/devices")
@allow(MANAGE)
def devices() -> str:
    return page("devices.html", cameras=visible_cameras(), devices=dumped(devices_api.managed()))


@bp.get("/devices/<int:device>")
@allow(MANAGE)
def device(device: int) -> str:
    row: Device = g.device_row
    form = {"fields": config_form.fields(row.kind), "kind": row.kind, "name": row.name}
    shown = {"device": dumped(device_out(row)), "defaults": config_form.defaults(row.kind)}
    shown |= {"firmware": dumped(firmware_api.every_firmware()) if current_user.is_admin else []}
    return page("device.html", form, cameras=visible_cameras(), **shown)


@bp.get("/firmware")
@allow(ADMIN)
def firmware() -> str:
    return page("firmware.html", firmware=dumped(firmware_api.every_firmware()))


@bp.get("/devices/add")
@allow(ADMIN)
def pairing() -> str:
    return page(
        "pairing.html",
        cameras=visible_cameras(),
        devices=dumped(devices_api.managed()),
        windows=dumped(pairing_api.open_windows().items),
        found=dumped(pairing_api.found_boards().items),
    )


@bp.get("/users")
@allow(ADMIN)
def users() -> str:
    rows = db.session.scalars(db.select(User).order_by(User.username))
    return page(
        "users.html", cameras=visible_cameras(), users=[schemas.user_out(row).model_dump(mode="json") for row in rows]
    )


@bp.get("/audit")
@allow(ADMIN)
def audit() -> str:
    latest = events().model_dump(mode="json")
    return page("audit.html", events=latest["items"], before=latest["before"])


@bp.get("/settings")
@allow(LOGIN)
def settings() -> str:
    tokens, sessions = me.own_tokens().model_dump(mode="json")["items"], me.own_sessions().model_dump()["items"]
    return page("settings.html", cameras=visible_cameras(), tokens=tokens, sessions=sessions, languages=languages())


def page(template: str, words: dict[str, Any] | None = None, **page_data: Any) -> str:
    """`words` are for the template, `page_data` for its scripts."""
    known = dumped(schemas.me_out(current_user))
    return render_template(template, page_data={"me": known} | page_data, **words or {})


def dumped(answer: BaseModel | list[Any]) -> Any:
    """As the API would answer it."""
    return [dumped(item) for item in answer] if isinstance(answer, list) else answer.model_dump(mode="json")


def visible_cameras() -> list[dict[str, Any]]:
    return [camera.model_dump(mode="json") for camera in cameras.visible_cameras()]


def init_pages(app: Flask) -> None:
    app.register_blueprint(bp)

    @app.context_processor
    def what_every_page_knows() -> dict[str, Any]:
        known = current_user.is_authenticated
        return {"version": __version__, "theme": current_user.theme if known else "system", "page_data": {}}
