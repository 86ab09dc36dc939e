"""The guards: every route by every role, and that what says nothing is closed."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from app import create_app
from camproxy.messages import BROWSER_EVENTS
from camproxy.web.events import EVENTS
from camproxy.web.guards import (
    ADMIN,
    ANYONE,
    DEVICE,
    ITSELF,
    LOGIN,
    MANAGE,
    NEEDED_LEVEL,
    NEW_DEVICE,
    SEE,
    STEER,
    UNSAFE,
    allowed_of,
)
from camproxy.web.socketio_limits import MALFORMED
from models import ROLES, ApiToken, Camera, Device, Permission, Recording, User, db, now

#: What the views answer in these tests, for it is the guard that is tested: whoever gets this was let in.
LET_IN = 299
#: Everything that needs no log-in. A new one is a decision, so it is written down here.
OPEN = {"/static/<path:filename>", "/login", "/health", "/api/openapi.json", "/public/tokens"}
OPEN |= {"/ws", "/ws/esp32cam", "/ws/pico"}  # which ask for the device's key themselves
#: Cameras by what a non-admin may do with them; there is none of the last name.
CAMERAS = {"steered": "control", "watched": "view", "hidden": "none", "absent": None}
#: The devices 1, 2, … by the camera that they move.
DEVICES = ("steered", "watched", "hidden", None)


@dataclass(frozen=True)
class House:
    app: Flask
    tokens: dict[str, str]

    def ask(self, role: str, method: str, path: str, **headers: str) -> Any:
        """Without cookies; a role's own token says who it is."""
        if role in self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens[role]}"
        client: FlaskClient = self.app.test_client(use_cookies=False)
        return client.open(path, method=method, headers=headers)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    app = create_app({"DATA_DIR": str(tmp_path_factory.mktemp("data")), "ADMIN_USERNAME": "the first"})
    app.add_url_rule("/forgotten", "forgotten", lambda: "open to the world", methods=["GET", "POST"])
    for endpoint, view in app.view_functions.items():
        app.view_functions[endpoint] = stub(getattr(view, "allowed", None))
    runtime = app.extensions["camproxy"].runtime
    try:
        runtime.start()
        yield House(app, people_and_cameras(app))
    finally:
        runtime.stop()
        close_log(app)


def people_and_cameras(app: Flask) -> dict[str, str]:
    """A user of each role and the cameras of the table; the users' tokens."""
    tokens = {}
    with app.app_context():
        for name, everyone in CAMERAS.items():
            if everyone:
                camera = Camera(name=name, slug=name, url="demo:garden", everyone=everyone)
                db.session.add(camera)
                db.session.flush()
                db.session.add(recording_of(camera))
        for number, camera in enumerate(DEVICES, start=1):
            board = Device(id=number, kind="pico", name=f"Pico {number}", mac=f"24:0A:C4:00:00:0{number}")
            db.session.add(board)
            db.session.flush()
            if camera:
                db.session.scalars(db.select(Camera).filter_by(slug=camera)).one().pico_id = number
        for role in ROLES:
            user = User(role, "not needed here", role=role)
            token, tokens[role] = ApiToken.issue(user, "a test")
            db.session.add_all([user, token])
        db.session.commit()
    return tokens


def recording_of(camera: Camera) -> Recording:
    path, what = f"AA-BB-CC-DD-EE-FF/2023-12-01/0{camera.id}.mp4", {"codec": "h264", "width": 640, "height": 480}
    return Recording(path=path, camera_id=camera.id, started_at=now(), zone="UTC", state="complete", **what)


def stub(allowed: str | None) -> Any:
    def view(**_: Any) -> tuple[str, int]:
        return "let in", LET_IN

    view.allowed = allowed  # type: ignore[attr-defined]
    return view


def close_log(app: Flask) -> None:
    """The handlers that create_app gave the root logger would hold a file in a directory that is gone."""
    path = str(app.extensions["camproxy"].settings.log_path)
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if getattr(handler, "baseFilename", None) == path]:
        root.removeHandler(handler)
        handler.close()


