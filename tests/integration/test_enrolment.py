"""Devices enrol over real HTTPS at a running server."""

from __future__ import annotations

import itertools
import json
import math
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
import requests
import websocket

from tests.conftest import MakeServer
from tests.fakes.devices import FakeCamera, FakePico
from tests.integration.people import session_from, wait_until
from tests.running import PROJECT, Person, RunningServer

pytestmark = pytest.mark.both_databases

_numbers = itertools.count(1)
CODE = "40961729"
FAST = {"ENROL_LIMIT": "100000 per minute"}


def new_mac() -> str:
    return f"24:0A:C4:00:{next(_numbers) // 256:02X}:{next(_numbers) % 256:02X}"


def register(server: RunningServer, body: Any, session: requests.Session | None = None, **options: Any) -> Any:
    """What a device posts; it has no cookie and follows no redirection."""
    session = session or requests.Session()
    session.trust_env, session.verify = False, server.certificate
    return session.post(f"{server.url}/register", json=body, allow_redirects=False, timeout=20, **options)


def fetch_token(server: RunningServer, address: str = "127.0.0.1", **params: str) -> requests.Response:
    session = session_from(address)
    session.trust_env, session.verify = False, server.certificate
    return session.get(f"{server.url}/public/tokens", params=params, allow_redirects=False, timeout=20)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, database: Callable[[], dict[str, str]]) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("data"), TLS="true", **FAST, **database())
    yield running
    running.stop()


@pytest.fixture
def admin(server: RunningServer) -> Iterator[Person]:
    with server.person() as person:
        yield person


def opened(admin: Person, kind: str = "esp32cam", **how: Any) -> str:
    token: str = admin.made("/api/pairing", {"kind": kind} | how)["token"]
    return token


def a_device(admin: Person, kind: str = "esp32cam", **how: Any) -> dict[str, Any]:
    """What a device with a good token would post."""
    return {"token": opened(admin, kind, **how), "kind": kind, "mac": new_mac()}


def windows(admin: Person) -> dict[str, dict[str, Any]]:
    return {row["kind"]: row for row in admin.get("/api/pairing").json()["items"]}


def audit(admin: Person, count: int) -> list[tuple[str, str, str, str]]:
    events = admin.get("/api/audit").json()["items"][:count]
    return [(event["who"], event["action"], event["subject"], event["detail"]) for event in reversed(events)]


def enrolled(server: RunningServer) -> int:
    return int(server.execute("SELECT count(*) FROM device")[0][0])


