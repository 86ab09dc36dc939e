"""/api/users: for admins."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g
from flask_login import current_user
from sqlalchemy.exc import IntegrityError

from camproxy import audit
from camproxy.audit import Action
from camproxy.errors import BadRequest, Conflict, NotFound
from camproxy.web.api.schemas import PermissionsBody, UserChange, UserIn, UserList, UserOut, user_out
from camproxy.web.api.spec import api, gives
from camproxy.web.guards import ADMIN, allow
from camproxy.web.review import review_access
from models import Camera, LoginSession, Permission, User, db

bp = Blueprint("users", __name__, url_prefix="/api/users")


@bp.get("")
@allow(ADMIN)
@api.validate(resp=gives(UserList), tags=["users"])
def list_users() -> UserList:
    return UserList(items=[user_out(row) for row in db.session.scalars(db.select(User).order_by(User.username))])


@bp.post("")
@allow(ADMIN)
@api.validate(resp=gives(UserOut, status=201, errors=(409,)), tags=["users"])
def add(json: UserIn) -> tuple[UserOut, int]:
    if User.named(json.username):
        raise Conflict("There is a user of that name already.")
    row = User(json.username, json.password, role=json.role, is_active=json.is_active)
    db.session.add(row)
    audit.note(Action.USER_ADDED, row.username, row.role)
    store()
    return user_out(row), 201


@bp.get("/<int:user_id>")
@allow(ADMIN)
@api.validate(resp=gives(UserOut, errors=(404,)), tags=["users"])
def show(user_id: int) -> UserOut:
    return user_out(found(user_id))


@bp.patch("/<int:user_id>")
@allow(ADMIN)
@api.validate(resp=gives(UserOut, errors=(404, 409)), tags=["users"])
def change(user_id: int, json: UserChange) -> UserOut:
    row = found(user_id)
    changes = json.changes()
    if missing := [name for name, value in changes.items() if value is None]:
        raise BadRequest("must have a value", where=missing[0])
    if (name := changes.get("username")) and (other := User.named(name)) and other.id != row.id:
        raise Conflict("There is a user of that name already.")
    if changes.get("role", "admin") != "admin" or changes.get("is_active") is False:
        keep_an_admin(row)
    audit.note(Action.USER_CHANGED, row.username, told(changes))
    if "password" in changes:
        row.set_password(changes.pop("password"))
        end_sessions(row)
    for name, value in changes.items():
        setattr(row, name, value)
    if not row.is_active:
        end_sessions(row)
    store()
    return user_out(row)


@bp.delete("/<int:user_id>")
@allow(ADMIN)
@api.validate(resp=gives(status=204, errors=(404, 409)), tags=["users"])
def remove(user_id: int) -> tuple[str, int]:
    row = found(user_id)
    if row.id == current_user.id:
        raise Conflict("You cannot delete yourself; another admin can.")
    keep_an_admin(row)
    db.session.delete(row)
    audit.note(Action.USER_REMOVED, row.username)
    store()
    return "", 204


@bp.put("/<int:user_id>/permissions")
@allow(ADMIN)
@api.validate(resp=gives(UserOut, errors=(404,)), tags=["users"])
def set_permissions(user_id: int, json: PermissionsBody) -> UserOut:
    row = found(user_id)
    own = {permission.camera_id: permission for permission in row.permissions}
    for wanted in json.permissions:
        if db.session.get(Camera, wanted.camera) is None:
            raise NotFound("There is no camera %(number)s.", number=wanted.camera)
        if wanted.level is None:
            if stale := own.pop(wanted.camera, None):
                row.permissions.remove(stale)
        elif wanted.camera in own:
            own[wanted.camera].level = wanted.level
        else:
            own[wanted.camera] = Permission(camera_id=wanted.camera, level=wanted.level)
            row.permissions.append(own[wanted.camera])
    granted = ", ".join(f"{wanted.camera}: {wanted.level or '–'}" for wanted in json.permissions)
    audit.note(Action.PERMISSIONS_CHANGED, row.username, granted)
    store()
    return user_out(row)


@bp.delete("/<int:user_id>/sessions")
@allow(ADMIN)
@api.validate(resp=gives(status=204, errors=(404,)), tags=["users"])
def log_out(user_id: int) -> tuple[str, int]:
    """Log a user out everywhere."""
    row = found(user_id)
    end_sessions(row)
    audit.note(Action.SESSIONS_ENDED, row.username)
    store()
    return "", 204


def told(changes: dict[str, Any]) -> str:
    """The changes as a text; of a password only that it has changed."""
    return ", ".join(name if name == "password" else f"{name}: {value}" for name, value in changes.items())


def end_sessions(row: User) -> None:
    """All of a user's log-ins; of one's own, all but this one."""
    LoginSession.end(LoginSession.user_id == row.id, LoginSession.sha256 != g.credential)


def found(user_id: int) -> User:
    row = db.session.get(User, user_id)
    if row is None:
        raise NotFound("There is no such user.")
    return row


def keep_an_admin(row: User) -> None:
    """Refuse what would leave nobody who can let anybody in."""
    others = db.select(User).where(User.is_admin, User.is_active.is_(True), User.id != row.id).limit(1)
    if row.is_admin and row.is_active and db.session.scalar(others) is None:
        raise Conflict("This is the only admin; make somebody else an admin first.")


def store() -> None:
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise Conflict("There is a user of that name already.") from None
    review_access()
