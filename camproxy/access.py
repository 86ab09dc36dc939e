"""Who may do what with which camera. The one place that decides.

A level is `none`, `view` or `control`. Admins may do everything. For the others a Permission row counts, or else what
the camera grants everyone; a viewer never steers.
"""

from __future__ import annotations

from collections.abc import Iterable

from models import LEVELS, Camera, Permission, User, db


def level(user: User, camera: Camera) -> str:
    return _level(user, camera.everyone, db.session.get(Permission, (user.id, camera.id)))


def levels(user: User) -> dict[int, str]:
    """The level of a user for each camera, by its number."""
    own = {row.camera_id: row for row in db.session.scalars(db.select(Permission).filter_by(user_id=user.id))}
    cameras: Iterable[tuple[int, str]] = db.session.execute(db.select(Camera.id, Camera.everyone)).tuples()
    return {camera_id: _level(user, everyone, own.get(camera_id)) for camera_id, everyone in cameras}


def _level(user: User, everyone: str, own: Permission | None) -> str:
    if not user.is_active:
        return "none"
    if user.role == "admin":
        return "control"
    granted = own.level if own else everyone
    return "view" if user.role == "viewer" and granted == "control" else granted


def at_least(granted: str, needed: str) -> bool:
    return LEVELS.index(granted) >= LEVELS.index(needed)