class TestTheWay:
    def test_a_device_gets_its_key_once(self, server: RunningServer, admin: Person) -> None:
        body = a_device(admin) | {"name": "Front door", "firmware": "1.2.3"}
        answer = register(server, body)
        assert answer.status_code == 201
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers
        given = answer.json()
        assert set(given) == {"device_id", "api_key", "ws_path"}
        assert (len(given["api_key"]), given["ws_path"]) == (43, "/ws/esp32cam")
        rows = server.execute(f"SELECT name, mac, firmware, address FROM device WHERE id = {given['device_id']}")
        assert rows == [("Front door", body["mac"], "1.2.3", "127.0.0.1")]
        urls = [url for (url,) in server.execute("SELECT url FROM camera")]
        assert f"device:{given['device_id']}" in urls
        assert register(server, body).status_code == 403
        assert windows(admin)["esp32cam"]["devices"] == [given["device_id"]]

    def test_twenty_at_once_get_one_key(self, server: RunningServer, admin: Person) -> None:
        body, before = a_device(admin), enrolled(server)
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda n: register(server, body | {"mac": new_mac(), "nonce": str(n)}), range(20)))
        assert sorted(answer.status_code for answer in answers) == [201] + [403] * 19
        assert len({answer.content for answer in answers}) == 2
        assert enrolled(server) == before + 1

    def test_a_lost_reply_strands_nobody(self, server: RunningServer, admin: Person) -> None:
        body = a_device(admin, "pico") | {"nonce": "a nonce of its own"}
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: register(server, body), range(20)))
        answers.append(register(server, body))
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert register(server, body | {"nonce": "another"}).status_code == 403
        assert register(server, body | {"mac": new_mac()}).status_code == 403

    def test_approved_by_its_code(self, server: RunningServer, admin: Person) -> None:
        body = {"token": CODE, "kind": "pico", "mac": new_mac(), "nonce": "n"}
        assert register(server, body).status_code == 403
        approval = {"kind": "pico", "mac": body["mac"].lower().replace(":", "-"), "code": "4096 1729"}
        shown = admin.made("/api/pairing/approve", approval)
        assert shown["approvals"] == [{"mac": body["mac"], "tries_left": 5}]
        assert register(server, body | {"mac": new_mac()}).status_code == 403
        assert register(server, body).status_code == 201
        assert windows(admin)["pico"]["approvals"] == []
        assert audit(admin, 2)[0] == ("admin", "device_approved", f"pico {body['mac']}", "")

    @pytest.mark.parametrize(
        "code", ["", "1234567", "123456789", "1234567x", "１２３４５６７８", "12345678\n1", None, 12345678]
    )
    def test_what_is_no_code(self, admin: Person, code: Any) -> None:
        approval = {"kind": "pico", "mac": "24:0A:C4:00:00:01", "code": code}
        assert admin.ask("POST", "/api/pairing/approve", approval).status_code == 400

    def test_it_comes_again_and_is_the_same(self, server: RunningServer, admin: Person) -> None:
        body = a_device(admin) | {"name": "Gate"}
        first = register(server, body).json()
        again = register(server, body | {"token": opened(admin), "mac": body["mac"].replace(":", "").lower()}).json()
        assert again["device_id"] == first["device_id"]
        assert again["api_key"] != first["api_key"]
        assert audit(admin, 1) == [("(a device)", "device_enrolled", f"Gate ({body['mac']})", "esp32cam, again")]


