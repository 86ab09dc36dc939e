"""A stranger's program, written to the design card and knowing nothing else, works unchanged."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
import requests
from PIL import Image

from tests.integration.people import wait_until
from tests.running import Listener, Person, RunningServer


@pytest.fixture(scope="module", params=["threading", "eventlet"])
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("data"), ASYNC_MODE=request.param)
    yield running
    running.stop()


@pytest.fixture
def stranger(server: RunningServer) -> Iterator[Person]:
    with server.person() as person:
        yield person


@pytest.fixture(params=["websocket", "polling"])
def client(stranger: Person, request: pytest.FixtureRequest) -> Listener:
    return stranger.listen(transports=[request.param])


def test_frames_come_without_being_asked_for(client: Listener) -> None:
    frame = client.next("video_frame")
    assert isinstance(frame, str)
    with Image.open(BytesIO(base64.b64decode(frame, validate=True))) as picture:
        assert (picture.format, picture.size) == ("JPEG", (640, 480))
    client.until("video_frame", lambda later: later != frame)


def test_the_card_s_commands(client: Listener) -> None:
    client.next("video_frame")
    client.client.emit("position_command", {"x": 60, "y": 45})
    position = client.until("position_update", lambda news: (news["x"], news["y"]) == (60, 45))
    assert type(position["x"]) is int
    client.client.emit("servo_command", {"command": "up"})
    client.until("position_update", lambda news: (news["x"], news["y"]) == (60, 55))
    client.client.emit("servo_command", {"command": "left"})
    client.until("position_update", lambda news: (news["x"], news["y"]) == (50, 55))
    client.client.emit("servo_command", {"command": "center"})
    client.until("position_update", lambda news: (news["x"], news["y"]) == (90, 90))
    client.client.emit("light_command", {"state": True})
    client.client.emit("light_command", {"state": False})
    assert client.call("get_position") == {"ok": True, "x": 90, "y": 90}
    assert client.heard("error") == 0


def test_get_position_without_an_acknowledgement_is_answered_by_position_update(client: Listener) -> None:
    client.next("video_frame")
    client.forget("position_update")
    client.client.emit("get_position")
    news = client.next("position_update")
    assert {"x", "y"} <= set(news)


def test_the_number_of_clients(client: Listener, stranger: Person) -> None:
    client.until("client_count", lambda news: news == {"count": 1})
    second = stranger.listen()
    client.until("client_count", lambda news: news == {"count": 2})
    assert stranger.get("/health").json()["clients"] == 2
    second.close()
    client.until("client_count", lambda news: news == {"count": 1})


def test_who_begins_by_polling_goes_on_by_websocket(stranger: Person) -> None:
    client = stranger.listen()
    assert client.client.transport() == "websocket"
    assert client.next("video_frame")


def test_errors_have_a_message(client: Listener) -> None:
    client.client.emit("servo_command", {"command": "sideways"})
    assert "command" in client.next("error")["message"]


def test_the_card_s_routes(server: RunningServer, stranger: Person) -> None:
    def health() -> requests.Response:
        return requests.get(f"{server.url}/health", timeout=10)

    well = {"status": "healthy", "esp32_connected": True, "clients": 0}
    wait_until(lambda: health().json() == well, "it is, and the client of the test before has left")
    assert health().status_code == 200
    anonymous = requests.get(f"{server.url}/", timeout=10, allow_redirects=False)
    assert (anonymous.status_code, anonymous.headers["Location"]) == (302, "/login?next=/")
    assert stranger.get("/").status_code == 200
    out = stranger.get("/logout", allow_redirects=False)
    assert (out.status_code, out.headers["Location"]) == (302, "/login")
    assert stranger.get("/", allow_redirects=False).status_code == 302
    wrong = stranger.http.get(f"{server.url}/login")
    assert wrong.status_code == 200


def test_nothing_is_pulled_when_the_last_client_has_left(server: RunningServer, stranger: Person) -> None:
    client = stranger.listen()
    client.next("video_frame")

    def status() -> dict[str, Any]:
        found: dict[str, Any] = stranger.get("/api/cameras/demo").json()["status"]
        return found

    wait_until(lambda: (status()["state"], status()["viewers"]) == ("live", 1), "it is alone")
    client.close()
    wait_until(lambda: status()["state"] == "idle", "nobody watches")
    received = status()["frames"]["received"]
    for _ in range(50):
        assert status()["frames"]["received"] <= received + 1, "one may have been on its way"
