"""Log-in and log-out; who a request comes from."""

from __future__ import annotations

import logging
from datetime import timedelta

from flask import Blueprint, Flask, Response, g, redirect, render_template, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from flask.typing import ResponseReturnValue
from flask_babel import gettext, lazy_gettext
from flask_limiter import Limiter
from flask_limiter.errors import RateLimitExceeded
from flask_limiter.util import get_remote_address
from flask_login import LoginManager, current_user, login_user, logout_user
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from camproxy.web.guards import ANYONE, LOGIN, allow
from camproxy.web.review import review_access
from camproxy.web.services import services
from models import ApiToken, LoginSession, User, db, now

log = logging.getLogger(__name__)

bp = Blueprint("auth", __name__)
login_manager = LoginManager()
limiter = Limiter(get_remote_address, storage_uri="memory://")

#: Where a program may send its token as an HTTP Basic password: players cannot send other headers.
BASIC_ENDPOINTS = {"viewers.stream", "viewers.snapshot"}


class LoginForm(FlaskForm):
    username = StringField(lazy_gettext("User name"), [InputRequired(), Length(max=80)])
    password = PasswordField(lazy_gettext("Password"), [InputRequired(), Length(max=200)])


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
    found.use()
    g.credential = found.sha256
    g.by_token = isinstance(found, ApiToken)
    return found.user


def challenge(response: Response) -> Response:
    """Players send the password of an address only when they are asked. A browser would ask the person: not that."""
    by_page = "Referer" in request.headers or request.accept_mimetypes.to_header() not in ("", "*/*")
    if response.status_code == 401 and request.endpoint in BASIC_ENDPOINTS and not by_page:
        response.headers["WWW-Authenticate"] = 'Basic realm="CamProxy", charset="UTF-8"'
    return response


def log_in_limit() -> str:
    return services().settings.login_limit


@bp.route("/login", methods=["GET", "POST"])
@allow(ANYONE)
@limiter.limit(log_in_limit, methods=["POST"])
def login() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return redirect(safe_next())
    form = LoginForm()
    if request.method == "GET":
        return render_template("login.html", form=form, error=None)
    user = User.authenticate(form.username.data, form.password.data) if form.validate_on_submit() else None
    if user is None:
        log.warning("log-in refused for %r from %s", (form.username.data or "")[:80], request.remote_addr)
        error = gettext("That user name and password do not fit together.")
        return render_template("login.html", form=form, error=error), 401
    begin_session(user)
    log.info("%s logged in from %s", user.username, request.remote_addr)
    return redirect(safe_next())


def begin_session(user: User) -> None:
    lasts = timedelta(hours=services().settings.session_hours)
    row, text = LoginSession.issue(user, lasts, request.remote_addr or "", request.user_agent.string)
    db.session.add(row)
    user.last_login_at = now()
    db.session.commit()
    session.clear()
    session.permanent = True
    session["login"] = text
    login_user(user)


@bp.get("/logout")
@allow(LOGIN)
def logout() -> ResponseReturnValue:
    log.info("%s logged out", current_user.username)
    LoginSession.end(LoginSession.sha256 == g.credential)
    db.session.commit()
    logout_user()
    session.clear()
    review_access()
    return redirect(url_for("auth.login"))


@bp.errorhandler(RateLimitExceeded)
def too_many(error: RateLimitExceeded) -> ResponseReturnValue:
    log.warning("too many log-ins from %s", request.remote_addr)
    text = gettext("Too many attempts. Wait a minute and try again.")
    return render_template("login.html", form=LoginForm(), error=text), 429


def safe_next() -> str:
    """Where to go after the log-in: a path of this server and nothing else."""
    wanted = request.args.get("next", "")
    home = url_for("pages.live")
    # Browsers read a backslash as a slash, and drop control characters: "/\t/evil.example" is another host.
    if "\\" in wanted or any(ord(character) < 33 for character in wanted):
        return home
    return wanted if wanted.startswith("/") and not wanted.startswith("//") else home


def init_auth(app: Flask) -> None:
    app.session_interface = SessionInterface()
    login_manager.init_app(app)
    limiter.init_app(app)
    app.register_blueprint(bp)
    app.after_request(challenge)