def table() -> list[tuple[str, str, str]]:
    """(method, path, who) of every route there is, from the application itself."""
    app = create_app()
    found = []
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            who = allowed_of(app, rule.endpoint)
            assert who, f"{rule.rule} says nothing about who may use it"
            found.append((method, rule.rule, who))
    close_log(app)
    return sorted(found)


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA_DIR", str(tmp_path_factory.mktemp("table")))
        return table()


def address(rule: str, camera: str = "steered") -> str:
    """An address that fits the rule; the cameras' recordings are numbered as they are."""
    rule = rule.replace("<int:recording_id>", str(1 + list(CAMERAS).index(camera)))
    rule = rule.replace("<camera>", camera).replace("<path:filename>", "css/style.css")
    return re.sub(r"<int:\w+>", "1", rule)


def ask(house: House, role: str, method: str, rule: str, camera: str = "steered") -> Any:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"} if rule.startswith("/ws") else {}
    return house.ask(role, method, address(rule, camera), **upgrade)


def test_there_are_routes_of_every_kind(routes: list[tuple[str, str, str]]) -> None:
    assert {who for _, _, who in routes} == {ANYONE, LOGIN, ADMIN, SEE, STEER, NEW_DEVICE, MANAGE, ITSELF, DEVICE}
    assert len(routes) > 40


def test_what_is_open_to_anyone_is_known(routes: list[tuple[str, str, str]]) -> None:
    assert {rule for _, rule, who in routes if who == ANYONE} == OPEN
    assert {rule for _, rule, who in routes if who == NEW_DEVICE} == {"/register"}


@pytest.mark.parametrize("role", ["anonymous", *ROLES])
def test_a_new_device_needs_no_proof_and_a_page_is_none(house: House, role: str) -> None:
    assert house.ask(role, "POST", "/register").status_code == LET_IN
    for name, value in (("Origin", "http://localhost"), ("Origin", "null"), ("Sec-Fetch-Site", "same-origin")):
        assert house.ask(role, "POST", "/register", **{name: value}).status_code == 403


def test_anonymous_gets_in_nowhere_else(house: House, routes: list[tuple[str, str, str]]) -> None:
    for method, rule, who in routes:
        if who == NEW_DEVICE:
            continue
        if who == ANYONE:
            # Even here what changes something needs the proof that our own page asked.
            expected = 400 if method in UNSAFE else LET_IN
            assert ask(house, "anonymous", method, rule).status_code == expected, rule
            continue
        for camera in CAMERAS:
            answer = ask(house, "anonymous", method, rule, camera)
            assert answer.status_code in (302, 401), (method, rule, camera)
            if answer.status_code == 302:
                assert answer.location.startswith("/login?next=")
                assert not rule.startswith("/api/")


@pytest.mark.parametrize("role", ROLES)
def test_what_needs_a_log_in_is_for_every_role(house: House, routes: list[tuple[str, str, str]], role: str) -> None:
    for method, rule, who in routes:
        if who == LOGIN or (who == ANYONE and method not in UNSAFE):
            assert ask(house, role, method, rule).status_code == LET_IN, (method, rule)


@pytest.mark.parametrize("role", ROLES)
def test_what_is_for_admins_is_for_them_alone(house: House, routes: list[tuple[str, str, str]], role: str) -> None:
    for method, rule, who in routes:
        if who != ADMIN:
            continue
        answers = {}
        for camera in CAMERAS:
            answer = ask(house, role, method, rule, camera)
            assert answer.status_code == (LET_IN if role == "admin" else 403), (method, rule, camera)
            answers[camera] = answer.data
        assert len(set(answers.values())) == 1, "the answer tells whether there is such a camera"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("camera", CAMERAS)
