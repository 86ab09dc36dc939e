"""Log-in and log-out; who a request comes from."""

from __future__ import annotations

import logging

from flask import Blueprint, Flask, g, redirect, render_template, request, session, url_for
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
from camproxy.web.services import services
from models import ApiToken, User, db, now

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
    user = db.session.get(User, int(user_id))
    # A number is not enough: SQLite gives that of the last user, once deleted, to the next one.
    return user if user and user.is_active and session.get("user_since") == since(user) else None


def since(user: User) -> str:
    return user.created_at.isoformat()


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
    user = ApiToken.owner_of(token) if token else None
    g.by_token = user is not None
    return user


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
    session.clear()
    session.permanent = True
    login_user(user)
    session["user_since"] = since(user)
    user.last_login_at = now()
    db.session.commit()
    log.info("%s logged in from %s", user.username, request.remote_addr)
    return redirect(safe_next())


@bp.get("/logout")
@allow(LOGIN)
def logout() -> ResponseReturnValue:
    log.info("%s logged out", current_user.username)
    logout_user()
    session.clear()
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
