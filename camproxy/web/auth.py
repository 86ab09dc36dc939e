"""Who a request comes from: by the cookie of a log-in, or by a program's token."""

from __future__ import annotations

from flask import Flask, Response, g, request, session
from flask.sessions import SecureCookieSessionInterface
from flask_login import LoginManager, current_user
from sqlalchemy.exc import SQLAlchemyError

from camproxy.web.services import services
from models import ApiToken, LoginSession, User, db, now

login_manager = LoginManager()

#: Where a program may send its token as an HTTP Basic password: players cannot send other headers.
BASIC_ENDPOINTS = {"viewers.stream", "viewers.snapshot"}


class SessionInterface(SecureCookieSessionInterface):
    """`Secure` on every cookie that is set over TLS; over plain HTTP in a home network it would shut people out."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


@login_manager.user_loader
def load_user(user_id: str) -> User | None:
    """The user of the cookie. What counts is the session on the server: a copied cookie is worthless after its end."""
    found = LoginSession.shown(session.get("login", ""))
    return None if found is None or str(found.user_id) != user_id else let_in(found)


@login_manager.request_loader
def load_user_by_token(incoming: object) -> User | None:
    authorization = request.authorization
    if authorization is None:
        return None
    if authorization.type == "bearer":
        token = authorization.token
    elif authorization.type == "basic" and request.endpoint in BASIC_ENDPOINTS:
        token = authorization.password
    else:
        return None
    found = ApiToken.shown(token) if token else None
    return None if found is None else let_in(found)


def let_in(found: ApiToken | LoginSession) -> User:
    at = now()
    if found.is_to_be_noted(at):
        services().later.used(found, at)
    g.credential = found.sha256
    g.by_token = isinstance(found, ApiToken)
    return found.user


def after_a_failure() -> None:
    """Go on with an answer after the database has failed: for the user as before, or for nobody if they can't be read.

    Pages and translations ask who the user is, and must not fail over that again.
    """
    try:
        db.session.rollback()
        _ = current_user.is_authenticated and current_user.language
    except SQLAlchemyError:
        db.session.close()
        login_manager._update_request_context_with_user()


def challenge(response: Response) -> Response:
    """Players send the password of an address only when they are asked. A browser would ask the person: not that."""
    by_page = "Referer" in request.headers or request.accept_mimetypes.to_header() not in ("", "*/*")
    if response.status_code == 401 and request.endpoint in BASIC_ENDPOINTS and not by_page:
        response.headers["WWW-Authenticate"] = 'Basic realm="CamProxy", charset="UTF-8"'
    return response


def init_auth(app: Flask) -> None:
    app.session_interface = SessionInterface()
    login_manager.init_app(app)
    app.after_request(challenge)