def test_what_is_of_a_camera_goes_by_the_level(
    house: House, routes: list[tuple[str, str, str]], role: str, camera: str
) -> None:
    for method, rule, who in routes:
        if who not in NEEDED_LEVEL:
            continue
        assert "<camera>" in rule or "<int:recording_id>" in rule, f"{rule} is of a camera and names none"
        level = CAMERAS[camera]
        if level is None or (level == "none" and role != "admin"):
            expected = 404
        elif role == "admin" or who == SEE or (level == "control" and role == "operator"):
            expected = LET_IN
        else:
            expected = 403
        answer = ask(house, role, method, rule, camera)
        assert answer.status_code == expected, (method, rule)
        if expected == 404:
            assert answer.data == ask(house, role, method, rule, "absent").data, "a hidden camera is no other than none"


@pytest.mark.parametrize("role", ROLES)
def test_what_is_of_a_device_is_for_those_who_steer_its_camera(
    house: House, routes: list[tuple[str, str, str]], role: str
) -> None:
    for method, rule, who in routes:
        if who not in (MANAGE, ITSELF):
            continue
        for number, camera in enumerate((*DEVICES, "removed"), start=1):
            known = camera != "removed" and (role == "admin" or camera == "steered")
            path = rule.replace("<int:device>", str(number)) + (f"?device={number}" if who == ITSELF else "")
            expected = 403 if role == "viewer" else LET_IN if known or path == rule else 404
            assert house.ask(role, method, path).status_code == expected, (method, path)


@pytest.mark.parametrize("role", ["anonymous", *ROLES])
def test_what_is_for_devices_is_for_them_alone(house: House, routes: list[tuple[str, str, str]], role: str) -> None:
    found = [(method, rule) for method, rule, who in routes if who == DEVICE]
    assert found
    for method, rule in found:
        assert ask(house, role, method, rule).status_code == 401, (method, rule)


@pytest.mark.parametrize("device", ["", "0", "-1", "x", "1 ", "²", "99999999999999999999"])
def test_odd_numbers_of_devices_are_none(house: House, device: str) -> None:
    assert house.ask("admin", "GET", f"/device/status?device={device}").status_code == 404


def test_a_device_comes_with_its_key_and_gets_no_further(house: House, routes: list[tuple[str, str, str]]) -> None:
    with house.app.app_context():
        row = db.session.get(Device, 4)
        assert row
        key = row.issue_key()
        db.session.commit()
    client = house.app.test_client(use_cookies=False)
    for method, rule, who in routes:
        answer = client.open(address(rule), method=method, headers={"Authorization": f"Bearer {key}"})
        if who in (ITSELF, DEVICE):
            assert answer.status_code == LET_IN
        elif who not in (ANYONE, NEW_DEVICE):
            assert answer.status_code in (302, 400, 401), (method, rule)
    with house.app.app_context():
        row = db.session.get(Device, 4)
        assert row
        row.enabled = False
        db.session.commit()
    assert client.get("/device/status", headers={"Authorization": f"Bearer {key}"}).status_code == 401


@pytest.mark.parametrize(
    ("level", "role", "see", "steer"),
    [
        ("none", "operator", 404, 404),
        ("none", "viewer", 404, 404),
        ("none", "admin", LET_IN, LET_IN),
        ("view", "operator", LET_IN, 403),
        ("view", "admin", LET_IN, LET_IN),
        ("control", "operator", LET_IN, LET_IN),
        ("control", "viewer", LET_IN, 403),
    ],
)
@pytest.mark.parametrize("camera", ["steered", "watched", "hidden"])
def test_a_permission_comes_before_what_everyone_may(
    house: House, camera: str, level: str, role: str, see: int, steer: int
) -> None:
    with house.app.app_context():
        user, row = User.named(role), db.session.scalar(db.select(Camera).filter_by(slug=camera))
        assert user
        assert row
        permission = Permission(user_id=user.id, camera_id=row.id, level=level)
        db.session.add(permission)
        db.session.commit()
        try:
            assert ask(house, role, "GET", "/snapshot/<camera>.jpg", camera).status_code == see
            assert ask(house, role, "POST", "/api/cameras/<camera>/control", camera).status_code == steer
            by_number = house.ask(role, "GET", f"/api/cameras/{row.id}")
            assert by_number.status_code == see
        finally:
            db.session.delete(permission)
            db.session.commit()


