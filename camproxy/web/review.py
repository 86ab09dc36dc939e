"""After users, permissions or cameras were changed: nobody goes on getting what they may no longer see."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from datetime import datetime

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from camproxy.access import Rights
from camproxy.changes import Changes
from camproxy.control.lease import Driver
from camproxy.database import reason
from camproxy.devices import Device as Running
from camproxy.errors import NotFound
from camproxy.links.accepted import REFUSED
from camproxy.rows import settings_of
from camproxy.web.announcer import announce_control
from camproxy.web.services import services
from camproxy.web.viewers.fanout import NOT_ALLOWED
from camproxy.web.viewers.outlet import Outlet
from models import Device, DeviceKey, db
from models import now as utc_now

log = logging.getLogger(__name__)

#: One look after the other: else an older one could undo what a newer one has found.
_looking = threading.Lock()


def review_access() -> None:
    """Look again at every live socket and every lease, and tell the browsers. Call it after the commit."""
    end_what_is_not_allowed()
    announce_cameras()


def end_what_is_not_allowed() -> Rights:
    """What was found is returned."""
    with _looking:
        return _end_what_is_not_allowed()


def _end_what_is_not_allowed() -> Rights:
    shared = services()
    rights = Rights()
    for client in shared.live.review(rights):
        shared.socketio.server.disconnect(client.sid)

    def not_allowed(outlet: Outlet) -> bool:
        now_allowed = rights.levels_of(outlet.credential).get(outlet.camera_id, "none")
        return now_allowed == "none" and outlet.since < rights.at

    shared.fanout.close_where(not_allowed, NOT_ALLOWED)
    for camera in shared.cameras:
        holder: Driver | None = camera.lease.state().holder
        if holder and rights.level(holder.id, camera.id) != "control":
            camera.lease.release(holder.id)
            announce_control(camera, shared.live, shared.socketio)
    return rights


def announce_cameras() -> None:
    """Tell every browser that the list of cameras, or what it may do with them, is to be read again."""
    services().socketio.server.emit("cameras_changed", {})


def follow_devices() -> datetime | None:
    """Let the running devices be what the table says; who was revoked is sent away. Call it after the commit.

    When the first of their keys will end by itself is returned.
    """
    shared = services()
    # First what runs, then what is stored: one that enrols and comes meanwhile is not taken for one that was removed.
    known = {device.id: device.settings for device in shared.devices}
    present = [(device, device.credential) for device in shared.devices if device.online]
    rows = {row.id: settings_of(row) for row in db.session.scalars(db.select(Device))}
    for number in known.keys() - rows.keys():
        shared.devices.remove(number)
    shared.updates.keep_only(rows.keys())
    for number, settings in rows.items():
        if number not in known or known[number] != replace(settings, last_seen=known[number].last_seen):
            shared.devices.put(settings)
    if known.keys() != rows.keys():
        shared.cameras.look_for_boards()
    keys = db.session.execute(DeviceKey.valid().with_only_columns(DeviceKey.sha256, DeviceKey.expires_at)).all()
    valid = {key.sha256 for key in keys}
    for device, credential in present:
        if credential not in valid and device.credential == credential:
            device.berth.send_away(REFUSED, "Revoked")
    return min((key.expires_at for key in keys if key.expires_at), default=None)


def running_device(row: Device) -> Running:
    """The running device of a row, which a script may have made just now."""
    shared = services()
    try:
        device = shared.devices.get(row.id)
    except NotFound:
        device = shared.devices.put(settings_of(row))
        shared.cameras.look_for_boards()
    if device.settings.pending and row.pending is None:
        device = shared.devices.put(settings_of(row))
    return device


def earliest(*times: datetime | None) -> datetime | None:
    return min((time for time in times if time), default=None)


class AccessWatch:
    """A subsystem that looks again: time ends log-ins, and scripts change users from other processes.

    It asks every second whether anything has changed or ended, and only then who may see what: that would be a tenth of
    what the server does while two hundred people watch.
    """

    #: Seconds.
    EVERY = 1.0
    #: A request that was let in just before a change may become a viewer just after the look. Seconds.
    SETTLED_AFTER = 1.5

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
        with self._app.app_context():
            changes = Changes(db.engine)
        version: object = None
        changed_at, until, failing = float("-inf"), None, False
        while not self._stopping.wait(self.EVERY):
            with self._app.app_context():
                now = time.monotonic()
                try:
                    if (present := changes.version()) != version:
                        version, changed_at = present, now
                    if now - changed_at < self.SETTLED_AFTER or (until and utc_now() >= until):
                        until = earliest(end_what_is_not_allowed().until, follow_devices())
                    failing = False
                except SQLAlchemyError as error:
                    changes.close()
                    version = None
                    if not failing:  # the pictures go on; this is no reason to write a line each second
                        log.warning("cannot look who may see what: %s", reason(error))
                    failing = True
        changes.close()
