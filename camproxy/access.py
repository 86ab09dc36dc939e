"""Who may do what with which camera. The one place that decides.

A level is `none`, `view` or `control`. Admins may do everything. For the others a Permission row counts, or else what
the camera grants everyone; a viewer never steers.
"""

from __future__ import annotations

import time

from models import LEVELS, ApiToken, Camera, Device, LoginSession, Permission, User, db


def level(user: User, camera: Camera) -> str:
    return _level(user, camera.everyone, db.session.get(Permission, (user.id, camera.id)))


def levels(user: User) -> dict[int, str]:
    """The level of a user for each camera, by its number."""
    own = {row.camera_id: row for row in db.session.scalars(db.select(Permission).filter_by(user_id=user.id))}
    cameras = db.session.execute(db.select(Camera.id, Camera.everyone))
    return {row.id: _level(user, row.everyone, own.get(row.id)) for row in cameras}


def _level(user: User, everyone: str, own: Permission | None) -> str:
    if not user.is_active:
        return "none"
    if user.role == "admin":
        return "control"
    granted = own.level if own else everyone
    return "view" if user.role == "viewer" and granted == "control" else granted


def managed_devices(user: User) -> set[int]:
    """The devices that are this user's business: all for an admin, for an operator those of cameras that they steer."""
    if user.role == "admin":
        return set(db.session.scalars(db.select(Device.id)))
    if user.role != "operator":
        return set()
    granted = levels(user)
    steered = [row for row in db.session.scalars(db.select(Camera)) if granted.get(row.id) == "control"]
    return {number for row in steered for number in (row.device_id, row.pico_id) if number is not None}


def level_by_credential(sha256: str, camera_id: int) -> str:
    """What may be done with a camera by whoever came with this log-in or token; `none` once that has ended."""
    camera = db.session.get(Camera, camera_id)
    for kind in (LoginSession, ApiToken):
        if camera and (found := db.session.scalar(kind.valid().where(kind.sha256 == sha256))):
            return level(found.user, camera)
    return "none"


class Rights:
    """What everybody may do, by user and by what let them in, as it was at the monotonic time `at`.

    Without a change it stays so `until` the first log-in ends by itself, if one does.
    """

    def __init__(self) -> None:
        self.at = time.monotonic()
        self.until = LoginSession.next_end()
        cameras = [(row.id, row.everyone) for row in db.session.execute(db.select(Camera.id, Camera.everyone))]
        own = {(row.user_id, row.camera_id): row for row in db.session.scalars(db.select(Permission))}
        users = list(db.session.scalars(db.select(User).filter_by(is_active=True)))
        self._by_user = {
            user.id: {number: _level(user, everyone, own.get((user.id, number))) for number, everyone in cameras}
            for user in users
        }
        self._roles: dict[int, str] = {user.id: user.role for user in users}
        self._user_of = {
            sha256: user_id
            for kind in (LoginSession, ApiToken)
            for sha256, user_id in db.session.execute(kind.valid().with_only_columns(kind.sha256, kind.user_id))
        }

    def valid(self, credential: str) -> bool:
        return credential in self._user_of

    def role(self, credential: str) -> str:
        """The empty role is that of nobody."""
        return self._roles.get(self._user_of.get(credential, 0), "")

    def levels_of(self, credential: str) -> dict[int, str]:
        return self._by_user.get(self._user_of.get(credential, 0), {})

    def level(self, user_id: int, camera_id: int) -> str:
        return self._by_user.get(user_id, {}).get(camera_id, "none")


def at_least(granted: str, needed: str) -> bool:
    return LEVELS.index(granted) >= LEVELS.index(needed)
