"""Boards that dial in: who may, what they are told, how a head of two boards obeys, how they are managed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.fakes.devices import FakeCamera, FakeDevice, FakePico
from tests.integration.boards import Enrolled, enrol
from tests.integration.people import new_person, wait_until
from tests.pictures import jpeg
from tests.running import Person, RunningServer


class Head:
    """A camera that pushes, and the Pico that moves it, both connected."""

    def __init__(self, admin: Person) -> None:
        self.admin = admin
        self.cam, self.pico = enrol(admin, "esp32cam"), enrol(admin, "pico")
        self.eye: FakeCamera = self.cam.come()
        self.hand: FakePico = self.pico.come(servo1_angle=90, servo2_angle=45)
        made = {"name": f"Head {self.cam.id}", "url": f"device:{self.cam.id}", "pico": self.pico.id}
        made["everyone"] = "control"
        self.row = admin.made("/api/cameras", made)
        self.path = f"/api/cameras/{self.row['slug']}"

    def ask(self, what: str, **body: Any) -> Any:
        return self.admin.ask("POST", f"{self.path}/{what}", body)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.admin.get(self.path).json()["status"]
        return found

    def close(self) -> None:
        self.eye.close()
        self.hand.close()


@pytest.fixture
def head(admin: Person) -> Iterator[Head]:
    head = Head(admin)
    yield head
    head.close()


@pytest.fixture
def pico(admin: Person) -> Enrolled:
    return enrol(admin, "pico")


class TestWhoMayComeIn:
    @pytest.mark.parametrize("path", ["/ws/esp32cam", "/ws/pico", "/ws"])
    @pytest.mark.parametrize(("key", "reason"), [(None, "Missing authorization"), ("no key", "Invalid token")])
    def test_not_without_a_key(self, server: RunningServer, path: str, key: str | None, reason: str) -> None:
        """127.0.0.1 is where this comes from, and no exception."""
        with FakeDevice(server, key, path) as device:
            assert device.wait_closed() == (4001, reason)
            assert device.nothing()

    def test_nor_with_a_password_or_a_personal_token(self, server: RunningServer, admin: Person) -> None:
        token = admin.made("/api/me/tokens", {"name": "a program"})["token"]
        with FakeDevice(server, token, "/ws") as device:
            assert device.wait_closed() == (4001, "Invalid token")

    def test_nor_on_the_path_of_the_other_kind(self, server: RunningServer, pico: Enrolled) -> None:
        with FakeDevice(server, pico.key, "/ws/esp32cam") as device:
            assert device.wait_closed() == (4003, "Wrong device type")

    def test_on_the_common_path_the_key_tells_the_kind(self, server: RunningServer, pico: Enrolled) -> None:
        with FakePico(server, pico.key, "/ws") as device:
            assert device.connect()["device_id"] == pico.id

    def test_a_key_in_the_address_is_none(self, server: RunningServer, pico: Enrolled) -> None:
        with FakeDevice(server, None, f"/ws/pico?token={pico.key}") as device:
            assert device.wait_closed() == (4001, "Missing authorization")

    def test_without_a_websocket_there_is_nothing(self, admin: Person) -> None:
        assert admin.get("/ws/pico").status_code == 400

    def test_the_newest_connection_wins(self, pico: Enrolled) -> None:
        with pico.come() as first, pico.come() as second:
            assert first.wait_closed() == (4009, "Replaced")
            assert not second.ended.is_set()

    def test_the_key_is_kept_nowhere(self, server: RunningServer, pico: Enrolled) -> None:
        with pico.come():
            assert pico.key.encode() not in server.stored()
        assert pico.key not in server.logged


class TestTheFirstMessages:
    def test_connect_is_answered_with_a_welcome(self, pico: Enrolled) -> None:
        with pico.dial() as device:
            welcome = device.connect()
        assert welcome["device_id"] == pico.id
        assert welcome["config"] == {}
        assert welcome["server_time"].endswith("Z")
        assert {"id", "timestamp", "source"} < welcome.keys()

    def test_it_appears_with_what_it_said(self, admin: Person, pico: Enrolled) -> None:
        with pico.come(version_="ignored") as device:
            device.say(type="heartbeat", uptime_ms=5000, free_heap=90_000, rssi=-61, reset_reason="poweron")
            status = wait_for(admin, pico, lambda status: status["rssi"] is not None)
            assert (status["online"], status["state"], status["address"]) == (True, "online", "127.0.0.1")
            assert (status["free_heap"], status["rssi"], status["reset_reason"]) == (90_000, -61, "poweron")
        status = wait_for(admin, pico, lambda status: not status["online"])
        assert (status["state"], status["reason"]) == ("offline", "closed")
        wait_until(lambda: shown(admin, pico)["firmware"] == "1.0", "its firmware is written down")

    def test_one_that_says_that_it_goes_to_sleep_is_asleep(self, admin: Person, pico: Enrolled) -> None:
        pico.come().close(b"sleep")
        assert wait_for(admin, pico, lambda status: not status["online"])["state"] == "asleep"

    def test_unknown_messages_are_counted(self, admin: Person, pico: Enrolled) -> None:
        with pico.come() as device:
            before = shown(admin, pico)["status"]["ignored"]
            for text in ('{"type": "weather"}', "[]", "{", '{"type": "position", "servo1": NaN, "servo2": 1}'):
                device.ws.send(text)
            wait_for(admin, pico, lambda status: status["ignored"] == before + 4)
            assert device.connect(), "and the connection goes on"


class TestAHeadOfTwoBoards:
    def test_the_picture_comes_from_one_and_the_pose_from_the_other(self, head: Head) -> None:
        view = head.admin.view(head.row["slug"])
        picture = jpeg(grey=77)
        head.eye.push(picture=picture)
        while not isinstance(seen := view.recv(), bytes):
            pass
        assert seen == picture
        assert head.status()["pose"] == {"x": 90, "y": 45}

        def lives() -> bool:
            head.eye.push(picture=picture)
            return bool(head.status()["state"] == "live")

        wait_until(lives, "it is live while pictures come")

    def test_a_command_goes_to_the_pico_and_its_copy_to_the_camera(self, head: Head) -> None:
        page = head.admin.listen({"subscribe": False})
        page.call("subscribe", {"camera": head.row["slug"], "format": "none"})
        answer = page.call("position_command", {"camera": head.row["slug"], "x": 120, "y": 60})
        assert (answer["ok"], answer["x"], answer["y"]) == (True, 120, 60)
        news = page.until("position_update", lambda news: (news["x"], news["y"]) == (120, 60))
        assert news["camera"] == head.row["id"]
        command = head.hand.next("servo")
        assert command["command"] == {"servo1": 120, "servo2": 60}
        assert command["source"] == "web_interface"
        assert command["timestamp"].endswith("Z")
        copy = head.eye.next("servo_command_log")
        assert (copy["servo1"], copy["servo2"]) == (120, 60)
        head.eye.say(type="servo_command", servo1=120, servo2=60)

    def test_the_source_s_own_acknowledgement_is_one(self, head: Head) -> None:
        head.hand.obey = lambda message: [{"type": "servo", "status": "success", "detail": "X=10°, Y=20°"}]
        assert head.ask("position_command", x=10, y=20).json()["ok"]

    def test_the_light_and_the_position_are_the_pico_s(self, head: Head) -> None:
        assert head.ask("light_command", state=True).json()["state"] is True
        assert head.hand.next("light")["state"] is True
        assert head.admin.get(f"{head.path}/position").json().items() >= {"ok": True, "x": 90, "y": 90}.items()

    def test_silent(self, head: Head) -> None:
        head.hand.obey = lambda message: []
        begun = time.monotonic()
        answer = head.ask("position_command", x=1, y=2)
        assert (answer.status_code, answer.json()["error"]) == (504, "no_answer")
        assert time.monotonic() - begun < 3

    def test_with_an_error(self, head: Head) -> None:
        head.hand.obey = lambda message: [
            {"type": "ack", "id": message["id"], "command": "servo", "status": "error", "detail": "no power"}
        ]
        answer = head.ask("position_command", x=1, y=2)
        assert (answer.status_code, answer.json()["error"]) == (502, "device_error")
        assert "no power" in answer.json()["message"]

    def test_offline_and_nothing_old_is_sent_when_it_is_back(self, head: Head) -> None:
        head.hand.close()
        wait_until(lambda: head.status()["head_online"] is False, "the page knows")
        answer = head.ask("position_command", x=1, y=2)
        assert (answer.status_code, answer.json()["error"]) == (503, "device_offline")
        head.hand = head.pico.come()
        assert head.hand.nothing()
        assert head.ask("position_command", x=3, y=4).json()["ok"]
        assert head.hand.next("servo")["command"] == {"servo1": 3, "servo2": 4}

    def test_the_limits_of_the_camera_hold(self, head: Head) -> None:
        head.admin.ask("PATCH", head.path, {"limits": {"x": [30, 150], "y": [40, 140]}})
        assert head.ask("position_command", x=0, y=180).json()["x"] == 30
        assert head.hand.next("servo")["command"] == {"servo1": 30, "servo2": 140}

    def test_a_pico_moves_one_camera_only(self, head: Head) -> None:
        body = {"name": "Another", "url": "demo:garden", "pico": head.pico.id}
        assert head.admin.ask("POST", "/api/cameras", body).status_code == 409
        for field, value in (("pico", head.cam.id), ("pico", 99_999), ("url", f"device:{head.pico.id}")):
            answer = head.admin.ask("POST", "/api/cameras", {"name": "Another", "url": "demo:garden"} | {field: value})
            assert answer.status_code == 400
            assert answer.json()["message"].startswith(f"{field}: ")

    def test_a_removed_board_leaves_its_camera(self, head: Head) -> None:
        assert head.admin.ask("DELETE", f"/api/devices/{head.cam.id}").status_code == 204
        assert head.eye.wait_closed() == (4003, "Revoked")
        status = head.status()
        assert (status["state"], status["reason"]) == ("offline", "no_device")
        assert head.ask("position_command", x=5, y=6).json()["ok"], "the Pico is still there"


class TestManaging:
    def test_a_configuration_is_pushed_at_once(self, admin: Person, pico: Enrolled) -> None:
        with pico.come() as device:
            sent = admin.ask("PUT", f"/api/devices/{pico.id}/config", {"speed": 60, "servo1_trim": -3}).json()
            assert (sent["state"], sent["pending"]["speed"]) == ("pending", 60)
            config = device.next("config")["config"]
            assert (config["speed"], config["servo1_trim"], config["servo1_max"]) == (60, -3, 180)
            wait_until(lambda: configuration(admin, pico)["state"] == "delivered", "it is written down")
            assert configuration(admin, pico)["config"]["speed"] == 60
        with pico.dial() as device:
            assert device.connect()["config"]["speed"] == 60, "and it is told again whenever it comes"

    def test_or_when_it_appears_next(self, admin: Person, pico: Enrolled) -> None:
        admin.ask("PUT", "/device/config", {"speed": 90}, params={"device": pico.id})
        assert configuration(admin, pico)["state"] == "pending"
        with pico.dial() as device:
            assert device.connect()["config"]["speed"] == 90
            assert device.next("config")["config"]["speed"] == 90
            wait_until(lambda: configuration(admin, pico)["state"] == "delivered", "it is written down")

    def test_a_refusal_is_shown(self, admin: Person, pico: Enrolled) -> None:
        with pico.come() as device:
            device.obey = lambda message: [
                {"type": "ack", "id": message["id"], "command": "config", "status": "error", "detail": "too fast"}
            ]
            admin.ask("PUT", f"/api/devices/{pico.id}/config", {"speed": 600})
            wait_until(lambda: configuration(admin, pico)["state"] == "refused", "it is written down")
        assert configuration(admin, pico)["detail"] == "too fast"
        assert configuration(admin, pico)["config"] == {}

    def test_one_that_nobody_came_for_expires(self, admin: Person, pico: Enrolled) -> None:
        admin.ask("PUT", f"/api/devices/{pico.id}/config", {"speed": 90})
        admin.server.execute(f"UPDATE device SET config_at = '2026-01-01 00:00:00' WHERE id = {pico.id}")
        with pico.dial() as device:
            assert device.connect()["config"] == {}
            assert configuration(admin, pico)["state"] == "expired"
            assert device.nothing()

    @pytest.mark.parametrize(
        ("kind", "config", "field"),
        [
            ("pico", {"speed": 5}, "speed"),
            ("pico", {"speed": True}, "speed"),
            ("pico", {"speed": "fast"}, "speed"),
            ("pico", {"servo1_min": 90, "servo1_max": 90}, "rise"),
            ("pico", {"framesize": "SVGA"}, "framesize"),
            ("esp32cam", {"framesize": "8K"}, "framesize"),
            ("esp32cam", {"quality": 3}, "quality"),
            ("esp32cam", {"fps": 26}, "fps"),
            ("esp32cam", {"stream_seconds": None}, "stream_seconds"),
            ("esp32cam", {"sleep": 1}, "sleep"),
            ("esp32cam", [1], "dictionary"),
        ],
    )
    def test_what_cannot_be_is_refused(self, admin: Person, kind: str, config: Any, field: str) -> None:
        board = enrol(admin, kind)
        with board.come():
            answer = admin.ask("PUT", f"/api/devices/{board.id}/config", config)
            assert answer.status_code == 400
            assert field in answer.json()["message"]
            assert configuration(admin, board)["state"] == ""

    def test_a_device_speaks_for_itself_only(self, server: RunningServer, admin: Person, pico: Enrolled) -> None:
        key = {"Authorization": f"Bearer {pico.key}"}

        def ask(method: str, path: str, **options: Any) -> requests.Response:
            return requests.request(method, server.url + path, timeout=10, **options)

        assert ask("GET", "/device/status", headers=key).json()["device"] == pico.id
        own = ask("PUT", "/device/config?device=1", headers=key, json={"speed": 42}).json()
        assert (own["config"]["speed"], own["pending"]) == (42, None)
        assert configuration(admin, pico)["config"]["speed"] == 42
        assert ask("GET", "/device/status", headers={"Authorization": "Bearer no key"}).status_code == 401
        assert ask("GET", "/device/status").status_code == 401
        assert ask("GET", "/api/devices", headers=key).status_code == 401

    def test_ping_restart_sleep_and_a_picture(self, head: Head) -> None:
        path = f"/api/devices/{head.cam.id}"
        assert head.admin.ask("POST", f"{path}/ping").json()["ok"]
        assert head.admin.ask("POST", f"{path}/restart").json()["ok"]
        assert head.eye.next("restart")
        assert head.admin.ask("POST", f"{path}/sleep", {"seconds": 60}).json()["ok"]
        assert head.eye.next("sleep")["seconds"] == 60
        assert head.admin.ask("POST", f"{path}/capture").json()["ok"]
        assert head.admin.ask("POST", f"{path}/sleep", {"seconds": 0}).status_code == 400
        head.eye.close()
        wait_for(head.admin, head.cam, lambda status: not status["online"])
        assert head.admin.ask("POST", f"{path}/ping").json()["error"] == "device_offline"

    def test_revoked_is_out_at_once_and_enabled_is_back(self, admin: Person, pico: Enrolled) -> None:
        with pico.come() as device:
            begun = time.monotonic()
            admin.ask("PATCH", f"/api/devices/{pico.id}", {"enabled": False})
            assert device.wait_closed() == (4003, "Revoked")
            assert time.monotonic() - begun < 2
        with pico.dial() as again:
            assert again.wait_closed() == (4003, "Revoked")
        admin.ask("PATCH", f"/api/devices/{pico.id}", {"enabled": True})
        with pico.come() as device:
            assert not device.ended.is_set()

    def test_by_another_process_within_two_seconds(self, admin: Person, pico: Enrolled) -> None:
        with pico.come() as device:
            admin.server.execute(f"UPDATE device SET enabled = false WHERE id = {pico.id}")
            assert device.wait_closed(2.5) == (4003, "Revoked")

    def test_rotation(self, admin: Person, pico: Enrolled) -> None:
        old, new = pico.come(), admin.made(f"/api/devices/{pico.id}/key", {})["api_key"]
        assert not old.ended.is_set()
        old.close()
        with pico.come():
            assert len(shown(admin, pico)["keys"]) == 2, "the old one still lets it in"
        with FakePico(admin.server, new) as device:
            assert device.connect()
            assert len(shown(admin, pico)["keys"]) == 1
        with pico.dial() as late:
            assert late.wait_closed() == (4001, "Invalid token")

    def test_rotation_over_the_connection(self, admin: Person, pico: Enrolled) -> None:
        path = f"/api/devices/{pico.id}/key/give"
        assert admin.ask("POST", path).json()["error"] == "device_offline"
        with pico.come() as device:
            device.obey = lambda message: [
                {"type": "ack", "id": message["id"], "command": "key", "status": "error", "detail": "flash is full"}
            ]
            assert "flash is full" in admin.ask("POST", path).json()["message"]
            assert [key["expires_at"] for key in shown(admin, pico)["keys"]] == [None], "all is as before"
            device.next("key")
            device.obey = device.answers_to
            assert admin.ask("POST", path).status_code == 204
            new = device.next("key")["api_key"]
        with FakePico(admin.server, new) as device:
            assert device.connect()
            assert len(shown(admin, pico)["keys"]) == 1
        assert new not in admin.server.logged

    def test_a_key_that_ends_ends_its_connection(self, admin: Person, pico: Enrolled) -> None:
        with pico.come() as device:
            past = "UPDATE device_key SET expires_at = '2026-01-01 00:00:00'"
            admin.server.execute(f"{past} WHERE device_id = {pico.id}")
            assert device.wait_closed(2.5) == (4003, "Revoked")

    def test_coming_and_going_are_events(self, admin: Person, pico: Enrolled) -> None:
        page = admin.listen({"subscribe": False})
        pico.come().close()
        assert page.until("device_status", lambda news: news["device"] == pico.id and news["online"])
        assert page.until("device_status", lambda news: news["device"] == pico.id and not news["online"])

        def kinds() -> list[str]:
            found = admin.get("/api/events", params={"device": pico.id}).json()["items"]
            return [item["kind"] for item in found]

        wait_until(lambda: kinds() == ["device_offline", "device_online"], "both are listed")

    def test_an_operator_manages_what_they_steer(self, admin: Person, head: Head) -> None:
        account, operator = new_person(admin)
        with operator, enrol(admin, "pico").come():
            listed = [item["id"] for item in operator.get("/api/devices").json()["items"]]
            assert {head.cam.id, head.pico.id} <= set(listed)
            lone = [item["id"] for item in admin.get("/api/devices").json()["items"] if item["camera"] is None]
            assert not set(lone) & set(listed)
            assert operator.get(f"/api/devices/{lone[0]}").status_code == 404
            assert operator.get("/device/status", params={"device": lone[0]}).status_code == 404
            assert operator.get("/device/status", params={"device": head.pico.id}).json()["online"]
            assert operator.ask("PUT", f"/api/devices/{head.pico.id}/config", {"speed": 70}).ok
            assert operator.ask("DELETE", f"/api/devices/{head.pico.id}").status_code == 403
            row = {"permissions": [{"camera": head.row["id"], "level": "view"}]}
            admin.ask("PUT", f"/api/users/{account.id}/permissions", row)
            assert operator.get(f"/api/devices/{head.pico.id}").status_code == 404

    def test_a_viewer_manages_nothing(self, admin: Person, pico: Enrolled) -> None:
        _, viewer = new_person(admin, "viewer")
        with viewer:
            for path in ("/api/devices", f"/api/devices/{pico.id}", f"/device/status?device={pico.id}"):
                assert viewer.get(path).status_code == 403


def shown(admin: Person, board: Enrolled) -> dict[str, Any]:
    found: dict[str, Any] = admin.get(f"/api/devices/{board.id}").json()
    return found


def configuration(admin: Person, board: Enrolled) -> dict[str, Any]:
    found: dict[str, Any] = shown(admin, board)["configuration"]
    return found


def wait_for(admin: Person, board: Enrolled, holds: Any) -> dict[str, Any]:
    """Its status, as soon as it is as wanted."""
    found: dict[str, Any] = {}

    def look() -> bool:
        nonlocal found
        found = shown(admin, board)["status"]
        return bool(holds(found))

    wait_until(look, f"status of device {board.id}")
    return found
