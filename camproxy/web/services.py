"""What the routes and events work with: one object for each application, made in app.create_app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app
from flask_socketio import SocketIO

from camproxy.cameras import Cameras
from camproxy.certificates import Certificate
from camproxy.control.throttle import Throttle
from camproxy.copies.copier import Copier
from camproxy.device_log import DeviceLogs
from camproxy.devices import Devices
from camproxy.discovery import Discovery
from camproxy.enrolment import Enrolment
from camproxy.expiry import Expiry
from camproxy.firmware_store import FirmwareStore
from camproxy.later import Later
from camproxy.links.linger import Linger
from camproxy.motion.pictures import Pictures
from camproxy.motion.watcher import MotionWatch
from camproxy.pairing import Pairing
from camproxy.probe import Probe
from camproxy.recording.capacity import Capacity
from camproxy.recording.exports import Exports
from camproxy.recording.index import Indexes
from camproxy.recording.recordings import Recordings
from camproxy.recording.sealer import Sealer
from camproxy.recording.thumbnails import Thumbnails
from camproxy.runtime import Runtime
from camproxy.settings import Settings
from camproxy.updates import Updates
from camproxy.web.attempts import Attempts
from camproxy.web.edge import Sockets
from camproxy.web.live import Live
from camproxy.web.viewers.fanout import FanOut
from camproxy.web.viewers.places import Places


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    runtime: Runtime
    cameras: Cameras
    devices: Devices
    linger: Linger
    live: Live
    fanout: FanOut
    socketio: SocketIO
    sockets: Sockets
    throttle: Throttle
    places: Places
    later: Later
    probe: Probe
    pairing: Pairing
    enrolment: Enrolment
    expiry: Expiry
    discovery: Discovery
    device_logs: DeviceLogs
    recordings: Recordings
    motion: MotionWatch
    pictures: Pictures
    updates: Updates
    firmware: FirmwareStore
    exports: Exports
    capacity: Capacity
    indexes: Indexes
    thumbnails: Thumbnails
    sealer: Sealer
    copier: Copier
    #: Devices without a valid key, by address; and with one, by device.
    refusals: Attempts
    arrivals: Attempts
    #: How often a device may ask for firmware, by device.
    downloads: Attempts


def services() -> Services:
    return cast(Services, current_app.extensions["camproxy"])


def certificate() -> Certificate | None:
    """What we speak TLS with, if we do: a device is told its `spki_pin` and `fingerprint`."""
    return services().expiry.certificate
