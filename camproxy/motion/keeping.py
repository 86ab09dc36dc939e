"""MotionKeeper: what moved, and where heads pointed, is forgotten with the recordings."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from camproxy.clock import moment
from camproxy.motion.past import forget, thumbnails
from camproxy.motion.pictures import Pictures
from models import Camera

log = logging.getLogger(__name__)


class MotionKeeper:
    def __init__(self, sessions: Callable[[], Session], pictures: Pictures) -> None:
        self._sessions = sessions
        self._pictures = pictures

    def forget(self, before: Mapping[int, float]) -> None:
        """Listens to Recordings: of which camera nothing from before which moment is kept any more. Waits for the disk.

        Rows go before their thumbnails; a thumbnail that was left behind goes the next time.
        """
        for camera_id, at in before.items():
            with self._sessions() as session:
                forget(session, camera_id, moment(at))
                session.commit()
                left = thumbnails(session, camera_id)
            try:
                self._pictures.clean(camera_id, at, left)
            except OSError as error:
                log.error("thumbnails of camera %s cannot be removed: %s", camera_id, error)
        with self._sessions() as session:
            known = set(session.scalars(select(Camera.id)))
        try:
            self._pictures.clean_cameras(known)
        except OSError as error:
            log.error("thumbnails of removed cameras cannot be removed: %s", error)
