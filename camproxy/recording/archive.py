"""Archive: what is asked of the tables of recordings. It reads; the catalogue writes.

Each function takes the session of whoever asks. Times are aware datetimes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from camproxy.errors import BadRequest
from camproxy.recording.book import RECORDING
from models import Gap, Recording

#: No recording is longer. A part ends with its hour; one that was found may be of another maker, or its clock stood.
LONGEST = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which recordings. `cameras` None: all, also those of cameras that were removed; `begin`, `end`: what overlaps."""

    cameras: Collection[int] | None = None
    begin: datetime | None = None
    end: datetime | None = None
    state: str | None = None
    protected: bool | None = None


def page(session: Session, wanted: Wanted, limit: int, cursor: str | None = None) -> tuple[list[Recording], str | None]:
    """So many, the newest first, and the cursor of the page after, if there is one. Raises BadRequest for a cursor that
    is none."""
    conditions = _matching(wanted)
    if cursor is not None:
        at, number = _place(cursor)
        conditions += [Recording.started_at <= at, or_(Recording.started_at < at, Recording.id < number)]
    newest_first = Recording.started_at.desc(), Recording.id.desc()
    found = list(session.scalars(select(Recording).where(*conditions).order_by(*newest_first).limit(limit + 1)))
    last = found[limit - 1] if len(found) > limit else None
    return found[:limit], last and f"{(last.started_at - EPOCH) // MICROSECOND}-{last.id}"


def spans(session: Session, camera_id: int, begin: datetime, end: datetime) -> list[tuple[Any, ...]]:
    """Number, begin, end, state, protected and codec of a camera's recordings, the oldest first."""
    where_it_is = Recording.id, Recording.started_at, Recording.ended_at
    what_it_is = Recording.state, Recording.protected, Recording.codec
    query = select(*where_it_is, *what_it_is).where(*_matching(Wanted([camera_id], begin, end)))
    return [tuple(row) for row in session.execute(query.order_by(Recording.started_at, Recording.id))]


def gaps(session: Session, camera_id: int, begin: datetime, end: datetime) -> list[Gap]:
    """What is missing of a camera, the oldest first."""
    overlaps = Gap.started_at < end, or_(Gap.ended_at > begin, Gap.ended_at.is_(None))
    return list(
        session.scalars(select(Gap).where(Gap.camera_id == camera_id, *overlaps).order_by(Gap.started_at, Gap.id))
    )


def _matching(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.cameras is not None:
        conditions.append(Recording.camera_id.in_(wanted.cameras))
    if wanted.begin is not None:
        goes_on = and_(Recording.ended_at.is_(None), Recording.state == RECORDING)
        # The first is for the index, the second is what is meant.
        conditions.append(Recording.started_at > wanted.begin - LONGEST)
        conditions.append(or_(Recording.started_at >= wanted.begin, Recording.ended_at > wanted.begin, goes_on))
    if wanted.end is not None:
        conditions.append(Recording.started_at < wanted.end)
    if wanted.state is not None:
        conditions.append(Recording.state == wanted.state)
    if wanted.protected is not None:
        conditions.append(Recording.protected.is_(wanted.protected))
    return conditions


def _place(cursor: str) -> tuple[datetime, int]:
    """The last recording of the page before: when it began, and its number."""
    try:
        began, _, number = cursor.partition("-")
        if not (began.isascii() and began.isdigit() and number.isascii() and number.isdigit()):
            raise ValueError
        if int(number) > 2**31 - 1:
            raise ValueError
        return EPOCH + int(began) * MICROSECOND, int(number)
    except (ValueError, OverflowError):
        raise BadRequest("this is no cursor", where="cursor") from None
