"""Who may see and steer which camera, while things run: what is taken away ends at once, whatever the way it came."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket

from camproxy.web.events import EVENTS
from camproxy.web.guards import LOGIN, MANAGE, SEE, STEER
from models import ROLES
from tests.integration.people import (
    Account,
    camera_state,
    issue_token,
    new_account,
    new_camera,
    new_person,
    permit,
    wait_until,
)
from tests.running import PROJECT, Listener, Person, RunningServer
from tests.web.test_guards import table

MakeServer = Callable[..., RunningServer]
Camera = dict[str, Any]

#: Within this time nobody gets what was taken away from them. Seconds.
AT_ONCE = 2.0
#: The same when another process did it: the server looks every two seconds.
SOON = 5.0

PAYLOADS: dict[str, dict[str, Any]] = {
    "subscribe": {},
    "unsubscribe": {},
    "frame_ack": {"seq": 1},
    "servo_command": {"command": "left"},
    "position_command": {"x": 11, "y": 22},
    "get_position": {},
    "light_command": {"state": True},
    "preset_command": {"preset": 1},
    "control_request": {},
    "control_release": {},
    "follow_device": {},
    "clock": {},
}
OF_A_CAMERA = [name for name, event in EVENTS.items() if event.needs in (SEE, STEER)]
STEERING = [name for name, event in EVENTS.items() if event.needs == STEER]
WATCHING_ROUTES = ["", "/control", "/presets", "/position"]
WATCHING_ROUTES.append("/timeline?from=2023-12-01T00:00:00Z&to=2023-12-02T00:00:00Z")
STEERING_ROUTES: list[tuple[str, str, Any]] = [
    ("POST", "/servo_command", {"command": "left"}),
    ("POST", "/position_command", {"x": 11, "y": 22}),
    ("POST", "/light_command", {"state": True}),
    ("POST", "/control", {}),
    ("DELETE", "/control", None),
    ("PUT", "/presets/1", {"name": "Mine", "x": 1, "y": 2}),
    ("DELETE", "/presets/1", None),
    ("POST", "/presets/1/go", None),
    ("POST", "/recording/by-hand", {"seconds": 0}),
]
NEWS_OF_A_CAMERA = ("video_frame", "camera_status", "position_update", "control_state", "recording_state")


@pytest.fixture
def admin(server: RunningServer) -> Iterator[Person]:
    with server.person() as person:
        yield person


@pytest.fixture
def camera(admin: Person) -> Iterator[Camera]:
    """A camera that everybody may steer."""
    made = new_camera(admin)
    yield made
    assert admin.ask("DELETE", f"/api/cameras/{made['id']}").status_code in (204, 404)


@pytest.fixture
def hidden(admin: Person) -> Iterator[Camera]:
    """A camera that only admins see."""
    made = new_camera(admin, everyone="none")
    yield made
    admin.ask("DELETE", f"/api/cameras/{made['id']}")


@pytest.fixture
def anna(admin: Person) -> Iterator[tuple[Account, Person]]:
    """An operator."""
    account, person = new_person(admin)
    with person:
        yield account, person


@pytest.fixture
def ben(admin: Person) -> Iterator[tuple[Account, Person]]:
    """Another operator."""
    account, person = new_person(admin)
    with person:
        yield account, person


def listens(person: Person, camera: Camera, format: str = "binary") -> Listener:
    listener = person.listen({"subscribe": False})
    assert listener.call("subscribe", {"camera": camera["id"], "format": format})["ok"]
    return listener


def moved(person: Person, camera: Camera, x: int, y: int) -> requests.Response:
    return person.ask("POST", f"/api/cameras/{camera['id']}/position_command", {"x": x, "y": y})


def make_news(admin: Person, camera: Camera) -> None:
    """Have the camera give every kind of news, and see that a witness gets them."""
    witness = listens(admin, camera)
    pose = admin.get(f"/api/cameras/{camera['id']}").json()["status"]["pose"]
    x = 20 if pose["x"] > 90 else 160
    wait_until(lambda: moved(admin, camera, x, 60).ok, "it obeys")
    by_hand = f"/api/cameras/{camera['id']}/recording/by-hand"
    wait_until(lambda: admin.ask("POST", by_hand, {"seconds": 60}).ok, "it can be recorded")
    witness.until("recording_state", lambda news: news["camera"] == camera["id"] and news["by_hand_until"])
    assert admin.ask("POST", by_hand, {"seconds": 0}).ok
    witness.until("position_update", lambda news: news["x"] == x)
    witness.until("control_state", lambda news: news["camera"] == camera["id"])
    witness.until("camera_status", lambda news: news["camera"] == camera["id"])
    for _ in range(5):
        witness.next("video_frame")
    assert admin.ask("DELETE", f"/api/cameras/{camera['id']}/control").ok
    witness.until("control_state", lambda news: news["holder"] is None)
    witness.close()


def camera_of(event: str, payload: Any) -> int | None:
    """Whose news that is; None for a picture that does not say."""
    if event == "video_frame":
        return payload[1]["camera"] if isinstance(payload, tuple) else None
    number: int = payload["camera"]
    return number


def heard_of(listener: Listener, camera: Camera) -> list[str]:
    """The events about this camera that have come in, and pictures of nobody knows what. Taken out of the queues."""
    assert listener.call("clock")["ok"]  # what was sent before this answer has come in before it
    found = []
    for event in NEWS_OF_A_CAMERA:
        while listener.heard(event):
            if camera_of(event, listener.next(event)) in (camera["id"], None):
                found.append(event)
    return found


class Mjpeg:
    """A player: reads a multipart stream until it ends."""

    def __init__(self, person: Person, camera: Camera) -> None:
        self._socket = socket.create_connection(("127.0.0.1", person.server.port), timeout=15)
        request = f"GET /stream/{camera['id']}.mjpg HTTP/1.1\r\nHost: camera\r\nCookie: {person.cookie}\r\n\r\n"
        self._socket.sendall(request.encode())
        assert self._socket.recv(12) == b"HTTP/1.1 200"
        self.received = 0
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        wait_until(lambda: self.received > 5000, "the stream shows a picture")

    def _read(self) -> None:
        try:
            while chunk := self._socket.recv(65536):
                self.received += len(chunk)
        except ConnectionError:
            pass  # an end as well
        self.ended.set()

    def close(self) -> None:
        if not self.ended.is_set():
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._socket.close()


class Page:
    """A page that watches by WebSocket: reads until the server ends it. Who does not read is dropped without a word."""

    def __init__(self, view: websocket.WebSocket) -> None:
        self._view = watches(view)
        self._socket = view.sock  # the library forgets it when it has ended
        self.close_code: int | None = None
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        with suppress(OSError, websocket.WebSocketException):
            while self.close_code is None:
                opcode, data = self._view.recv_data()
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    self.close_code = int.from_bytes(data[:2])
        self.ended.set()

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._view.shutdown()


def watches(view: websocket.WebSocket) -> websocket.WebSocket:
    while not isinstance(view.recv(), bytes):
        pass
    return view


class Everywhere:
    """Somebody who watches one camera in every way there is."""

    def __init__(self, person: Person, camera: Camera) -> None:
        self.camera = camera
        self.listener = listens(person, camera)
        self.as_text = listens(person, camera, "base64")
        self.page = Page(person.view(str(camera["id"])))
        self.mjpeg = Mjpeg(person, camera)
        self.listener.next("video_frame")
        self.as_text.next("video_frame")

    def ends(self, code: int, within: float) -> None:
        """The pictures end, in this time and with this close code."""
        begun = time.monotonic()
        assert self.page.ended.wait(within), f"still open after {within} s"
        assert self.page.close_code == code
        assert self.mjpeg.ended.wait(within - (time.monotonic() - begun)), "the MJPEG stream goes on"
        self.mjpeg.close()
        self.page.close()

    def close(self) -> None:
        self.mjpeg.close()
        self.page.close()
        self.listener.close()
        self.as_text.close()


class TestAViewer:
    """Who may watch but not steer: by the role, or by a permission."""

    @pytest.fixture(params=["role", "permission", "camera"])
    def onlooker(self, request: pytest.FixtureRequest, admin: Person, camera: Camera) -> Iterator[Person]:
        account, person = new_person(admin, "viewer" if request.param == "role" else "operator")
        if request.param == "role":
            permit(admin, account, camera, "control")  # a viewer never steers
        elif request.param == "permission":
            permit(admin, account, camera, "view")
        else:
            assert admin.ask("PATCH", f"/api/cameras/{camera['id']}", {"everyone": "view"}).ok
        with person:
            yield person

    def test_watches(self, onlooker: Person, camera: Camera) -> None:
        assert camera["id"] in [item["id"] for item in onlooker.get("/api/cameras").json()["items"]]
        assert onlooker.get(f"/api/cameras/{camera['slug']}").json()["can"] == {"view": True, "control": False}
        for route in WATCHING_ROUTES:
            assert onlooker.get(f"/api/cameras/{camera['id']}{route}").status_code == 200, route
        assert onlooker.get(f"/snapshot/{camera['slug']}.jpg").content.startswith(b"\xff\xd8")
        Everywhere(onlooker, camera).close()

    def test_does_not_steer(self, onlooker: Person, admin: Person, camera: Camera) -> None:
        assert admin.ask("PUT", f"/api/cameras/{camera['id']}/presets/1", {"name": "Door", "x": 5, "y": 6}).ok
        listener = listens(onlooker, camera)
        before = onlooker.get(f"/api/cameras/{camera['id']}").json()
        for key in (camera["id"], camera["slug"]):
            for method, route, body in STEERING_ROUTES:
                answer = onlooker.ask(method, f"/api/cameras/{key}{route}", body)
                assert (answer.status_code, answer.json()["error"]) == (403, "forbidden"), route
            for event in STEERING:
                answered = listener.call(event, PAYLOADS[event] | {"camera": key})
                assert (answered["ok"], answered["error"]) == (False, "forbidden"), event
                assert listener.next("error")["error"] == "forbidden"
        after = onlooker.get(f"/api/cameras/{camera['id']}").json()
        assert onlooker.get(f"/api/cameras/{camera['id']}/position").json() == {
            "ok": True,
            "superseded": False,
            **before["status"]["pose"],
        }
        for what in ("presets", "control"):
            assert after[what] == before[what]
        assert after["status"]["light"] == before["status"]["light"]

    def test_does_not_see_the_camera_s_settings(self, onlooker: Person, camera: Camera) -> None:
        assert onlooker.get(f"/api/cameras/{camera['id']}").json()["settings"] is None
        assert "demo:garden" not in onlooker.get("/").text + onlooker.get("/api/cameras").text
        for method, body in (("PATCH", {"fps": 3}), ("DELETE", None)):
            assert onlooker.ask(method, f"/api/cameras/{camera['id']}", body).status_code == 403


def test_the_tables_of_this_module_have_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new route of a camera, or a new event, is tried here as well."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    place = "/api/cameras/<camera>"
    there = {
        (method, rule.removeprefix(place).replace("<int:slot>", "1"), who)
        for method, rule, who in table()
        if rule.startswith(place)
    }
    assert {(method, route) for method, route, who in there if who == STEER} == {
        (method, route) for method, route, _ in STEERING_ROUTES
    }
    assert {(method, route) for method, route, who in there if who == SEE} == {
        ("GET", route.partition("?")[0]) for route in WATCHING_ROUTES
    }
    assert set(PAYLOADS) == set(EVENTS)


@pytest.mark.parametrize("role", ROLES)
def test_every_event_by_every_role(admin: Person, camera: Camera, hidden: Camera, role: str) -> None:
    for one in (camera, hidden):
        assert admin.ask("PUT", f"/api/cameras/{one['id']}/presets/1", {"name": "Door", "x": 5, "y": 6}).ok
    _, person = new_person(admin, role)
    with person:
        listener = person.listen({"subscribe": False})
        for one in (camera, hidden):
            for name, event in EVENTS.items():
                answer = listener.call(
                    name, PAYLOADS[name] | ({} if event.needs in (LOGIN, MANAGE) else {"camera": one["id"]})
                )
                if role == "admin" or event.needs == LOGIN:
                    expected = None
                elif event.needs == MANAGE:
                    expected = "forbidden" if role == "viewer" else None
                elif one is hidden:
                    expected = "not_found"
                else:
                    expected = "forbidden" if event.needs == STEER and role == "viewer" else None
                assert answer.get("error") == expected, (role, name, one["name"])


class TestNobody:
    """Who may not even see a camera."""

    def test_finds_nothing_anywhere(self, anna: tuple[Account, Person], hidden: Camera) -> None:
        _, person = anna
        listener = person.listen({"subscribe": False})
        for key in (hidden["id"], hidden["slug"]):

            def refused(method: str, path: str, body: Any = None) -> tuple[int, str]:
                answer = person.ask(method, path, body)
                return answer.status_code, answer.text

            nothing = refused("GET", "/api/cameras/no-such-camera")
            assert nothing[0] == 404
            for route in WATCHING_ROUTES:
                assert refused("GET", f"/api/cameras/{key}{route}") == nothing, route
            for method, route, body in STEERING_ROUTES:
                assert refused(method, f"/api/cameras/{key}{route}", body) == nothing, route
            assert refused("GET", f"/stream/{key}.mjpg") == nothing
            assert refused("GET", f"/snapshot/{key}.jpg") == nothing
            assert refused("PATCH", "/api/me", {"default_camera": key}) == nothing
            with pytest.raises(websocket.WebSocketBadStatusException) as closed:
                person.view(str(key))
            assert closed.value.status_code == 404
            for event in OF_A_CAMERA:
                answered = listener.call(event, PAYLOADS[event] | {"camera": key})
                unknown = listener.call(event, PAYLOADS[event] | {"camera": "no-such-camera"})
                assert answered == unknown, event
                assert answered["error"] == "not_found"

    def test_does_not_see_it_in_a_list(self, anna: tuple[Account, Person], admin: Person, hidden: Camera) -> None:
        _, person = anna
        assert hidden["name"] in admin.get("/api/cameras").text, "or this test shows nothing"
        for path in ("/api/cameras", "/", f"/?camera={hidden['slug']}", "/settings", "/api/me", "/health"):
            answer = person.get(path)
            assert answer.status_code == 200
            text = answer.text.replace(f"?camera={hidden['slug']}", "")
            assert hidden["name"] not in text, path
            assert hidden["slug"] not in text, path

    def test_a_permission_of_one_s_own_comes_before_everyone_s(
        self, anna: tuple[Account, Person], ben: tuple[Account, Person], admin: Person, hidden: Camera, camera: Camera
    ) -> None:
        (anna_account, anna_person), (_, ben_person) = anna, ben
        permit(admin, anna_account, hidden, "control")
        permit(admin, anna_account, camera, "none")

        def seen(person: Person) -> set[int]:
            return {item["id"] for item in person.get("/api/cameras").json()["items"]} & {hidden["id"], camera["id"]}

        assert seen(anna_person) == {hidden["id"]}
        assert seen(ben_person) == {camera["id"]}
        assert moved(anna_person, hidden, 10, 10).ok
        permit(admin, anna_account, hidden, None)
        permit(admin, anna_account, camera, None)
        assert seen(anna_person) == {camera["id"]}

    def test_hears_nothing_of_it_while_another_goes_on(
        self, anna: tuple[Account, Person], admin: Person, hidden: Camera, camera: Camera
    ) -> None:
        _, person = anna
        listener = listens(person, camera)
        assert not listener.call("subscribe", {"camera": hidden["id"], "format": "binary"})["ok"]
        make_news(admin, hidden)
        assert heard_of(listener, hidden) == []
        make_news(admin, camera)
        for event in NEWS_OF_A_CAMERA:  # of the other one everything comes
            listener.until(event, lambda news, event=event: camera_of(event, news) in (camera["id"], None))

    def test_hears_nothing_at_all_when_there_is_nothing_to_see(self, make_server: MakeServer) -> None:
        """The first camera is nobody's default who may not see it."""
        server = make_server()
        with server.person() as admin:
            demo = admin.get("/api/cameras/demo").json()
            assert admin.ask("PATCH", "/api/cameras/demo", {"everyone": "none"}).ok
            _, person = new_person(admin)
            with person:
                listener = person.listen()  # a program of the card's time: subscribes to its default
                assert listener.call("servo_command", {"command": "left"})["error"] == "not_found"
                assert listener.call("get_position")["error"] == "not_found"
                make_news(admin, demo)
                assert heard_of(listener, demo) == []
                assert person.get("/").status_code == 200


