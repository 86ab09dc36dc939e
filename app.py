"""CamProxy: the table of contents.

`create_app()` builds an application that is at rest, for scripts and tests. `app.app` is the one that is served: asking
for it starts its parts, so that `gunicorn -c gunicorn.conf.py app:app`, `python app.py` and `make run` are the same.
"""

from __future__ import annotations

from camproxy import serving

if __name__ == "__main__":
    serving.serve()  # becomes another program, which imports this one: the rest is not to be loaded twice

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

from camproxy.bootstrap import Bootstrap
from camproxy.camera import Policy
from camproxy.cameras import Cameras
from camproxy.clock import Clock, SystemClock
from camproxy.control.throttle import Throttle
from camproxy.copies import open_target
from camproxy.copies.copier import Copier, CopyPolicy
from camproxy.database import init_database
from camproxy.device_book import DeviceBook
from camproxy.device_log import DeviceLogs
from camproxy.device_logbook import DeviceLogbook
from camproxy.devices import Devices
from camproxy.discovery import Discovery
from camproxy.enrolment import Enrolment
from camproxy.errors import BadSetting
from camproxy.expiry import Expiry
from camproxy.firmware_store import FirmwareStore
from camproxy.later import Later
from camproxy.links.linger import Linger
from camproxy.logs import start_logging
from camproxy.motion.journal import MotionJournal
from camproxy.motion.keeping import MotionKeeper
from camproxy.motion.pictures import Pictures
from camproxy.motion.poses import PoseBook
from camproxy.motion.settings import all_configs
from camproxy.motion.watcher import MotionWatch
from camproxy.pairing import Pairing
from camproxy.probe import Probe
from camproxy.recording.capacity import Capacity
from camproxy.recording.catalogue import Catalogue
from camproxy.recording.exports import Exports
from camproxy.recording.index import Indexes
from camproxy.recording.recordings import RecordingPolicy, Recordings
from camproxy.recording.retention import Limits
from camproxy.recording.sealer import Sealer
from camproxy.recording.storage import Storage
from camproxy.recording.thumbnails import Thumbnails
from camproxy.runtime import Runtime
from camproxy.settings import Settings, load
from camproxy.update_book import UpdateBook
from camproxy.updates import Updates
from camproxy.watchdog import Watchdog
from camproxy.web import auth, health, i18n, login, pages, stats
from camproxy.web import devices as devices_ws
from camproxy.web import enrolment as enrolment_routes
from camproxy.web import firmware as firmware_routes
from camproxy.web import recordings as recording_files
from camproxy.web.announcer import Announcer
from camproxy.web.api import audit, control, me, recording_settings, spec, users
from camproxy.web.api import cameras as cameras_api
from camproxy.web.api import devices as devices_api
from camproxy.web.api import events as events_api
from camproxy.web.api import exports as exports_api
from camproxy.web.api import firmware as firmware_api
from camproxy.web.api import motion as motion_api
from camproxy.web.api import pairing as pairing_api
from camproxy.web.api import recordings as recordings_api
from camproxy.web.attempts import Attempts
from camproxy.web.edge import Sockets, TrustedProxies
from camproxy.web.errors import handle_errors
from camproxy.web.events import register_events
from camproxy.web.guards import csrf, guard
from camproxy.web.headers import send_headers
from camproxy.web.json import StrictJsonProvider
from camproxy.web.live import Live
from camproxy.web.metrics import Metrics
from camproxy.web.numbers import RowNumber
from camproxy.web.request_log import log_requests
from camproxy.web.review import AccessWatch
from camproxy.web.services import Services
from camproxy.web.socketio_server import SocketIOPart, make_socketio
from camproxy.web.viewers import routes as viewers
from camproxy.web.viewers.fanout import FanOut
from camproxy.web.viewers.places import Places
from camproxy.web.viewers.socketio import SocketIOViewers
from models import db


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

    clock = SystemClock()
    live = Live()
    devices = Devices(clock)
    cameras = Cameras(policy(settings), clock, devices.board)
    pairing = Pairing(app, clock)
    enrolment = Enrolment(pairing, clock, settings.frame_rate)
    enrolment.listeners.append(enrolment_routes.appear)
    sessions = partial(session_of, app)
    storage = Storage(settings.recordings, settings.recording_free_bytes, clock)
    catalogue = Catalogue(sessions)
    recordings = Recordings(cameras, catalogue, storage, recording_policy(settings), clock)
    exports = Exports(catalogue, storage, settings.data_dir / "exports", settings.recording_free_bytes, clock)
    capacity = Capacity(settings.data_dir / "capacity.json", recordings.loads)
    indexes = Indexes(storage)
    thumbnails = Thumbnails(indexes, settings.data_dir / "thumbnails")
    recordings.removed.append(thumbnails.forget)
    sealer = Sealer(catalogue, storage, clock)
    copier = make_copier(settings, storage, clock)
    sealer.listeners.append(copier.wake)
    updates = Updates(devices, clock)
    sealer = Sealer(catalogue, storage, clock)
    copier = make_copier(settings, storage, clock)
    sealer.listeners.append(copier.wake)
    fanout = FanOut(clock)
    socketio_viewers = SocketIOViewers(socketio, live, cameras, clock)
    announcer = Announcer(cameras, devices, live, fanout, socketio)
    recordings.listeners.append(announcer.recording_changed)

    runtime = Runtime()
    runtime.add("bootstrap", Bootstrap(app, settings, cameras, devices, updates))
    later = Later(app)
    DeviceBook(devices, later)
    UpdateBook(updates, later)
    runtime.add("later", later)
    runtime.add("pairing", pairing)
    device_logs = DeviceLogs(settings.device_logs, settings.device_log_bytes, clock)
    device_logs.listeners.append(announcer.device_logged)
    DeviceLogbook(devices, device_logs)
    runtime.add("device_logs", device_logs)
    pictures = Pictures(settings.data_dir / "events")
    recordings.forgotten.append(MotionKeeper(sessions, pictures).forget)
    journal = MotionJournal(cameras, later, pictures, recordings.motion, recordings.alive, clock)
    journal.listeners.append(announcer.moved)
    devices.listeners.append(journal.device_changed)
    runtime.add("motion_journal", journal)
    poses = PoseBook(later, clock)
    cameras.listeners.append(poses.changed)
    runtime.add("poses", poses)
    linger = Linger()
    runtime.add("linger", linger)
    runtime.add("devices", devices)
    runtime.add("updates", updates)
    runtime.add("cameras", cameras)
    runtime.add("recordings", recordings)
    motion = MotionWatch(cameras, clock, partial(all_configs, app))
    motion.listeners.append(journal.episode)
    runtime.add("motion", motion)
    runtime.add("exports", exports)
    runtime.add("capacity", capacity)
    runtime.add("sealer", sealer)
    runtime.add("copies", copier)
    runtime.add("fanout", fanout)
    runtime.add("socketio_viewers", socketio_viewers)
    runtime.add("access", AccessWatch(app))
    runtime.add("socketio", SocketIOPart(socketio, sockets, live))
    expiry = Expiry(settings, clock)
    runtime.add("expiry", expiry)
    discovery = Discovery(settings, lambda: runtime.port)
    discovery.listeners.append(announcer.boards_found)
    runtime.add("discovery", discovery)
    runtime.add("watchdog", Watchdog(fanout.answers))
    Metrics(runtime).init_app(app)
    throttle = Throttle(settings.moves_per_second, clock)
    places = Places(settings.max_viewers, settings.viewers_each)
    probe = Probe(settings.database)
    app.extensions["camproxy"] = Services(
        settings,
        runtime,
        cameras,
        devices,
        linger,
        live,
        fanout,
        socketio,
        sockets,
        throttle,
        places,
        later,
        probe,
        pairing,
        enrolment,
        expiry,
        discovery,
        device_logs,
        recordings,
        motion,
        pictures,
        updates,
        FirmwareStore(settings.firmware),
        exports,
        capacity,
        indexes,
        thumbnails,
        sealer,
        copier,
        refusals=Attempts(settings.device_refusals),
        arrivals=Attempts(settings.device_connections),
        downloads=Attempts(settings.device_connections),
    )
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


