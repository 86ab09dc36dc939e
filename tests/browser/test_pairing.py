"""A board is added: by a token, by itself while pairing is open to the network, by the code that it shows."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import NewPage
from tests.conftest import MakeServer
from tests.fakes.devices import FakePico
from tests.integration.test_discovery import LAN
from tests.networks import Watcher, in_network_of, with_network
from tests.patience import PATIENCE
from tests.plugins.chromium import CHROMIUM, FLAGS
from tests.running import Person, RunningServer

Login = Callable[..., Page]

_numbers = itertools.count(1)

REGISTER = """
import json, sys, urllib.request as u
address, body = sys.argv[1:]
asked = u.Request(address, body.encode(), {"Content-Type": "application/json"})
print(u.build_opener(u.ProxyHandler({})).open(asked).read().decode())
"""


@pytest.fixture(autouse=True)
def _closed(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test leaves pairing open for the next one."""
    yield
    if "admin" in request.fixturenames:
        for kind in ("esp32cam", "pico"):
            request.getfixturevalue("admin").ask("DELETE", f"/api/pairing/{kind}")


def new_mac() -> str:
    return f"24:6F:28:01:00:{next(_numbers):02X}"


def register(server: RunningServer, token: str, kind: str, mac: str, **more: Any) -> requests.Response:
    """As a board does."""
    body = {"token": token, "kind": kind, "mac": mac} | more
    return requests.post(f"{server.url}/register", json=body, timeout=15)


def show_token(page: Page, kind: str = "Pico", unencrypted: bool = True, network: bool = False) -> str:
    page.get_by_text(kind, exact=True).first.click()
    page.locator("#open").get_by_label("Allow unencrypted").set_checked(unencrypted)
    page.get_by_label("Open to the network").set_checked(network)
    page.get_by_role("button", name="Show a token").click()
    token = page.locator('#windows [data-slot="token"]')
    expect(token).to_have_text(re.compile(r"^[A-Za-z][\w-]{22}$"))
    return token.inner_text()


def test_a_token_and_the_board_that_brings_it(page: Page, login: Login, server: RunningServer, admin: Person) -> None:
    login(page, server, path="/devices")
    page.get_by_role("link", name="Add a board").click()
    page.wait_for_load_state()  # with its scripts
    token = show_token(page)
    expect(page.locator("#windows")).to_contain_text(re.compile(r"Pico is let in for another [45]:\d\d"))
    expect(page.locator("#windows")).to_contain_text("Unencrypted connections are allowed.")
    expect(page.locator("#windows")).to_contain_text("Waiting for the board")
    assert page.evaluate("() => document.querySelector('.qr').decode().then(() => true)")
    expect(page.locator('[data-slot="link"]')).to_contain_text(f"token={token}")

    mac = new_mac()
    given = register(server, token, "pico", mac, name="Barn head").json()
    expect(page.locator("#arrivals")).to_contain_text("Barn head (Pico) has come.")
    expect(page.locator('[data-slot="token"]')).to_be_hidden()
    expect(page.locator("#windows")).to_contain_text("The token was used.")
    page.locator("#arrivals").get_by_role("link").click()
    expect(page.locator("h1")).to_have_text("Barn head")
    with FakePico(server, given["api_key"]) as device:
        device.connect()
        expect(page.locator("#state")).to_contain_text("online since")

    # The same board once more: it keeps its place, and gets a new key.
    page.goto(server.url + "/devices/add")
    register(server, show_token(page), "pico", mac)
    expect(page.locator("#arrivals")).to_contain_text("Barn head (Pico) is back, with a new key.")


def test_a_token_is_shown_once_and_what_is_open_is_told(
    page: Page, login: Login, server: RunningServer, admin: Person
) -> None:
    login(page, server, path="/devices/add")
    token = show_token(page, "ESP32-CAM")
    page.reload()
    expect(page.locator("#windows")).to_contain_text("ESP32-CAM is let in for another")
    expect(page.locator("#windows")).to_contain_text("Opened by admin.")
    expect(page.locator('[data-slot="token"]')).to_be_hidden()
    assert register(server, "w" * 22, "esp32cam", new_mac()).status_code == 403
    expect(page.locator("#windows")).to_contain_text("after 19 more it closes")
    page.get_by_role("button", name="Close pairing").click()
    expect(page.locator("#windows > li")).to_have_count(0)
    assert register(server, token, "esp32cam", new_mac()).status_code == 403


def test_it_closes_by_itself(page: Page, login: Login, server: RunningServer, admin: Person) -> None:
    login(page, server, path="/devices/add")
    show_token(page)
    server.execute("UPDATE pairing_window SET expires_at = '2020-01-01 00:00:00'")
    expect(page.locator("#windows > li")).to_have_count(0)


