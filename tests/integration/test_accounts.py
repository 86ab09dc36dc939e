"""Accounts on a running server: logging in and out, tokens, CSRF, origins, users, and what never gets into a log."""

from __future__ import annotations

import base64
import html
import itertools
import json
import os
import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
import requests
import socketio
import websocket

from tests.integration.boards import enrol
from tests.integration.people import (
    PASSWORD,
    Account,
    issue_token,
    log_in,
    new_account,
    new_camera,
    new_person,
    session_from,
    wait_until,
)
from tests.running import Person, RunningServer, csrf_token

MakeServer = Callable[..., RunningServer]

POLLING = "/socket.io/?EIO=4&transport=polling"


def me(server: RunningServer, **options: Any) -> requests.Response:
    return requests.get(f"{server.url}/api/me", timeout=15, **options)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(username: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


def set_cookie(answer: requests.Response) -> str:
    """The session cookie as it was set, with its attributes."""
    (header,) = [header for header in cookies_set(answer) if header.startswith("camproxy=")]
    return header


def cookies_set(answer: requests.Response) -> list[str]:
    found: list[str] = answer.raw.headers.getlist("Set-Cookie")
    return found


class TestLogIn:
    def test_the_right_password_opens_the_door(self, server: RunningServer, admin: Person) -> None:
        account = new_account(admin)
        session = requests.Session()
        answer = log_in(server, account.username, account.password, session=session)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/")
        assert session.get(f"{server.url}/api/me").json()["username"] == account.username

    def test_capitals_of_the_name_do_not_matter_but_those_of_the_password_do(
        self, server: RunningServer, admin: Person
    ) -> None:
        account = new_account(admin)
        assert log_in(server, account.username.upper(), account.password).status_code == 302
        assert log_in(server, account.username, account.password.upper()).status_code == 401

    def test_nor_do_capitals_beyond_a_to_z(self, server: RunningServer, admin: Person) -> None:
        made = {"username": "Ärger", "password": PASSWORD}
        admin.made("/api/users", made)
        assert log_in(server, "äRGER", PASSWORD).status_code == 302
        again = admin.ask("POST", "/api/users", made | {"username": "ärger"})
        assert (again.status_code, again.json()["error"]) == (409, "conflict")

    def test_whoever_may_not_in_gets_the_same_answer(self, server: RunningServer, admin: Person) -> None:
        account = new_account(admin)
        deactivated = new_account(admin, is_active=False)

        def refused(username: str, password: str) -> tuple[int, str, set[str]]:
            session = requests.Session()
            answer = log_in(server, username, password, session=session)
            assert session.get(f"{server.url}/api/me").status_code == 401
            page = re.sub(r'(csrf[-_]token"[^>]* (?:content|value)=)"[^"]*"', r"\1", answer.text)
            return answer.status_code, page.replace(username, "NAME"), set(answer.headers)

        wrong = refused(account.username, "not the password")
        assert wrong[0] == 401
        assert "do not fit together" in wrong[1]
        assert refused("nobody-of-that-name", PASSWORD) == wrong
        assert refused(deactivated.username, deactivated.password) == wrong
        assert refused(account.username, "") == wrong
        assert refused(account.username, "x" * 10_000) == wrong

    def test_a_session_does_not_survive_the_log_in_of_somebody_else(self, server: RunningServer, admin: Person) -> None:
        """The session cookie of before the log-in is of no use to who planted it."""
        account = new_account(admin)
        session = requests.Session()
        session.get(f"{server.url}/login")
        planted = dict(session.cookies)
        assert log_in(server, account.username, account.password, session=session).status_code == 302
        assert me(server, cookies=planted).status_code == 401

    def test_a_tab_s_form_is_taken_whichever_tab_s_answer_came_last(self, server: RunningServer, admin: Person) -> None:
        account, person = new_person(admin)
        with person, requests.Session() as other:
            other.cookies.set("camproxy", person.http.cookies["camproxy"])
            form = person.get("/logout")
            # Another tab had asked for its page before it knew of that.
            assert other.get(f"{server.url}/", timeout=10).url.startswith(f"{server.url}/login")
            fields = {"username": account.username, "password": account.password, "csrf_token": csrf_token(form.text)}
            answer = other.post(f"{server.url}/login", data=fields, allow_redirects=False, timeout=10)
            assert answer.status_code == 302

    def test_log_out_ends_the_session(self, server: RunningServer, admin: Person) -> None:
        account, person = new_person(admin)
        with person:
            assert person.get("/api/me").json()["username"] == account.username
            answer = person.get("/logout", allow_redirects=False)
            assert (answer.status_code, answer.headers["Location"]) == (302, "/login")
            assert person.get("/api/me").status_code == 401
            assert person.get("/", allow_redirects=False).headers["Location"].startswith("/login")

    def test_the_cookie_of_a_deleted_user_is_nobody_s(self, server: RunningServer, admin: Person) -> None:
        """SQLite gives the number of the last user, once deleted, to the next one."""
        gone, person = new_person(admin)
        with person:
            assert admin.ask("DELETE", f"/api/users/{gone.id}").status_code == 204
            assert person.get("/api/me").status_code == 401
            successor = new_account(admin, "admin")
            reused = successor.id == gone.id
            assert reused or "DATABASE_URL" in server.settings, "or this test shows nothing"
            assert person.get("/api/me").status_code == 401

    @pytest.mark.parametrize("cookie", ["", "x", "e30.x.y", "A" * 4000, "null", '"', "a=b; camproxy=c"])
    def test_a_forged_cookie_is_nobody(self, server: RunningServer, cookie: str) -> None:
        assert me(server, headers={"Cookie": f"camproxy={cookie}"}).status_code == 401


class TestNext:
    @pytest.mark.parametrize(
        "wanted",
        [
            "",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "https:evil.example",
            "http:///evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\n//evil.example",
            " //evil.example",
            "/\r\nSet-Cookie: a=b",
            "javascript:alert(1)",
            "data:text/html,x",
            "evil.example",
            "@evil.example",
            "//evil.example\\@127.0.0.1",
            "//[evil",
        ],
    )
    def test_no_way_to_another_site(self, server: RunningServer, admin: Person, wanted: str) -> None:
        answer = log_in(server, admin.username, admin.password, next=wanted)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/")
        already_in = admin.get("/login", params={"next": wanted}, allow_redirects=False)
        assert (already_in.status_code, already_in.headers["Location"]) == (302, "/")

    @pytest.mark.parametrize("wanted", ["/%09/evil.example", "/%5cevil.example", "/%2fevil.example", "/@evil.example"])
    def test_what_looks_like_one_stays_here(self, server: RunningServer, admin: Person, wanted: str) -> None:
        """A browser does not decode a path before it goes there, so these are odd paths of this server."""
        location = log_in(server, admin.username, admin.password, next=wanted).headers["Location"]
        assert re.match(r"/(?![/\\\t\n\r])", location)
        assert urlsplit(urljoin(server.url, location)).netloc == urlsplit(server.url).netloc

    @pytest.mark.parametrize("wanted", ["/settings", "/?camera=demo&full=1", "/devices?a=b#c", "/?q=https://x.example"])
    def test_the_way_back_is_kept(self, server: RunningServer, admin: Person, wanted: str) -> None:
        assert log_in(server, admin.username, admin.password, next=wanted).headers["Location"] == wanted

    @pytest.mark.parametrize("page", ["/", "/settings", "/users", "/devices", "/?camera=demo&full=1"])
    def test_from_a_page_to_the_form_and_back(self, server: RunningServer, admin: Person, page: str) -> None:
        session = requests.Session()
        sent_on = session.get(server.url + page, headers={"Accept": "text/html"}, allow_redirects=False)
        location = urlsplit(sent_on.headers["Location"])
        assert (sent_on.status_code, location.path) == (302, "/login")
        (wanted,) = parse_qs(location.query)["next"]
        assert wanted == page
        answer = log_in(server, admin.username, admin.password, next=wanted, session=session)
        assert session.get(urljoin(server.url, answer.headers["Location"])).status_code == 200


class TestLogInLimit:
    def test_attempts_are_counted_for_each_address(self, make_server: MakeServer) -> None:
        server = make_server(LOGIN_LIMIT="3 per minute")
        guesser, neighbour = session_from("127.0.0.2"), session_from("127.0.0.3")
        for number in range(3):
            assert log_in(server, f"nobody {number}", "wrong", session=guesser).status_code == 401
        answer = log_in(server, "admin", server.admin_password, session=guesser)
        assert answer.status_code == 429
        assert "Too many attempts. Wait a minute and try again." in answer.text
        assert guesser.get(f"{server.url}/login").status_code == 200, "the form itself can be seen"
        for forged in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Client-IP"):
            value = "for=127.0.0.9" if forged == "Forwarded" else "127.0.0.9"
            again = log_in(server, "admin", server.admin_password, session=guesser, headers={forged: value})
            assert again.status_code == 429, forged
        assert log_in(server, "admin", server.admin_password, session=neighbour).status_code == 302
        wait_until(lambda: "too many log-ins from 127.0.0.2" in server.logged, "it is logged")

    def test_behind_a_proxy_the_address_is_the_one_it_names(self, make_server: MakeServer) -> None:
        server = make_server(LOGIN_LIMIT="1 per minute", TRUSTED_PROXIES="127.0.0.1")
        names = itertools.count()

        def attempt(forwarded_for: str) -> int:
            headers = {"X-Forwarded-For": forwarded_for}
            return log_in(server, f"nobody {next(names)}", "wrong", headers=headers).status_code

        assert attempt("203.0.113.1") == 401
        assert attempt("203.0.113.1") == 429
        assert attempt("203.0.113.2") == 401
        # Only what our own proxy added last counts; what stands before it was sent by the client.
        assert attempt("203.0.113.77, 203.0.113.2") == 429


class TestCookie:
    def test_scripts_cannot_read_it_and_other_sites_cannot_send_it(self, server: RunningServer, admin: Person) -> None:
        headers = cookies_set(log_in(server, admin.username, admin.password))
        assert sorted(header.split("=")[0] for header in headers) == ["camproxy", "camproxy_browser"]
        for header in headers:
            attributes = {part.strip().lower() for part in header.split(";")[1:]}
            assert {"httponly", "samesite=lax"} <= attributes
            assert "secure" not in attributes, "over plain HTTP it would not be sent back"

    @pytest.mark.parametrize("sent", [{"X-Forwarded-Proto": "https"}, {"Forwarded": "proto=https"}])
    def test_a_forged_header_changes_nothing(self, server: RunningServer, sent: dict[str, str]) -> None:
        form = requests.get(f"{server.url}/login", headers=sent | {"X-Forwarded-Host": "evil.example"})
        assert "secure" not in set_cookie(form).lower()
        page = requests.get(
            f"{server.url}/settings",
            headers=sent | {"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil", "Accept": "text/html"},
            allow_redirects=False,
        )
        assert page.headers["Location"] == "/login?next=/settings"

    def test_over_tls_it_is_secure(self, make_server: MakeServer) -> None:
        server = make_server(TRUSTED_PROXIES="127.0.0.1")
        https = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "cameras.example.org"}
        form = requests.get(f"{server.url}/login", headers=https)
        cookie = set_cookie(form)
        assert "Secure" in cookie
        token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', form.text)
        assert token
        fields = {"username": "admin", "password": server.admin_password, "csrf_token": token[1]}
        sent = https | {"Cookie": cookie.split(";")[0], "Referer": "https://cameras.example.org/login"}
        answer = requests.post(f"{server.url}/login", data=fields, headers=sent, allow_redirects=False)
        assert answer.status_code == 302, answer.text
        for header in cookies_set(answer):
            assert {"secure", "httponly", "samesite=lax"} <= {part.strip().lower() for part in header.split(";")}
        plain = requests.get(f"{server.url}/login")
        assert "Secure" not in set_cookie(plain), "who comes without TLS, in the home network, still gets in"


