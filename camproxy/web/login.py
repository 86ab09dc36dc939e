"""The way in and the way out: the form, its limits, the log-out."""

from __future__ import annotations

import logging
import secrets
from datetime import timedelta

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext, lazy_gettext
from flask_limiter import Limiter
from flask_limiter.errors import RateLimitExceeded
from flask_login import current_user, login_user, logout_user
from flask_wtf import FlaskForm
from itsdangerous import BadSignature, URLSafeSerializer
from limits import parse
from wtforms import PasswordField, StringField
from wtforms.validators import InputRequired, Length

from camproxy import audit
from camproxy.addresses import client
from camproxy.audit import Action
from camproxy.web.guards import ANYONE, LOGIN, allow
from camproxy.web.review import review_access
from camproxy.web.services import services
from models import LoginFailure, LoginSession, User, db, now

log = logging.getLogger(__name__)

bp = Blueprint("auth", __name__)
limiter = Limiter(lambda: client(request.remote_addr or ""), storage_uri="memory://")

#: A browser in which somebody has logged in before carries this, so that strangers who try their name do not lock them
#: out. It lets nobody in.
KNOWN_BROWSER = "camproxy_browser"
KNOWN_FOR = timedelta(days=365)


class LoginForm(FlaskForm):
    username = StringField(lazy_gettext("User name"), [InputRequired(), Length(max=80)])
    password = PasswordField(lazy_gettext("Password"), [InputRequired(), Length(max=200)])


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
        again = gettext("You have reloaded the page completely. Log in again to go on.")
        return render_template("login.html", form=form, error=again if "again" in request.args else None)
    account = LoginFailure.account_of(form.username.data or "")
    browser = known_browser(account)
    if too_many_of(account, browser):
        return too_many()
    user = User.authenticate(form.username.data, form.password.data) if form.validate_on_submit() else None
    if user is None:
        return refused(form, account, browser)
    begin_session(user)
    answer = make_response(redirect(safe_next()))
    know_browser(answer, account, browser or secrets.token_hex(16))
    return answer


def refused(form: LoginForm, account: str, browser: str) -> ResponseReturnValue:
    # People type their password where the name belongs: only the name of somebody who exists is written down.
    known = User.named(form.username.data or "")
    shown = known.username if known else gettext("(unknown)")
    log.warning("log-in refused for %s from %s", shown, request.remote_addr)
    db.session.add(LoginFailure(account=account, browser=browser))
    audit.note(Action.LOG_IN_REFUSED, who=shown)
    db.session.commit()
    error = gettext("That user name and password do not fit together.")
    return render_template("login.html", form=form, error=error), 401


def begin_session(user: User) -> None:
    row, text = LoginSession.issue(user, request.remote_addr or "", request.user_agent.string)
    db.session.add(row)
    user.last_login_at = now()
    LoginFailure.forget(LoginFailure.account_of(user.username))
    audit.tidy(services().settings.audit_days, services().settings.event_days)
    audit.note(Action.LOG_IN, who=user.username)
    db.session.commit()
    session.clear()
    session.permanent = True
    session["login"] = text
    login_user(user)
    log.info("%s logged in from %s", user.username, request.remote_addr)


@bp.get("/logout")
@allow(LOGIN)
def logout() -> ResponseReturnValue:
    end_session()
    return redirect(url_for("auth.login"))


def end_session() -> None:
    """With everything that it opened."""
    log.info("%s logged out", current_user.username)
    LoginSession.end(LoginSession.sha256 == g.credential)
    audit.note(Action.LOG_OUT)
    db.session.commit()
    logout_user()
    token = session.get("csrf_token")
    session.clear()
    if token:
        # Every tab of this browser now asks for the form, all at once, and only one answer's cookie stays: with another
        # token in each, the other forms would be refused.
        session["csrf_token"] = token
    review_access()


def log_out_on_hard_reload() -> ResponseReturnValue | None:
    """The source documents ask for it: whoever reloads a page past every cache logs in again; admins need not.

    With Ctrl+Shift+R and its like, browsers send `Cache-Control: no-cache`; with F5 they send `max-age=0` or nothing,
    and for links, bookmarks and new tabs nothing. See docs/decisions/0012.
    """
    if request.blueprint != "pages" or not request.cache_control.no_cache or "Pragma" not in request.headers:
        return None
    if not services().settings.relogin_on_hard_reload or not current_user.is_authenticated:
        return None
    if current_user.is_admin or g.by_token:
        return None
    end_session()
    return redirect(url_for("auth.login", next=request.full_path.rstrip("?"), again=""))


# Limits. By address: Flask-Limiter's. By account: rows, so that the command line can lift them.


def too_many_of(account: str, browser: str) -> bool:
    """Whether that account was tried too often by strangers; or, in a browser that is known, in that browser."""
    limit = parse(log_in_limit())
    return LoginFailure.count(account, browser, timedelta(seconds=limit.get_expiry())) >= limit.amount


@bp.errorhandler(RateLimitExceeded)
def too_many(_error: object = None) -> ResponseReturnValue:
    log.warning("too many log-ins from %s", request.remote_addr)
    text = gettext("Too many attempts. Wait a minute and try again.")
    return render_template("login.html", form=LoginForm(), error=text), 429


def known_browser(account: str) -> str:
    """The mark of this browser if that user has logged in here before, else an empty text."""
    try:
        of, mark = _browser_signer().loads(request.cookies.get(KNOWN_BROWSER, ""))
    except (BadSignature, ValueError, TypeError):
        return ""
    return str(mark) if of == account else ""


def know_browser(answer: Response, account: str, mark: str) -> None:
    signed = _browser_signer().dumps((account, mark))
    secure = request.is_secure
    answer.set_cookie(
        KNOWN_BROWSER, signed, max_age=KNOWN_FOR, path="/login", secure=secure, httponly=True, samesite="Lax"
    )


def _browser_signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.secret_key or "", salt=KNOWN_BROWSER)


def safe_next() -> str:
    """Where to go after the log-in: a path of this server and nothing else."""
    wanted = request.args.get("next", "")
    home = url_for("pages.live")
    # Browsers read a backslash as a slash, and drop control characters: "/\t/evil.example" is another host.
    if "\\" in wanted or any(ord(character) < 33 for character in wanted):
        return home
    return wanted if wanted.startswith("/") and not wanted.startswith("//") else home


def init_login(app: Flask) -> None:
    limiter.init_app(app)
    app.before_request(log_out_on_hard_reload)
    app.register_blueprint(bp)
