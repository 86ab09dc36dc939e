"""The audit log: what people did that others may have to answer for. Shown to admins."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from flask import has_request_context, request
from flask_login import current_user

from models import MOTION, AuditEvent, Event, db, now

COMMAND_LINE = "(command line)"
#: A device that nobody knows yet: whoever's cookie comes with it, it is not that user's doing.
STRANGER = "(a device)"


class Action(StrEnum):
    LOG_IN = "log_in"
    LOG_IN_REFUSED = "log_in_refused"
    LOG_OUT = "log_out"
    SESSIONS_ENDED = "sessions_ended"
    PASSWORD_CHANGED = "password_changed"
    TOKEN_MADE = "token_made"
    TOKEN_REVOKED = "token_revoked"
    USER_ADDED = "user_added"
    USER_CHANGED = "user_changed"
    USER_REMOVED = "user_removed"
    PERMISSIONS_CHANGED = "permissions_changed"
    CAMERA_ADDED = "camera_added"
    CAMERA_CHANGED = "camera_changed"
    CAMERA_REMOVED = "camera_removed"
    MOTION_CONFIGURED = "motion_configured"
    DEVICE_CHANGED = "device_changed"
    DEVICE_REMOVED = "device_removed"
    DEVICE_KEY_ISSUED = "device_key_issued"
    DEVICE_CONFIGURED = "device_configured"
    RECORDING_CONFIGURED = "recording_configured"
    RECORDED_BY_HAND = "recorded_by_hand"
    RECORDING_PROTECTED = "recording_protected"
    RECORDING_RELEASED = "recording_released"
    RECORDING_REMOVED = "recording_removed"
    CONTROL_TAKEN_OVER = "control_taken_over"
    PAIRING_OPENED = "pairing_opened"
    PAIRING_CLOSED = "pairing_closed"
    PAIRING_ENDED = "pairing_ended"
    PAIRING_TOKEN_GIVEN = "pairing_token_given"
    DEVICE_APPROVED = "device_approved"
    DEVICE_ENROLLED = "device_enrolled"
    DEVICE_REFUSED = "device_refused"
    DEVICE_REVOKED = "device_revoked"
    FIRMWARE_UPLOADED = "firmware_uploaded"
    FIRMWARE_REMOVED = "firmware_removed"
    FIRMWARE_ASSIGNED = "firmware_assigned"
    FIRMWARE_WITHDRAWN = "firmware_withdrawn"
    EXPORT_ORDERED = "export_ordered"
    EXPORT_ENDED = "export_ended"
    EXPORT_DOWNLOADED = "export_downloaded"


def note(action: Action, subject: str = "", detail: str = "", who: str | None = None) -> None:
    """Write it down together with what it is about: the caller commits both. Secrets have no place here."""
    db.session.add(event(action, subject, detail, who))


def event(action: Action, subject: str = "", detail: str = "", who: str | None = None) -> AuditEvent:
    """What `note` writes down; for `Later` when it was done already and must not fail over this."""
    if who is None:
        known = has_request_context() and current_user.is_authenticated
        who = current_user.username if known else COMMAND_LINE
    address = (request.remote_addr or "") if has_request_context() else ""
    row = {"who": who[:80], "address": address[:45], "subject": subject[:120], "detail": detail[:500]}
    return AuditEvent(action=action, at=now(), **row)


def tidy(audit_days: int, event_days: int) -> None:
    """Forget what is older than that: what people did, and what happened by itself. Motion goes with the recordings."""
    for table, days, which in ((AuditEvent, audit_days, db.true()), (Event, event_days, Event.kind != MOTION)):
        db.session.execute(db.delete(table).where(table.at < now() - timedelta(days=days), which))