class TestAnonymous:
    @pytest.mark.parametrize("page", ["/", "/settings", "/users", "/devices", "/logout"])
    def test_a_page_leads_to_the_log_in(self, server: RunningServer, page: str) -> None:
        answer = requests.get(server.url + page, allow_redirects=False)
        assert (answer.status_code, answer.headers["Location"]) == (302, f"/login?next={page}")

    @pytest.mark.parametrize(
        "path",
        ["/api/me", "/api/cameras", "/api/cameras/demo", "/api/users", "/stream/demo.mjpg", "/snapshot/demo.jpg"],
    )
    @pytest.mark.parametrize("accept", ["*/*", "image/*", "application/json"])
    def test_a_program_gets_401(self, server: RunningServer, path: str, accept: str) -> None:
        answer = requests.get(server.url + path, headers={"Accept": accept}, allow_redirects=False)
        assert answer.status_code == 401
        assert answer.json()["error"] == "unauthorized"

    def test_health_tells_a_stranger_no_causes(self, server: RunningServer) -> None:
        answer = requests.get(f"{server.url}/health")
        assert answer.status_code == 200
        assert set(answer.json()) == {"status", "esp32_connected", "clients"}

    def test_socket_io_is_refused(self, server: RunningServer) -> None:
        with socketio.SimpleClient() as client, pytest.raises(socketio.exceptions.ConnectionError):
            client.connect(server.url, transports=["websocket"])

    def test_socket_io_is_refused_to_who_polls(self, server: RunningServer) -> None:
        answer = requests.get(server.url + POLLING, timeout=15)
        assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")
        assert "sid" not in answer.text

    def test_there_is_a_most_of_clients(self, make_server: MakeServer) -> None:
        server = make_server(MAX_CLIENTS=1)
        with server.person() as admin:
            first = admin.listen(transports=["websocket"])
            first.next("video_frame")
            with pytest.raises(socketio.exceptions.ConnectionError):
                admin.listen(transports=["websocket"])
            answer = admin.get(POLLING)
            assert (answer.status_code, answer.json()["error"]) == (401, "rate_limited")
            first.next("video_frame")
            first.close()

            def connects() -> bool:
                try:
                    admin.listen(transports=["websocket"]).next("video_frame")
                except socketio.exceptions.ConnectionError:
                    return False
                return True

            wait_until(connects, "the place is free again")

    def test_the_websocket_is_refused(self, server: RunningServer) -> None:
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            websocket.create_connection(f"{server.ws_url}/ws/view/demo", timeout=10)
        assert refused.value.status_code == 401


