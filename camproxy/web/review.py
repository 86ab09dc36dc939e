"""After users, permissions or cameras were changed: nobody goes on getting what they may no longer see."""

from __future__ import annotations

import logging
import threading

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from camproxy.access import levels
from camproxy.control.lease import Driver
from camproxy.web.announcer import announce_control
from camproxy.web.services import services
from camproxy.web.viewers.fanout import NOT_ALLOWED, Outlet
from models import User, db

log = logging.getLogger(__name__)


def review_access() -> None:
    """Look again at every live socket and every lease, and tell the browsers. Call it after the commit."""
    end_what_is_not_allowed()
    announce_cameras()


def end_what_is_not_allowed() -> None:
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


def announce_cameras() -> None:
    """Tell every browser that the list of cameras, or what it may do with them, is to be read again."""
    services().socketio.server.emit("cameras_changed", {})


class AccessWatch:
    """A subsystem that looks again every two seconds: users are also changed by scripts, in other processes."""

    EVERY = 2.0

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def state(self) -> dict[str, object]:
        return {}

    def _run(self) -> None:
        while not self._stopping.wait(self.EVERY):
            with self._app.app_context():
                shared = services()
                if not len(shared.live) and not shared.fanout.state()["viewers"]:
                    continue
                try:
                    end_what_is_not_allowed()
                except SQLAlchemyError as error:
                    log.warning("could not look who may see what: %s", error)
