"""A database with two cameras in it, and the one who writes it, for what is kept of motion and poses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app import create_app
from camproxy import schema
from camproxy.later import Later
from models import MOTION, Camera, Event, PoseChange, Recording, db

#: Minutes in these tests count from here.
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


class Desk:
    def __init__(self, home: Path) -> None:
        self.app: Flask = create_app({"DATA_DIR": str(home)})
        with self.app.app_context():
            schema.upgrade()
            self.engine = db.engine
        self.later = Later(self.app)
        self.later.start()
        with self.session() as session:
            session.add_all(Camera(id=n, name=f"Camera {n}", slug=f"c{n}", url="demo:test") for n in (1, 2))
            session.commit()

    def session(self) -> Session:
        return Session(self.engine, expire_on_commit=False)

    def add(self, *rows: Any) -> None:
        with self.session() as session:
            session.add_all(rows)
            session.commit()

    def motion(self, begun: float, ended: float | None, camera: int = 1, **more: Any) -> None:
        end = None if ended is None else at(ended)
        self.add(Event(kind=MOTION, camera_id=camera, source="picture", at=at(begun), ended_at=end, **more))

    def pose(self, when: float, x: int, y: int = 90, camera: int = 1) -> None:
        self.add(PoseChange(camera_id=camera, at=at(when), x=x, y=y))

    def recording(self, begun: float, ended: float | None, camera: int = 1, state: str = "complete") -> None:
        own = {"zone": "UTC", "codec": "mjpeg", "width": 800, "height": 600, "path": f"{camera}/{begun}"}
        end = None if ended is None else at(ended)
        self.add(Recording(camera_id=camera, started_at=at(begun), ended_at=end, state=state, **own))

    def all(self, table: Any) -> list[Any]:
        """Its rows, once all is written that was put: one that is taken later finds it committed."""
        for _ in range(2):
            taken = threading.Event()
            self.later.put(taken.set)
            assert taken.wait(10)
        with self.session() as session:
            return list(session.scalars(db.select(table).order_by(table.at, table.id)))

    def close(self) -> None:
        self.later.stop()
        self.engine.dispose()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()
