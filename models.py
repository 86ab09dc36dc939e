"""The tables. Nothing here knows about the web or about cameras that run; rows are only what is kept.

The names of the design card work as written there: `User(username=…, password=…)`, `.is_active`, `.is_admin`,
`.set_password(…)`, `User.query.filter_by(username=…)`.
"""

from camproxy.tables.audit import AuditEvent
from camproxy.tables.base import Base, UtcDateTime, db, now
from camproxy.tables.cameras import LEVELS, Camera, Permission, Preset
from camproxy.tables.credentials import ApiToken, Credential, LoginFailure, LoginSession
from camproxy.tables.devices import KINDS, OVERLAP, Device, DeviceKey, PairingToken, PairingWindow, digest
from camproxy.tables.events import MOTION, Event, MotionSettings, PoseChange
from camproxy.tables.firmware import Firmware, FirmwareUpdate
from camproxy.tables.people import NOBODYS_HASH, ROLES, User, hasher
from camproxy.tables.recordings import Gap, Recording, RecordingSettings

__all__ = [
    "KINDS",
    "LEVELS",
    "MOTION",
    "NOBODYS_HASH",
    "OVERLAP",
    "ROLES",
    "ApiToken",
    "AuditEvent",
    "Base",
    "Camera",
    "Credential",
    "Device",
    "DeviceKey",
    "Event",
    "Firmware",
    "FirmwareUpdate",
    "Gap",
    "LoginFailure",
    "LoginSession",
    "MotionSettings",
    "PairingToken",
    "PairingWindow",
    "Permission",
    "PoseChange",
    "Preset",
    "Recording",
    "RecordingSettings",
    "User",
    "UtcDateTime",
    "db",
    "digest",
    "hasher",
    "now",
]