# What changes something, as (method, path of the API's description, body). `{camera}` is the actor's own camera,
# except for what moves a head; `{user_id}` another user, `{token_id}` and `{session_id}` are the actor's.
CHANGES: list[tuple[str, str, Any]] = [
    ("PATCH", "/api/me", {"step": 33}),
    ("POST", "/api/me/password", {"current": PASSWORD, "new": "another password"}),
    ("POST", "/api/me/tokens", {"name": "stolen"}),
    ("DELETE", "/api/me/tokens/{token_id}", None),
    ("DELETE", "/api/me/sessions/{session_id}", None),
    ("POST", "/api/cameras", {"name": "Stolen", "url": "demo:stolen"}),
    ("PATCH", "/api/cameras/{camera}", {"fps": 3}),
    ("DELETE", "/api/cameras/{camera}", None),
    ("POST", "/api/cameras/test", {"url": "demo:garden"}),
    ("POST", "/api/cameras/{camera}/servo_command", {"command": "up"}),
    ("POST", "/api/cameras/{camera}/position_command", {"x": 12, "y": 34}),
    ("POST", "/api/cameras/{camera}/light_command", {"state": True}),
    ("POST", "/api/cameras/{camera}/control", {}),
    ("DELETE", "/api/cameras/{camera}/control", None),
    ("PUT", "/api/cameras/{camera}/presets/{slot}", {"name": "Stolen", "x": 1, "y": 2}),
    ("DELETE", "/api/cameras/{camera}/presets/{slot}", None),
    ("POST", "/api/cameras/{camera}/presets/{slot}/go", None),
    ("POST", "/api/users", {"username": "stolen", "password": PASSWORD, "role": "admin"}),
    ("PATCH", "/api/users/{user_id}", {"role": "admin"}),
    ("DELETE", "/api/users/{user_id}", None),
    ("DELETE", "/api/users/{user_id}/sessions", None),
    ("PUT", "/api/users/{user_id}/permissions", {"permissions": []}),
    ("POST", "/api/pairing", {"kind": "pico"}),
    ("POST", "/api/pairing/approve", {"kind": "pico", "mac": "24:0A:C4:12:34:56", "code": "12345678"}),
    ("DELETE", "/api/pairing/{kind}", None),
    ("PATCH", "/api/devices/{device}", {"name": "Stolen"}),
    ("DELETE", "/api/devices/{device}", None),
    ("POST", "/api/devices/{device}/key", None),
    ("POST", "/api/devices/{device}/key/give", None),
    ("PUT", "/api/devices/{device}/config", {"speed": 60}),
    ("POST", "/api/devices/{device}/ping", None),
    ("POST", "/api/devices/{device}/restart", None),
    ("POST", "/api/devices/{device}/capture", None),
    ("POST", "/api/devices/{device}/sleep", {"seconds": 60}),
    ("PUT", "/device/config", {"speed": 60}),
]
#: Those that change files, or what is to become of them.
CHANGES_OF_FILES = [
    ("PUT", "/api/cameras/{camera}/motion"),
    ("PUT", "/api/cameras/{camera}/recording"),
    ("POST", "/api/cameras/{camera}/recording/by-hand"),
    ("PUT", "/api/recordings/{recording_id}"),
    ("DELETE", "/api/recordings/{recording_id}"),
    ("POST", "/api/exports"),
    ("DELETE", "/api/exports/{export_id}"),
    ("POST", "/api/firmware"),
    ("DELETE", "/api/firmware/{firmware_id}"),
    ("POST", "/api/firmware/{firmware_id}/assign"),
    ("PUT", "/api/devices/{device}/update"),
    ("DELETE", "/api/devices/{device}/update"),
]


