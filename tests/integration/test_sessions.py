"""A log-in ends, in whatever way, with everything that it opened: requests, sockets and streams, within two seconds."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import websocket

from tests.integration.people import new_person
from tests.running import PROJECT, Person, RunningServer

pytestmark = pytest.mark.both_databases

MakeServer = Callable[..., RunningServer]

WITHIN = 2.0


class Opened:
    """All that one person can hold open, each of it seen to work."""

    def __init__(self, person: Person) -> None:
        self.person = person
        # Slowly: while a script runs nobody reads it, and one with a full line could not be told why it ends.
        self.view = person.view("demo", "?max_fps=2")
        self.stream = requests.get(
            f"{person.server.url}/stream/demo.mjpg", headers={"Cookie": person.cookie}, stream=True, timeout=10
        )
        self.listener = person.listen(transports=["websocket"])
        self.poller = person.listen(transports=["polling"])
        assert self.view.recv()
        assert self.stream.raw.read(1000)
        for listener in (self.listener, self.poller):
            listener.next("video_frame")

    def all_end(self) -> bool:
        """Whether each of them has ended in time, the WebSocket with its reason."""
        until = time.monotonic() + WITHIN
        ended = (self.listener.ended.wait(WITHIN), self.poller.ended.wait(max(0, until - time.monotonic())))
        while self.stream.raw.read(65536):
            assert time.monotonic() < until + 1, "the stream goes on"
        code = None
        while code is None:
            opcode, data = self.view.recv_data(control_frame=True)
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                code = int.from_bytes(data[:2])
            assert time.monotonic() < until + 1, "the view goes on"
        return all(ended) and code == 4403 and time.monotonic() < until + 0.5

    def all_go_on(self) -> bool:
        self.listener.forget("video_frame")
        self.poller.forget("video_frame")
        for listener in (self.listener, self.poller):
            listener.next("video_frame")
        return bool(self.view.recv() and self.stream.raw.read(1000))

    def close(self) -> None:
        self.stream.close()


@pytest.fixture
def admin(server: RunningServer) -> Iterator[Person]:
    with server.person() as person:
        yield person


@pytest.fixture
def opened(admin: Person) -> Iterator[Opened]:
    _, person = new_person(admin)
    with person:
        things = Opened(person)
        yield things
        things.close()


def let_in(server: RunningServer, cookie: str) -> bool:
    answer = requests.get(f"{server.url}/api/me", headers={"Cookie": cookie}, timeout=10)
    return answer.status_code == 200


def user_id(person: Person) -> int:
    return int(person.get("/api/me").json()["id"])


def log_out(admin: Person, opened: Opened) -> None:
    opened.person.get("/logout")


def deactivate(admin: Person, opened: Opened) -> None:
    assert admin.ask("PATCH", f"/api/users/{user_id(opened.person)}", {"is_active": False}).ok


def delete(admin: Person, opened: Opened) -> None:
    assert admin.ask("DELETE", f"/api/users/{user_id(opened.person)}").ok


def reset_the_password(admin: Person, opened: Opened) -> None:
    assert admin.ask("PATCH", f"/api/users/{user_id(opened.person)}", {"password": "quite another one"}).ok


def log_out_everywhere(admin: Person, opened: Opened) -> None:
    assert admin.ask("DELETE", f"/api/users/{user_id(opened.person)}/sessions").ok


def change_the_password_elsewhere(admin: Person, opened: Opened) -> None:
    with admin.server.person(opened.person.username, opened.person.password) as elsewhere:
        change = {"current": elsewhere.password, "new": "quite another one"}
        assert elsewhere.ask("POST", "/api/me/password", change).ok
        assert elsewhere.get("/api/me").ok, "where it was changed one stays"


def end_it_from_elsewhere(admin: Person, opened: Opened) -> None:
    with admin.server.person(opened.person.username, opened.person.password) as elsewhere:
        sessions = elsewhere.get("/api/me/sessions").json()["items"]
        assert [session["current"] for session in sessions] == [True, False]
        assert elsewhere.ask("DELETE", f"/api/me/sessions/{sessions[1]['id']}").ok
        assert elsewhere.get("/api/me").ok


def deactivate_by_script(admin: Person, opened: Opened) -> None:
    """In another process, which can't tell the server."""
    environment = admin.server.settings | {"PATH": "/usr/bin:/bin"}
    command = [sys.executable, "scripts/create_admin.py", "--username", opened.person.username, "--deactivate"]
    subprocess.run(command, cwd=PROJECT, env=environment, check=True, capture_output=True, timeout=30)


