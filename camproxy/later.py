"""Later: writes that no request waits for and that none fails over, as when a log-in was last used."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from flask import Flask
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm.exc import StaleDataError

from camproxy.database import is_unusable, reason
from models import AuditEvent, Credential, Event, db

log = logging.getLogger(__name__)

#: Of which row, by table and number, and what of it; and what is to be done with the row.
Changes = dict[tuple[type[Any], int, str], Callable[[Any], None]]
Events = deque[AuditEvent | Event]
#: What is to be done with db.session.
Write = Callable[[], object]


class Later:
    """A subsystem: start, stop, state. While the database takes nothing, it is tried again until it does.

    `room` is how many events, and how many other writes, wait at most; the oldest go first.
    """

    #: How long to wait before it is tried again. Seconds.
    RETRY = 1.0

    def __init__(self, app: Flask, room: int = 1000) -> None:
        self._app = app
        self._changed = threading.Condition()
        self._changes: Changes = {}
        self._events: Events = deque(maxlen=room)
        self._writes: deque[Write] = deque(maxlen=room)
        self._stopping = False
        self._failing = False
        self._thread = threading.Thread(target=self._run, name="later", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=1)  # a database that is locked keeps it longer, and nobody waits for that

    def state(self) -> dict[str, Any]:
        return {"waiting": len(self._changes) + len(self._events) + len(self._writes)}

    def used(self, credential: Credential, at: datetime) -> None:
        """A log-in or token is in use."""
        self.change(type(credential), credential.id, "used", lambda row: row.used(at))

    def change(self, table: type[Any], number: int, what: str, change: Callable[[Any], None]) -> None:
        """Change a row, if it is still there. Of several changes of the same kind the last counts."""
        with self._changed:
            self._changes[table, number, what] = change
            self._changed.notify_all()

    def note(self, event: AuditEvent | Event) -> None:
        """It has happened, whether or not it can be written down."""
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def put(self, write: Write) -> None:
        """Have something written, in the order in which it is put here. It may be tried several times."""
        with self._changed:
            self._writes.append(write)
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waits or self._stopping)
                changes, self._changes = self._changes, {}
                events, self._events = self._events, deque(maxlen=self._events.maxlen)
                writes, self._writes = self._writes, deque(maxlen=self._writes.maxlen)
            written = self._write(changes, events, writes)
            with self._changed:
                if not written:
                    self._changes = changes | self._changes
                    self._events = deque([*events, *self._events], maxlen=events.maxlen)
                    self._writes = deque([*writes, *self._writes], maxlen=writes.maxlen)
                if self._stopping and (not written or not self._waits):
                    return
                if not written:
                    self._changed.wait_for(lambda: self._stopping, self.RETRY)

    @property
    def _waits(self) -> bool:
        return bool(self._changes or self._events or self._writes)

    def _write(self, changes: Changes, events: Iterable[AuditEvent | Event], writes: Iterable[Write]) -> bool:
        """Whether that is done with: written, or never to be."""
        events, writes = list(events), list(writes)
        try:
            with self._app.app_context():
                for (table, number, _), change in changes.items():
                    if row := db.session.get(table, number):
                        change(row)
                db.session.add_all(events)
                for write in writes:
                    write()
                db.session.commit()
        except StaleDataError:
            # Somebody logged out between the look and the commit. The events are not to be lost over that.
            return self._write(changes, events, writes)
        except IntegrityError:
            # One of them is about something that has been removed meanwhile.
            if len(changes) + len(events) + len(writes) > 1:
                each = [self._write({row: change}, [], []) for row, change in changes.items()]
                each += [self._write({}, [event], []) for event in events]
                each += [self._write({}, [], [write]) for write in writes]
                return all(each)
            log.info("not written down, for what it is about is gone: %s", [*changes, *events, *writes])
            return True
        except SQLAlchemyError as error:
            if not is_unusable(error):
                log.exception("cannot be written")
                return True
            if not self._failing:
                log.warning("the database takes nothing: %s", reason(error))
            self._failing = True
            return False
        if self._failing:
            log.info("the database takes what it is given again")
        self._failing = False
        return True