class TestCsrf:
    def test_the_table_has_every_change(self, admin: Person) -> None:
        paths = admin.get("/api/openapi.json").json()["paths"]
        described = {(method.upper(), path) for path, methods in paths.items() for method in methods}
        unsafe = {(method, path) for method, path in described if method != "GET"}
        assert unsafe == {(method, path) for method, path, _ in CHANGES} | set(CHANGES_OF_FILES)

    @pytest.mark.parametrize(("method", "path"), CHANGES_OF_FILES)
    def test_a_cookie_alone_does_not_even_learn_what_there_is(self, admin: Person, method: str, path: str) -> None:
        _, actor = new_person(admin, "admin")
        numbers = dict.fromkeys(("recording_id", "firmware_id", "device"), 1)
        with actor:
            proof = actor.http.headers.pop("X-CSRFToken")
            place = path.format(camera=new_camera(admin)["slug"], export_id="x" * 22, **numbers)
            for headers in ({}, {"X-CSRFToken": "x"}, {"X-CSRFToken": admin.http.headers["X-CSRFToken"]}):
                answer = actor.ask(method, place, {}, headers=headers)
                assert answer.status_code == 400
                assert "too old" in answer.json()["message"]
            with_it = actor.ask(method, place, {"nothing": "known"}, headers={"X-CSRFToken": proof})
            assert with_it.status_code in (400, 404, 411, 415)
            assert "too old" not in with_it.json()["message"]

    @pytest.mark.parametrize(
        ("method", "path", "body"), CHANGES, ids=[f"{method} {path}" for method, path, _ in CHANGES]
    )
    def test_a_cookie_alone_changes_nothing(self, admin: Person, method: str, path: str, body: Any) -> None:
        _, actor = new_person(admin, "admin")
        other = new_account(admin)
        camera = new_camera(admin)
        assert admin.ask("PUT", f"/api/cameras/{camera['slug']}/presets/1", {"name": "Door", "x": 5, "y": 6}).ok
        pico = enrol(admin, "pico")
        with actor, pico.come() as board:
            _, token = issue_token(actor)
            spare_id, _ = issue_token(actor)
            proof = actor.http.headers.pop("X-CSRFToken")
            mine = actor.get("/api/me/sessions").json()["items"][0]["id"]
            place = path.format(
                camera=camera["slug"],
                user_id=other.id,
                token_id=spare_id,
                session_id=mine,
                slot=1,
                device=pico.id,
                kind="pico",
            )
            place += f"?device={pico.id}" if path.startswith("/device/") else ""
            body = body | {"name": f"Stolen {other.id}"} if body and path == "/api/cameras" else body

            def everything() -> Any:
                listed = admin.get("/api/cameras").json()["items"]
                cameras = [(item["settings"], item["presets"]) for item in listed]
                holder = admin.get(f"/api/cameras/{camera['slug']}/control").json()["holder"]
                pose = admin.get(f"/api/cameras/{camera['slug']}/position").json()
                light = admin.get(f"/api/cameras/{camera['slug']}").json()["status"]["light"]
                users = admin.get("/api/users").json()["items"]
                mine = actor.get("/api/me").json(), actor.get("/api/me/tokens").json()
                device = admin.get(f"/api/devices/{pico.id}").json()
                device = [device[name] for name in ("name", "enabled", "configuration", "keys")]
                windows = [window["opened_at"] for window in admin.get("/api/pairing").json()["items"]]
                return cameras, holder, users, mine, pose, light, device, windows

            before = everything()
            for headers in ({}, {"X-CSRFToken": "x"}, {"X-CSRFToken": admin.http.headers["X-CSRFToken"]}):
                answer = actor.ask(method, place, body, headers=headers)
                assert (answer.status_code, answer.json()["error"]) == (400, "bad_request"), headers
                assert "too old" in answer.json()["message"], "refused for another reason"
            # What a form on another site could send without asking first.
            plain = actor.http.request(
                method, actor.server.url + place, data=json.dumps(body), headers={"Content-Type": "text/plain"}
            )
            assert plain.status_code == 400
            assert everything() == before
            assert board.nothing(), "nothing was sent to it"

            assert actor.ask("PATCH", "/api/me", {"step": 7}, headers={"X-CSRFToken": proof}).ok
            by_token = requests.request(method, actor.server.url + place, json=body, headers=bearer(token), timeout=15)
            assert by_token.ok, f"with a bearer token it needs no proof: {by_token.text}"

    def test_the_log_in_form_needs_it_too(self, server: RunningServer) -> None:
        fields = {"username": "admin", "password": server.admin_password}
        answer = requests.post(f"{server.url}/login", data=fields, allow_redirects=False)
        assert answer.status_code == 400

    def test_a_bad_bearer_beside_a_cookie_does_not_spare_the_proof(self, admin: Person) -> None:
        account, person = new_person(admin)
        with person:
            _, own = issue_token(person)
            del person.http.headers["X-CSRFToken"]
            for token in ("x", "cam_nonsense", "", own):
                answer = person.ask("PATCH", "/api/me", {"step": 44}, headers=bearer(token))
                assert (answer.status_code, answer.json()["error"]) == (400, "bad_request"), token
            basically = person.ask("PATCH", "/api/me", {"step": 44}, headers=basic(account.username, own))
            assert basically.status_code == 400
            assert person.get("/api/me").json()["step"] == 10


