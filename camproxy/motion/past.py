"""Past: what is kept in the database of motion and of poses; reading it, and forgetting it with the recordings.

Each function takes the session of whoever asks. Times are aware datetimes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.orm import Session

from camproxy.clock import iso
from camproxy.motion import episode
from camproxy.recording.book import MISSING, QUARANTINED
from models import MOTION, Event, PoseChange, Recording

#: So many of each are told at most: a timeline is some two thousand pixels wide.
MOST = 5000
#: No motion lasts longer, give or take some seconds.
LONGEST = timedelta(seconds=episode.LONGEST + 10)
NEVER, EVER = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


# Reading


def overlaps(begin: datetime, end: datetime) -> tuple[ColumnElement[bool], ...]:
    """Which events are of that stretch, `end` not included: what happened in it, and motion that reached into it."""
    goes_on = (Event.kind == MOTION) & Event.ended_at.is_(None)
    # The first is for the index; the last is what is meant.
    return Event.at >= begin - LONGEST, Event.at < end, or_(Event.at >= begin, Event.ended_at > begin, goes_on)


def events(session: Session, camera_id: int, begin: datetime, end: datetime) -> list[dict[str, Any]]:
    """Motion before a camera, the oldest first, as the timeline has it; of more than MOST the latest."""
    found = select(Event).where(Event.camera_id == camera_id, Event.kind == MOTION, *overlaps(begin, end))
    rows = session.scalars(found.order_by(Event.at.desc()).limit(MOST)).all()
    return [
        {
            "id": row.id,
            "kind": row.kind,
            "source": row.source,
            "from": iso(row.at, "milliseconds"),
            "to": row.ended_at and iso(row.ended_at, "milliseconds"),
            "thumbnail": bool(row.thumbnail),
        }
        for row in reversed(rows)
    ]


def poses(session: Session, camera_id: int, begin: datetime, end: datetime) -> list[tuple[datetime, int, int]]:
    """When a camera turned where: the pose at `begin`, if it is known, and each change.

    Of more than MOST every second, third … one.
    """
    columns = PoseChange.at, PoseChange.x, PoseChange.y
    its = PoseChange.camera_id == camera_id
    first = select(*columns).where(its, PoseChange.at <= begin).order_by(PoseChange.at.desc()).limit(1)
    within = its, PoseChange.at > begin, PoseChange.at < end
    count = session.scalar(select(func.count(PoseChange.id)).where(*within)) or 0
    number = func.row_number().over(order_by=PoseChange.at).label("number")
    each = select(*columns, number).where(*within).subquery().c
    some = select(each.at, each.x, each.y).where(each.number % (count // MOST + 1) == 0).order_by(each.at)
    return [(at, x, y) for at, x, y in (*session.execute(first), *session.execute(some))]


def thumbnails(session: Session, camera_id: int) -> set[str]:
    """Those that events of a camera have."""
    found = select(Event.thumbnail).where(Event.camera_id == camera_id, Event.thumbnail.is_not(None))
    return {path for path in session.scalars(found) if path}


# Forgetting


def close_open(session: Session, before: datetime, alive: datetime | None) -> None:
    """Motion that was going on when the server ended, before that moment: it was last known to run at `alive`."""
    found = select(Event).where(Event.kind == MOTION, Event.ended_at.is_(None), Event.at < before)
    for row in session.scalars(found):
        row.ended_at = max(row.at, min(alive or row.at, row.at + LONGEST))


def forget(session: Session, camera_id: int, before: datetime) -> None:
    """Remove what was before that moment, but for what happened while something was recorded that is still kept.

    The last pose before each stretch that is kept stays: the head had it then.
    """
    for begin, end in between(recorded(session, camera_id, before), before):
        its = Event.camera_id == camera_id, Event.kind == MOTION
        over = Event.at >= begin, func.coalesce(Event.ended_at, Event.at) < end
        session.execute(delete(Event).where(*its, *over))
        turned = PoseChange.camera_id == camera_id, PoseChange.at >= begin, PoseChange.at < end
        last = session.scalar(select(func.max(PoseChange.at)).where(*turned))
        if last is not None:
            session.execute(delete(PoseChange).where(*turned, PoseChange.at < last))


def recorded(session: Session, camera_id: int, before: datetime) -> list[tuple[datetime, datetime]]:
    """From when to when there are recordings of a camera that began before that moment, the oldest first."""
    columns = Recording.started_at, func.coalesce(Recording.ended_at, EVER)
    there = Recording.camera_id == camera_id, ~Recording.state.in_((MISSING, QUARANTINED))
    found = select(*columns).where(*there, Recording.started_at < before).order_by(Recording.started_at)
    return [(began, ended) for began, ended in session.execute(found)]


def between(stretches: Iterable[tuple[datetime, datetime]], until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """What is between those stretches, which begin one after another, before the first and after the last."""
    free = NEVER
    for begin, end in stretches:
        if begin > free:
            yield free, min(begin, until)
        free = max(free, end)
    if free < until:
        yield free, until
