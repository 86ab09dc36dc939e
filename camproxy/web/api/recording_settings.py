"""/api/cameras/<camera>/recording: how a camera is recorded, and recording it by hand."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, g
from flask_login import current_user
from sqlalchemy.exc import IntegrityError

from camproxy import audit
from camproxy.audit import Action
from camproxy.errors import BadRequest
from camproxy.recording.catalogue import UNSET
from camproxy.recording.hours import stand_in
from camproxy.web.api.recording_schemas import ByHand, RecordingConfig, RecordingConfigOut, RecordingState
from camproxy.web.api.spec import api, gives
from camproxy.web.guards import ADMIN, STEER, allow, camera_for
from camproxy.web.services import services
from models import Camera, RecordingSettings, db

bp = Blueprint("recording_settings", __name__, url_prefix="/api/cameras/<camera>/recording")

FIELDS = ("mode", "codec", "fps", "crf", "pre_seconds", "post_seconds", "schedule", "days", "bytes")


@bp.get("")
@allow(ADMIN)
@api.validate(resp=gives(RecordingConfigOut, errors=(404,)), tags=["recordings"])
def show(camera: str) -> RecordingConfigOut:
    return config_out(settings_of(camera_for(current_user, camera, "control")))


@bp.put("")
@allow(ADMIN)
@api.validate(resp=gives(RecordingConfigOut, errors=(404,)), tags=["recordings"])
def change(camera: str, json: RecordingConfig) -> RecordingConfigOut:
    """Takes effect within a second; a file that is being written ends for it if its pictures would be others."""
    row = camera_for(current_user, camera, "control")
    sent = json.changes()
    if missing := [name for name, value in sent.items() if value is None and name not in ("days", "bytes")]:
        raise BadRequest("must have a value", where=missing[0])
    try:
        settings = store(row, sent)
    except IntegrityError:  # the camera's first settings were stored by another between the look and the commit
        db.session.rollback()
        settings = store(row, sent)
    services().recordings.reload()
    return config_out(settings)


@bp.post("/by-hand")
@allow(STEER)
@api.validate(resp=gives(RecordingState, errors=(404, 503)), tags=["recordings"])
def by_hand(json: ByHand, **_: str) -> RecordingState:
    """From now on for so many seconds, whatever the mode; 0 ends it."""
    row: Camera = g.camera_row
    services().recordings.record_for(row.id, json.seconds)
    audit.note(Action.RECORDED_BY_HAND, row.name, f"{json.seconds:.0f} s")
    db.session.commit()
    return RecordingState.model_validate(services().recordings.state_of(row.id))


def settings_of(row: Camera) -> RecordingSettings:
    """Those of a camera that nothing was set for yet are not stored."""
    return db.session.get(RecordingSettings, row.id) or RecordingSettings(
        camera_id=row.id, folder=stand_in(row.id, row.created_at), **UNSET
    )


def store(row: Camera, sent: dict[str, Any]) -> RecordingSettings:
    settings = settings_of(row)
    for name, value in sent.items():
        setattr(settings, name, value)
    db.session.add(settings)
    audit.note(Action.RECORDING_CONFIGURED, row.name, ", ".join(f"{name}: {value}" for name, value in sent.items()))
    db.session.commit()
    return settings


def config_out(settings: RecordingSettings) -> RecordingConfigOut:
    return RecordingConfigOut.model_validate(
        {name: getattr(settings, name) for name in FIELDS}
        | {"state": services().recordings.state_of(settings.camera_id) | {"mode": settings.mode}}
    )
