"""Every operation of /api/openapi.json, with requests that nobody would think of, by every role.

What the server answers is what the document says, and never a fault of its own.

What the requests change is put back before each: an admin may switch off or rename itself, revoke its own token, remove
the camera that all of this is about; if that stayed so, the rest would be nothing but 401 and 404.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app import create_app
from camproxy.recording.encoder import Encoder, Encoding
from camproxy.rows import config_of, settings_of
from camproxy.update_book import image_of
from camproxy.updates import Update
from camproxy.web.guards import ADMIN, ITSELF, LOGIN, MANAGE, SEE, STEER, allowed_of
from models import (
    MOTION,
    ROLES,
    ApiToken,
    Camera,
    Device,
    Event,
    Firmware,
    LoginSession,
    Preset,
    Recording,
    User,
    db,
    now,
)
from tests.images import Signer, firmware
from tests.integration.people import wait_until
from tests.lines import Obedient
from tests.recording.playback import picture
from tests.web.test_guards import close_log

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
#: Which guards let a role through.
MAY: dict[str, set[str | None]] = {
    "admin": {LOGIN, SEE, STEER, ADMIN, MANAGE, ITSELF},
    "operator": {LOGIN, SEE, STEER, MANAGE, ITSELF},
    "viewer": {LOGIN, SEE},
    "stranger": set(),
}
#: Requests to each operation. A stranger's never get further than the guard.
EXAMPLES = {"admin": 10, "operator": 6, "viewer": 4, "stranger": 2}
PASSWORD = "not needed here"
#: A body that is understood. A change of password that changes none.
BODIES: dict[str, dict[str, Any]] = {
    "PATCH /api/me": {"step": 5},
    "POST /api/me/password": {"current": PASSWORD, "new": PASSWORD},
    "POST /api/me/tokens": {"name": "One more"},
    "POST /api/cameras": {"name": "One more", "url": "demo:garden"},
    "PATCH /api/cameras/{camera}": {"fps": 5},
    "POST /api/cameras/test": {"url": "demo:garden"},
    "POST /api/cameras/{camera}/servo_command": {"command": "left"},
    "POST /api/cameras/{camera}/position_command": {"x": 1, "y": 2},
    "POST /api/cameras/{camera}/light_command": {"state": True},
    "POST /api/cameras/{camera}/control": {},
    "PUT /api/cameras/{camera}/presets/{slot}": {"name": "Gate", "x": 1, "y": 2},
    "PUT /api/cameras/{camera}/motion": {"enabled": False, "zones": []},
    "POST /api/exports": {"camera": "steered", "from": "2023-12-01T08:00:00Z", "to": "2023-12-01T09:00:00+00:00"},
    "PATCH /api/devices/{device}": {"name": "Pico"},
    "POST /api/devices/{device}/sleep": {"seconds": 60},
    "PUT /api/devices/{device}/config": {"speed": 60},
    "PUT /api/devices/{device}/update": {},
    "PUT /device/config": {"speed": 60},
    "POST /api/pairing": {"kind": "pico"},
    "POST /api/pairing/approve": {"kind": "pico", "mac": "24:0A:C4:12:34:56", "code": "1234 5678"},
    "PUT /api/recordings/{recording_id}": {"protected": False},
    "PUT /api/cameras/{camera}/recording": {"mode": "off"},
    "POST /api/cameras/{camera}/recording/by-hand": {"seconds": 0},
    "POST /api/users": {"username": "One more", "password": PASSWORD},
    "PATCH /api/users/{user_id}": {"role": "operator"},
    "PUT /api/users/{user_id}/permissions": {"permissions": []},
}


@dataclass
class World:
    app: Flask
    schema: Any
    tokens: dict[str, str] = field(default_factory=dict)

    def put_back(self, role: str) -> dict[str, Any]:
        """See that there is whoever asks, with its rights, and something of each kind to be changed or removed.

        What the paths call those: half of the requests go there, the others to what hypothesis makes up.
        """
        with self.app.app_context():
            for stray in db.session.scalars(db.select(Camera).where(Camera.slug.not_in(["steered", "demo"]))):
                self.app.extensions["camproxy"].cameras.remove(stray.id)
                db.session.delete(stray)
            if db.session.scalar(db.select(Camera).filter_by(slug="steered")) is None:
                camera = Camera(name="Steered", slug="steered", url="demo:garden")
                db.session.add(camera)
            camera = db.session.scalars(db.select(Camera).filter_by(slug="steered")).one()
            camera.everyone, camera.url, camera.enabled, camera.has_head = "control", "demo:garden", True, True
            db.session.merge(Preset(camera_id=camera.id, slot=1, name="Door", x=90, y=90))
            db.session.commit()
            lease = self.app.extensions["camproxy"].cameras.put(config_of(camera)).lease
            if holder := lease.state().holder:
                lease.release(holder.id)
            pairing = self.app.extensions["camproxy"].pairing
            if pairing.window("pico") is None:
                pairing.open("pico", "admin")
            real = {"camera": "steered", "slot": 1, "kind": "pico", "user_id": self.user("somebody", "viewer").id}
            real |= {"device": self.device(camera), "event_id": self.motion(camera)}
            real["firmware_id"] = self.firmware(real["device"]).id
            real["recording_id"] = self.recording(camera)
            if role in ROLES:
                me = self.user(role, role)
                if role not in self.tokens or ApiToken.shown(self.tokens[role]) is None:
                    token, self.tokens[role] = ApiToken.issue(me, "a test")
                    db.session.add(token)
                spare, _ = ApiToken.issue(me, "to be revoked")
                browser, _ = LoginSession.issue(me, "127.0.0.1", "a browser")
                db.session.add_all([spare, browser])
                db.session.commit()
                real |= {"token_id": spare.id, "session_id": browser.id, "export_id": self.export(me, camera)}
            return real

    def export(self, user: User, camera: Camera) -> str:
        """One of this user, who has no other. Of a recording whose file is gone: nobody waits for a film here."""
        exports = self.app.extensions["camproxy"].exports
        for one in exports.all():
            while one.user_id == user.id and one in exports.all():
                exports.end(one.id)
        begin = datetime(2023, 12, 1, 8, tzinfo=UTC)
        if db.session.scalar(db.select(Recording).filter_by(camera_id=camera.id, state="recovered")) is None:
            row = {"path": "02-00-00-00-00-00/2023-12-01/08.mp4", "camera_id": camera.id, "zone": "UTC"}
            row |= {"codec": "h264", "width": 800, "height": 600, "state": "recovered"}
            db.session.add(Recording(**row, started_at=begin, ended_at=begin + timedelta(hours=1)))
            db.session.commit()
        made: str = exports.order(user.id, camera.id, begin.timestamp(), begin.timestamp() + 60).id
        return made

    def device(self, camera: Camera) -> int:
        """The Pico that moves the camera, connected and obedient."""
        mac = "24:0A:C4:00:00:01"
        row = db.session.scalar(db.select(Device).filter_by(mac=mac))
        if row is None:
            row = Device(kind="pico", name="Pico", mac=mac)
            db.session.add(row)
            db.session.flush()
        row.enabled, camera.pico_id = True, row.id
        if not row.keys:
            row.issue_key()
        db.session.commit()
        device = self.app.extensions["camproxy"].devices.put(settings_of(row))
        if not device.online:
            device.arrive(Obedient(), "127.0.0.1", row.keys[0].sha256)
            wait_until(lambda: device.online, "it is connected")
        return row.id

    def motion(self, camera: Camera) -> int:
        """An event with a thumbnail."""
        row = db.session.scalar(db.select(Event).filter_by(camera_id=camera.id, kind=MOTION))
        if row is None:
            pictures = self.app.extensions["camproxy"].pictures
            path = pictures.path(camera.id, 1_795_000_000, "picture")
            pictures.store(path, picture())
            row = Event(kind=MOTION, camera_id=camera.id, source="picture", thumbnail=path)
            db.session.add(row)
            db.session.commit()
        return int(row.id)

    def firmware(self, device: int) -> Firmware:
        """One that the device was to have, and has not taken."""
        row = db.session.scalar(db.select(Firmware).filter_by(version="0.1"))
        if row is None:
            row = Firmware(kind="pico", version="0.1", size=1, sha256="ab" * 32, signature="MEUCIQ==")
            db.session.add(row)
            db.session.commit()
        self.app.extensions["camproxy"].updates.put(Update(device, row.version, image_of(row), "failed", time.time()))
        return row

    def recording(self, camera: Camera) -> int:
        """One of the camera, with a file that a recorder has left, which may be removed."""
        storage = self.app.extensions["camproxy"].recordings.storage
        rows = list(db.session.scalars(db.select(Recording).filter_by(camera_id=camera.id, state="complete")))
        if not rows:
            made = storage.create("AA-BB-CC-DD-EE-FF", time.time(), UTC)
            encoder = Encoder(Encoding("mjpeg", 160, 120), made.descriptor)
            for number in range(10):
                encoder.write(picture(number), number / 10)
            assert encoder.finish(10)
            os.close(made.descriptor)
            what = {"codec": "mjpeg", "width": 160, "height": 120, "zone": "UTC", "state": "complete"}
            rows = [Recording(path=str(made.path), camera_id=camera.id, started_at=now(), ended_at=now(), **what)]
            db.session.add_all(rows)
        rows[0].protected = False
        db.session.commit()
        return rows[0].id

    def user(self, name: str, role: str) -> User:
        """The user of that name, as it was."""
        user = User.named(name)
        if user is None:
            user = User(name, PASSWORD)
            db.session.add(user)
        user.role, user.is_active = role, True
        db.session.commit()
        return user

    def needed(self, operation: Any) -> str | None:
        """Who may use an operation, by the application itself."""
        path = operation.full_path.replace("{", "<").replace("}", ">")
        for rule in self.app.url_map.iter_rules():
            plain = rule.rule.replace("<int:", "<")
            if plain == path and operation.method.upper() in (rule.methods or set()):
                return allowed_of(self.app, rule.endpoint)
        raise AssertionError(f"{operation.label} is not in the application")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    data_dir = tmp_path_factory.mktemp("data")
    app = create_app({"DATA_DIR": str(data_dir), "ADMIN_USERNAME": "the first", "LOGIN_LIMIT": "10000 per minute"})
    runtime = app.extensions["camproxy"].runtime
    try:
        runtime.start()
        yield World(app, schemathesis.openapi.from_wsgi("/api/openapi.json", app))
    finally:
        runtime.stop()
        close_log(app)


@pytest.mark.timeout(600)  # eighty operations: half a minute where nothing else runs
@pytest.mark.parametrize("role", EXAMPLES)
def test_the_answers_are_those_of_the_document(world: World, role: str) -> None:
    operations = [result.ok() for result in world.schema.get_all_operations()]
    assert len(operations) > 30
    for operation in operations:
        asked = Asked(world, role, operation)
        assert (asked.properly() < 300) == (world.needed(operation) in MAY[role]), (role, operation.label)
        run = settings(
            max_examples=EXAMPLES[role],
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        run(given(operation.as_strategy(), st.booleans())(asked.anyhow))()


@dataclass
class Asked:
    """One operation, and who asks for it. Each answer is held against the document."""

    world: World
    role: str
    operation: Any

    def properly(self) -> int:
        """With what is there, and a body that is understood; the status."""
        there = self.world.put_back(self.role)
        path = {parameter.name: there.get(parameter.name, 1) for parameter in self.operation.path_parameters}
        body = {"body": BODIES[self.operation.label], "media_type": "application/json"} if self.operation.body else {}
        query = {"device": there["device"]} if self.operation.path.startswith("/device/") else {}
        if self.operation.label == "PUT /api/devices/{device}/update":
            body["body"] = {"firmware": there["firmware_id"]}
        if self.operation.label == "POST /api/firmware":
            image = firmware("0.2", self.role.encode())
            body = {"body": image, "media_type": "application/octet-stream"}
            query = {"signature": Signer.new().sign(image)}
        if self.operation.path.endswith("/timeline"):
            query = {"from": "2026-11-01T00:00:00Z", "to": "2026-11-21T00:00:00Z"}
        return self.status_of(self.operation.Case(path_parameters=path, query=query, **body))

    def anyhow(self, case: Any, real: bool) -> None:
        """With whatever the schema allows; half of the time of something that is there."""
        there = self.world.put_back(self.role)
        if real:
            case.path_parameters = {name: there.get(name, 1) for name in case.path_parameters or {}}
        self.status_of(case)

    def status_of(self, case: Any) -> int:
        tokens = self.world.tokens
        headers = {"Authorization": f"Bearer {tokens[self.role]}"} if self.role in tokens else {}
        answer = case.call(headers=headers)
        case.validate_response(answer, checks=CHECKS)
        assert self.role != "stranger" or answer.status_code == 401, self.operation.label
        return int(answer.status_code)