class TestTakenAway:
    @pytest.mark.parametrize("how", ["permission", "camera"])
    def test_whoever_watches_stops_watching(
        self, anna: tuple[Account, Person], ben: tuple[Account, Person], admin: Person, camera: Camera, how: str
    ) -> None:
        account, person = anna
        ben_account, ben_person = ben
        permit(admin, ben_account, camera, "view")
        watching, neighbour = Everywhere(person, camera), listens(ben_person, camera)
        if how == "permission":
            permit(admin, account, camera, "none")
        else:
            assert admin.ask("PATCH", f"/api/cameras/{camera['id']}", {"everyone": "none"}).ok
        watching.ends(4403, AT_ONCE)
        watching.listener.next("cameras_changed")
        for listener in (watching.listener, watching.as_text):
            heard_of(listener, camera)  # what was on its way
        neighbour.forget("video_frame")
        make_news(admin, camera)
        for listener in (watching.listener, watching.as_text):
            assert listener.client.connected, "the connection stays, for the other cameras"
            assert heard_of(listener, camera) == []
            assert listener.call("position_command", {"camera": camera["id"], "x": 1, "y": 1})["error"] == "not_found"
        neighbour.next("video_frame")  # who may still see it goes on seeing it

    def test_what_is_given_back_can_be_watched_again(
        self, anna: tuple[Account, Person], admin: Person, camera: Camera
    ) -> None:
        account, person = anna
        listener = listens(person, camera)
        permit(admin, account, camera, "none")
        listener.next("cameras_changed")
        permit(admin, account, camera, "view")
        listener.next("cameras_changed")
        assert listener.call("subscribe", {"camera": camera["id"]})["ok"]
        heard_of(listener, camera)
        listener.next("video_frame")
        watches(person.view(camera["slug"]))

    @pytest.mark.parametrize("how", ["deactivated", "deleted"])
    def test_a_user_is_shown_out(self, anna: tuple[Account, Person], admin: Person, camera: Camera, how: str) -> None:
        account, person = anna
        _, token = issue_token(person)
        watching = Everywhere(person, camera)
        assert moved(person, camera, 30, 30).ok
        begun = time.monotonic()
        if how == "deactivated":
            assert admin.ask("PATCH", f"/api/users/{account.id}", {"is_active": False}).ok
        else:
            assert admin.ask("DELETE", f"/api/users/{account.id}").status_code == 204
        self.is_out(watching, person, token, admin, AT_ONCE - (time.monotonic() - begun))

    @pytest.mark.both_databases
    def test_a_user_is_shown_out_by_another_process(
        self, anna: tuple[Account, Person], admin: Person, camera: Camera
    ) -> None:
        account, person = anna
        _, token = issue_token(person)
        watching = Everywhere(person, camera)
        assert moved(person, camera, 30, 30).ok
        script = subprocess.run(
            [sys.executable, "scripts/create_admin.py", "--username", account.username, "--deactivate"],
            cwd=PROJECT,
            env=os.environ | admin.server.settings,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert "not active" in script.stdout, script.stderr
        self.is_out(watching, person, token, admin, SOON)

    def is_out(self, watching: Everywhere, person: Person, token: str, admin: Person, within: float) -> None:
        begun = time.monotonic()
        watching.ends(4403, within)
        for listener in (watching.listener, watching.as_text):
            left = within - (time.monotonic() - begun)
            wait_until(lambda listener=listener: not listener.client.connected, "disconnected", left)  # type: ignore[misc]
        assert person.get("/api/me").status_code == 401
        bearer = {"Authorization": f"Bearer {token}"}
        assert requests.get(f"{admin.server.url}/api/me", headers=bearer).status_code == 401
        with pytest.raises(websocket.WebSocketBadStatusException, match="401"):
            person.view(watching.camera["slug"])
        control = f"/api/cameras/{watching.camera['id']}/control"
        wait_until(lambda: admin.get(control).json()["holder"] is None, "and the wheel is free")

    def test_a_removed_camera_ends_for_everybody(
        self, anna: tuple[Account, Person], admin: Person, camera: Camera
    ) -> None:
        _, person = anna
        watching, by_admin = Everywhere(person, camera), Everywhere(admin, camera)
        assert admin.ask("DELETE", f"/api/cameras/{camera['id']}").status_code == 204
        for watcher in (watching, by_admin):
            watcher.ends(4404, AT_ONCE)
            watcher.listener.next("cameras_changed")
            heard_of(watcher.listener, camera)
            answer = watcher.listener.call("get_position", {"camera": camera["id"]})
            assert answer["error"] == "not_found"
            assert heard_of(watcher.listener, camera) == []

    @pytest.mark.both_databases
    def test_a_new_camera_is_not_watched_by_who_watched_the_old_one(
        self, anna: tuple[Account, Person], admin: Person
    ) -> None:
        """SQLite gives the number of the last camera, once removed, to the next one."""
        _, person = anna
        old = new_camera(admin)
        watching = Everywhere(person, old)
        assert admin.ask("DELETE", f"/api/cameras/{old['id']}").status_code == 204
        watching.ends(4404, AT_ONCE)
        watching.listener.next("cameras_changed")
        successor = new_camera(admin, everyone="none")
        reused = successor["id"] == old["id"]
        assert reused or "DATABASE_URL" in admin.server.settings, "or this test shows nothing"
        for listener in (watching.listener, watching.as_text):
            heard_of(listener, old)
        make_news(admin, successor)
        assert heard_of(watching.listener, successor) == heard_of(watching.as_text, successor) == []
        assert admin.ask("DELETE", f"/api/cameras/{successor['id']}").status_code == 204

    @pytest.mark.parametrize("how", ["permission", "role", "camera"])
    def test_who_may_steer_no_more_lets_go_of_the_wheel(
        self, anna: tuple[Account, Person], admin: Person, camera: Camera, how: str
    ) -> None:
        account, person = anna
        listener, witness = listens(person, camera), listens(admin, camera)
        assert listener.call("position_command", {"camera": camera["id"], "x": 40, "y": 40})["ok"]
        witness.until("control_state", lambda news: news["holder_id"] == account.id)
        if how == "permission":
            permit(admin, account, camera, "view")
        elif how == "role":
            assert admin.ask("PATCH", f"/api/users/{account.id}", {"role": "viewer"}).ok
        else:
            assert admin.ask("PATCH", f"/api/cameras/{camera['id']}", {"everyone": "view"}).ok
        witness.until("control_state", lambda news: news["holder"] is None, AT_ONCE)
        listener.until("control_state", lambda news: news["holder"] is None and not news["mine"], AT_ONCE)
        refused = listener.call("position_command", {"camera": camera["id"], "x": 41, "y": 41})
        assert refused["error"] == "forbidden"
        listener.forget("video_frame")
        listener.next("video_frame")  # and goes on watching


class TestLease:
    def test_one_drives_at_a_time(
        self, anna: tuple[Account, Person], ben: tuple[Account, Person], camera: Camera
    ) -> None:
        (anna_account, anna_person), (ben_account, ben_person) = anna, ben
        hers, his = listens(anna_person, camera), listens(ben_person, camera)
        place = f"/api/cameras/{camera['id']}"
        assert hers.call("position_command", {"camera": camera["id"], "x": 50, "y": 50})["ok"]
        for listener, mine in ((hers, True), (his, False)):
            news = listener.next("control_state")
            assert (news["camera"], news["holder"]) == (camera["id"], anna_account.username)
            assert (news["holder_id"], news["mine"], news["asked_by"]) == (anna_account.id, mine, None)
            assert 0 < news["expires_in"] <= 30
        for event in ("position_command", "servo_command", "light_command", "control_request"):
            answer = his.call(event, PAYLOADS[event] | {"camera": camera["id"]})
            assert (answer["ok"], answer["error"]) == (False, "control_held"), event
            assert anna_account.username in answer["message"]
        for method, route, body in STEERING_ROUTES[:4]:
            answer = ben_person.ask(method, place + route, body)
            assert (answer.status_code, answer.json()["error"]) == (423, "control_held"), route
        where = lambda: ben_person.get(f"{place}/position").json()["x"]  # noqa: E731
        wait_until(lambda: where() == 50, "where it points may be asked by everybody")
        asked = hers.until("control_state", lambda news: news["asked_by"] is not None)
        assert (asked["asked_by"], asked["mine"]) == (ben_account.username, True)
        assert ben_person.get(f"{place}/control").json()["mine"] is False
        assert anna_person.get(f"{place}/control").json()["mine"] is True
        assert hers.call("position_command", {"camera": camera["id"], "x": 52, "y": 50})["ok"], "she still has it"

    def test_several_windows_of_one_person_are_one_driver(self, anna: tuple[Account, Person], camera: Camera) -> None:
        _, person = anna
        one, other = listens(person, camera), listens(person, camera)
        assert one.call("control_request", {"camera": camera["id"]})["mine"]
        assert other.call("position_command", {"camera": camera["id"], "x": 70, "y": 50})["ok"]
        assert other.next("control_state")["mine"]

    def test_it_is_given_back(self, anna: tuple[Account, Person], ben: tuple[Account, Person], camera: Camera) -> None:
        (_, anna_person), (ben_account, ben_person) = anna, ben
        hers, his = listens(anna_person, camera), listens(ben_person, camera)
        assert hers.call("control_request", {"camera": camera["id"]})["mine"]
        his.until("control_state", lambda news: news["holder"] is not None)
        not_his = his.call("control_release", {"camera": camera["id"]})
        assert (not_his["ok"], not_his["mine"]) == (True, False)
        assert ben_person.ask("DELETE", f"/api/cameras/{camera['id']}/control").json()["holder"] is not None
        assert hers.call("control_release", {"camera": camera["id"]})["holder"] is None
        his.until("control_state", lambda news: news["holder"] is None)
        taken = ben_person.ask("POST", f"/api/cameras/{camera['id']}/control", {}).json()
        assert (taken["holder"], taken["mine"]) == (ben_account.username, True)
        hers.until("control_state", lambda news: news["holder"] == ben_account.username and not news["mine"])

    def test_only_an_admin_takes_it_over(
        self, anna: tuple[Account, Person], ben: tuple[Account, Person], admin: Person, camera: Camera
    ) -> None:
        (anna_account, anna_person), (_, ben_person) = anna, ben
        hers, his, theirs = listens(anna_person, camera), listens(ben_person, camera), listens(admin, camera)
        by_force = {"camera": camera["id"], "take_over": True}
        assert hers.call("control_request", {"camera": camera["id"]})["mine"]
        assert his.call("control_request", by_force)["error"] == "control_held"
        by_rest = ben_person.ask("POST", f"/api/cameras/{camera['id']}/control", {"take_over": True})
        assert by_rest.status_code == 423
        assert theirs.call("control_request", {"camera": camera["id"]})["error"] == "control_held"
        assert theirs.call("position_command", {"camera": camera["id"], "x": 5, "y": 5})["error"] == "control_held"
        taken = theirs.call("control_request", by_force)
        assert (taken["holder"], taken["mine"], taken["asked_by"]) == ("admin", True, None)
        lost = hers.until("control_state", lambda news: news["holder"] == "admin")
        assert not lost["mine"]
        assert theirs.until("control_state", lambda news: news["holder"] == "admin")["mine"]
        answer = hers.call("position_command", {"camera": camera["id"], "x": 5, "y": 5})
        assert answer["error"] == "control_held"
        assert theirs.until("control_state", lambda news: news["asked_by"] == anna_account.username)

    def test_it_falls_back_when_nobody_steers(self, make_server: MakeServer) -> None:
        lease = 4  # seconds: a busy machine may stand still for some of them between two moves
        server = make_server(LEASE_SECONDS=lease)
        with server.person() as admin:
            camera = admin.get("/api/cameras/demo").json()
            wait_until(lambda: camera_state(admin, "demo") == "idle", "the camera is ready")
            account = new_account(admin)
            with server.person(account.username, account.password) as person:
                hers, theirs = listens(person, camera), listens(admin, camera)
                begun = time.monotonic()
                moves = 0
                while time.monotonic() - begun < lease + 0.5:  # steering keeps it
                    answer = hers.call("position_command", {"x": 10 + moves % 100, "y": 50})
                    assert answer.get("error") != "control_held"
                    assert theirs.call("position_command", {"x": 5, "y": 5})["error"] == "control_held"
                    moves += 1
                for listener in (hers, theirs):
                    gone = listener.until("control_state", lambda news: news["holder"] is None)
                    assert (gone["mine"], gone["expires_in"], gone["asked_by"]) == (False, None, None)
                assert theirs.call("position_command", {"x": 5, "y": 5}).get("error") != "control_held"


def test_nothing_went_wrong_meanwhile(server: RunningServer) -> None:
    """The last of this module: none of what was done above was a fault of the server."""
    assert "logged in" in server.logged
    assert "Traceback" not in server.logged