class TestRefusals:
    def test_all_are_one_and_the_same(self, server: RunningServer, admin: Person) -> None:
        known = a_device(admin)
        assert register(server, known).status_code == 201
        off = a_device(admin)
        number = register(server, off).json()["device_id"]
        server.execute(f"UPDATE device SET enabled = false WHERE id = {number}")
        admin.ask("DELETE", "/api/pairing/pico")
        closed = register(server, known | {"kind": "pico"})
        late = a_device(admin, "pico")
        server.execute("UPDATE pairing_window SET expires_at = '2026-01-01 00:00:00' WHERE kind = 'pico'")
        answers = {
            "closed": closed,
            "used": register(server, known),
            "unknown": register(server, known | {"token": "x" * 22}),
            "of the other kind": register(server, late | {"kind": "esp32cam"}),
            "late": register(server, late),
            "a code": register(server, late | {"token": CODE}),
            "switched off": register(server, off | {"token": opened(admin)}),
            "a known one of the other kind": register(server, known | {"kind": "pico", "token": opened(admin, "pico")}),
        }
        assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 403)
        assert len({answer.content for answer in answers.values()}) == 1
        assert answers["late"].json()["error"] == "forbidden"
        headers = {tuple(sorted(set(answer.headers) - {"Date"})) for answer in answers.values()}
        assert len(headers) == 1
        whys = [detail for _, action, _, detail in audit(admin, 4) if action == "device_refused"]
        assert whys == ["it is switched off", "it has enrolled as esp32cam"]

    def test_their_time_tells_nothing(self, server: RunningServer, admin: Person) -> None:
        """Counting a try takes a write, asking where nothing is open takes none."""
        admin.ask("DELETE", "/api/pairing/pico")
        body = {"token": "x" * 22, "mac": new_mac()}
        # The best of each: on a busy machine single ones take whatever they take.
        quickest = {"pico": math.inf, "esp32cam": math.inf}

        def are_alike() -> bool:
            opened(admin)
            for _ in range(9):
                for kind, best in quickest.items():
                    answer = register(server, body | {"kind": kind}, session)
                    quickest[kind] = min(best, answer.elapsed.total_seconds())
            return abs(quickest["pico"] - quickest["esp32cam"]) < 0.03

        with requests.Session() as session:
            register(server, body | {"kind": "pico"}, session)  # the connection
            wait_until(are_alike, "what would tell them apart would do so every time")
        assert all(seconds > 0.09 for seconds in quickest.values()), quickest

    def test_20_wrong_tries_close_the_window_of_that_kind(self, server: RunningServer, admin: Person) -> None:
        body, other = a_device(admin), a_device(admin, "pico")
        for number in range(19):
            assert register(server, body | {"token": f"guess {number}"}).status_code == 403
        assert windows(admin)["esp32cam"]["tries_left"] == 1
        assert register(server, body | {"token": "the last"}).status_code == 403
        assert set(windows(admin)) == {"pico"}
        assert audit(admin, 1) == [("(a device)", "pairing_ended", "esp32cam", "")]
        assert register(server, body).status_code == 403
        assert register(server, other).status_code == 201

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *(
                (field, missing)
                for field in ("token", "kind", "mac")
                for missing in ("(missing)", None, 7, [], {}, True)
            ),
            *((field, value) for field in ("name", "firmware", "nonce") for value in (7, [], {}, True)),
            ("token", ""),
            ("token", "x" * 129),
            ("kind", ""),
            ("kind", "PICO"),
            ("kind", "toaster"),
            ("mac", ""),
            ("mac", "24:0A:C4:12:34"),
            ("mac", "24:0A:C4:12:34:5G"),
            ("mac", "00:00:00:00:00:00"),
            ("mac", "FF:FF:FF:FF:FF:FF"),
            ("mac", "01:00:5E:00:00:01"),
            ("mac", "' OR 1=1 --"),
            ("mac", "x" * 1000),
            ("name", ""),
            ("name", "   "),
            ("name", "x" * 81),
            ("name", "a\nb"),
            ("name", "a\x00b"),
            ("name", "\x1b[2Jgone"),
            ("name", "photo\u202egpj.exe"),
            ("name", "\u2066isolated\u2069"),
            ("name", "line\u2028separator"),
            ("firmware", "x" * 41),
            ("firmware", "1.0\r\nX: y"),
            ("nonce", ""),
            ("nonce", "x" * 65),
        ],
    )
    def test_what_is_not_of_the_form(self, server: RunningServer, field: str, value: Any) -> None:
        body = {"token": "x" * 22, "kind": "pico", "mac": "24:0A:C4:12:34:56"} | {field: value}
        if value == "(missing)":
            del body[field]
        before = enrolled(server)
        answer = register(server, body)
        assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")
        assert answer.json()["message"].startswith(f"{field}: ")
        assert enrolled(server) == before

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"[]",
            b'"text"',
            b"{",
            b'{"token": NaN}',
            b"\xff\xfe",
            b'{"token": "\\ud800", "kind": "pico", "mac": "24:0A:C4:12:34:56"}',
            b"[" * 1500,
            b"token=x&kind=pico&mac=24%3A0A%3AC4%3A12%3A34%3A56",
        ],
    )
    def test_what_is_no_json_object(self, server: RunningServer, body: bytes) -> None:
        answer = requests.post(f"{server.url}/register", data=body, verify=server.certificate, timeout=20)
        assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")

    def test_a_field_twice_is_one(self, server: RunningServer, admin: Person) -> None:
        body = a_device(admin, "pico")
        twice = json.dumps(body)[:-1] + ', "kind": "esp32cam", "name": "A", "name": "B"}'
        answer = requests.post(f"{server.url}/register", data=twice, verify=server.certificate, timeout=20)
        assert answer.status_code == 403, "the last one counts, and the token is of the other kind"

    @pytest.mark.parametrize("chunked", [False, True])
    @pytest.mark.parametrize("size", [2049, 60_000, 200_000, 5_000_000])
    def test_what_is_too_large(self, server: RunningServer, size: int, chunked: bool) -> None:
        body = b'{"token": "' + b"x" * size + b'"}'
        data = iter([body]) if chunked else body
        answer = requests.post(f"{server.url}/register", data=data, verify=server.certificate, timeout=20)
        assert (answer.status_code, answer.json()["error"]) == (413, "too_large")

    @pytest.mark.parametrize(
        "name",
        [
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "$(reboot); `reboot` | reboot",
            "../../etc/passwd",
            "'; DROP TABLE device; --",
            "{{ 7 * 7 }} %s %(x)s {0}",
            "دوربین در\u200cورودی",
            "x" * 80,
        ],
    )
    def test_odd_names_are_only_names(self, server: RunningServer, admin: Person, name: str) -> None:
        given = register(server, a_device(admin) | {"name": name})
        assert given.status_code == 201
        number = given.json()["device_id"]
        assert server.execute(f"SELECT name FROM device WHERE id = {number}") == [(name,)]
        ((slug,),) = server.execute(f"SELECT slug FROM camera WHERE url = 'device:{number}'")
        assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        page = admin.get("/audit", headers={"Accept": "text/html"}).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page