@pytest.mark.parametrize("role", ["anonymous", *ROLES])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_route_that_says_nothing_is_closed(
    house: House, role: str, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = house.ask(role, method, "/forgotten")
    assert answer.status_code == 403
    assert answer.get_json()["error"] == "forbidden"
    assert [record.levelname for record in caplog.records if "forgotten says nothing" in record.getMessage()] == [
        "ERROR"
    ]


def test_a_method_or_address_that_does_not_exist(house: House) -> None:
    for role in ("anonymous", "admin"):
        assert house.ask(role, "GET", "/api/no-such-thing").status_code == 404
        assert house.ask(role, "DELETE", "/api/cameras").status_code == 405
        assert house.ask(role, "TRACE", "/").status_code == 405


def test_while_the_server_stops_everything_is_refused(
    house: House, routes: list[tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = house.app.extensions["camproxy"]
    monkeypatch.setattr(shared.runtime, "stopping", True)
    monkeypatch.setattr(shared.sockets, "_closing", True)
    for method, rule, _ in routes:
        if rule == "/health":
            continue  # says so itself; here it is a stub
        answer = ask(house, "admin", method, rule)
        assert (answer.status_code, answer.get_json()["error"]) == (503, "unavailable"), rule
    connecting = house.ask("admin", "GET", "/socket.io/?EIO=4&transport=polling")
    assert (connecting.status_code, connecting.get_json()["error"]) == (503, "unavailable")
    fetching = house.ask("admin", "GET", "/socket.io/?EIO=4&transport=polling&sid=long-gone")
    assert fetching.status_code == 400, "who polls may still fetch what was said at the end"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_no_method_goes_around_the_guard(house: House, routes: list[tuple[str, str, str]], method: str) -> None:
    for _, rule, who in routes:
        if who not in (ANYONE, NEW_DEVICE) and not rule.startswith("/ws"):
            status = ask(house, "anonymous", method, rule).status_code
            assert status in (302, 401, 405), (method, rule)


@pytest.mark.parametrize(
    "key", ["0", "-1", "99999999999999999999", "²", "١", "steered%00", "%2e%2e", "STEERED", "1 or 1=1"]
)
def test_odd_names_of_cameras_are_none(house: House, key: str) -> None:
    assert house.ask("operator", "GET", f"/api/cameras/{key}").status_code == 404


def test_every_rule_of_a_camera_calls_it_camera_or_is_of_a_recording(house: House) -> None:
    """The guard reads from there which is meant."""
    rules: list[Rule] = list(house.app.url_map.iter_rules())
    of_a_camera = [rule for rule in rules if allowed_of(house.app, rule.endpoint) in NEEDED_LEVEL]
    assert of_a_camera
    assert all({"camera", "recording_id"} & rule.arguments for rule in of_a_camera)


class TestEvents:
    @pytest.mark.parametrize("name", EVENTS)
    def test_each_says_what_it_needs(self, name: str) -> None:
        needs = EVENTS[name].needs
        assert needs in (LOGIN, SEE, STEER, MANAGE)
        if needs == MANAGE:
            assert "device" in BROWSER_EVENTS[name].model_fields, "or the guard would look at none"
        elif needs != LOGIN:
            assert "camera" in BROWSER_EVENTS[name].model_fields, "or the guard would look at another camera"

    def test_none_is_beside_the_table(self, house: House) -> None:
        server = house.app.extensions["camproxy"].socketio.server
        assert set(server.handlers["/"]) == {"connect", "disconnect", MALFORMED, *EVENTS}
        assert set(server.handlers) == {"/"}
        assert not server.namespace_handlers

    def test_each_is_described(self) -> None:
        assert set(EVENTS) == set(BROWSER_EVENTS)
