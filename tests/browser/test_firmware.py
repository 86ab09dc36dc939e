"""Firmware on the pages: uploaded, given to a board, watched on its way there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage
from tests.browser.test_accessibility import TOO_FAINT, controls_without_a_name
from tests.browser.test_phone import OVERFLOW, TOO_SMALL
from tests.images import Signer, firmware
from tests.integration.boards import Enrolled, enrol
from tests.integration.people import new_account, new_camera, permit
from tests.integration.test_firmware import fetch, new_firmware
from tests.running import Person

Login = Callable[..., Page]
SIGNER = Signer.new()


@pytest.fixture
def cam(admin: Person) -> Enrolled:
    return enrol(admin, "esp32cam")


def test_it_is_uploaded_given_to_a_board_and_watched(
    new_page: NewPage, login: Login, admin: Person, cam: Enrolled, tmp_path: Path
) -> None:
    page = new_page(expected=("400",))
    built = tmp_path / "firmware.bin"
    built.write_bytes(data := firmware("5.0.0", size=900_000))
    login(page, admin.server, path="/devices")
    page.get_by_role("link", name="Firmware").click()
    page.wait_for_load_state()  # with its scripts
    page.get_by_role("button", name="Upload firmware").click()
    page.get_by_label("Image").set_input_files(built)
    page.get_by_label("Signature").fill("nonsense")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("signature")
    page.get_by_label("Signature").fill(SIGNER.sign(data))
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.locator("#list li")).to_contain_text(["5.0.0"])
    expect(page.locator("#list li").first).to_contain_text("900 kB, uploaded by admin")

    state = page.locator("#update-state")
    with cam.come(version="1.0.0", trial=False):
        page.goto(f"{admin.server.url}/devices/{cam.id}")
        expect(state).to_have_text("It has not been updated from here.")
        expect(page.locator("#advice")).to_contain_text("Its firmware is 1.0.0; there is 5.0.0.")
        page.get_by_label("Version").select_option("5.0.0")
        page.get_by_role("button", name="Update", exact=True).click()
        expect(state).to_have_text(re.compile("The board is about to fetch"))
    number = admin.get("/api/firmware").json()["items"][0]["id"]
    assert len(fetch(cam, number, Range="bytes=0-299999").content) == 300_000
    expect(state).to_have_text(re.compile(r"It fetches .*5\.0\.0.*: .*33(\.\d)?%.* of .*900 kB"))
    expect(page.get_by_role("progressbar", name="Download")).to_be_visible()
    assert fetch(cam, number).content == data
    expect(state).to_have_text(re.compile("checks it, and tries it"))
    with cam.come(version="5.0.0", trial=True) as board:
        board.say(type="heartbeat", trial=False)
        expect(state).to_have_text(re.compile("It has kept"))
        expect(page.locator("#events")).to_contain_text("It has kept the firmware")
    page.goto(f"{admin.server.url}/firmware")
    page.locator("#list li", has_text="5.0.0").get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.locator("#list li", has_text="5.0.0")).to_have_count(0)


def test_it_waits_for_a_board_that_is_away_and_can_be_withdrawn(
    new_page: NewPage, login: Login, admin: Person, cam: Enrolled
) -> None:
    page = new_page(expected=("409",))
    made = new_firmware(admin)
    login(page, admin.server, path="/firmware")
    row = page.locator("#list li", has_text=made["version"])
    row.get_by_role("button", name="Give it to all boards").click()
    page.get_by_role("dialog").get_by_role("button", name="Give it to all boards").click()
    expect(row).to_contain_text("Boards that are to have it and have not yet")
    row.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.locator("#toasts")).to_contain_text("A device is still to have it.")
    page.goto(f"{admin.server.url}/devices/{cam.id}")
    expect(page.locator("#update-state")).to_contain_text("The board gets it when it comes next.")
    page.get_by_role("button", name="Withdraw").click()
    expect(page.locator("#update-state")).to_have_text("It has not been updated from here.")


def test_an_operator_sees_how_it_goes_and_changes_nothing(
    page: Page, login: Login, admin: Person, cam: Enrolled
) -> None:
    operator = new_account(admin, "operator")
    camera = new_camera(admin, everyone="none")
    settings = camera["settings"] | {"url": f"device:{cam.id}"}
    assert admin.ask("PATCH", f"/api/cameras/{camera['slug']}", {"url": settings["url"]}).ok
    permit(admin, operator, camera, "control")
    admin.ask("PUT", f"/api/devices/{cam.id}/update", {"firmware": new_firmware(admin)["id"]})
    login(page, admin.server, operator.username, operator.password, path=f"/devices/{cam.id}")
    expect(page.locator("#update-state")).to_contain_text("waits since")
    expect(page.get_by_role("button", name="Withdraw")).to_have_count(0)
    expect(page.get_by_role("button", name="Update", exact=True)).to_have_count(0)


def test_a_pico_says_that_there_is_none(page: Page, login: Login, admin: Person) -> None:
    pico = enrol(admin, "pico")
    login(page, admin.server, path=f"/devices/{pico.id}")
    expect(page.get_by_text("put onto it by USB")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_for_everybody(new_page: NewPage, login: Login, admin: Person, cam: Enrolled, scheme: str) -> None:
    made = new_firmware(admin)
    admin.ask("PUT", f"/api/devices/{cam.id}/update", {"firmware": made["id"]})
    for width, touch in ((1280, False), (360, True)):
        page = new_page(width=width, color_scheme=scheme, has_touch=touch)
        login(page, admin.server, path="/firmware")
        for path in ("/firmware", f"/devices/{cam.id}"):
            page.goto(admin.server.url + path)
            expect(page.get_by_text(made["version"]).first).to_be_attached()
            assert controls_without_a_name(page) == []
            assert page.evaluate(TOO_FAINT) == []
            assert page.evaluate(OVERFLOW) == 0
            if touch:
                assert page.evaluate(TOO_SMALL) == []