WAYS = [
    log_out,
    deactivate,
    delete,
    reset_the_password,
    log_out_everywhere,
    change_the_password_elsewhere,
    end_it_from_elsewhere,
    deactivate_by_script,
]


@pytest.mark.parametrize("end", WAYS, ids=lambda way: way.__name__)
def test_everything_ends_with_the_log_in(
    server: RunningServer, admin: Person, opened: Opened, end: Callable[[Person, Opened], None]
) -> None:
    copied = opened.person.cookie
    assert let_in(server, copied)
    others = Opened(admin)
    end(admin, opened)
    assert opened.all_end()
    assert not let_in(server, copied), "a copied cookie is worthless"
    assert others.all_go_on(), "nobody else is touched"
    others.close()


@pytest.mark.parametrize("limit", ["expires_at", "idle_until"])
def test_everything_ends_when_its_time_is_over(make_server: MakeServer, limit: str) -> None:
    server = make_server()
    with server.person() as admin:
        opened = Opened(admin)
        let_pass(server, limit)
        assert opened.all_end()
        assert not let_in(server, admin.cookie)
        opened.close()


def let_pass(server: RunningServer, limit: str) -> None:
    """As if that time had come, for all log-ins."""
    server.execute(f"UPDATE login_session SET {limit} = '2020-01-01 00:00:00'")


def test_a_revoked_token_ends_what_it_opened(server: RunningServer, admin: Person) -> None:
    token = admin.made("/api/me/tokens", {"name": "a display"})
    bearer = f"Authorization: Bearer {token['token']}"
    view = websocket.create_connection(f"{server.ws_url}/ws/view/demo", header=[bearer], timeout=10)
    assert view.recv()
    own = admin.view("demo")
    assert admin.ask("DELETE", f"/api/me/tokens/{token['id']}").ok
    while view.recv_data(control_frame=True)[0] != websocket.ABNF.OPCODE_CLOSE:
        pass
    view.shutdown()
    for _ in range(20):
        assert own.recv(), "the user's other sockets go on"


def test_a_log_in_makes_a_new_session_of_whatever_came_before(server: RunningServer, admin: Person) -> None:
    before = admin.cookie
    admin.get("/logout")
    assert admin.log_in().status_code == 302
    assert admin.cookie != before
    assert not let_in(server, before)


def test_several_browsers_and_tabs_work_side_by_side(server: RunningServer, admin: Person) -> None:
    _, person = new_person(admin)
    with person, server.person(person.username, person.password) as elsewhere:
        person.get("/logout")
        assert not let_in(server, person.cookie)
        assert let_in(server, elsewhere.cookie)


def test_the_list_says_from_where(server: RunningServer, admin: Person) -> None:
    _, person = new_person(admin)
    with person:
        person.get("/logout")
        person.http.headers["User-Agent"] = "A browser of the future " + "x" * 300
        person.log_in()
        (session,) = person.get("/api/me/sessions").json()["items"]
        assert session["address"] == "127.0.0.1"
        assert session["agent"].startswith("A browser of the future xxx")
        assert len(session["agent"]) == 200
        stranger = admin.ask("DELETE", f"/api/me/sessions/{session['id']}")
        assert (stranger.status_code, stranger.json()["error"]) == (404, "not_found"), "not even an admin, this way"
        assert person.get("/api/me").ok


def test_no_text_of_a_cookie_is_kept(server: RunningServer, admin: Person) -> None:
    payload = admin.http.cookies["camproxy"].removeprefix(".").split(".")[0]
    text = json.loads(zlib.decompress(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))))["login"]
    assert len(text) > 40
    assert text.encode() not in server.stored()


def test_trying_passwords_for_a_change_is_limited(make_server: MakeServer) -> None:
    server = make_server(LOGIN_LIMIT="5 per minute")
    with server.person() as admin:
        answers: list[Any] = [
            admin.ask("POST", "/api/me/password", {"current": "a guess", "new": "quite another one"}) for _ in range(6)
        ]
        assert [answer.status_code for answer in answers] == [403] * 5 + [429]
        assert answers[-1].json()["error"] == "rate_limited"