class TestNoBrowser:
    def test_a_cookie_counts_for_nothing(self, server: RunningServer, admin: Person) -> None:
        body = a_device(admin)
        for headers in ({}, {"X-CSRFToken": ""}):
            refused = admin.ask("POST", "/register", body | {"token": "a guess"}, headers=headers)
            assert (refused.status_code, refused.json()["error"]) == (403, "forbidden")
        assert admin.ask("POST", "/register", body).status_code == 201
        assert [who for who, *_ in audit(admin, 2)] == ["(a device)", "(a device)"]

    @pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site"])
    def test_no_page_can_use_it(self, server: RunningServer, admin: Person, header: str) -> None:
        body = a_device(admin)
        own = {"Origin": server.url, "Sec-Fetch-Site": "same-origin"}[header]
        for value in (own, "https://evil.example", "cross-site"):
            assert register(server, body, headers={header: value}).status_code == 403
        assert windows(admin)["esp32cam"]["tries_left"] == 20, "or a page would close a window"
        assert register(server, body).status_code == 201

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
    def test_no_other_method(self, server: RunningServer, method: str) -> None:
        answer = requests.request(method, f"{server.url}/register", verify=server.certificate, timeout=20)
        assert answer.status_code == 405


class TestPublicTokens:
    def test_only_while_it_is_open_to_the_network(self, server: RunningServer, admin: Person) -> None:
        for kind in ("pico", "esp32cam"):
            admin.ask("DELETE", f"/api/pairing/{kind}")
        refused = fetch_token(server)
        assert (refused.status_code, refused.json()["error"]) == (403, "forbidden")
        assert "An admin opens pairing" in refused.json()["message"]
        opened(admin, "pico")
        assert fetch_token(server).status_code == 403
        opened(admin, "pico", open_to_network=True)
        given = fetch_token(server)
        assert (given.status_code, given.headers["Cache-Control"]) == (200, "no-store")
        assert set(given.json()) == {"kind", "token", "expires_at"}
        assert audit(admin, 1) == [("(a device)", "pairing_token_given", "pico", "")]
        assert fetch_token(server, kind="esp32cam").status_code == 403
        opened(admin, "esp32cam", open_to_network=True)
        assert fetch_token(server).status_code == 400, "of which kind?"
        for wrong in ("", "toaster", "' OR 1=1"):
            assert fetch_token(server, kind=wrong).status_code == 400
        body = {"token": fetch_token(server, kind="pico").json()["token"], "kind": "pico", "mac": new_mac()}
        assert register(server, body | {"token": given.json()["token"]}).status_code == 403, (
            "a later one took its place"
        )
        assert register(server, body).status_code == 201
        assert register(server, body).status_code == 403

    def test_it_replaces_no_device_that_is_in_use(self, server: RunningServer, admin: Person) -> None:
        body = a_device(admin, open_to_network=True)
        number = register(server, body).json()["device_id"]
        server.execute(f"UPDATE device SET last_seen_at = '2026-11-21 10:00:00' WHERE id = {number}")
        taken = fetch_token(server, kind="esp32cam").json()["token"]
        assert register(server, body | {"token": taken}).status_code == 403
        assert register(server, body | {"token": opened(admin)}).json()["device_id"] == number