def policy(settings: Settings) -> Policy:
    return Policy(
        frame_bytes=settings.frame_bytes,
        linger_seconds=settings.linger_seconds,
        reconnect_seconds=settings.reconnect_seconds,
        lease_seconds=settings.lease_seconds,
    )


def session_of(app: Flask) -> Session:
    """One for a part that runs by itself, outside of requests."""
    with app.app_context():
        return Session(db.engine)


def recording_policy(settings: Settings) -> RecordingPolicy:
    return RecordingPolicy(
        settings.recording_zone,
        Limits(settings.recording_days, settings.recording_bytes),
        settings.recording_cleanup,
        settings.data_dir / "recording.alive",
    )


def make_copier(settings: Settings, storage: Storage, clock: Clock) -> Copier:
    """Raises BadSetting."""
    place = settings.recording_copy
    if place and not place.startswith("s3://"):
        here, there = settings.recordings.resolve(), Path(place).resolve()
        if here.is_relative_to(there) or there.is_relative_to(here):
            raise BadSetting(f"RECORDING_COPY cannot be {place!r}: the recordings themselves are there")
    target = open_target(place, settings) if place else None
    note = settings.data_dir / "recording.copied"
    return Copier(storage, target, CopyPolicy(note, settings.recording_copy_rate, settings.recording_copy_days), clock)


def __getattr__(name: str) -> Any:
    """`app` and `socketio`, made when somebody asks: importing `create_app` must not start a server."""
    # Flask's command line takes `create_app` where there is no `app`: its commands get an application at rest.
    if name not in ("app", "socketio") or serving.by_flask_command():
        raise AttributeError(f"module 'app' has no attribute {name!r}")
    served = create_app()
    runtime = served.extensions["camproxy"].runtime
    runtime.port = serving.bound[1] if serving.bound else served.extensions["camproxy"].settings.port
    runtime.start()
    globals().update(app=served, socketio=served.extensions["socketio"])
    return globals()[name]
