"""After users, permissions or cameras were changed: nobody goes on getting what they may no longer see."""

from __future__ import annotations

from camproxy.access import levels
from camproxy.control.lease import Driver
from camproxy.web.announcer import announce_control
from camproxy.web.services import services
from camproxy.web.viewers.fanout import NOT_ALLOWED, Outlet
from models import User, db


def review_access() -> None:
    """Look again at every live socket and every lease. Call it after the commit."""
    shared = services()
    server = shared.socketio.server
    shared.live.review(lambda client: server.disconnect(client.sid))

    users = db.session.scalars(db.select(User).filter_by(is_active=True))
    rights = {user.id: levels(user) for user in users}

    def not_allowed(outlet: Outlet) -> bool:
        return rights.get(outlet.user_id, {}).get(outlet.camera_id, "none") == "none"

    shared.fanout.close_where(not_allowed, NOT_ALLOWED)
    for camera in shared.cameras:
        holder: Driver | None = camera.lease.state().holder
        if holder and rights.get(holder.id, {}).get(camera.id) != "control":
            camera.lease.release(holder.id)
            announce_control(camera, shared.live, shared.socketio)
    announce_cameras()


def announce_cameras() -> None:
    """Tell every browser that the list of cameras, or what it may do with them, is to be read again."""
    services().socketio.server.emit("cameras_changed", {})