class TestSecrets:
    def test_none_is_written_anywhere(self, server: RunningServer, admin: Person) -> None:
        mac = new_mac()
        admin.made("/api/pairing/approve", {"kind": "pico", "mac": mac, "code": CODE})
        by_code = register(server, {"token": CODE, "kind": "pico", "mac": mac}).json()["api_key"]
        body = a_device(admin, open_to_network=True) | {"nonce": "n"}
        unused = fetch_token(server, kind="esp32cam").json()["token"]
        key = register(server, body).json()["api_key"]
        register(server, body)
        register(server, body | {"nonce": "m"})
        secrets = [CODE, by_code, body["token"], unused, key]
        known_before = server.stored() + server.logged.encode() + admin.get("/api/audit").content
        assert body["mac"].encode() in known_before, "it is looked at in the right place"
        assert [secret for secret in secrets if secret.encode() in known_before] == []
        if "DATABASE_URL" not in server.settings:
            run(server, "backup_db.py")
            (backup,) = (server.data_dir / "backups").glob("*.db")
            with sqlite3.connect(backup) as copy:
                assert copy.execute("SELECT count(*) FROM device_key").fetchone()[0] > 0
            copy.close()
            content = backup.read_bytes()
            assert [secret for secret in secrets if secret.encode() in content] == []


class TestWithoutTls:
    def test_plain_http_is_refused_with_a_sentence(self, make_server: MakeServer) -> None:
        server = make_server(**FAST)
        with server.person() as admin:
            body = a_device(admin, open_to_network=True)
            for headers in ({}, {"X-Forwarded-Proto": "https", "Forwarded": "proto=https"}):
                refused = register(server, body, headers=headers)
                assert (refused.status_code, refused.json()["error"]) == (403, "encryption_required")
                assert "HTTPS" in refused.json()["message"]
            assert fetch_token(server).json()["error"] == "encryption_required"
            assert audit(admin, 1)[0][1:] == (
                "device_refused",
                f"esp32cam {body['mac']}",
                "sent its token unencrypted; it is void",
            )
            body = a_device(admin, open_to_network=True, allow_unencrypted=True)
            assert register(server, body).status_code == 201
            token = fetch_token(server).json()["token"]
            assert register(server, body | {"token": token, "mac": new_mac()}).status_code == 201
            link = admin.made("/api/pairing", {"kind": "pico"})["link"]
            assert link.startswith(f"camproxy://127.0.0.1:{server.port}/?kind=pico&token=")
            assert link.endswith("&tls=0")

    def test_behind_a_proxy_that_is_trusted_it_is_what_the_proxy_says(self, make_server: MakeServer) -> None:
        server = make_server(TRUSTED_PROXIES="127.0.0.1", **FAST)
        with server.person() as admin:
            body = a_device(admin)
            said = {"X-Forwarded-Proto": "http", "X-Forwarded-For": "192.0.2.9", "X-Forwarded-Host": "cams.example"}
            assert register(server, body, headers=said).json()["error"] == "encryption_required"
            body = a_device(admin)
            said["X-Forwarded-Proto"] = "https"
            assert register(server, body, headers=said).status_code == 201
            assert admin.get("/api/audit").json()["items"][0]["address"] == "192.0.2.9"
            answer = admin.ask(
                "POST", "/api/pairing", {"kind": "pico"}, headers=said | {"Referer": "https://cams.example/"}
            )
            assert answer.json()["link"].startswith("camproxy://cams.example:443/?")
            assert answer.json()["link"].endswith("&tls=1")

    def test_a_restart_closes_what_is_open(self, make_server: MakeServer) -> None:
        server = make_server(**FAST)
        with server.person() as admin:
            body = a_device(admin, allow_unencrypted=True, open_to_network=True)
        server.stop()
        server = make_server(data_dir=server.data_dir, **FAST)
        with server.person() as admin:
            assert windows(admin) == {}
            assert fetch_token(server).status_code == 403
            opened(admin, allow_unencrypted=True)
            assert register(server, body).status_code == 403