@pytest.mark.both_databases
class TestTokens:
    def test_a_token_is_shown_once_and_kept_as_a_hash(self, server: RunningServer, admin: Person) -> None:
        account, person = new_person(admin)
        with person:
            _, token = issue_token(person, "the kitchen display")
            assert len(token) > 40
            listed = person.get("/api/me/tokens").text + person.get("/settings").text
            assert "the kitchen display" in listed
            assert token not in listed
            assert me(server, headers=bearer(token)).json()["username"] == account.username
            tokens = lambda: person.get("/api/me/tokens").json()["items"]  # noqa: E731
            wait_until(lambda: tokens()[0]["last_used_at"], "its use is noted")
        kept = server.stored()
        assert sha256(token.encode()).hexdigest().encode() in kept
        assert token.encode() not in kept
        assert account.password.encode() not in kept

    def test_a_revoked_token_is_worth_nothing_at_once(self, server: RunningServer, admin: Person) -> None:
        _, person = new_person(admin)
        with person:
            number, token = issue_token(person)
            other_number, other = issue_token(person)
            assert me(server, headers=bearer(token)).status_code == 200
            assert person.ask("DELETE", f"/api/me/tokens/{number}").status_code == 204
            assert me(server, headers=bearer(token)).status_code == 401
            assert me(server, headers=bearer(other)).status_code == 200
            assert admin.ask("DELETE", f"/api/me/tokens/{other_number}").status_code == 404, "not even an admin's hand"
            assert me(server, headers=bearer(other)).status_code == 200

    @pytest.mark.parametrize("change", [{"is_active": False}, None], ids=["deactivated", "deleted"])
    def test_it_ends_with_its_owner(self, server: RunningServer, admin: Person, change: dict[str, Any] | None) -> None:
        account, person = new_person(admin)
        with person:
            _, token = issue_token(person)
        assert me(server, headers=bearer(token)).status_code == 200
        assert admin.ask("PATCH" if change else "DELETE", f"/api/users/{account.id}", change).ok
        assert me(server, headers=bearer(token)).status_code == 401

    def test_it_can_do_no_more_than_its_owner(self, server: RunningServer, admin: Person) -> None:
        _, person = new_person(admin, "viewer")
        with person:
            _, token = issue_token(person)
        assert requests.get(f"{server.url}/api/users", headers=bearer(token)).status_code == 403
        move = f"{server.url}/api/cameras/demo/position_command"
        assert requests.post(move, json={"x": 1, "y": 1}, headers=bearer(token)).status_code == 403

    def test_as_a_basic_password_it_opens_pictures_and_nothing_else(self, server: RunningServer, admin: Person) -> None:
        account, person = new_person(admin)
        with person:
            _, token = issue_token(person)
        for username in (account.username, "", "anything"):
            snapshot = requests.get(f"{server.url}/snapshot/demo.jpg", headers=basic(username, token), timeout=15)
            assert (snapshot.status_code, snapshot.content[:2]) == (200, b"\xff\xd8")
            with requests.get(
                f"{server.url}/stream/demo.mjpg", headers=basic(username, token), stream=True, timeout=15
            ) as stream:
                assert stream.status_code == 200
                assert b"\xff\xd8" in stream.raw.read(4096)
        for path in ("/api/me", "/api/cameras/demo", "/api/users", "/settings"):
            answer = requests.get(server.url + path, headers=basic(account.username, token), allow_redirects=False)
            assert answer.status_code in (302, 401), path
        with pytest.raises(websocket.WebSocketBadStatusException, match="401"):
            websocket.create_connection(f"{server.ws_url}/ws/view/demo", header=basic(account.username, token))

    @pytest.mark.parametrize(
        ("headers", "asked"),
        [
            ({}, True),
            ({"Accept": "image/avif,image/webp,*/*;q=0.8"}, False),
            ({"Referer": "http://example.org/"}, False),
        ],
    )
    def test_players_are_asked_for_it_and_people_are_not(
        self, server: RunningServer, headers: dict[str, str], asked: bool
    ) -> None:
        """A browser would open a window that asks for a password, over a page whose log-in has ended."""
        for path in ("/stream/demo.mjpg", "/snapshot/demo.jpg"):
            answer = requests.get(server.url + path, headers=headers, timeout=10)
            assert answer.status_code == 401
            assert ("WWW-Authenticate" in answer.headers) == asked
        assert "WWW-Authenticate" not in requests.get(f"{server.url}/api/me", headers=headers, timeout=10).headers

    def test_the_log_in_password_is_no_basic_password(self, server: RunningServer, admin: Person) -> None:
        """It would be stored in every player, and could be tried without the log-in's limit."""
        answer = requests.get(f"{server.url}/snapshot/demo.jpg", headers=basic(admin.username, admin.password))
        assert answer.status_code == 401

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "Bearer",
            "Bearer ",
            "Bearer a b",
            "Basic",
            "Basic !!!",
            "Basic eA==",
            "Basic OnA=",
            "Digest x",
            b"Bearer \xff\xfe",
        ],
    )
    def test_a_malformed_header_is_nobody(self, server: RunningServer, header: str | bytes) -> None:
        for path in ("/api/me", "/snapshot/demo.jpg"):
            assert requests.get(server.url + path, headers={"Authorization": header}).status_code == 401

    def test_a_program_with_a_token_listens(self, server: RunningServer, admin: Person) -> None:
        _, person = new_person(admin)
        with person:
            _, token = issue_token(person)
        with socketio.SimpleClient() as client:
            client.connect(server.url, headers=bearer(token))
            assert client.call("get_position", {"camera": "demo"})["ok"]
        view = websocket.create_connection(f"{server.ws_url}/ws/view/demo", header=bearer(token), timeout=10)
        assert json.loads(view.recv())["type"] == "status"
        view.close()


