"""Presets: directions with a name, kept with the camera; stored and used by REST, used by Socket.IO."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.integration.people import new_account, new_camera, new_person, permit, wait_until
from tests.running import Person, RunningServer

MakeServer = Callable[..., RunningServer]


@pytest.fixture
def camera(admin: Person) -> dict[str, Any]:
    return new_camera(admin)


class Presets:
    """One camera's presets, as one person has them."""

    def __init__(self, person: Person, camera: dict[str, Any]) -> None:
        self.person = person
        self.path = f"/api/cameras/{camera['slug']}/presets"

    def list(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.person.get(self.path).json()["items"]
        return items

    def put(self, slot: Any, **body: Any) -> requests.Response:
        return self.person.ask("PUT", f"{self.path}/{slot}", body)

    def go(self, slot: Any) -> requests.Response:
        return self.person.ask("POST", f"{self.path}/{slot}/go")

    def remove(self, slot: Any) -> requests.Response:
        return self.person.ask("DELETE", f"{self.path}/{slot}")


@pytest.fixture
def presets(admin: Person, camera: dict[str, Any]) -> Presets:
    return Presets(admin, camera)


def pose(admin: Person, camera: dict[str, Any]) -> tuple[int, int]:
    def told() -> dict[str, int]:
        found: dict[str, int] = admin.get(f"/api/cameras/{camera['slug']}").json()["status"]["pose"]
        return found

    wait_until(told, "its head has said where it points, after it has connected")
    return told()["x"], told()["y"]


def refused(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


@pytest.mark.both_databases
def test_stored_listed_replaced_and_removed(admin: Person, camera: dict[str, Any], presets: Presets) -> None:
    assert presets.list() == []
    gate = {"slot": 9, "name": "Gate", "x": 10, "y": 170}
    door = {"slot": 2, "name": "Front door", "x": 0, "y": 180}
    assert presets.put(9, name="Gate", x=10, y=170).json() == gate
    assert presets.put(2, name="  Front door ", x=0, y=180).json() == door
    assert presets.list() == [door, gate], "by slot"
    assert admin.get(f"/api/cameras/{camera['id']}").json()["presets"] == [door, gate]
    path = door | {"name": "Weg ☃", "x": 90}
    assert presets.put(2, name="Weg ☃", x=90, y=180).json() == path
    assert presets.list() == [path, gate]
    assert presets.remove(9).status_code == 204
    assert presets.list() == [path]
    assert refused(presets.remove(9)) == (404, "not_found")


def test_without_an_angle_it_is_where_the_camera_points(
    admin: Person, camera: dict[str, Any], presets: Presets
) -> None:
    assert admin.ask("POST", f"/api/cameras/{camera['slug']}/position_command", {"x": 60, "y": 70}).ok
    wait_until(lambda: pose(admin, camera) == (60, 70), "it has arrived")
    assert presets.put(1, name="Here").json() == {"slot": 1, "name": "Here", "x": 60, "y": 70}
    assert presets.put(1, name="Here, but higher", y=100).json()["x"] == 60


def test_by_rest_the_head_goes_there(admin: Person, camera: dict[str, Any], presets: Presets) -> None:
    presets.put(4, name="Gate", x=30, y=120)
    assert presets.go(4).json() == {"ok": True, "x": 30, "y": 120, "superseded": False}
    wait_until(lambda: pose(admin, camera) == (30, 120), "it points there")


def test_by_socketio_the_head_goes_there(admin: Person, camera: dict[str, Any], presets: Presets) -> None:
    presets.put(4, name="Gate", x=150, y=20)
    listener = admin.listen(auth={"subscribe": False})
    assert listener.call("subscribe", {"camera": camera["slug"], "format": "none"})["ok"]
    assert listener.call("preset_command", {"preset": 4, "camera": camera["id"]}) == {"ok": True, "x": 150, "y": 20}
    assert listener.until("position_update", lambda news: (news["x"], news["y"]) == (150, 20))["camera"] == camera["id"]
    assert pose(admin, camera) == (150, 20)
    assert listener.heard("error") == 0


def test_limits_that_were_drawn_since_hold(admin: Person, camera: dict[str, Any], presets: Presets) -> None:
    presets.put(1, name="Neighbours", x=180, y=0)
    limits = {"x": [20, 100], "y": [45, 135]}
    assert admin.ask("PATCH", f"/api/cameras/{camera['slug']}", {"limits": limits}).ok
    answer = presets.go(1).json()
    assert (answer["x"], answer["y"]) == (100, 45)


def test_the_slots_are_each_camera_s_own(admin: Person, camera: dict[str, Any], presets: Presets) -> None:
    other = Presets(admin, new_camera(admin))
    presets.put(1, name="Mine", x=1, y=1)
    other.put(1, name="Other", x=2, y=2)
    assert [preset["name"] for preset in presets.list()] == ["Mine"]
    assert other.remove(1).ok
    assert [preset["name"] for preset in presets.list()] == ["Mine"]
    assert refused(other.go(1)) == (404, "not_found")


def test_browsers_are_told_to_read_the_list_again(admin: Person, presets: Presets) -> None:
    listener = admin.listen(auth={"subscribe": False})
    listener.call("clock")
    listener.forget("cameras_changed")
    presets.put(1, name="New", x=1, y=1)
    listener.next("cameras_changed")
    presets.remove(1)
    listener.next("cameras_changed")


class TestRefused:
    @pytest.mark.parametrize("slot", [0, 10, 10**6])
    def test_there_are_nine_slots(self, presets: Presets, slot: int) -> None:
        answer = presets.put(slot, name="Beyond", x=1, y=1)
        assert refused(answer) == (400, "bad_request")
        assert "1 to 9" in answer.json()["message"]
        assert refused(presets.go(slot)) == (400, "bad_request")
        assert refused(presets.remove(slot)) in ((400, "bad_request"), (404, "not_found"))
        assert presets.list() == []

    @pytest.mark.parametrize("slot", ["one", "-1", "1.0"])
    def test_a_slot_is_a_number(self, presets: Presets, slot: str) -> None:
        assert presets.put(slot, name="Odd", x=1, y=1).status_code == 404

    @pytest.mark.parametrize("name", [None, "", "   ", "x" * 41, "two\nlines", "bell\a", 7, ["a"]], ids=repr)
    def test_names_that_cannot_be(self, presets: Presets, name: Any) -> None:
        answer = presets.put(1, name=name, x=1, y=1)
        assert refused(answer) == (400, "bad_request")
        assert "name" in answer.json()["message"]
        assert presets.list() == []

    @pytest.mark.parametrize("angle", [-1, 181, 90.5, "90", True, [90]], ids=repr)
    def test_angles_that_cannot_be(self, presets: Presets, angle: Any) -> None:
        for name, other in (("x", "y"), ("y", "x")):
            answer = presets.put(1, name="Nowhere", **{name: angle, other: 90})
            assert refused(answer) == (400, "bad_request")
            assert name in answer.json()["message"]
        assert presets.list() == []

    def test_nothing_else_is_taken(self, presets: Presets) -> None:
        assert refused(presets.put(1, name="More", x=1, y=1, z=1)) == (400, "bad_request")
        assert refused(presets.put(1)) == (400, "bad_request")
        assert refused(presets.put(1, x=1, y=1)) == (400, "bad_request")

    @pytest.mark.parametrize("body", ["", "{", "[]", "1", '{"name": "Not a number", "x": NaN, "y": 1}'])
    def test_what_is_no_preset(self, presets: Presets, body: str) -> None:
        answer = presets.person.http.put(
            f"{presets.person.server.url}{presets.path}/1", data=body, headers={"Content-Type": "application/json"}
        )
        assert refused(answer) == (400, "bad_request")
        assert presets.list() == []

    @pytest.mark.parametrize("preset", [0, 10, -1, 1.5, "1", True, None, [1]], ids=json.dumps)
    def test_by_socketio_too(self, admin: Person, camera: dict[str, Any], presets: Presets, preset: Any) -> None:
        presets.put(1, name="The only one", x=1, y=1)
        before = pose(admin, camera)
        listener = admin.listen(auth={"subscribe": False})
        answer = listener.call("preset_command", {"preset": preset, "camera": camera["id"]})
        assert (answer["ok"], answer["error"]) == (False, "bad_request")
        assert "preset" in answer["message"]
        assert listener.next("error")["error"] == "bad_request"
        assert pose(admin, camera) == before

    def test_an_empty_slot(self, admin: Person, camera: dict[str, Any], presets: Presets) -> None:
        assert refused(presets.go(5)) == (404, "not_found")
        listener = admin.listen(auth={"subscribe": False})
        answer = listener.call("preset_command", {"preset": 5, "camera": camera["id"]})
        assert (answer["ok"], answer["error"]) == (False, "not_found")
        assert "5" in answer["message"]


class TestWho:
    def test_an_operator_as_far_as_the_camera_allows(self, admin: Person) -> None:
        camera = new_camera(admin, everyone="view")
        account, person = new_person(admin)
        with person:
            theirs = Presets(person, camera)
            assert Presets(admin, camera).put(1, name="Gate", x=9, y=8).ok
            assert [preset["name"] for preset in theirs.list()] == ["Gate"]
            for answer in (theirs.put(2, name="Mine", x=1, y=1), theirs.go(1), theirs.remove(1)):
                assert refused(answer) == (403, "forbidden")
            listener = person.listen(auth={"subscribe": False})
            assert listener.call("preset_command", {"preset": 1, "camera": camera["id"]})["error"] == "forbidden"
            permit(admin, account, camera, "control")
            assert theirs.put(2, name="Mine", x=1, y=1).ok
            assert listener.call("preset_command", {"preset": 1, "camera": camera["id"]})["ok"]
            permit(admin, account, camera, "none")
            answers = (theirs.put(2, name="Mine", x=1, y=1), theirs.go(1), theirs.remove(1), person.get(theirs.path))
            assert [refused(answer) for answer in answers] == [(404, "not_found")] * 4
            assert [preset["slot"] for preset in Presets(admin, camera).list()] == [1, 2]

    def test_a_viewer_only_reads(self, admin: Person, camera: dict[str, Any], presets: Presets) -> None:
        presets.put(1, name="Gate", x=9, y=8)
        account = new_account(admin, "viewer")
        with admin.server.person(account.username, account.password) as person:
            theirs = Presets(person, camera)
            assert len(theirs.list()) == 1
            for answer in (theirs.put(1, name="Mine", x=1, y=1), theirs.go(1), theirs.remove(1)):
                assert refused(answer) == (403, "forbidden")

    def test_a_stranger_not_even_that(self, server: RunningServer, presets: Presets) -> None:
        assert refused(requests.get(f"{server.url}{presets.path}", timeout=10)) == (401, "unauthorized")

    def test_not_while_another_steers(self, admin: Person, camera: dict[str, Any], presets: Presets) -> None:
        presets.put(1, name="Gate", x=9, y=8)
        _, person = new_person(admin)
        with person:
            assert person.ask("POST", f"/api/cameras/{camera['slug']}/control", {}).ok
            before = pose(admin, camera)
            assert refused(presets.go(1)) == (423, "control_held")
            listener = admin.listen(auth={"subscribe": False})
            held = listener.call("preset_command", {"preset": 1, "camera": camera["id"]})
            assert held["error"] == "control_held"
            assert pose(admin, camera) == before
            assert Presets(person, camera).go(1).ok


def test_a_camera_that_is_away_cannot_say_where_it_points_but_keeps_presets(make_server: MakeServer) -> None:
    server = make_server(ESP32CAM_IP="127.0.0.1", ESP32CAM_PORT=1)
    with server.person() as admin:
        presets = Presets(admin, {"slug": "esp32-cam"})
        assert refused(presets.put(1, name="Here")) == (409, "conflict")
        assert refused(presets.put(1, name="Half of it", x=1)) == (409, "conflict")
        assert presets.list() == []
        assert presets.put(1, name="Gate", x=1, y=2).ok
        assert refused(presets.go(1)) == (503, "device_offline")
    server.stop()
    again = make_server(data_dir=server.data_dir)
    with again.person() as admin:
        assert Presets(admin, {"slug": "esp32-cam"}).list() == [{"slot": 1, "name": "Gate", "x": 1, "y": 2}]


NUMBER = 10**20


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", f"/api/cameras/demo/presets/{NUMBER}", None),
        ("GET", f"/api/users/{NUMBER}", None),
        ("PATCH", f"/api/users/{NUMBER}", {"role": "viewer"}),
        ("DELETE", f"/api/users/{NUMBER}", None),
        ("PUT", f"/api/users/{NUMBER}/permissions", {"permissions": []}),
        ("PUT", "/api/users/1/permissions", {"permissions": [{"camera": NUMBER, "level": "view"}]}),
        ("DELETE", f"/api/me/tokens/{NUMBER}", None),
    ],
)
def test_a_number_that_no_row_can_have_is_no_fault_of_the_server(
    admin: Person, method: str, path: str, body: Any
) -> None:
    assert admin.ask(method, path, body).status_code in (400, 404, 405)


@pytest.mark.both_databases
def test_two_who_store_the_same_slot_at_once(server: RunningServer, admin: Person) -> None:
    camera = new_camera(admin)
    people = [server.person() for _ in range(6)]
    answers = []
    for slot in range(1, 10):
        together = threading.Barrier(len(people))

        def put(person: Person, slot: int = slot, together: threading.Barrier = together) -> None:
            together.wait(10)
            path = f"/api/cameras/{camera['slug']}/presets/{slot}"
            answers.append(person.ask("PUT", path, {"name": "Gate", "x": 1, "y": 1}).status_code)

        threads = [threading.Thread(target=put, args=(person,)) for person in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    for person in people:
        person.close()
    assert set(answers) == {200}