class TestAfterwards:
    def test_what_has_enrolled_is_there_at_once(self, make_server: MakeServer) -> None:
        """A camera and a Pico enrol at a new server, dial in with their keys, and are one head."""
        server = make_server(TLS="true", **FAST)
        with server.person() as admin:
            eye = a_device(admin) | {"name": "Front door"}
            given = register(server, eye).json()
            hand = register(server, a_device(admin, "pico")).json()
            path = "/api/cameras/front-door"
            assert admin.get(path).json()["settings"]["pico"] == hand["device_id"]
            with FakeCamera(server, given["api_key"]) as camera, FakePico(server, hand["api_key"]) as pico:
                camera.connect()
                pico.connect(servo1_angle=90, servo2_angle=90)
                with closing(admin.view("front-door")) as view:
                    camera.push()
                    wait_until(lambda: view.recv_data()[0] == websocket.ABNF.OPCODE_BINARY, "a picture comes")
                moved = admin.ask("POST", f"{path}/position_command", {"x": 10, "y": 20})
                assert moved.ok, moved.text
                assert pico.next("servo")["command"] == {"servo1": 10, "servo2": 20}

    def test_a_new_key_ends_the_old_one(self, server: RunningServer, admin: Person) -> None:
        body = a_device(admin)
        old = register(server, body).json()["api_key"]
        with FakeCamera(server, old) as before:
            before.connect()
            new = register(server, body | {"token": opened(admin)}).json()["api_key"]
            with FakeCamera(server, old) as again:
                again.connect()
                with FakeCamera(server, new) as after:
                    after.connect()
                    assert again.wait_closed() == (4009, "Replaced")
                    with FakeCamera(server, old) as late:
                        assert late.wait_closed() == (4001, "Invalid token")

    def test_a_token_is_no_key_and_a_key_is_no_token(self, server: RunningServer, admin: Person) -> None:
        body = a_device(admin)
        with FakeCamera(server, body["token"]) as stranger:
            assert stranger.wait_closed() == (4001, "Invalid token")
        key = register(server, body).json()["api_key"]
        assert register(server, body | {"token": key}).status_code == 403


class TestLimits:
    def test_an_address_has_so_many_tries(self, make_server: MakeServer) -> None:
        server = make_server(ENROL_LIMIT="5 per minute")
        body = {"token": "a guess", "kind": "pico", "mac": new_mac()}
        one, other = session_from("127.0.0.21"), session_from("127.0.0.22")
        statuses = [register(server, body | {"mac": new_mac()}, one).status_code for _ in range(6)]
        assert statuses == [403] * 5 + [429]
        limited = register(server, body, one)
        assert limited.json()["error"] == "rate_limited"
        assert register(server, body, other).status_code == 403
        assert [fetch_token(server, "127.0.0.21").status_code for _ in range(6)] == [403] * 5 + [429]

    def test_a_code_is_tried_so_often_from_all_addresses(self, make_server: MakeServer) -> None:
        server = make_server(**FAST)
        with server.person() as admin:
            opened(admin, "pico", allow_unencrypted=True)
        body = {"token": CODE, "kind": "pico", "mac": new_mac()}
        with ThreadPoolExecutor(8) as pool:
            sessions = [session_from(f"127.0.0.{30 + number}") for number in range(33)]
            answers = list(pool.map(lambda session: register(server, body, session).status_code, sessions))
        assert sorted(answers) == [403] * 30 + [429] * 3
        assert register(server, body | {"mac": new_mac()}).status_code == 403


