"""Who a client is: its own address, through nginx and past it, whatever it claims."""

from __future__ import annotations

import pytest
import requests

from tests.deploy.conftest import MakeSite
from tests.deploy.proxy import Nginx
from tests.integration.people import PASSWORD, log_in, new_account, session_from, wait_until
from tests.running import Person

pytestmark = pytest.mark.nginx

CLAIMED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Real-IP": "203.0.113.9",
    "Forwarded": "for=203.0.113.9;proto=http;host=evil.example",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Port": "1",
}


def where_from(admin: Person, session: requests.Session, url: str) -> tuple[str, str]:
    """The address in the list of somebody's log-ins, and in the audit log."""
    (own,) = session.get(f"{url}/api/me/sessions", timeout=10).json()["items"]
    latest = admin.get("/api/audit").json()["items"][0]
    assert latest["action"] == "log_in"
    return own["address"], latest["address"]


@pytest.mark.parametrize("claims", [{}, CLAIMED], ids=["honest", "forged"])
def test_through_nginx(site: Nginx, admin: Person, claims: dict[str, str]) -> None:
    account = new_account(admin)
    session = session_from("127.0.0.5")
    answer = log_in(site, account.username, PASSWORD, session=session, headers=claims)
    assert answer.status_code == 302
    assert all("Secure" in cookie for cookie in answer.raw.headers.getlist("Set-Cookie"))
    assert where_from(admin, session, site.url) == ("127.0.0.5", "127.0.0.5")
    lost = session.get(f"{site.url}/users", headers=claims | {"Accept": "text/html"}, allow_redirects=False, timeout=10)
    assert "evil" not in str(lost.headers)


def test_past_nginx(site: Nginx, admin: Person) -> None:
    """The server believes nginx's address, and nobody else's."""
    account = new_account(admin)
    session = session_from("127.0.0.6")
    claims = CLAIMED | {"X-Forwarded-Proto": "https"}
    answer = log_in(site.server, account.username, PASSWORD, session=session, headers=claims)
    assert answer.status_code == 302
    assert not any("Secure" in cookie for cookie in answer.raw.headers.getlist("Set-Cookie"))
    assert where_from(admin, session, site.server.url) == ("127.0.0.6", "127.0.0.6")
    wait_until(lambda: "127.0.0.6" in site.server.logged, "the log says so")
    assert "203.0.113.9" not in site.server.logged


def test_each_has_its_own_limit(make_site: MakeSite) -> None:
    site = make_site(LOGIN_LIMIT="3 per minute")

    def attempt(name: str, address: str, **headers: str) -> int:
        return log_in(site, name, "a guess", session=session_from(address), headers=headers).status_code

    assert [attempt(f"nobody {number}", "127.0.0.5") for number in range(4)] == [401] * 3 + [429]
    assert attempt("nobody", "127.0.0.5", **{"X-Forwarded-For": "127.0.0.6"}) == 429
    assert attempt("nobody", "127.0.0.6") == 401
    wait_until(lambda: "too many log-ins from 127.0.0.5" in site.server.logged, "the log says so")
