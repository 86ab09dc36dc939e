"""Devices, Users and Settings, by hand."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

from tests.browser.camera_page import CameraPage
from tests.browser.conftest import NewPage
from tests.fakes import FakeEsp32Cam
from tests.running import RunningServer

Login = Callable[..., Page]

PASSWORD = "a password of some length"


def row(page: Page, name: str) -> Locator:
    return page.locator("#list > li").filter(has=page.get_by_text(name, exact=True))


def test_a_camera_is_added_tested_edited_and_removed(page: Page, login: Login, server: RunningServer) -> None:
    login(page, server, path="/devices")
    page.get_by_role("button", name="Add a camera").click()
    page.get_by_label("Name").fill("Garden")
    page.get_by_label("Address").fill("demo:garden")
    page.get_by_role("button", name="Test this address").click()
    expect(page.locator("#test-result")).to_have_text(
        re.compile(r"^A picture of 640 × 480 \(\d+ kB\) came after [\d,]+ ms\.$")
    )
    page.get_by_role("button", name="Save").click()
    garden = row(page, "Garden")
    expect(garden).to_contain_text("demo:garden")

    garden.get_by_role("button", name="Test").click()
    expect(garden).to_contain_text("A picture of 640 × 480")

    garden.get_by_role("button", name="Edit").click()
    expect(page.get_by_label("Address")).to_have_value("demo:garden")
    page.get_by_label("Name").fill("Front garden")
    page.get_by_label("Has a light").uncheck()
    page.get_by_role("button", name="Save").click()
    garden = row(page, "Front garden")

    garden.get_by_role("button", name="Switch off").click()
    expect(garden).to_contain_text("switched off")
    garden.get_by_role("button", name="Switch on").click()
    expect(garden.get_by_role("button", name="Switch off")).to_be_visible()

    garden.get_by_role("link", name="Watch").click()
    expect(page).to_have_title("Front garden · CamProxy")
    CameraPage(page).is_live()
    expect(CameraPage(page).button("Light")).to_be_hidden()

    page.goto(server.url + "/devices")
    garden.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(garden).to_be_visible()
    garden.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(garden).to_have_count(0)


def test_a_real_board_is_tested_and_its_silence_explained(
    page: Page, login: Login, server: RunningServer, board: FakeEsp32Cam
) -> None:
    login(page, server, path="/devices")
    page.get_by_role("button", name="Add a camera").click()
    page.get_by_label("Address").fill(board.url)
    page.get_by_role("button", name="Test this address").click()
    expect(page.locator("#test-result")).to_contain_text("A picture of")
    page.get_by_label("Address").fill("ws://127.0.0.1:9/ws")
    page.get_by_role("button", name="Test this address").click()
    expect(page.locator("#test-result")).to_contain_text("refuses the connection")


def test_what_is_wrong_is_said_at_the_form(new_page: NewPage, login: Login, server: RunningServer) -> None:
    page = login(new_page(expected=("400",)), server, path="/devices")
    page.get_by_role("button", name="Add a camera").click()
    page.get_by_label("Name").fill("Odd")
    page.get_by_label("Address").fill("gopher://somewhere")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("url")
    expect(page.get_by_label("Name")).to_have_value("Odd")


def test_a_user_is_added_permitted_switched_off_and_removed(
    new_page: NewPage, login: Login, server: RunningServer
) -> None:
    page = login(new_page(), server, path="/users")
    page.get_by_role("button", name="Add a user").click()
    page.get_by_label("User name").fill("<b>carla</b>")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_label("Password", exact=True)).to_have_attribute("type", "text")
    page.get_by_role("button", name="Save").click()
    carla = row(page, "<b>carla</b>")
    expect(carla).to_contain_text("Operator")
    expect(carla).to_contain_text("Has never logged in")

    carla.get_by_role("button", name="Permissions").click()
    page.get_by_label("Demo").select_option("none")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    carlas = login(new_page(), server, "<b>carla</b>", PASSWORD)
    expect(carlas.get_by_role("heading", name="No camera for you yet")).to_be_visible()

    carla.get_by_role("button", name="Permissions").click()
    expect(page.get_by_label("Demo")).to_have_value("none")
    page.get_by_label("Demo").select_option("control")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    CameraPage(carlas).is_live()  # by itself
    expect(CameraPage(carlas).button("Pan left")).to_be_visible()

    carla.get_by_role("button", name="Edit").click()
    page.get_by_label("May log in").uncheck()
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(carla).to_contain_text("switched off")
    expect(carlas).to_have_title("Log in · CamProxy")

    carla.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(carla).to_have_count(0)


def test_an_admin_cannot_remove_the_own_account(page: Page, login: Login, server: RunningServer) -> None:
    login(page, server, path="/users")
    expect(row(page, server.admin_username).get_by_role("button", name="Remove")).to_have_attribute(
        "aria-disabled", "true"
    )


def test_own_settings_are_kept(page: Page, login: Login, server: RunningServer) -> None:
    login(page, server, path="/settings")
    page.get_by_label("Theme", exact=True).select_option("light")
    page.get_by_label("Step, in degrees").fill("5")
    page.get_by_label("Camera to start with").select_option("Demo")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.goto(server.url)
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    expect(page.locator("#step-size")).to_have_text("5°")

    page.locator(".bar summary").click()
    page.get_by_text("Dark", exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_token_is_shown_once_and_revoked(page: Page, login: Login, server: RunningServer) -> None:
    login(page, server, path="/settings")
    page.get_by_label("Name of the program").fill("Dashboard")
    page.get_by_role("button", name="New token").click()
    secret = page.locator("#secret")
    expect(secret).not_to_be_empty()
    answer = page.request.get(
        f"{server.url}/api/me", headers={"Authorization": f"Bearer {secret.inner_text()}", "Cookie": ""}
    )
    assert answer.ok
    page.reload()
    expect(secret).to_be_hidden()
    page.locator("#tokens li").get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.locator("#tokens li")).to_have_count(0)


def test_the_password_is_changed(new_page: NewPage, login: Login, server: RunningServer) -> None:
    with server.person() as admin:
        admin.made("/api/users", {"username": "dora", "password": PASSWORD})
    page = login(new_page(expected=("400", "403")), server, "dora", PASSWORD, path="/settings")
    page.get_by_label("Current password").fill("not this one")
    page.get_by_label("New password").fill("another long password")
    page.get_by_role("button", name="Change the password").click()
    expect(page.locator("#password-form").get_by_role("alert")).to_be_visible()
    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_text("Changed")).to_be_visible()
    login(new_page(), server, "dora", "another long password")


def test_an_operator_is_shown_no_admin_pages(new_page: NewPage, login: Login, server: RunningServer) -> None:
    with server.person() as admin:
        admin.made("/api/users", {"username": "emil", "password": PASSWORD})
    page = login(new_page(expected=("403",)), server, "emil", PASSWORD)
    expect(page.get_by_role("link", name="Users", exact=True)).to_have_count(0)
    page.goto(server.url + "/users")
    expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()
    page.get_by_role("link", name="To the cameras").click()
    CameraPage(page).is_live()