class TestScript:
    def test_it_shows_a_token_and_says_who_came(self, server: RunningServer, admin: Person) -> None:
        with Pairing(server, "pico", "--server", server.url) as script:
            assert windows(admin)["pico"]["opened_by"] == "(command line)"
            assert script.link.endswith(script.token + "&tls=1") or "&fingerprint=" in script.link
            assert script.link.startswith(f"camproxy://127.0.0.1:{server.port}/?kind=pico&token={script.token}&tls=1")
            body = {"token": script.token, "kind": "pico", "mac": new_mac(), "name": "Head"}
            assert register(server, body).status_code == 201
            assert script.process.wait(30) == 0
            rest = script.rest()
        assert f"Head has enrolled, {body['mac']} from 127.0.0.1." in rest
        assert "Pairing is closed." in rest
        assert "pico" not in windows(admin)
        assert [action for _, action, *_ in audit(admin, 3)] == ["pairing_opened", "device_enrolled", "pairing_closed"]
        assert f"{body['mac']}  pico      Head, never seen, 1 keys" in run(server, "pair_device.py", "--list")
        assert "have ended" in run(server, "pair_device.py", "--revoke", body["mac"].lower())
        assert f"{body['mac']}  pico      Head, never seen, 0 keys" in run(server, "pair_device.py", "--list")
        assert "There is no device" in run(server, "pair_device.py", "--revoke", new_mac(), code=1)

    def test_ctrl_c_closes_what_it_opened(self, server: RunningServer, admin: Person) -> None:
        with Pairing(server, "esp32cam", "--minutes", "15", "--open-to-network", "--allow-unencrypted") as script:
            window = windows(admin)["esp32cam"]
            assert window["open_to_network"]
            assert window["allow_unencrypted"]
            body = {"token": script.token, "kind": "esp32cam", "mac": new_mac()}
            assert register(server, body).status_code == 201
            token = fetch_token(server, kind="esp32cam").json()["token"]
            assert register(server, body | {"token": token, "mac": new_mac()}).status_code == 201
            script.process.send_signal(2)
            assert script.process.wait(30) in (0, 1)
        assert "esp32cam" not in windows(admin)

    def test_it_says_when_the_window_was_closed_elsewhere(self, server: RunningServer, admin: Person) -> None:
        with Pairing(server, "pico") as script:
            assert admin.ask("DELETE", "/api/pairing/pico").status_code == 204
            assert script.process.wait(30) == 1
            assert "no device came" in script.rest()

    @pytest.mark.parametrize(
        "arguments", [(), ("toaster",), ("pico", "--list"), ("pico", "--minutes", "16"), ("--revoke", "x")]
    )
    def test_what_it_does_not_understand(self, server: RunningServer, arguments: tuple[str, ...]) -> None:
        assert "usage:" in run(server, "pair_device.py", *arguments, code=2)


def environment(server: RunningServer) -> dict[str, str]:
    return server.settings | {"PATH": "/usr/bin:/bin", "ENV_FILE": "/dev/null", "LOG_LEVEL": "WARNING", "TLS": "true"}


def run(server: RunningServer, script: str, *arguments: str, code: int = 0) -> str:
    command = [sys.executable, f"scripts/{script}", *arguments]
    done = subprocess.run(command, cwd=PROJECT, env=environment(server), capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


class Pairing:
    """scripts/pair_device.py while it waits for a device."""

    def __init__(self, server: RunningServer, *arguments: str) -> None:
        command = [sys.executable, "scripts/pair_device.py", *arguments]
        self.process = subprocess.Popen(
            command, cwd=PROJECT, env=environment(server), stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        said: dict[str, str] = {}
        for line in self.process.stdout:
            first, _, value = line.strip().partition("  ")
            said[first] = value.strip()
            if line.startswith("Pairing is open"):
                break
        self.token, self.link = said["Token"], said["Link"]

    def rest(self) -> str:
        assert self.process.stdout
        return self.process.stdout.read()

    def __enter__(self) -> Pairing:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()
