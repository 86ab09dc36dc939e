"""Firmware on the real server: who may do what with it, what is no firmware, which board gets which, and when."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from camproxy.firmware_image import LARGEST
from tests.images import Signer, descriptor, firmware, image
from tests.integration.boards import Enrolled, enrol, enrol_all
from tests.integration.people import new_person, wait_until
from tests.running import Person

SIGNER = Signer.new()
BYTES = {"Content-Type": "application/octet-stream"}
_versions = iter(range(1, 1000))


def send(
    person: Person, data: Any, *, signature: str | None = None, version: str = "", **options: Any
) -> requests.Response:
    made = SIGNER.sign(data) if signature is None else signature
    query = {"signature": made, "version": version}
    return person.ask(
        "POST", "/api/firmware", params=query, data=data, headers=options.pop("headers", BYTES), **options
    )


def new_firmware(admin: Person, size: int = 20_000) -> dict[str, Any]:
    answer = send(admin, firmware(f"2.0.{next(_versions)}", size=size))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def fetch(device: Enrolled, number: int, key: str = "", **headers: str) -> requests.Response:
    known = {"Authorization": f"Bearer {key or device.key}"} | headers
    return requests.get(
        f"{device.admin.server.url}/device/firmware/{number}",
        headers=known,
        timeout=20,
        verify=device.admin.http.verify,
    )


def assign(admin: Person, device: Enrolled, number: int) -> requests.Response:
    return admin.ask("PUT", f"/api/devices/{device.id}/update", {"firmware": number})


def state(device: Enrolled) -> str:
    found: str = device.admin.get(f"/api/devices/{device.id}/update").json()["update"]["state"]
    return found


@pytest.fixture
def camera(admin: Person) -> Iterator[Enrolled]:
    device = enrol(admin, "esp32cam")
    yield device
    admin.ask("DELETE", f"/api/devices/{device.id}")


# Uploading


def test_an_upload_is_listed_and_its_bytes_are_the_same(admin: Person, camera: Enrolled) -> None:
    data = firmware("3.1.4", size=1_500_000)
    made = send(admin, data).json()
    assert (made["version"], made["kind"], made["size"], made["uploaded_by"]) == (
        "3.1.4",
        "esp32cam",
        len(data),
        "admin",
    )
    assert admin.get("/api/firmware").json()["items"][0] == made
    assert admin.get(f"/api/firmware/{made['id']}").json() == made
    assert assign(admin, camera, made["id"]).ok
    assert fetch(camera, made["id"]).content == data
    again = send(admin, data)
    assert (again.status_code, again.json()["error"]) == (409, "conflict")
    events = admin.get("/api/audit").json()["items"]
    assert {event["action"] for event in events} >= {"firmware_uploaded", "firmware_assigned"}


def test_who_does_not_say_the_version_is_asked_for_it(admin: Person) -> None:
    data = image(descriptor(), b"code of somebody")
    refused = send(admin, data)
    assert (refused.status_code, "version" in refused.json()["message"]) == (400, True)
    assert send(admin, data, version="7.1").json()["version"] == "7.1"


@pytest.mark.parametrize(
    "data",
    [b"x", b"\xe9" * 5000, firmware("9.9.9")[:-5], firmware("9.9.9") + b"more", image(b"other", chip=9)],
    ids=["short", "noise", "cut off", "too long", "another chip"],
)
def test_what_is_no_firmware_is_refused_and_leaves_nothing(admin: Person, data: bytes) -> None:
    before = files(admin)
    refused = send(admin, data)
    assert (refused.status_code, refused.json()["error"]) == (400, "bad_request")
    assert files(admin) == before


def files(admin: Person) -> set[str]:
    return {file.name for file in (admin.server.data_dir / "firmware").glob("*")}


def test_too_much_is_refused_unread_and_elsewhere_the_limit_is_the_old_one(admin: Person) -> None:
    refused = send(admin, bytes(LARGEST + 1), signature="MEUCIQ==")
    assert refused.status_code in (400, 413)
    assert send(admin, bytes(LARGEST + 1), signature=SIGNER.sign(b"")).status_code == 413
    for path in ("/api/cameras", "/api/firmware/1/assign"):
        assert admin.ask("POST", path, data=bytes(100_000), headers=BYTES).status_code in (400, 413)
    # As a form it would be taken apart before anybody looks who sends it.
    assert admin.ask("POST", "/api/firmware?signature=x", files={"a": bytes(100_000)}).status_code in (400, 413)


@pytest.mark.parametrize("signature", ["", "no base64!", "AAAA", "MEUCIQ==", "A" * 128])
def test_what_cannot_be_a_signature_is_refused(admin: Person, signature: str) -> None:
    refused = send(admin, firmware("9.9.8"), signature=signature)
    assert (refused.status_code, refused.json()["error"]) == (400, "bad_request")


def test_an_upload_in_pieces_of_unknown_number_is_refused(admin: Person) -> None:
    data = firmware("9.9.7", size=200_000)
    pieces = (data[at : at + 1000] for at in range(0, len(data), 1000))
    try:
        refused = send(admin, pieces, signature=SIGNER.sign(data))
    except requests.ConnectionError:
        return  # the server has answered and closed before all was sent
    assert refused.status_code in (400, 413)


def test_an_upload_that_breaks_off_leaves_nothing(admin: Person) -> None:
    before = files(admin)
    with admin.server.connect() as sock:
        head = (
            f"POST /api/firmware?signature={requests.utils.quote(SIGNER.sign(b'x'), safe='')} HTTP/1.1",
            "Host: localhost",
            f"Cookie: {admin.cookie}",
            f"X-CSRFToken: {admin.http.headers['X-CSRFToken']}",
            "Content-Type: application/octet-stream",
            "Content-Length: 500000",
        )
        sock.sendall("\r\n".join((*head, "", "")).encode() + firmware("9.9.6")[:70_000])
        wait_until(lambda: len(files(admin)) > len(before), "it is being received")
        sock.shutdown(socket.SHUT_WR)
        assert b" 400 " in sock.recv(4096)
    assert files(admin) == before


def test_only_admins(admin: Person, camera: Enrolled) -> None:
    made = new_firmware(admin)
    for role in ("operator", "viewer"):
        _, person = new_person(admin, role)
        with person:
            assert send(person, firmware("9.9.5")).status_code == 403
            assert person.get("/api/firmware").status_code == 403
            assert person.get(f"/api/firmware/{made['id']}").status_code == 403
            assert person.ask("DELETE", f"/api/firmware/{made['id']}").status_code == 403
            assert person.ask("POST", f"/api/firmware/{made['id']}/assign").status_code == 403
            assert assign(person, camera, made["id"]).status_code == 403
            assert person.ask("DELETE", f"/api/devices/{camera.id}/update").status_code == 403
            assert person.get("/firmware").status_code == 403
    strange = requests.post(
        f"{admin.server.url}/api/firmware?signature=x", data=b"x", headers=BYTES, timeout=10, verify=admin.http.verify
    )
    assert strange.status_code == 401
    without_proof = admin.ask("POST", "/api/firmware?signature=x", data=b"x", headers=BYTES | {"X-CSRFToken": ""})
    assert without_proof.status_code == 400


# Fetching


def test_it_is_given_only_to_a_device_that_is_to_have_it(admin: Person, camera: Enrolled) -> None:
    made, other = new_firmware(admin), enrol(admin, "esp32cam")
    assert fetch(camera, made["id"]).status_code == 404
    assert assign(admin, camera, made["id"]).ok
    assert fetch(other, made["id"]).status_code == 404
    assert fetch(camera, made["id"] + 1000).status_code == 404
    assert fetch(camera, made["id"], key="x" * 43).status_code == 401
    assert admin.get(f"/device/firmware/{made['id']}").status_code == 401, "no admin either"
    assert fetch(camera, made["id"]).ok
    admin.ask("PATCH", f"/api/devices/{camera.id}", {"enabled": False})
    assert fetch(camera, made["id"]).status_code == 401


def test_the_rest_of_it_can_be_had(admin: Person, camera: Enrolled) -> None:
    made = new_firmware(admin)
    assert assign(admin, camera, made["id"]).ok
    whole = fetch(camera, made["id"]).content
    rest = fetch(camera, made["id"], Range="bytes=1000-")
    assert (rest.status_code, rest.content) == (206, whole[1000:])
    assert rest.headers["Content-Range"] == f"bytes 1000-{len(whole) - 1}/{len(whole)}"
    assert fetch(camera, made["id"], Range=f"bytes={len(whole)}-").status_code == 416


def test_who_asks_all_the_time_is_slowed_down(admin: Person, camera: Enrolled) -> None:
    statuses = [fetch(camera, 1).status_code for _ in range(70)]
    assert statuses[0] == 404
    assert statuses[-1] == 429


def test_one_who_takes_nothing_is_no_burden(admin: Person, camera: Enrolled) -> None:
    made = new_firmware(admin, size=1_900_000)
    assert assign(admin, camera, made["id"]).ok
    with ExitStack() as stack:
        for _ in range(5):
            sock = stack.enter_context(admin.server.connect(receive_buffer=4096))
            sock.sendall(
                f"GET /device/firmware/{made['id']} HTTP/1.1\r\nHost: localhost\r\n"
                f"Authorization: Bearer {camera.key}\r\n\r\n".encode()
            )
            assert sock.recv(100).startswith(b"HTTP/1.1 200")
        assert admin.get("/health").ok
        got = admin.get(f"/api/devices/{camera.id}/update").json()["update"]["got"]
        assert got < 1_000_000, "what is said to have been sent is not what lies in the server's memory"


# Which board gets which


def test_a_board_that_is_here_is_told_at_once_and_one_that_is_away_when_it_comes(
    admin: Person, camera: Enrolled
) -> None:
    made = new_firmware(admin)
    assert assign(admin, camera, made["id"]).json()["update"]["state"] == "pending"
    with camera.come(version="1.0.0", trial=False) as board:
        order = board.next("update")
        wanted = {"path": f"/device/firmware/{made['id']}", "size": made["size"], "sha256": made["sha256"]}
        assert {name: order[name] for name in wanted} == wanted
        wait_until(lambda: state(camera) == "offered", "it has said yes")
        assert assign(admin, camera, made["id"]).status_code == 409
        assert admin.ask("DELETE", f"/api/firmware/{made['id']}").status_code == 409
    assert fetch(camera, made["id"]).ok
    wait_until(lambda: state(camera) == "trying", "it has all of it")
    with camera.come(version=made["version"], trial=True) as board:
        board.say(type="heartbeat", trial=True)
        board.say(type="heartbeat", trial=False)
        wait_until(lambda: state(camera) == "installed", "it has kept it")
    assert assign(admin, camera, made["id"]).status_code == 409, "it runs that"
    assert admin.ask("DELETE", f"/api/firmware/{made['id']}").status_code == 204
    assert admin.get(f"/api/devices/{camera.id}/update").json()["update"]["version"] == made["version"]
    assert f"{made['id']}.bin" not in files(admin)


def test_a_board_that_does_not_want_it_says_why(admin: Person, camera: Enrolled) -> None:
    made = new_firmware(admin)
    with camera.dial() as board:
        board.obey = lambda message: (
            [{"type": "ack", "id": message["id"], "command": "update", "status": "error", "detail": "not today"}]
            if message["type"] == "update"
            else []
        )
        board.connect(version="1.0.0")
        assert assign(admin, camera, made["id"]).ok
        wait_until(lambda: state(camera) == "failed", "it has refused")
    update = admin.get(f"/api/devices/{camera.id}").json()["update"]
    assert update["detail"] == "not today"

    def events() -> list[tuple[str, str]]:
        items = admin.get(f"/api/events?device={camera.id}").json()["items"]
        return [(event["kind"], event["detail"]) for event in items]

    wait_until(lambda: ("update_failed", f"{made['version']}: not today") in events(), "it is an event")


def test_all_of_a_kind_get_it_a_few_at_a_time(admin: Person) -> None:
    devices, pico = enrol_all(admin, "esp32cam", 6), enrol(admin, "pico")
    made = new_firmware(admin)
    with ExitStack() as stack:
        for device in devices:
            stack.enter_context(device.come(version="1.0.0"))
        assigned = admin.made(f"/api/firmware/{made['id']}/assign", None)["devices"]
        assert set(assigned) >= {device.id for device in devices}
        assert pico.id not in assigned
        wait_until(lambda: [state(d) for d in devices].count("offered") == 4, "four of them are told")
        assert [state(d) for d in devices].count("pending") == 2
        (first, *_) = [device for device in devices if state(device) == "offered"]
        assert admin.ask("DELETE", f"/api/devices/{first.id}/update").ok
        wait_until(
            lambda: [state(d) for d in devices if d is not first].count("offered") == 4, "another one has its turn"
        )
    for device in devices:
        admin.ask("DELETE", f"/api/devices/{device.id}")


def test_a_pico_gets_none(admin: Person) -> None:
    pico, made = enrol(admin, "pico"), new_firmware(admin)
    refused = assign(admin, pico, made["id"])
    assert (refused.status_code, "another kind" in refused.json()["message"]) == (400, True)


def test_an_old_board_is_told_what_there_is(admin: Person, camera: Enrolled) -> None:
    answer = send(admin, firmware("99.1.0"))
    with camera.come(version="1.0.0"):

        def advice() -> dict[str, str]:
            return {
                found["code"]: found["sentence"] for found in admin.get(f"/api/devices/{camera.id}").json()["advice"]
            }

        wait_until(lambda: "old_firmware" in advice(), "it is told")
        assert advice()["old_firmware"] == "Its firmware is 1.0.0; there is 99.1.0."
    admin.ask("DELETE", f"/api/firmware/{answer.json()['id']}")


def test_a_clock_that_is_wrong_is_told(admin: Person, camera: Enrolled) -> None:
    with camera.come(timestamp="2021-01-01T00:00:00Z"):

        def codes() -> list[str]:
            return [found["code"] for found in admin.get(f"/api/devices/{camera.id}").json()["advice"]]

        wait_until(lambda: "wrong_clock" in codes(), "it is told")
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with camera.come(timestamp=now):
        wait_until(lambda: "wrong_clock" not in codes(), "it is right again")
