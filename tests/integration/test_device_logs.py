"""The log of a device by the API, live by Socket.IO; advice; boards in the network."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.devices import FakeDevice
from tests.integration.boards import Enrolled, enrol
from tests.integration.people import new_person, permit, wait_until
from tests.running import Person


@pytest.fixture
def pico(admin: Person) -> Enrolled:
    return enrol(admin, "pico")


def log_of(person: Person, board: Enrolled, **query: Any) -> Any:
    answer = person.get(f"/api/devices/{board.id}/log", params=query)
    assert answer.ok, answer.text
    return answer.json()


def messages(found: Any) -> list[str]:
    return [line["message"] for line in found["items"]]


def says(device: FakeDevice, *lines: tuple[str, str]) -> None:
    for level, message in lines:
        device.say(type="log", level=level, message=message)


class TestLog:
    def test_what_it_says_and_what_is_said_about_it(self, admin: Person, pico: Enrolled) -> None:
        with pico.come() as device:
            says(device, ("info", "servo 1 is at 90"), ("W", "servo 2 is slow"), ("error", "servo 2 is stuck"))
            wait_until(lambda: len(log_of(admin, pico)["items"]) == 4, "all is written")
        wait_until(lambda: "has gone" in messages(log_of(admin, pico))[0], "the end is written")
        found = log_of(admin, pico)
        assert found["before"] is None
        assert [(line["level"], line["source"], line["message"]) for line in found["items"]][1:] == [
            ("error", "device", "servo 2 is stuck"),
            ("warning", "device", "servo 2 is slow"),
            ("info", "device", "servo 1 is at 90"),
            ("info", "server", "has come from 127.0.0.1"),
        ]
        assert found["items"][0]["message"].startswith("has gone: closed")
        assert messages(log_of(admin, pico, level="error")) == ["servo 2 is stuck"]
        assert messages(log_of(admin, pico, q="SERVO 2")) == ["servo 2 is stuck", "servo 2 is slow"]
        first = log_of(admin, pico, limit=2)
        assert len(first["items"]) == 2
        rest = log_of(admin, pico, before=first["before"])
        assert messages(first) + messages(rest) == messages(found)

    def test_a_configuration_leaves_a_line(self, admin: Person, pico: Enrolled) -> None:
        with pico.come():
            assert admin.ask("PUT", f"/api/devices/{pico.id}/config", {"speed": 90}).ok
            wait_until(lambda: messages(log_of(admin, pico))[:1] == ["has taken its configuration"], "it says so")

    @pytest.mark.parametrize(
        "query", [{"level": "loud"}, {"limit": 0}, {"limit": 501}, {"before": 0}, {"q": "x" * 201}]
    )
    def test_odd_questions_are_refused(self, admin: Person, pico: Enrolled, query: dict[str, Any]) -> None:
        answer = admin.get(f"/api/devices/{pico.id}/log", params=query)
        assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")

    def test_it_goes_with_its_device(self, admin: Person, pico: Enrolled) -> None:
        with pico.come():
            wait_until(lambda: log_of(admin, pico)["items"], "it is written")
        kept = list(admin.server.data_dir.rglob(f"{pico.id}.log"))
        assert kept
        assert admin.ask("DELETE", f"/api/devices/{pico.id}").ok
        assert not any(file.exists() for file in kept)
        assert admin.get(f"/api/devices/{pico.id}/log").status_code == 404


class TestLive:
    def test_each_line_comes_to_who_follows(self, admin: Person, pico: Enrolled) -> None:
        listener, other = admin.listen(auth={"subscribe": False}), admin.listen(auth={"subscribe": False})
        assert listener.call("follow_device", {"device": pico.id}) == {"ok": True}
        with pico.come() as device:
            assert listener.next("device_log")["source"] == "server"
            says(device, ("error", "<b>stuck</b>"))
            line = listener.next("device_log")
            assert line.items() >= {"device": pico.id, "level": "error", "message": "<b>stuck</b>"}.items()
            assert line["number"] == log_of(admin, pico)["items"][0]["number"]
            assert listener.call("follow_device", {}) == {"ok": True}
            other.call("follow_device", {"device": pico.id})
            says(device, ("info", "and on"))
            assert other.next("device_log")["message"] == "and on"
            assert listener.heard("device_log") == 0

    def test_only_of_a_device_that_is_the_users_business(self, admin: Person, pico: Enrolled) -> None:
        made = admin.made("/api/cameras", {"name": f"Of {pico.id}", "url": "demo:garden", "pico": pico.id})
        account, operator = new_person(admin)
        with operator, pico.come() as device:
            listener = operator.listen(auth={"subscribe": False})
            assert listener.call("follow_device", {"device": pico.id})["error"] == "not_found"
            permit(admin, account, made, "control")
            assert listener.call("follow_device", {"device": pico.id}) == {"ok": True}
            says(device, ("info", "for the operator"))
            assert listener.next("device_log")["message"] == "for the operator"
            permit(admin, account, made, "view")
            other = admin.listen(auth={"subscribe": False})
            assert other.call("follow_device", {"device": pico.id}) == {"ok": True}
            says(device, ("info", "not for the operator"))
            other.until("device_log", lambda line: line["message"] == "not for the operator")
            listener.call("clock")  # what was sent before has come by then
            assert listener.heard("device_log") == 0

    @pytest.mark.parametrize("device", [0, -1, "1", 1.5, True, [], 999_999])
    def test_odd_devices_are_none(self, admin: Person, device: Any) -> None:
        listener = admin.listen(auth={"subscribe": False})
        assert listener.call("follow_device", {"device": device})["error"] in ("bad_request", "not_found")

    def test_a_viewer_follows_none(self, admin: Person, pico: Enrolled) -> None:
        _, viewer = new_person(admin, "viewer")
        with viewer:
            listener = viewer.listen(auth={"subscribe": False})
            assert listener.call("follow_device", {"device": pico.id})["error"] == "forbidden"


def test_advice_is_told_in_the_users_language(admin: Person, pico: Enrolled) -> None:
    with pico.come() as device:
        device.say(type="heartbeat", rssi=-80, reset_reason="PWRON_RESET", uptime_ms=1000)

        def told() -> dict[str, Any]:
            found: dict[str, Any] = admin.get(f"/api/devices/{pico.id}").json()
            return found

        wait_until(lambda: told()["advice"], "it is known")
        (advice,) = told()["advice"]
        assert (advice["code"], advice["severity"]) == ("weak_signal", "warning")
        assert advice["sentence"] == "The Wi-Fi signal is weak (-80 dBm)."
        assert told()["status"]["reset"] == "power_on"
        assert admin.ask("PATCH", "/api/me", {"language": "de"}).ok
        try:
            assert told()["advice"][0]["sentence"] == "Das WLAN-Signal ist schwach (-80 dBm)."
        finally:
            admin.ask("PATCH", "/api/me", {"language": ""})


def test_a_head_without_its_pico_says_so(admin: Person, pico: Enrolled) -> None:
    made = admin.made("/api/cameras", {"name": f"Head of {pico.id}", "url": "demo:garden", "pico": pico.id})

    def head_online() -> Any:
        return admin.get(f"/api/cameras/{made['id']}").json()["status"]["head_online"]

    assert head_online() is False
    with pico.come():
        assert head_online() is True
    wait_until(lambda: head_online() is False, "it has gone")


def test_without_mdns_no_boards_are_found(admin: Person) -> None:
    assert admin.get("/api/pairing/found").json() == {"items": [], "why": "MDNS is off"}
