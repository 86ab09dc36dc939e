"""CamProxy: the table of contents.

`create_app()` builds an application that is at rest, for scripts and tests. `app.app` is the one that is served: asking
for it starts its parts, so that `gunicorn -c gunicorn.conf.py app:app`, `python app.py` and `make run` are the same.
"""

from __future__ import annotations

from camproxy import serving

if __name__ == "__main__":
    serving.serve()  # becomes another program, which imports this one: the rest is not to be loaded twice

import gc
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import Flask

from camproxy.database import init_database
from camproxy.logs import start_logging
from camproxy.settings import Settings, load
from camproxy.web import auth, health, i18n, login, pages, stats
from camproxy.web import devices as devices_ws
from camproxy.web import enrolment as enrolment_routes
from camproxy.web import firmware as firmware_routes
from camproxy.web import recordings as recording_files
from camproxy.web.api import audit, control, me, recording_settings, spec, users
from camproxy.web.api import cameras as cameras_api
from camproxy.web.api import devices as devices_api
from camproxy.web.api import events as events_api
from camproxy.web.api import exports as exports_api
from camproxy.web.api import firmware as firmware_api
from camproxy.web.api import motion as motion_api
from camproxy.web.api import pairing as pairing_api
from camproxy.web.api import recordings as recordings_api
from camproxy.web.edge import Sockets, TrustedProxies
from camproxy.web.errors import handle_errors
from camproxy.web.events import register_events
from camproxy.web.guards import csrf, guard
from camproxy.web.headers import send_headers
from camproxy.web.json import StrictJsonProvider
from camproxy.web.metrics import Metrics
from camproxy.web.numbers import RowNumber
from camproxy.web.parts import build
from camproxy.web.request_log import log_requests
from camproxy.web.socketio_server import make_socketio
from camproxy.web.viewers import routes as viewers


def create_app(overrides: Mapping[str, Any] | None = None) -> Flask:
    """Build an application. `overrides` are settings by name that come before the environment and .env.

    Raises BadSetting. Nothing runs until `app.extensions["camproxy"].runtime.start()`.
    """
    settings = load(overrides)
    start_logging(settings)
    app = Flask(__name__)
    app.url_map.converters["int"] = RowNumber
    configure(app, settings)

    init_database(app)
    i18n.init_i18n(app)
    auth.init_auth(app)
    login.init_login(app)
    csrf.init_app(app)
    log_requests(app)
    send_headers(app)
    app.before_request(guard)
    handle_errors(app)

    pages.init_pages(app)
    boards = (devices_ws, devices_api, enrolment_routes, pairing_api, firmware_routes, firmware_api)
    recorded = (recording_files, recordings_api, recording_settings, exports_api, motion_api, events_api)
    api = (spec, me, cameras_api, control, users, audit)
    for module in (health, stats, viewers, *boards, *recorded, *api):
        app.register_blueprint(module.bp)

    socketio = make_socketio(app, settings)
    register_events(socketio)
    sockets = Sockets(app.wsgi_app, settings.allowed_origins)
    scheme = "https" if settings.tls else "http"
    app.wsgi_app = TrustedProxies(sockets, settings.trusted_proxies, scheme)  # type: ignore[method-assign]

    services = build(app, settings, socketio, sockets)
    app.extensions["camproxy"] = services
    Metrics(services.runtime).init_app(app)
    return app


def configure(app: Flask, settings: Settings) -> None:
    """Flask's own settings, from ours."""
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database,
        PERMANENT_SESSION_LIFETIME=settings.session_hours * 3600,
        SESSION_IDLE_LIFETIME=timedelta(hours=settings.session_idle_hours),
        SESSION_COOKIE_NAME="camproxy",
        SESSION_REFRESH_EACH_REQUEST=False,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=settings.message_bytes,
        MAX_FORM_MEMORY_SIZE=settings.message_bytes,
        TEMPLATES_AUTO_RELOAD=settings.debug,
        WTF_CSRF_CHECK_DEFAULT=False,  # guards.guard checks, because a bearer token needs none
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session; a page may be open for days
    )
    app.json = StrictJsonProvider(app)


def __getattr__(name: str) -> Any:
    """`app` and `socketio`, made when somebody asks: importing `create_app` must not start a server."""
    # Flask's command line takes `create_app` where there is no `app`: its commands get an application at rest.
    if name not in ("app", "socketio") or serving.by_flask_command():
        raise AttributeError(f"module 'app' has no attribute {name!r}")
    served = create_app()
    runtime = served.extensions["camproxy"].runtime
    runtime.port = serving.bound[1] if serving.bound else served.extensions["camproxy"].settings.port
    runtime.start()
    # What was made until now stays for ever. Looking through all of it again, Python would hold up every frame.
    gc.collect()
    gc.freeze()
    globals().update(app=served, socketio=served.extensions["socketio"])
    return globals()[name]