def upgraded(person: Person, path: str, origin: str | None) -> int:
    """The status with which a WebSocket with that Origin is answered."""
    options: dict[str, Any] = {"suppress_origin": True} if origin is None else {"origin": origin}
    try:
        socket = websocket.create_connection(person.server.ws_url + path, cookie=person.cookie, timeout=10, **options)
    except websocket.WebSocketBadStatusException as refused:
        return refused.status_code
    socket.close()
    return 101


class TestOrigin:
    @pytest.mark.parametrize(
        "origin",
        [
            "https://evil.example",
            "null",
            "http://127.0.0.1",
            "http://127.0.0.1:1",
            "http://127.0.0.1.evil.example",
            "file://",
            "HOST.evil.example",
            "HOST@evil.example",
        ],
    )
    def test_a_page_of_another_site_opens_no_socket(self, admin: Person, origin: str) -> None:
        origin = origin.replace("HOST", admin.server.url)
        # engine.io would believe what says that it is of the same host.
        polling = admin.get(POLLING, headers={"Origin": origin, "X-Forwarded-Host": origin.rpartition("/")[2]})
        assert (polling.status_code, polling.json()["error"]) == (403, "forbidden")
        assert "Access-Control-Allow-Origin" not in polling.headers
        assert upgraded(admin, "/socket.io/?EIO=4&transport=websocket", origin) == 403
        assert upgraded(admin, "/ws/view/demo", origin) == 403

    @pytest.mark.parametrize("own", [True, False], ids=["its own pages", "programs"])
    def test_its_own_pages_and_programs_do(self, admin: Person, own: bool) -> None:
        origin = admin.server.url if own else None
        assert admin.get(POLLING, headers={"Origin": origin}).status_code == 200
        assert upgraded(admin, "/socket.io/?EIO=4&transport=websocket", origin) == 101
        assert upgraded(admin, "/ws/view/demo", origin) == 101

    def test_other_sites_can_be_allowed(self, make_server: MakeServer) -> None:
        server = make_server(ALLOWED_ORIGINS="https://cameras.example.org, http://panel.local:8080/")
        with server.person() as admin:
            for origin, status in {
                "https://cameras.example.org": 101,
                "HTTPS://Cameras.Example.ORG": 101,
                "http://panel.local:8080": 101,
                server.url: 101,
                "http://cameras.example.org": 403,
                "https://cameras.example.org.evil.example": 403,
                "http://panel.local": 403,
            }.items():
                assert upgraded(admin, "/ws/view/demo", origin) == status, origin
                assert upgraded(admin, "/socket.io/?EIO=4&transport=websocket", origin) == status, origin


MARKUP = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "'-alert(1)-'<b>",
]
UNPRINTABLE = {
    "nul": "a\x00b",
    "newline": "a\nb",
    "escape": "a\x1b[31mb",
    "delete": "a\x7fb",
    "right-to-left override": "a\u202eb",
    "isolate": "a\u2066b",
    "zero width": "a\u200bb",
    "byte order mark": "a\ufeffb",
    "line separator": "a\u2028b",
    "nothing": "",
    "blank": "  ",
    "no-break space only": "\u00a0",
    "long": "x" * 81,
}


