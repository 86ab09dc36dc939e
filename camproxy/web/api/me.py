"""/api/me: what a user may change about themselves."""

from __future__ import annotations

from flask import Blueprint, g
from flask_login import current_user

from camproxy import audit
from camproxy.audit import Action
from camproxy.errors import BadRequest, Forbidden, NotFound
from camproxy.web.api.schemas import (
    MeChange,
    MeOut,
    PasswordChange,
    SessionList,
    TokenIn,
    TokenList,
    TokenOut,
    me_out,
    session_out,
    token_out,
)
from camproxy.web.api.spec import api, gives
from camproxy.web.guards import LOGIN, allow, camera_for
from camproxy.web.i18n import languages
from camproxy.web.login import limiter, log_in_limit
from camproxy.web.review import review_access
from models import ApiToken, LoginSession, db

bp = Blueprint("me", __name__, url_prefix="/api/me")


@bp.get("")
@allow(LOGIN)
@api.validate(resp=gives(MeOut), tags=["me"])
def show() -> MeOut:
    return me_out(current_user)


@bp.patch("")
@allow(LOGIN)
@api.validate(resp=gives(MeOut, errors=(404,)), tags=["me"])
def change(json: MeChange) -> MeOut:
    changes = json.changes()
    if (wanted := changes.get("language")) and wanted not in [code for code, _ in languages()]:
        raise BadRequest("there is no translation %(wanted)s", where="language", wanted=repr(wanted))
    if "default_camera" in changes:
        camera = changes.pop("default_camera")
        current_user.default_camera_id = camera_for(current_user, camera, "view").id if camera is not None else None
    nullable = {"max_fps"}
    for name, value in changes.items():
        if value is None and name not in nullable:
            raise BadRequest("must have a value", where=name)
        setattr(current_user, name, value)
    db.session.commit()
    return me_out(current_user)


@bp.post("/password")
@allow(LOGIN)
@limiter.limit(log_in_limit, key_func=lambda: str(current_user.get_id()))
@api.validate(resp=gives(status=204), tags=["me"])
def change_password(json: PasswordChange) -> tuple[str, int]:
    if not current_user.check_password(json.current):
        raise Forbidden("That is not your present password.")
    current_user.set_password(json.new)
    # Who knew the old one is out; the browser in which it was changed stays.
    LoginSession.end(LoginSession.user_id == current_user.id, LoginSession.sha256 != g.credential)
    audit.note(Action.PASSWORD_CHANGED, current_user.username)
    db.session.commit()
    review_access()
    return "", 204


@bp.get("/sessions")
@allow(LOGIN)
@api.validate(resp=gives(SessionList), tags=["me"])
def list_sessions() -> SessionList:
    """The browsers in which one is logged in, the latest first."""
    return own_sessions()


@bp.delete("/sessions/<int:session_id>")
@allow(LOGIN)
@api.validate(resp=gives(status=204, errors=(404,)), tags=["me"])
def end_session(session_id: int) -> tuple[str, int]:
    """Log that browser out: its requests, its sockets and its streams."""
    row = db.session.get(LoginSession, session_id)
    if row is None or row.user_id != current_user.id:
        raise NotFound("There is no such log-in.")
    db.session.delete(row)
    audit.note(Action.SESSIONS_ENDED, current_user.username)
    db.session.commit()
    review_access()
    return "", 204


@bp.get("/tokens")
@allow(LOGIN)
@api.validate(resp=gives(TokenList), tags=["me"])
def list_tokens() -> TokenList:
    return own_tokens()


@bp.post("/tokens")
@allow(LOGIN)
@api.validate(resp=gives(TokenOut, status=201), tags=["me"])
def issue_token(json: TokenIn) -> tuple[TokenOut, int]:
    token, text = ApiToken.issue(current_user._get_current_object(), json.name)
    db.session.add(token)
    audit.note(Action.TOKEN_MADE, json.name)
    db.session.commit()
    return token_out(token, text), 201


@bp.delete("/tokens/<int:token_id>")
@allow(LOGIN)
@api.validate(resp=gives(status=204, errors=(404,)), tags=["me"])
def revoke_token(token_id: int) -> tuple[str, int]:
    token = db.session.get(ApiToken, token_id)
    if token is None or token.user_id != current_user.id:
        raise NotFound("There is no such token.")
    db.session.delete(token)
    audit.note(Action.TOKEN_REVOKED, token.name)
    db.session.commit()
    review_access()
    return "", 204


def own_tokens() -> TokenList:
    own = db.select(ApiToken).filter_by(user_id=current_user.id).order_by(ApiToken.id)
    return TokenList(items=[token_out(token) for token in db.session.scalars(own)])


def own_sessions() -> SessionList:
    own = LoginSession.valid().where(LoginSession.user_id == current_user.id).order_by(LoginSession.created_at.desc())
    return SessionList(items=[session_out(row, g.credential) for row in db.session.scalars(own)])
