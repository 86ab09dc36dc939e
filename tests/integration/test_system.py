"""The system test of the source documents, point by point: one server, one head of two boards, one evening."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest
import requests

from tests.fakes.devices import FakeCamera, FakePico
from tests.integration.boards import enrol
from tests.integration.people import new_person, wait_until
from tests.pictures import jpeg
from tests.running import Person, RunningServer

MakeServer = Callable[..., RunningServer]


@pytest.fixture(scope="module")
def boards(admin: Person) -> Iterator[tuple[FakeCamera, FakePico]]:
    """An ESP32-CAM and the Pico that moves it, as the camera `porch`."""
    camera, pico = enrol(admin, "esp32cam"), enrol(admin, "pico")
    body = {"name": "Porch", "url": f"device:{camera.id}", "pico": pico.id, "everyone": "control"}
    admin.made("/api/cameras", body)
    with camera.come(framesize="SVGA") as eye, pico.come(servo1_angle=90, servo2_angle=90) as hand:
        yield eye, hand


def test_health(server: RunningServer, boards: tuple[FakeCamera, FakePico]) -> None:
    answer = requests.get(server.url + "/health", timeout=10)
    assert answer.status_code == 200
    assert answer.json() == {"status": "healthy", "esp32_connected": True, "clients": 0}


def test_a_busy_port_is_no_crash(make_server: MakeServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        server = make_server(PORT=port, PORT_RANGE=20)
        assert port < server.port < port + 20
        assert f"port {port} is busy" in server.logged.lower()
    with server.person() as admin:
        assert admin.get("/health").json()["port"] == server.port


def test_the_port_is_reserved_before_anything_else_starts(server: RunningServer) -> None:
    wait_until(lambda: "camproxy.links.link" in server.logged, "the demo camera is connected")
    listening = server.logged.index("Listening at")
    assert listening < server.logged.index("camproxy.schema")
    assert listening < server.logged.index("camproxy.links.link")


def test_log_in(server: RunningServer) -> None:
    assert requests.get(server.url, timeout=10).url.startswith(server.url + "/login")
    with server.person() as somebody:
        assert somebody.get("/").ok


@pytest.mark.parametrize("kind", ["esp32cam", "pico"])
def test_both_boards_are_there(admin: Person, boards: tuple[FakeCamera, FakePico], kind: str) -> None:
    (board,) = [item for item in admin.get("/api/devices").json()["items"] if item["kind"] == kind]
    assert board["status"]["state"] == "online"
    own = admin.get("/device/status", params={"device": board["id"]}).json()
    assert (own["kind"], own["online"]) == (kind, True)


def test_a_servo_command(admin: Person, boards: tuple[FakeCamera, FakePico]) -> None:
    eye, hand = boards
    page = admin.listen({"subscribe": False})
    page.call("subscribe", {"camera": "porch", "format": "none"})
    assert page.call("servo_command", {"camera": "porch", "command": "up"})["ok"]
    assert page.until("position_update", lambda news: news["y"] == 100)["x"] == 90
    assert hand.next("servo")["command"] == {"servo1": 90, "servo2": 100}
    assert eye.next("servo_command_log")["servo2"] == 100


def test_pictures(admin: Person, boards: tuple[FakeCamera, FakePico]) -> None:
    picture = jpeg(grey=33)
    page = admin.listen()
    page.call("subscribe", {"camera": "porch", "format": "binary"})
    boards[0].push(picture=picture)
    assert page.until("video_frame", lambda seen: seen[0] == picture)


def test_user_settings(admin: Person) -> None:
    _, anna = new_person(admin)
    with anna:
        assert anna.ask("PATCH", "/api/me", {"theme": "dark", "step": 5}).ok
    with anna.server.person(anna.username, anna.password) as again:
        assert (again.get("/api/me").json()["theme"], again.get("/api/me").json()["step"]) == ("dark", 5)


def test_performance_figures(admin: Person, boards: tuple[FakeCamera, FakePico]) -> None:
    stats = admin.get("/stats", headers={"Accept": "application/json"}).json()
    assert stats["process"]["resident_bytes"] > 0
    metrics = admin.get("/metrics").text
    assert 'camproxy_camera_frames_total{camera="porch"}' in metrics


def test_session_management(admin: Person) -> None:
    account, anna = new_person(admin)
    with anna, admin.server.person(account.username, account.password) as phone:
        assert len(anna.get("/api/me/sessions").json()["items"]) == 2, "several at once, side by side"
        page = phone.listen({"subscribe": False})
        admin.ask("DELETE", f"/api/users/{account.id}/sessions")
        assert anna.get("/api/me").status_code == 401
        assert page.ended.wait(2), "what was open is closed"
