"""Catalogue: what is kept of recordings in the database. The only file of recording that knows it.

What the recorders tell is written in the order in which it was told, by one thread; while the database takes nothing,
it is tried again until it does. What is lost when the server is killed meanwhile, the next start reads from the files.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from camproxy.clock import moment
from camproxy.database import is_unusable, reason
from camproxy.errors import Unavailable
from camproxy.listeners import tell
from camproxy.recording.book import COMPLETE, MISSING, QUARANTINED, RECORDING, RECOVERED, Begun, Ended
from camproxy.recording.footage import Footage
from camproxy.recording.hours import folder_of, stand_in
from camproxy.recording.modes import CameraRecording
from camproxy.recording.retention import Kept
from camproxy.recording.schedule import read_schedule
from models import Camera, Device, Gap, Recording, RecordingSettings

log = logging.getLogger(__name__)

Write = Callable[[Session], object]
#: How long to wait before the database is tried again. Seconds.
RETRY = 1.0
#: Of a camera that nothing was set for.
UNSET: dict[str, Any] = {
    "mode": "off",
    "codec": "h264",
    "fps": 10.0,
    "crf": 23,
    "pre_seconds": 5.0,
    "post_seconds": 10.0,
    "schedule": [],
}
#: How many notes wait at most; the oldest go first.
ROOM = 10_000


@dataclass(frozen=True, slots=True)
class Known:
    """What the database says of a file. `sha256` is that of the whole file, once it is known."""

    id: int
    path: str
    camera_id: int | None
    state: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A finished file whose hash is not known yet."""

    id: int
    path: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Held:
    """A recording of a stretch of time, in seconds since 1970; `ended_at` is None while it lasts."""

    path: str
    started_at: float
    ended_at: float | None
    bytes: int
    there: bool


