"""Guessing passwords is slow, from one address and from many, and locks nobody out who has been here before."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.integration.people import PASSWORD, log_in, new_account, session_from
from tests.running import PROJECT, Person, RunningServer

MakeServer = Callable[..., RunningServer]


@pytest.fixture
def server(make_server: MakeServer) -> RunningServer:
    return make_server(LOGIN_LIMIT="5 per minute")


@pytest.fixture
def admin(server: RunningServer) -> Iterator[Person]:
    with server.person() as person:
        yield person


def guess(server: RunningServer, name: str, times: int, first: int = 20) -> list[int]:
    """Wrong passwords, each from another address."""
    return [
        log_in(server, name, "a guess", session=session_from(f"127.0.0.{first + number}")).status_code
        for number in range(times)
    ]


@pytest.mark.parametrize("name", ["admin", "nobody at all"])
def test_an_account_is_guessed_at_five_times_a_minute_from_all_addresses_together(
    server: RunningServer, name: str
) -> None:
    assert guess(server, name, 7) == [401] * 5 + [429] * 2
    right = log_in(server, name, server.admin_password, session=session_from("127.0.0.99"))
    assert right.status_code == 429, "not even the right one, now"


def test_who_has_logged_in_here_before_is_not_locked_out(server: RunningServer, admin: Person) -> None:
    account = new_account(admin)
    own = session_from("127.0.0.3")
    assert log_in(server, account.username, PASSWORD, session=own).status_code == 302
    own.get(f"{server.url}/logout")
    assert guess(server, account.username, 6)[-1] == 429
    assert log_in(server, account.username.upper(), PASSWORD, session=own).status_code == 302


def test_a_known_browser_may_not_guess_either(server: RunningServer, admin: Person) -> None:
    account = new_account(admin)
    own = session_from("127.0.0.3")
    assert log_in(server, account.username, PASSWORD, session=own).status_code == 302
    own.get(f"{server.url}/logout")
    marks = {cookie.name: cookie.value for cookie in own.cookies}
    answers = []
    for number in range(6):
        elsewhere = session_from(f"127.0.0.{40 + number}")
        elsewhere.cookies.update(marks)
        answers.append(log_in(server, account.username, "a guess", session=elsewhere).status_code)
    assert answers == [401] * 5 + [429]


def test_a_made_up_mark_of_a_browser_helps_nobody(server: RunningServer) -> None:
    guess(server, "admin", 5)
    forger = session_from("127.0.0.4")
    forger.cookies.set("camproxy_browser", '["admin","0123456789abcdef"].c2lnbmF0dXJl', path="/login")
    assert log_in(server, "admin", server.admin_password, session=forger).status_code == 429


@pytest.mark.both_databases
def test_one_that_succeeds_begins_anew(server: RunningServer) -> None:
    for _ in range(3):
        assert guess(server, "admin", 4) == [401] * 4
        assert log_in(server, "admin", server.admin_password, session=session_from("127.0.0.5")).status_code == 302


@pytest.mark.both_databases
def test_the_command_line_unlocks(server: RunningServer) -> None:
    guess(server, "admin", 5)
    environment = server.settings | {"PATH": "/usr/bin:/bin"}
    command = [sys.executable, "scripts/create_admin.py", "--username", "Admin", "--unlock"]
    subprocess.run(command, cwd=PROJECT, env=environment, check=True, capture_output=True, timeout=30)
    assert log_in(server, "admin", server.admin_password, session=session_from("127.0.0.6")).status_code == 302


def test_what_was_typed_in_place_of_a_name_is_written_nowhere(server: RunningServer, admin: Person) -> None:
    assert log_in(server, "my secret password", "anna").status_code == 401
    assert "my secret" not in server.logged
    assert "my secret" not in admin.get("/api/audit").text
    assert b"my secret" not in server.stored()
