"""Later: writes that no request waits for and that none fails over, as when a log-in was last used."""

from __future__ import annotations

import logging
import threading
from collections import deque
from datetime import datetime
from typing import Any

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm.exc import StaleDataError

from camproxy.database import is_unusable, reason
from models import AuditEvent, Credential, db

log = logging.getLogger(__name__)


class Later:
    """A subsystem: start, stop, state. While the database takes nothing, it is tried again until it does.

    `room` is how many events wait at most; the oldest go first.
    """

    #: How long to wait before it is tried again. Seconds.
    RETRY = 1.0

    def __init__(self, app: Flask, room: int = 1000) -> None:
        self._app = app
        self._changed = threading.Condition()
        self._uses: dict[tuple[type[Credential], int], datetime] = {}
        self._events: deque[AuditEvent] = deque(maxlen=room)
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
        return {"waiting": len(self._uses) + len(self._events)}

    def used(self, credential: Credential, at: datetime) -> None:
        """A log-in or token is in use. Of several times of the same one the last counts."""
        with self._changed:
            self._uses[type(credential), credential.id] = at
            self._changed.notify_all()

    def note(self, event: AuditEvent) -> None:
        """It was done already, whether or not it can be written down."""
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._uses or self._events or self._stopping)
                uses, self._uses = self._uses, {}
                events, self._events = self._events, deque(maxlen=self._events.maxlen)
            written = self._write(uses, events)
            with self._changed:
                if not written:
                    self._uses = uses | self._uses
                    self._events = deque([*events, *self._events], maxlen=events.maxlen)
                if self._stopping and (not written or not (self._uses or self._events)):
                    return
                if not written:
                    self._changed.wait_for(lambda: self._stopping, self.RETRY)

    def _write(self, uses: dict[tuple[type[Credential], int], datetime], events: deque[AuditEvent]) -> bool:
        """Whether that is done with: written, or never to be."""
        try:
            with self._app.app_context():
                for (kind, number), at in uses.items():
                    if row := db.session.get(kind, number):
                        row.used(at)
                db.session.add_all(events)
                db.session.commit()
        except StaleDataError:
            # Somebody logged out between the look and the commit. The events are not to be lost over that.
            return self._write(uses, events)
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
