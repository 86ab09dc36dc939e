"""Recording by hand on the camera's page, and how a camera is recorded in its dialog."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.camera_page import CameraPage
from tests.integration.people import wait_until
from tests.integration.recorded import ROOMY, configure, recordings
from tests.running import Person, RunningServer

Login = Callable[..., Page]
DEMO = {"id": 1}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("data"), **ROOMY)
    yield running
    running.stop()


def dialog(page: Page) -> Locator:
    """The demo camera's, with its part about recording open."""
    row = page.locator("#list > li").filter(has=page.get_by_text("Demo", exact=True))
    row.get_by_role("button", name="Edit").click()
    opened = page.get_by_role("dialog")
    opened.locator("summary").filter(has_text="Recording").click()
    return opened


def settings(admin: Person) -> Any:
    return admin.get("/api/cameras/demo/recording").json()


def test_record_by_hand_and_see_that_it_is(page: Page, login: Login, server: RunningServer, admin: Person) -> None:
    camera = CameraPage(login(page, server)).is_live()
    button, sign = camera.button("Record"), page.locator("#recording")
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(sign).to_be_hidden()
    # What would be switched is known only when the server has told it.
    page.wait_for_function("() => document.querySelector('#record').getAttribute('aria-disabled') === null")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button).to_have_attribute("title", re.compile("^Records until "))
    expect(sign).to_have_text("Recording")
    page.reload()
    expect(sign).to_be_visible()
    expect(sign).to_have_text("Recording")
    page.keyboard.press("r")
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(sign).to_be_hidden()
    wait_until(lambda: [one["state"] for one in recordings(admin)] == ["complete"], "it is kept")


def test_who_may_only_watch_sees_that_it_is_recorded(
    page: Page, login: Login, server: RunningServer, admin: Person
) -> None:
    admin.made("/api/users", {"username": "eve", "password": "eve has a long password", "role": "viewer"})
    configure(admin, DEMO, mode="continuous", codec="mjpeg")
    camera = CameraPage(login(page, server, "eve", "eve has a long password")).is_live()
    expect(page.locator("#recording")).to_be_visible()
    expect(page.locator("#recording")).to_have_text("Recording")
    expect(camera.button("Record")).to_be_hidden()
    page.keyboard.press("r")
    marker = server.data_dir / "recordings" / ".camproxy-storage"
    said = marker.read_bytes()
    marker.unlink()
    expect(page.locator("#recording")).to_have_text("Not recorded: the disk is not there")
    marker.write_bytes(said)
    expect(page.locator("#recording")).to_have_text("Recording")
    assert settings(admin)["state"]["by_hand_until"] is None, "the key was for nothing"
    configure(admin, DEMO, mode="off", codec="h264")


def test_a_weekly_table_is_made_and_kept(page: Page, login: Login, server: RunningServer, admin: Person) -> None:
    login(page, server, path="/devices")
    form = dialog(page)
    expect(form.get_by_label("Weekly table")).to_be_hidden()
    form.get_by_label("Record", exact=True).select_option("by a weekly table")
    form.get_by_role("button", name="Add a span").click()
    form.get_by_label("From", exact=True).fill("08:00")
    form.get_by_label("To", exact=True).fill("07:00")
    form.get_by_role("button", name="Save").click()
    expect(form).to_be_visible()  # a span does not end before it begins
    form.get_by_label("To", exact=True).fill("18:30")
    form.get_by_role("button", name="Add a span").click()
    expect(form.get_by_label("Day").nth(1)).to_have_value("1")
    form.get_by_label("To", exact=True).nth(1).fill("00:00")
    form.get_by_label("Codec").select_option("mjpeg")
    expect(form.get_by_label("Compression", exact=True)).to_be_hidden()
    form.get_by_label("Keep for days").fill("30")
    form.get_by_label("Keep at most, in GB").fill("2.5")
    form.get_by_role("button", name="Save").click()
    expect(form).to_be_hidden()
    kept = settings(admin)
    assert kept["schedule"] == [[0, 480, 1110], [1, 480, 1440]]
    assert (kept["mode"], kept["codec"], kept["days"], kept["bytes"]) == ("schedule", "mjpeg", 30, 2_500_000_000)

    form = dialog(page)
    expect(form.get_by_label("To", exact=True).nth(1)).to_have_value("00:00")
    form.get_by_role("button", name="Remove this span").first.click()
    form.get_by_label("Keep for days").fill("")
    form.get_by_role("button", name="Save").click()
    expect(form).to_be_hidden()
    kept = settings(admin)
    assert (kept["schedule"], kept["days"], kept["crf"]) == ([[1, 480, 1440]], None, 23)


def test_a_new_camera_is_recorded_as_its_dialog_says(
    page: Page, login: Login, server: RunningServer, admin: Person
) -> None:
    login(page, server, path="/devices")
    page.get_by_role("button", name="Add a camera").click()
    form = page.get_by_role("dialog")
    form.get_by_label("Name").fill("Gate")
    form.get_by_label("Address").fill("demo:garden")
    form.locator("summary").filter(has_text="Recording").click()
    form.get_by_label("Record", exact=True).select_option("when something moves")
    form.get_by_label("Seconds before motion").fill("2.5")
    form.get_by_role("button", name="Save").click()
    expect(form).to_be_hidden()
    kept = admin.get("/api/cameras/gate/recording").json()
    assert (kept["mode"], kept["pre_seconds"], kept["post_seconds"]) == ("motion", 2.5, 10)
