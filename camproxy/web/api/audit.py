"""/api/audit: who did what, for admins."""

from __future__ import annotations

from flask import Blueprint

from camproxy.web.api.schemas import AuditList, AuditQuery, audit_out
from camproxy.web.api.spec import api, gives
from camproxy.web.guards import ADMIN, allow
from models import AuditEvent, db

bp = Blueprint("audit", __name__, url_prefix="/api/audit")

PAGE = 100


@bp.get("")
@allow(ADMIN)
@api.validate(resp=gives(AuditList), tags=["audit"])
def list_events(query: AuditQuery) -> AuditList:
    """The latest first; `before` is the number of the last event of the page before."""
    return events(query.before)


def events(before: int | None = None) -> AuditList:
    found = db.select(AuditEvent).order_by(AuditEvent.id.desc()).limit(PAGE)
    if before is not None:
        found = found.where(AuditEvent.id < before)
    items = [audit_out(row) for row in db.session.scalars(found)]
    return AuditList(items=items, before=items[-1].id if len(items) == PAGE else None)
