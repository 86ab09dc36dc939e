"""What happens before the parts start: no other server here, the database in its present form, first rows."""

from __future__ import annotations

import logging
import secrets
import sys

from camproxy import occupancy, schema
from camproxy.cameras import Cameras
from camproxy.devices import Devices
from camproxy.errors import BadRequest
from camproxy.firmware_store import FirmwareStore
from camproxy.rows import config_of, settings_of
from camproxy.settings import Settings
from camproxy.update_book import known_updates
from camproxy.updates import Updates
from models import Camera, Device, Firmware, User, db

log = logging.getLogger(__name__)


class Bootstrap:
    """The first part of the runtime. Its start is done when the database and the cameras' settings are at hand.

    `start` raises CannotStart.
    """

    def __init__(self, app: object, settings: Settings, cameras: Cameras, devices: Devices, updates: Updates) -> None:
        self._app = app
        self._settings = settings
        self._cameras = cameras
        self._devices = devices
        self._updates = updates
        self._occupied = False

    def start(self) -> None:
        self._occupied = occupancy.occupy(self._settings.data_dir)
        schema.check(self._settings.database)
        with self._app.app_context():  # type: ignore[attr-defined]
            schema.upgrade()
            first_admin(self._settings)
            first_camera(self._settings)
            for device in db.session.scalars(db.select(Device)):
                self._devices.put(settings_of(device))
            for update in known_updates():
                self._updates.put(update)
            FirmwareStore(self._settings.firmware).tidy(set(db.session.scalars(db.select(Firmware.id))))
            for row in db.session.scalars(db.select(Camera).order_by(Camera.id)):
                try:
                    self._cameras.put(config_of(row))
                except BadRequest as error:  # one that an older version took; the others are not to suffer for it
                    log.error("camera %s cannot be used: %s", row.slug, error)

    def stop(self) -> None:
        with self._app.app_context():  # type: ignore[attr-defined]
            db.engine.dispose()
        if self._occupied:
            # One that was inherited is kept to the very end: until then the worker has the port too.
            occupancy.leave(self._settings.data_dir)
            self._occupied = False

    def state(self) -> dict[str, object]:
        return {}


def first_admin(settings: Settings) -> None:
    """Make an admin when there is no user at all. A password that nobody chose is printed once and never logged."""
    if db.session.scalar(db.select(User).limit(1)) is not None:
        return
    password = settings.admin_password or secrets.token_urlsafe(12)
    db.session.add(User(settings.admin_username, password, role="admin"))
    db.session.commit()
    log.info("made the first admin, %s", settings.admin_username)
    if not settings.admin_password:
        sys.stderr.write(
            f"\n  The first admin is  {settings.admin_username}\n"
            f"  with the password   {password}\n"
            "  It is shown this once; change it under Settings.\n\n"
        )


def first_camera(settings: Settings) -> None:
    """The camera of the .env file, or the demo camera, when there is no camera yet.

    When ESP32CAM_IP is set later on, the demo camera gives way to it.
    """
    cameras = list(db.session.scalars(db.select(Camera)))
    only_demo = len(cameras) == 1 and cameras[0].url.startswith("demo:") and cameras[0].slug == "demo"
    if settings.esp32cam_ip:
        path = "/" + settings.esp32cam_path.lstrip("/")
        url = f"ws://{settings.esp32cam_ip}:{settings.esp32cam_port}{path}"
        if only_demo:
            db.session.delete(cameras[0])
        elif cameras:
            return
        db.session.add(Camera(name="ESP32-CAM", slug="esp32-cam", url=url, fps=settings.frame_rate))
    elif not cameras:
        db.session.add(Camera(name="Demo", slug="demo", url="demo:workshop", fps=settings.frame_rate))
    db.session.commit()