class Catalogue:
    """A Book, and a subsystem: start, stop, state. Thread-safe.

    What reads, or has to be written at once, raises Unavailable.
    """

    def __init__(self, sessions: Callable[[], Session]) -> None:
        self._sessions = sessions
        self._changed = threading.Condition()
        self._writes: deque[Write] = deque(maxlen=ROOM)
        self._busy = False
        self._failing = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="catalogue", daemon=True)
        #: Called when what was recorded, or found, has been written down.
        self.listeners: list[Callable[[], None]] = []

    def start(self) -> None:
        self._thread.start()

    def stop(self, within: float = 2.0) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=within)

    def state(self) -> dict[str, object]:
        return {"waiting": len(self._writes)}

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            with self._sessions() as session:
                yield session
        except SQLAlchemyError as error:
            if is_unusable(error):
                log.warning("the database cannot be asked about recordings: %s", reason(error))
                raise Unavailable("The database does not answer just now. Try again shortly.") from None
            raise

    # The book

    def begun(self, part: Begun) -> None:
        def write(session: Session) -> None:
            camera = session.get(Camera, part.camera_id)
            session.add(
                Recording(
                    path=part.path,
                    camera_id=camera and camera.id,
                    started_at=moment(part.started_at),
                    zone=part.zone,
                    codec=part.codec,
                    width=part.width,
                    height=part.height,
                    state=RECORDING,
                )
            )

        self._put(write)

    def ended(self, part: Ended) -> None:
        values = {"bytes": part.bytes, "frames": part.frames, "lost": part.lost, "state": part.state}
        values |= {"ended_at": moment(part.ended_at)}
        self._put(lambda session: session.execute(update(Recording).where(*_open(part.path)).values(values)))

    def dropped(self, path: str) -> None:
        self._put(lambda session: session.execute(delete(Recording).where(*_open(path))))

    def gap_opened(self, camera_id: int, started_at: float, cause: str) -> None:
        def write(session: Session) -> None:
            if session.get(Camera, camera_id):
                session.add(Gap(camera_id=camera_id, started_at=moment(started_at), cause=cause))

        self._put(write)

    def gap_closed(self, camera_id: int, started_at: float, ended_at: float) -> None:
        which = Gap.camera_id == camera_id, Gap.started_at == moment(started_at), Gap.ended_at.is_(None)
        self._put(lambda session: session.execute(update(Gap).where(*which).values(ended_at=moment(ended_at))))

    def _put(self, write: Write) -> None:
        with self._changed:
            self._writes.append(write)
            self._changed.notify_all()

    def flush(self, within: float) -> bool:
        """Wait until all is written that was told. Whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._writes and not self._busy, within)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._writes or self._stopping)
                writes = list(self._writes)
                self._writes.clear()
                self._busy = True
            left = self._write(writes) if writes else []
            if len(left) < len(writes):
                tell(self.listeners)
            with self._changed:
                self._writes.extendleft(reversed(left))
                self._busy = False
                self._changed.notify_all()
                if self._stopping and (left or not self._writes):
                    return
                if left:
                    self._changed.wait_for(lambda: self._stopping, RETRY)

    def _write(self, writes: list[Write]) -> list[Write]:
        """All in one commit, or one by one when one of them cannot be. Those that are still to be done."""
        try:
            with self._sessions() as session:
                for write in writes:
                    write(session)
                    session.flush()
                session.commit()
        except SQLAlchemyError as error:
            if is_unusable(error):
                if not self._failing:
                    log.warning("the database takes nothing of recordings: %s", reason(error))
                self._failing = True
                return writes
            if len(writes) > 1:
                return [left for write in writes for left in self._write([write])]
            if isinstance(error, IntegrityError | StaleDataError):
                log.info("not written down, for its camera is gone: %s", reason(error))
            else:
                log.exception("cannot be written")
        self._failing = False
        return []

    # What runs

    def settings(self) -> dict[int, CameraRecording]:
        """How each camera is recorded. Cameras that have no settings yet get some, so that their folder stays."""
        with self._session() as session:
            rows = {row.camera_id: row for row in session.scalars(select(RecordingSettings))}
            macs = {device.id: device.mac for device in session.scalars(select(Device))}
            found, made = {}, []
            for camera in session.scalars(select(Camera)):
                row = rows.get(camera.id)
                if row is None:
                    folder = stand_in(camera.id, camera.created_at)
                    row = RecordingSettings(camera_id=camera.id, folder=folder, **UNSET)
                    made.append(row)
                mac = macs.get(camera.device_id or 0)
                found[camera.id] = config_of(row, folder_of(mac) if mac else row.folder)
        if made:
            self._put(lambda session: [session.merge(row) for row in _wanted(session, made)])
        return found

    def is_used(self) -> bool:
        """Whether there should be any file."""
        with self._session() as session:
            gone = Recording.state.in_((MISSING, QUARANTINED))
            return session.scalar(select(Recording.id).where(~gone).limit(1)) is not None

    # What there is

    def known(self, state: str | None = None) -> list[Known]:
        with self._session() as session:
            query = select(Recording.id, Recording.path, Recording.camera_id, Recording.state, Recording.sha256)
            if state:
                query = query.where(Recording.state == state)
            return [Known(*row) for row in session.execute(query.order_by(Recording.id))]

    def recovered(self, recording_id: int, footage: Footage) -> float:
        """What was found in the file of a recording. When it ends, in seconds since 1970."""
        with self._session() as session:
            row = session.get_one(Recording, recording_id)
            ended = row.started_at.timestamp() + footage.seconds
            row.ended_at, row.bytes, row.frames = moment(ended), footage.whole, footage.frames
            row.state, row.cause = RECOVERED, ""
            session.commit()
        tell(self.listeners)
        return ended

    def adopt(self, path: str, camera_id: int | None, started_at: float, zone: str, footage: Footage) -> None:
        """A file that nothing was known of."""
        with self._session() as session:
            row = Recording(
                path=path,
                camera_id=camera_id if camera_id and session.get(Camera, camera_id) else None,
                started_at=moment(started_at),
                ended_at=moment(started_at + footage.seconds),
                zone=zone,
                bytes=footage.whole,
                frames=footage.frames,
                codec=footage.codec,
                width=footage.width,
                height=footage.height,
                state=RECOVERED,
            )
            session.add(row)
            session.commit()
        tell(self.listeners)

    def gone(self, recording_ids: Iterable[int], state: str, cause: str) -> None:
        """Their files are missing or in quarantine."""
        with self._session() as session:
            for number in recording_ids:
                if row := session.get(Recording, number):
                    row.state, row.cause = state, cause[:200]
            session.commit()

    def close_gaps(self, at: float) -> None:
        """Nothing more is known of the open ones than that they lasted until then."""

        def write(session: Session) -> None:
            for gap in session.scalars(select(Gap).where(Gap.ended_at.is_(None), Gap.id <= newest)):
                gap.ended_at = max(moment(at), gap.started_at)

        with self._session() as session:
            newest = session.scalar(select(func.max(Gap.id)).where(Gap.ended_at.is_(None)))
        if newest is not None:
            self._put(write)

    # What seals them

    def unsealed(self, most: int) -> list[Unsealed]:
        """Finished files whose hash is not known yet, the oldest first."""
        finished = Recording.state.in_((COMPLETE, RECOVERED)), Recording.sha256.is_(None)
        query = select(Recording.id, Recording.path, Recording.started_at, Recording.ended_at).where(*finished)
        with self._session() as session:
            rows = session.execute(query.order_by(Recording.started_at, Recording.id).limit(most))
            return [Unsealed(*row) for row in rows]

    def is_known(self, recording_id: int) -> bool:
        with self._session() as session:
            return session.get(Recording, recording_id) is not None

    def sealed(self, recording_id: int, sha256: str) -> None:
        with self._session() as session:
            session.execute(update(Recording).where(Recording.id == recording_id).values(sha256=sha256))
            session.commit()

    # What exports ask

    def held(self, camera_id: int, begin: float, end: float) -> list[Held]:
        """What was recorded of a camera between these moments, in seconds since 1970; in its order."""
        meets = Recording.started_at < moment(end), Recording.ended_at.is_(None) | (Recording.ended_at > moment(begin))
        with self._session() as session:
            query = select(Recording).where(Recording.camera_id == camera_id, *meets)
            return [
                Held(
                    row.path,
                    row.started_at.timestamp(),
                    row.ended_at.timestamp() if row.ended_at else None,
                    row.bytes,
                    row.state not in (MISSING, QUARANTINED),
                )
                for row in session.scalars(query.order_by(Recording.started_at, Recording.id))
            ]

    # What is kept

    def kept(self) -> list[Kept]:
        """All files that are there."""
        with self._session() as session:
            rows = session.scalars(select(Recording).where(~Recording.state.in_((MISSING, QUARANTINED))))
            return [
                Kept(
                    row.id,
                    row.path,
                    row.camera_id,
                    row.started_at.timestamp(),
                    (row.ended_at or row.started_at).timestamp(),
                    row.bytes,
                    row.protected,
                    row.state == RECORDING,
                )
                for row in rows
            ]

    def sizes(self) -> dict[int | None, int]:
        """Bytes that are kept of each camera."""
        with self._session() as session:
            there = ~Recording.state.in_((MISSING, QUARANTINED))
            query = select(Recording.camera_id, func.sum(Recording.bytes)).where(there).group_by(Recording.camera_id)
            return {camera_id: int(total) for camera_id, total in session.execute(query)}

    def forget(self, recording: Kept) -> bool:
        """Remove its row, unless it has been protected meanwhile or is being recorded. Whether that was done."""
        with self._session() as session:
            free = Recording.id == recording.id, Recording.protected.is_(False), Recording.state != RECORDING
            gone = session.scalars(delete(Recording).where(*free).returning(Recording.id)).all()
            session.commit()
            return bool(gone)

    def forget_gaps(self, before: float) -> None:
        with self._session() as session:
            session.execute(delete(Gap).where(Gap.ended_at < moment(before)))
            session.commit()


def _wanted(session: Session, made: list[RecordingSettings]) -> list[RecordingSettings]:
    """Those of cameras that are still there and that nobody has given any meanwhile."""
    return [
        row
        for row in made
        if session.get(Camera, row.camera_id) and session.get(RecordingSettings, row.camera_id) is None
    ]


def _open(path: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return Recording.path == path, Recording.state == RECORDING


def config_of(row: RecordingSettings, folder: str) -> CameraRecording:
    return CameraRecording(
        folder=folder,
        mode=row.mode,
        codec=row.codec,
        fps=row.fps,
        crf=row.crf,
        pre_seconds=row.pre_seconds,
        post_seconds=row.post_seconds,
        schedule=read_schedule(row.schedule),
        days=row.days,
        bytes=row.bytes,
    )