@pytest.mark.both_databases
class TestHostileNames:
    @pytest.mark.parametrize("name", MARKUP)
    def test_markup_is_text(self, server: RunningServer, admin: Person, name: str) -> None:
        account = admin.made("/api/users", {"username": name, "password": PASSWORD, "role": "admin"})
        camera = admin.made("/api/cameras", {"name": name, "url": "demo:garden"})
        assert account["username"] == camera["name"] == name
        with server.person(name, PASSWORD) as person:
            assert person.ask("PUT", f"/api/cameras/{camera['id']}/presets/1", {"name": name[:40], "x": 1, "y": 2}).ok
            issue_token(person, name)
            for page in ("/", "/users", "/devices", "/settings"):
                text = person.get(page).text
                assert name not in text, page
                assert "alert(1)>" not in text
                data = re.search(r'<script type="application/json" id="page-data">(.*?)</script>', text, re.DOTALL)
                assert data
                assert json.loads(data[1])["me"]["username"] == name, "the scripts read it whole"
            assert html.escape(name, quote=False).split("&")[0] in html.unescape(person.get("/").text)
        failed = log_in(server, name, "wrong")
        assert name not in failed.text
        assert admin.ask("DELETE", f"/api/cameras/{camera['id']}").ok
        assert admin.ask("DELETE", f"/api/users/{account['id']}").ok

    def test_a_template_is_text(self, server: RunningServer, admin: Person) -> None:
        account = admin.made("/api/users", {"username": "{{ 1234 * 4 }}", "password": PASSWORD})
        with server.person(account["username"], PASSWORD) as person:
            text = person.get("/").text
        assert "{{ 1234 * 4 }}" in text
        assert "4936" not in text

    @pytest.mark.parametrize("name", UNPRINTABLE.values(), ids=UNPRINTABLE.keys())
    def test_what_deceives_the_eye_is_refused(self, admin: Person, name: str) -> None:
        account, camera = new_account(admin), new_camera(admin)
        for method, path, body in (
            ("POST", "/api/users", {"username": name, "password": PASSWORD}),
            ("PATCH", f"/api/users/{account.id}", {"username": name}),
            ("POST", "/api/cameras", {"name": name, "url": "demo:garden"}),
            ("PATCH", f"/api/cameras/{camera['id']}", {"name": name}),
            ("PUT", f"/api/cameras/{camera['id']}/presets/1", {"name": name, "x": 1, "y": 1}),
            ("POST", "/api/me/tokens", {"name": name}),
        ):
            answer = admin.ask(method, path, body)
            assert (answer.status_code, answer.json()["error"]) == (400, "bad_request"), path
            assert "name" in answer.json()["message"]

    def test_half_a_character_is_refused(self, admin: Person) -> None:
        body = '{"username": "a\\ud800b", "password": "eight and more"}'
        answer = admin.http.post(
            f"{admin.server.url}/api/users", data=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 400

    def test_an_address_writes_no_line_of_its_own_into_the_log(self, server: RunningServer) -> None:
        assert requests.get(f"{server.url}/x%0d%0a2026 ERROR forged%1b[2J", timeout=10).status_code == 404
        wait_until(lambda: "forged" in server.logged, "the request is logged")
        (line,) = [line for line in server.log if "forged" in line]
        assert "camproxy.requests: GET /x" in line
        assert "\x1b" not in line


@pytest.mark.both_databases
class TestUsers:
    def test_made_changed_and_removed(self, server: RunningServer, admin: Person) -> None:
        made = admin.made("/api/users", {"username": "carla", "password": PASSWORD})
        assert (made["role"], made["is_active"], made["is_admin"]) == ("operator", True, False)
        assert "password" not in str(made)
        place = f"/api/users/{made['id']}"
        assert admin.get(place).json() == made
        assert made in admin.get("/api/users").json()["items"]
        assert log_in(server, "carla", PASSWORD).status_code == 302
        changed = admin.ask("PATCH", place, {"username": "carlotta", "role": "viewer", "password": "a new password"})
        assert (changed.json()["username"], changed.json()["role"]) == ("carlotta", "viewer")
        assert log_in(server, "carla", PASSWORD).status_code == 401
        assert log_in(server, "carlotta", PASSWORD).status_code == 401
        assert log_in(server, "carlotta", "a new password").status_code == 302
        assert admin.ask("DELETE", place).status_code == 204
        assert admin.get(place).status_code == admin.ask("DELETE", place).status_code == 404
        assert log_in(server, "carlotta", "a new password").status_code == 401

    def test_names_are_unique_whatever_their_capitals(self, admin: Person) -> None:
        account, other = new_account(admin), new_account(admin)
        for name in (account.username, account.username.upper(), f" {account.username.title()} "):
            answer = admin.ask("POST", "/api/users", {"username": name, "password": PASSWORD})
            assert (answer.status_code, answer.json()["error"]) == (409, "conflict")
            assert admin.ask("PATCH", f"/api/users/{other.id}", {"username": name}).status_code == 409
        own = admin.ask("PATCH", f"/api/users/{account.id}", {"username": account.username.upper()})
        assert own.status_code == 200, "one's own name in other capitals is no conflict"

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"username": "dora"},
            {"username": "dora", "password": "seven77"},
            {"username": "dora", "password": "x" * 201},
            {"username": "dora", "password": PASSWORD, "role": "owner"},
            {"username": "dora", "password": PASSWORD, "is_active": "yes"},
            {"username": "dora", "password": PASSWORD, "is_admin": True},
            {"username": ["dora"], "password": PASSWORD},
            [],
        ],
        ids=str,
    )
    def test_what_is_not_described_is_refused(self, admin: Person, body: Any) -> None:
        answer = admin.ask("POST", "/api/users", body)
        assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")
        assert "dora" not in [user["username"] for user in admin.get("/api/users").json()["items"]]

    @pytest.mark.parametrize("body", [{"role": None}, {"is_active": None}, {"username": None}, {"password": None}])
    def test_nothing_can_be_emptied(self, admin: Person, body: dict[str, Any]) -> None:
        account = new_account(admin)
        before = admin.get(f"/api/users/{account.id}").json()
        assert admin.ask("PATCH", f"/api/users/{account.id}", body).status_code == 400
        assert admin.get(f"/api/users/{account.id}").json() == before

    def test_a_role_holds_from_the_next_request_on(self, admin: Person) -> None:
        account, person = new_person(admin, "viewer")
        with person:
            for role, status in (("admin", 200), ("operator", 403), ("viewer", 403)):
                assert admin.ask("PATCH", f"/api/users/{account.id}", {"role": role}).ok
                assert person.get("/api/users").status_code == status
                assert person.get("/api/me").json()["role"] == role

    def test_somebody_can_always_let_others_in(self, make_server: MakeServer) -> None:
        server = make_server()
        with server.person() as admin:
            own = f"/api/users/{admin.get('/api/me').json()['id']}"
            new_account(admin, "admin", is_active=False)

            def refused() -> list[int]:
                return [
                    admin.ask("PATCH", own, {"is_active": False}).status_code,
                    admin.ask("PATCH", own, {"role": "operator"}).status_code,
                    admin.ask("DELETE", own).status_code,
                ]

            assert refused() == [409, 409, 409], "the other admin is not active"
            assert admin.get("/api/users").status_code == 200
            second = new_account(admin, "admin")
            assert admin.ask("DELETE", own).status_code == 409, "nobody deletes themselves"
            assert admin.ask("PATCH", own, {"role": "operator"}).status_code == 200
            assert admin.get("/api/users").status_code == 403
            with server.person(second.username, second.password) as other:
                assert other.ask("DELETE", own).status_code == 204

    def test_a_new_password_needs_the_present_one(self, server: RunningServer, admin: Person) -> None:
        account, person = new_person(admin)
        with person:
            for current in ("wrong", "", "another password"):
                wrong = person.ask("POST", "/api/me/password", {"current": current, "new": "another password"})
                assert (wrong.status_code, wrong.json()["error"]) == (403, "forbidden")
            short = person.ask("POST", "/api/me/password", {"current": PASSWORD, "new": "short"})
            assert short.status_code == 400
            assert person.ask("POST", "/api/me/password", {"new": "another password"}).status_code == 400
            assert log_in(server, account.username, PASSWORD).status_code == 302, "nothing has changed so far"
            answer = person.ask("POST", "/api/me/password", {"current": PASSWORD, "new": "another password"})
            assert answer.status_code == 204
            assert person.get("/api/me").status_code == 200, "who changed it stays logged in"
        assert log_in(server, account.username, PASSWORD).status_code == 401
        assert log_in(server, account.username, "another password").status_code == 302

    @pytest.mark.parametrize("role", ["viewer", "operator"])
    @pytest.mark.parametrize("field", ["role", "is_active", "is_admin", "id", "username"])
    def test_nobody_promotes_themselves(self, admin: Person, role: str, field: str) -> None:
        _, person = new_person(admin, role)
        with person:
            before = person.get("/api/me").json()
            values = {"role": "admin", "is_active": True, "is_admin": True, "id": 1, "username": "admin"}
            assert person.ask("PATCH", "/api/me", {field: values[field]}).status_code == 400
            assert person.get("/api/me").json() == before


