"""The whole of recording with a real database, as much of a server as it needs; cameras are fed by the test.

As a program it records two cameras in real time until it is killed: `python -m tests.recording.station DIRECTORY COUNT`
prepares once what takes long, and then has COUNT of them at the same time, each in a process and directory of its
own. The file NUMBER.filmed is touched with each picture of the first camera of one.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import create_app
from camproxy import schema
from camproxy.camera import Camera
from camproxy.cameras import Cameras
from camproxy.clock import Clock, SystemClock
from camproxy.recording.catalogue import Catalogue
from camproxy.recording.recordings import RecordingPolicy, Recordings
from camproxy.recording.retention import Limits
from camproxy.recording.storage import Storage
from camproxy.rows import config_of
from models import Camera as CameraRow
from models import Gap, Recording, RecordingSettings, db
from tests.patience import PATIENCE
from tests.recording.playback import picture
from tests.zones import calm_zone

#: That of recordings that were made long ago.
ZONE = ZoneInfo("Europe/Berlin")
PICTURES = [picture(number) for number in range(20)]


class Station:
    """`cameras` is one dictionary of RecordingSettings' columns for each camera, needed the first time only."""

    def __init__(
        self,
        home: Path,
        cameras: list[dict[str, Any]] | None = None,
        *,
        root: Path | None = None,
        reserve: int = 0,
        limits: Limits | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or SystemClock()
        self.app: Flask = create_app({"DATA_DIR": str(home), "SECRET_KEY": "a secret of the tests"})
        with self.app.app_context():
            schema.upgrade()
            self.engine = db.engine
        with self.session() as session:
            for number, columns in enumerate(cameras or [], 1):
                session.add(CameraRow(id=number, name=f"Camera {number}", slug=f"c{number}", url="demo:test"))
                session.flush()
                folder = f"AA-BB-CC-DD-EE-{number:02X}"
                session.add(RecordingSettings(camera_id=number, **({"folder": folder, "codec": "mjpeg"} | columns)))
            session.commit()
            configs = [config_of(row) for row in session.scalars(select(CameraRow).order_by(CameraRow.id))]
        self.cameras = Cameras(clock=self.clock)
        for config in configs:
            self.cameras.put(config)
        self.storage = Storage(root or home / "recordings", reserve, self.clock)
        #: That of its clock on the wall.
        self.zone = ZONE if clock else calm_zone()
        policy = RecordingPolicy(self.zone, limits or Limits(), "0 2 * * *", home / "recording.alive")
        self.catalogue = Catalogue(self.session)
        self.recordings = Recordings(self.cameras, self.catalogue, self.storage, policy, self.clock)

    def session(self) -> Session:
        return Session(self.engine, expire_on_commit=False)

    def __enter__(self) -> Station:
        self.recordings.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.recordings.stop()
        self.engine.dispose()

    def camera(self, number: int = 1) -> Camera:
        return self.cameras.get(number)

    def rows(self) -> list[Recording]:
        assert self.catalogue.flush(PATIENCE)
        with self.session() as session:
            return list(session.scalars(select(Recording).order_by(Recording.started_at, Recording.id)))

    def gaps(self, number: int = 1) -> list[Gap]:
        assert self.catalogue.flush(PATIENCE)
        with self.session() as session:
            return list(session.scalars(select(Gap).where(Gap.camera_id == number).order_by(Gap.started_at)))

    def missed(self, recording: Recording) -> list[Gap]:
        """What is missing of its camera since it began. Until then the camera may have taken its time."""
        return [gap for gap in self.gaps(recording.camera_id or 0) if gap.started_at > recording.started_at]

    def film(self, seconds: float, fps: float = 10) -> None:
        """All cameras, in real time."""
        for number in range(round(seconds * fps)):
            for camera in self.cameras:
                camera.hub.publish(PICTURES[number % 20])
            time.sleep(1 / fps)


def main(directory: Path, count: int) -> None:
    for number in range(count):
        if os.fork() == 0:
            with Station(
                directory / str(number), [{"mode": "continuous", "codec": "h264"}, {"mode": "continuous"}]
            ) as one:
                sys.stdout.write(f"{number} {os.getpid()}\n")
                sys.stdout.flush()
                one.camera().hub.listeners.append(lambda _, filmed=directory / f"{number}.filmed": filmed.touch())
                threading.Thread(target=one.film, args=(60,), daemon=True).start()
                threading.Event().wait(60)
            os._exit(0)
    for _ in range(count):
        os.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
