"""Cameras that two people change at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from app import create_app
from camproxy import schema
from camproxy.camera import CameraConfig
from camproxy.cameras import Cameras
from camproxy.web.api.cameras import store
from models import Camera, db


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    made = create_app({"DATA_DIR": str(tmp_path)})
    with made.app_context():
        schema.upgrade()
        db.session.add(garden := Camera(name="Garden", slug="garden", url="demo:garden"))
        store(garden)
    yield made
    with made.app_context():
        db.engine.dispose()


def test_what_runs_is_what_was_committed_last(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    cameras: Cameras = app.extensions["camproxy"].cameras
    others: list[threading.Thread] = []
    put = cameras.put

    def change(fps: int) -> None:
        with app.app_context():
            row = db.session.scalars(db.select(Camera)).one()
            row.fps = fps
            store(row)

    def held_up(config: CameraConfig) -> None:
        if not others:
            others.append(threading.Thread(target=change, args=(7,)))
            others[0].start()
            others[0].join(0.3)  # it is done by now, unless it has to wait for this one
        put(config)

    monkeypatch.setattr(cameras, "put", held_up)
    change(5)
    others[0].join()
    assert [camera.config.fps for camera in cameras] == [7]
