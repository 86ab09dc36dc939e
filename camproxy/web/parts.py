"""The parts of a server: made and tied together, and the order in which they start."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from flask import Flask
from flask_socketio import SocketIO
from sqlalchemy.orm import Session

from camproxy.bootstrap import Bootstrap
from camproxy.camera import Policy
from camproxy.cameras import Cameras
from camproxy.clock import Clock, SystemClock
from camproxy.control.throttle import Throttle
from camproxy.copies import open_target
from camproxy.copies.copier import Copier, CopyPolicy
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
from camproxy.runtime import Part, Runtime
from camproxy.settings import Settings
from camproxy.update_book import UpdateBook
from camproxy.updates import Updates
from camproxy.watchdog import Watchdog
from camproxy.web.announcer import Announcer
from camproxy.web.attempts import Attempts
from camproxy.web.edge import Sockets
from camproxy.web.enrolment import appear
from camproxy.web.live import Live
from camproxy.web.review import AccessWatch
from camproxy.web.services import Services
from camproxy.web.socketio_server import SocketIOPart
from camproxy.web.viewers.fanout import FanOut
from camproxy.web.viewers.places import Places
from camproxy.web.viewers.socketio import SocketIOViewers
from models import db


def build(app: Flask, settings: Settings, socketio: SocketIO, sockets: Sockets) -> Services:
    """Nothing runs yet. Raises BadSetting."""
    runtime, clock, later, live = Runtime(), SystemClock(), Later(app), Live()

    # Boards and cameras
    devices = Devices(clock)
    DeviceBook(devices, later)
    cameras = Cameras(camera_policy(settings), clock, devices.board)
    device_logs = DeviceLogs(settings.device_logs, settings.device_log_bytes, clock)
    DeviceLogbook(devices, device_logs)
    updates = Updates(devices, clock)
    UpdateBook(updates, later)
    pairing = Pairing(app, clock)
    enrolment = Enrolment(pairing, clock, settings.frame_rate)
    enrolment.listeners.append(appear)
    discovery = Discovery(settings, lambda: runtime.port)

    # Recordings
    sessions = partial(session_of, app)
    storage = Storage(settings.recordings, settings.recording_free_bytes, clock)
    catalogue = Catalogue(sessions)
    recordings = Recordings(cameras, catalogue, storage, recording_policy(settings), clock)
    indexes = Indexes(storage)
    thumbnails = Thumbnails(indexes, settings.data_dir / "thumbnails")
    recordings.removed.append(thumbnails.forget)
    exports = Exports(catalogue, storage, settings.data_dir / "exports", settings.recording_free_bytes, clock)
    capacity = Capacity(settings.data_dir / "capacity.json", recordings.loads)
    sealer = Sealer(catalogue, storage, clock)
    copier = make_copier(settings, storage, clock)
    sealer.listeners.append(copier.wake)

    # Motion and poses
    pictures = Pictures(settings.data_dir / "events")
    journal = MotionJournal(cameras, later, pictures, recordings.motion, recordings.alive, clock)
    devices.listeners.append(journal.device_changed)
    motion = MotionWatch(cameras, clock, partial(all_configs, app))
    motion.listeners.append(journal.episode)
    poses = PoseBook(later, clock)
    cameras.listeners.append(poses.changed)
    recordings.forgotten.append(MotionKeeper(sessions, pictures).forget)

    # Who watches
    fanout = FanOut(clock)
    socketio_viewers = SocketIOViewers(socketio, live, cameras, clock)
    announcer = Announcer(cameras, devices, live, fanout, socketio)
    device_logs.listeners.append(announcer.device_logged)
    discovery.listeners.append(announcer.boards_found)
    recordings.listeners.append(announcer.recording_changed)
    journal.listeners.append(announcer.moved)

    linger = Linger()
    expiry = Expiry(settings, clock)
    in_their_order: dict[str, Part] = {
        "bootstrap": Bootstrap(app, settings, cameras, devices, updates),
        "later": later,
        "pairing": pairing,
        "device_logs": device_logs,
        "motion_journal": journal,
        "poses": poses,
        "linger": linger,
        "devices": devices,
        "updates": updates,
        "cameras": cameras,
        "recordings": recordings,
        "motion": motion,
        "exports": exports,
        "capacity": capacity,
        "sealer": sealer,
        "copies": copier,
        "fanout": fanout,
        "socketio_viewers": socketio_viewers,
        "access": AccessWatch(app),
        "socketio": SocketIOPart(socketio, sockets, live),
        "expiry": expiry,
        "discovery": discovery,
        "watchdog": Watchdog(fanout.answers),
    }
    for name, part in in_their_order.items():
        runtime.add(name, part)
    return Services(
        settings=settings,
        runtime=runtime,
        cameras=cameras,
        devices=devices,
        linger=linger,
        live=live,
        fanout=fanout,
        socketio=socketio,
        sockets=sockets,
        throttle=Throttle(settings.moves_per_second, clock),
        places=Places(settings.max_viewers, settings.viewers_each),
        later=later,
        probe=Probe(settings.database),
        pairing=pairing,
        enrolment=enrolment,
        expiry=expiry,
        discovery=discovery,
        device_logs=device_logs,
        recordings=recordings,
        motion=motion,
        pictures=pictures,
        updates=updates,
        firmware=FirmwareStore(settings.firmware),
        exports=exports,
        capacity=capacity,
        indexes=indexes,
        thumbnails=thumbnails,
        sealer=sealer,
        copier=copier,
        refusals=Attempts(settings.device_refusals),
        arrivals=Attempts(settings.device_connections),
        downloads=Attempts(settings.device_connections),
    )


def camera_policy(settings: Settings) -> Policy:
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
