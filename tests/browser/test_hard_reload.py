"""A hard reload makes people log in again; nothing else that they do with a page does, and admins never."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, Request, expect

from tests.integration.people import PASSWORD, new_account
from tests.running import Person, RunningServer

MakeServer = Callable[..., RunningServer]
Login = Callable[..., Page]

FORM = "Log in · CamProxy"


def hard_reload(page: Page) -> None:
    """What Ctrl+Shift+R does; a headless browser has no such key."""
    page.context.new_cdp_session(page).send("Page.reload", {"ignoreCache": True})


@pytest.fixture
def name(server: RunningServer) -> Iterator[str]:
    with server.person() as admin:
        yield new_account(admin).username


def caching(request: Request) -> str | None:
    return request.all_headers().get("cache-control")


def test_what_chromium_sends(page: Page, login: Login, server: RunningServer) -> None:
    login(page, server, path="/settings")
    with page.expect_request("**/settings") as reloaded:
        page.reload()
    assert caching(reloaded.value) == "max-age=0"
    with page.expect_request("**/settings") as hard:
        hard_reload(page)
    assert caching(hard.value) == "no-cache"
    assert hard.value.all_headers()["pragma"] == "no-cache"
    page.wait_for_load_state()
    with page.expect_request("**/") as clicked:
        page.get_by_role("link", name="Live").click()
    assert caching(clicked.value) is None


def test_a_hard_reload_asks_for_the_password(page: Page, login: Login, server: RunningServer, name: str) -> None:
    login(page, server, name, PASSWORD, path="/settings")
    other = page.context.new_page()
    other.goto(server.url + "/")
    hard_reload(page)
    expect(page).to_have_title(FORM)
    expect(page.get_by_role("alert")).to_have_text("You have reloaded the page completely. Log in again to go on.")
    expect(other).to_have_title(FORM)
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(server.url + "/settings")
    expect(page).to_have_title("Settings · CamProxy")


def test_nothing_else_does(page: Page, login: Login, server: RunningServer, name: str) -> None:
    login(page, server, name, PASSWORD)
    for _ in range(3):
        page.reload()
    page.get_by_role("link", name="Settings").click()
    page.wait_for_url("**/settings")
    page.go_back()
    page.wait_for_url(server.url + "/")
    second = page.context.new_page()
    second.goto(server.url + "/settings")  # as a bookmark does
    second.reload()
    for tab in (page, second):
        tab.reload()
        expect(tab).not_to_have_title(FORM)


def test_an_admin_stays(page: Page, login: Login, server: RunningServer) -> None:
    login(page, server, path="/settings")
    with page.expect_navigation():
        hard_reload(page)
    expect(page).to_have_title("Settings · CamProxy")


def test_it_can_be_turned_off(page: Page, login: Login, make_server: MakeServer) -> None:
    server = make_server(RELOGIN_ON_HARD_RELOAD="false")
    with server.person() as admin:
        name = new_account(admin).username
    login(page, server, name, PASSWORD, path="/settings")
    with page.expect_navigation():
        hard_reload(page)
    expect(page).to_have_title("Settings · CamProxy")


def test_a_program_s_token_is_not_ended(server: RunningServer) -> None:
    with server.person() as admin:
        account = new_account(admin)
        with Person(server, account.username, PASSWORD) as person:
            token = person.made("/api/me/tokens", {"name": "a display"})["token"]
            hard = {"Cache-Control": "no-cache", "Pragma": "no-cache"}
            person.http.cookies.clear()
            for _ in range(2):
                answer = person.get("/", headers=hard | {"Authorization": f"Bearer {token}"}, allow_redirects=False)
                assert answer.status_code == 200