def test_open_to_the_network_a_board_comes_by_itself(
    page: Page, login: Login, server: RunningServer, admin: Person
) -> None:
    login(page, server, path="/devices/add")
    show_token(page, "ESP32-CAM", network=True)
    expect(page.locator("#windows")).to_contain_text("Anybody in the network may fetch a token.")
    token = requests.get(f"{server.url}/public/tokens", params={"kind": "esp32cam"}, timeout=15).json()["token"]
    assert register(server, token, "esp32cam", new_mac(), name="<b>Gate</b>").status_code == 201
    expect(page.locator("#arrivals")).to_contain_text("<b>Gate</b> (ESP32-CAM) has come.")
    page.goto(server.url + "/devices")
    expect(page.locator("#list")).to_contain_text("<b>Gate</b>")  # it is a camera at once


def test_it_is_explained_why_plain_http_is_refused(page: Page, login: Login, server: RunningServer) -> None:
    login(page, server, path="/devices/add")
    expect(page.locator("#unencrypted-help")).to_contain_text("You came here over plain HTTP")
    expect(page.locator("#none-found")).to_contain_text("A board announces itself when it is switched on")
    token = show_token(page, unencrypted=False)
    assert register(server, token, "pico", new_mac()).json()["error"] == "encryption_required"


def test_only_admins_add_boards(new_page: NewPage, login: Login, admin: Person) -> None:
    account = admin.made("/api/users", {"username": "olga", "password": "eight and more", "role": "operator"})
    page = login(new_page(expected=("403",)), admin.server, account["username"], "eight and more")
    page.goto(admin.server.url + "/devices/add")
    expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()


@pytest.fixture
def page_within(tmp_path: Path) -> Callable[[int, Callable[[Page], None]], None]:
    """`page_within(pid, work)`: do the work with a page of a browser that has the network of that process."""
    if not CHROMIUM:
        pytest.skip("Chromium is not installed")

    def within(pid: int, work: Callable[[Page], None]) -> None:
        inside = tmp_path / "chromium"
        command = " ".join(in_network_of(pid, CHROMIUM or "", '"$@"'))
        inside.write_text(f"#!/bin/sh\nexec {command}\n")
        inside.chmod(0o700)

        def run() -> None:
            with sync_playwright() as playwright:
                page = playwright.chromium.launch(executable_path=str(inside), args=FLAGS).new_page()
                page.set_default_timeout(PATIENCE * 1000)
                work(page)

        with ThreadPoolExecutor(1) as thread:  # the other browser's event loop is in this one
            thread.submit(run).result()

    return within


def test_a_board_in_the_network_is_approved_by_its_code(
    make_server: MakeServer, page_within: Callable[[int, Callable[[Page], None]], None], login: Login
) -> None:
    python, *command = with_network(LAN.format("lan0", "10.1.0.1"), sys.executable, "app.py")
    server = make_server(python=python, command=command, HOST="0.0.0.0", MDNS="true", MDNS_NAME="Shed")
    pid, mac = server.process.pid, "02:00:00:00:00:07"

    def ask_to_be_let_in(code: str) -> str:
        body = f'{{"token": "{code}", "kind": "pico", "mac": "{mac}", "name": "Head"}}'
        asked = in_network_of(pid, sys.executable, "-c", REGISTER, f"http://127.0.0.1:{server.port}/register", body)
        return subprocess.run(asked, capture_output=True, text=True, timeout=20).stdout

    def approve(page: Page) -> None:
        login(page, server, path="/devices/add")
        expect(page.locator("#none-found")).to_be_visible()
        with Watcher(pid, "10.1.0.1", mac):
            board = page.locator("#found > li")
            expect(board).to_contain_text("Head")
            expect(board).to_contain_text(f"10.1.0.1 · {mac} · firmware 1.0")
            expect(board).to_contain_text("Waits to be let in.")
            page.get_by_label("Code of the board").fill("1234")
            page.get_by_role("button", name="Approve").click()
            expect(page.get_by_label("Code of the board")).to_be_focused()
            assert ask_to_be_let_in("12345678") == ""
            page.locator("#approve-unencrypted").check()
            page.get_by_label("Code of the board").fill("1234 5678")
            page.get_by_role("button", name="Approve").click()
            expect(board).to_contain_text("Approved. Waiting for the board to come")
            assert '"api_key"' in ask_to_be_let_in("12345678")
            expect(page.locator("#arrivals")).to_contain_text("Head (Pico) has come.")
            expect(board.get_by_role("link")).to_be_visible()
        expect(board).to_have_count(0)

    page_within(pid, approve)
