"""/health: a rendering of what runs, for monitoring."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.exc import SQLAlchemyError

from camproxy import __version__
from camproxy.camera import Camera
from camproxy.web.guards import ANYONE, allow
from camproxy.web.services import services

bp = Blueprint("health", __name__)


@bp.get("/health")
@allow(ANYONE)
def health() -> ResponseReturnValue:
    """healthy, degraded (a camera or something else is missing) or unhealthy (503). The causes are for admins."""
    shared = services()
    fatal, missing = causes()
    answer: dict[str, Any] = {
        "status": "unhealthy" if fatal else "degraded" if missing else "healthy",
        "esp32_connected": any(camera.online for camera in shared.cameras),
        "clients": len(shared.live),
    }
    if not shared.probe.look().unreadable and is_asked_by_admin():
        answer |= {"causes": fatal + missing, "version": __version__, "port": shared.runtime.port}
        answer["mdns"] = shared.discovery.state()
    return jsonify(answer), 503 if fatal else 200


def causes() -> tuple[list[str], list[str]]:
    """Why it is unhealthy, and why it is degraded: sentences for an operator."""
    shared = services()
    fatal = []
    if shared.runtime.stopping:
        fatal.append("the server is stopping")
    elif not shared.runtime.running:
        fatal.append("the server's parts are not running")
    database = shared.probe.look()
    if database.unreadable:
        fatal.append(f"the database does not answer: {database.unreadable}")
    missing = [f"the database takes nothing: {database.unwritable}"] if database.unwritable else []
    if warning := shared.expiry.warning():
        missing.append(warning)
    missing += shared.recordings.alarms() + shared.capacity.alarms()
    missing += shared.sealer.alarms() + shared.copier.alarms()
    missing += [cause for camera in shared.cameras if (cause := _what_is_wrong(camera))]
    return fatal, missing


def is_asked_by_admin() -> bool:
    try:
        return bool(current_user.is_authenticated and current_user.is_admin)
    except SQLAlchemyError:
        return False


def _what_is_wrong(camera: Camera) -> str | None:
    status = camera.status()
    if status["state"] not in ("offline", "stalled"):
        return None
    return f"{camera.config.name}: {status['state']} since {status['since']} ({status['reason']})"