class TestLog:
    def test_it_keeps_no_secret(self, make_server: MakeServer) -> None:
        server = make_server(LOG_LEVEL="DEBUG")
        secrets = {
            "admin's password": server.admin_password,
            "guess": "my guess of it",
            "user's password": "user's own password",
            "new password": "the one after that",
            "short one": "sh0rt77",
            "camera's password": "camera-pa55word",
            "secret key": (server.data_dir / "secret_key").read_text().strip(),
        }
        with server.person() as admin:
            secrets["session"] = admin.http.cookies["camproxy"]
            secrets["csrf token"] = str(admin.http.headers["X-CSRFToken"])
            log_in(server, "admin", secrets["guess"])
            made = admin.made("/api/users", {"username": "eva", "password": secrets["user's password"]})
            admin.ask("POST", "/api/users", {"username": "eva", "password": secrets["user's password"]})
            admin.ask("POST", "/api/users", {"username": "fay", "password": secrets["short one"]})
            admin.ask("PATCH", f"/api/users/{made['id']}", {"pasword": secrets["short one"]})
            admin.http.post(f"{server.url}/api/users", data='{"password": "' + secrets["short one"])
            with server.person("eva", secrets["user's password"]) as eva:
                _, secrets["token"] = issue_token(eva)
                eva.ask("POST", "/api/me/password", {"current": secrets["guess"], "new": secrets["new password"]})
                change = {"current": secrets["user's password"], "new": secrets["new password"]}
                assert eva.ask("POST", "/api/me/password", change).ok
                requests.get(f"{server.url}/snapshot/demo.jpg", headers=basic("eva", secrets["token"]))
                requests.get(f"{server.url}/api/me?token={secrets['token']}")
                requests.get(f"{server.url}/api/me", headers=bearer(secrets["token"] + "x"))
            address = "ws://root:{}@127.0.0.1:1/ws".format(secrets["camera's password"])
            camera = admin.made("/api/cameras", {"name": "Locked", "url": address})
            admin.ask("POST", "/api/cameras/test", {"url": address})
            admin.ask("POST", "/api/cameras/test", {"url": address.replace("ws://", "http://")})
            admin.ask("POST", "/api/cameras/test", {"url": address.replace("ws://", "ftp://")})
            wait_until(
                lambda: admin.get("/api/cameras/locked").json()["status"]["state"] == "offline", "it was dialled"
            )
            for path in ("/api/cameras", "/devices", "/"):
                assert secrets["camera's password"] not in admin.get(path).text, path
            assert camera["settings"]["url"] == "ws://root:•••@127.0.0.1:1/ws"
            admin.get("/logout")
        server.stop()
        log_file = (server.data_dir / "logs" / "camproxy.log").read_text()
        for log in (server.logged, log_file):
            assert "eva logged in" in log, "or there is nothing to be found in it"
            found = [what for what, secret in secrets.items() if secret in log]
            assert not found

    def test_a_password_that_nobody_chose_is_shown_but_not_kept(self, make_server: MakeServer) -> None:
        server = make_server(ADMIN_PASSWORD="")
        wait_until(lambda: "with the password" in server.logged, "the first password is shown")
        shown = re.search(r"with the password +(\S+)", server.logged)
        assert shown
        assert log_in(server, "admin", shown[1]).status_code == 302
        server.stop()
        assert shown[1] not in (server.data_dir / "logs" / "camproxy.log").read_text()
        again = make_server(ADMIN_PASSWORD="", data_dir=server.data_dir)
        assert shown[1] not in again.logged
        assert log_in(again, "admin", shown[1]).status_code == 302, "it is still the password"

    def test_the_secret_key_is_the_owner_s_alone(self, server: RunningServer) -> None:
        assert (server.data_dir / "secret_key").stat().st_mode & 0o777 == 0o600

    @pytest.mark.both_databases
    def test_passwords_are_kept_as_argon2(self, server: RunningServer, admin: Person) -> None:
        account: Account = new_account(admin)
        ((kept,),) = server.execute(f'SELECT password_hash FROM "user" WHERE id = {account.id}')
        assert kept.startswith("$argon2id$")


def test_nothing_went_wrong_meanwhile(server: RunningServer) -> None:
    """The last of this module: none of what was tried above was a fault of the server."""
    assert os.path.getsize(server.data_dir / "logs" / "camproxy.log")
    assert "Traceback" not in server.logged
