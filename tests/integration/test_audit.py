"""What people did is written down, and shown to admins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.people import (
    PASSWORD,
    issue_token,
    log_in,
    new_account,
    new_camera,
    new_person,
    permit,
    wait_until,
)
from tests.running import Person, RunningServer

pytestmark = pytest.mark.both_databases


@pytest.fixture
def admin(server: RunningServer) -> Iterator[Person]:
    with server.person() as person:
        yield person


def latest(admin: Person, count: int = 1) -> list[tuple[str, str, str, str]]:
    """(who, action, subject, detail), the latest last."""
    events = admin.get("/api/audit").json()["items"][:count]
    return [(event["who"], event["action"], event["subject"], event["detail"]) for event in reversed(events)]


def test_people_come_and_go(server: RunningServer, admin: Person) -> None:
    account = new_account(admin)
    log_in(server, account.username, "a guess")
    with server.person(account.username, PASSWORD) as person:
        person.get("/logout")
    name = account.username
    assert latest(admin, 3) == [(name, "log_in_refused", "", ""), (name, "log_in", "", ""), (name, "log_out", "", "")]
    event = admin.get("/api/audit").json()["items"][0]
    assert event["address"] == "127.0.0.1"
    assert event["at"].endswith("Z")


def test_changes_of_people_and_cameras(server: RunningServer, admin: Person) -> None:
    account, person = new_person(admin)
    name = account.username
    place = f"/api/users/{account.id}"
    with person:
        token_id, _ = issue_token(person, "a display")
        assert person.ask("DELETE", f"/api/me/tokens/{token_id}").ok
        assert latest(admin, 2) == [(name, "token_made", "a display", ""), (name, "token_revoked", "a display", "")]
        change = {"current": PASSWORD, "new": "quite another one"}
        assert person.ask("POST", "/api/me/password", change).ok
        assert latest(admin) == [(name, "password_changed", name, "")]

    assert admin.ask("PATCH", place, {"role": "viewer", "password": "yet another one"}).ok
    assert latest(admin) == [("admin", "user_changed", name, "password, role: viewer")]
    camera = new_camera(admin)
    assert latest(admin) == [("admin", "camera_added", camera["name"], "demo:garden")]
    permit(admin, account, camera, "view")
    assert latest(admin) == [("admin", "permissions_changed", name, f"{camera['id']}: view")]
    assert admin.ask("PATCH", f"/api/cameras/{camera['slug']}", {"url": "ws://anna:s3cret-pw@127.0.0.1:9/ws"}).ok
    assert admin.ask("DELETE", f"/api/cameras/{camera['slug']}").ok
    assert admin.ask("DELETE", place).ok
    assert latest(admin, 3) == [
        ("admin", "camera_changed", camera["name"], "url"),
        ("admin", "camera_removed", camera["name"], ""),
        ("admin", "user_removed", name, ""),
    ]
    everything = admin.get("/api/audit").text
    assert not [secret for secret in ("s3cret-pw", "another one", PASSWORD) if secret in everything]


def test_a_refused_change_is_not_written_down(admin: Person) -> None:
    before = latest(admin)
    assert admin.ask("POST", "/api/users", {"username": "ADMIN", "password": PASSWORD}).status_code == 409
    assert admin.ask("PATCH", "/api/users/1", {"role": "viewer"}).status_code == 409
    assert latest(admin) == before


def test_taking_the_wheel_from_somebody(admin: Person) -> None:
    camera = new_camera(admin)
    account, person = new_person(admin)
    with person:
        assert person.ask("POST", f"/api/cameras/{camera['slug']}/control", {}).ok
        assert admin.ask("POST", f"/api/cameras/{camera['slug']}/control", {"take_over": True}).ok
    taken = [("admin", "control_taken_over", camera["name"], account.username)]
    wait_until(lambda: latest(admin) == taken, "it is written down")


def test_pages_of_it(admin: Person) -> None:
    for number in range(110):
        assert admin.ask("PATCH", "/api/users/1", {"is_active": True}).ok, number
    first = admin.get("/api/audit").json()
    assert len(first["items"]) == 100
    second: dict[str, Any] = admin.get(f"/api/audit?before={first['before']}").json()
    assert second["items"][0]["id"] == first["items"][-1]["id"] - 1
    assert admin.get("/api/audit?before=1").json() == {"items": [], "before": None}
    for odd in ("0", "x", "-1", "99999999999999999999", "1e5"):
        assert admin.get(f"/api/audit?before={odd}").status_code == 400
