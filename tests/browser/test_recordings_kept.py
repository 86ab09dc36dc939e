"""What is done with recordings on their page: protect, delete, switch on; and who may do what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import NewPage
from tests.browser.filmed import begun, how_it_records, record, recordings, set_recording, stop_recording
from tests.browser.recordings_page import RecordingsPage
from tests.integration.people import new_account, new_camera, permit, wait_until
from tests.recording.playback import probe
from tests.running import Person, RunningServer

Login = Callable[..., Page]

# Of a file that has just begun there is no index yet; the page asks again, the browser's console tells of it.
JUST_BEGUN = ("503",)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("data"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def filmed(admin: Person, server: RunningServer) -> RunningServer:
    """Three short recordings of the demo camera."""
    for crf in (23, 24, 25):
        record(admin, 1, codec="h264", crf=crf)
    stop_recording(admin)
    return server


def test_protect_and_delete(page: Page, login: Login, filmed: RunningServer, admin: Person) -> None:
    first, second, _ = recordings(admin)
    shown = RecordingsPage(login(page, filmed), filmed).open(begun(first, 0.3))
    delete = shown.button("Delete")
    shown.button("Protect").click()
    expect(shown.button("Protected")).to_have_attribute("aria-pressed", "true")
    expect(delete).to_have_attribute("aria-disabled", "true")
    assert admin.get(f"/api/recordings/{first['id']}").json()["protected"]
    shown.look_closely()
    expect(shown.span("kept")).to_have_count(1)
    delete.press("Enter")  # it is switched off and stays within reach, to say why
    expect(page.get_by_text("It is protected. Lift the protection first.")).to_be_visible()

    shown.button("Protected").click()
    expect(delete).not_to_have_attribute("aria-disabled", "true")
    delete.click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("This cannot be undone.")
    question.get_by_role("button", name="Cancel").click()
    assert admin.get(f"/api/recordings/{first['id']}").ok
    delete.click()
    question.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("The recording was deleted.")).to_be_visible()
    shown.is_at(begun(second))
    assert admin.get(f"/api/recordings/{first['id']}").status_code == 404


def test_who_may_do_what(new_page: NewPage, login: Login, filmed: RunningServer, admin: Person) -> None:
    hidden = new_camera(admin, everyone="none")
    viewer, operator = (new_account(admin, role) for role in ("viewer", "operator"))
    ids = {camera["slug"]: camera for camera in admin.get("/api/cameras").json()["items"]}
    permit(admin, viewer, ids["demo"], "view")
    permit(admin, operator, ids["demo"], "control")
    last = recordings(admin)[-1]
    for account, changes in ((viewer, False), (operator, True)):
        page = login(new_page(), filmed, account.username, account.password)
        shown = RecordingsPage(page, filmed).open(begun(last, 0.3))
        expect(page.get_by_role("link", name="Download")).to_be_visible()
        for name in ("Protect", "Delete"):
            expect(shown.button(name)).to_be_visible(visible=changes)
        expect(page.get_by_role("link", name="Recording settings")).to_have_count(0)
        assert hidden["name"] not in page.locator("#camera").inner_text()
        page.goto(f"{filmed.url}/recordings?camera={hidden['slug']}")
        shown.shows_a_picture()  # of the camera that may be seen
        expect(page.locator("#camera")).to_have_value("demo")


def test_nobody_sees_what_there_is_without_a_camera(
    new_page: NewPage, login: Login, filmed: RunningServer, admin: Person
) -> None:
    viewer = new_account(admin, "viewer")
    for camera in admin.get("/api/cameras").json()["items"]:
        permit(admin, viewer, camera, "none")
    page = login(new_page(), filmed, viewer.username, viewer.password, path="/recordings")
    expect(page.get_by_role("heading", name="No camera for you yet")).to_be_visible()
    expect(page.locator("#lookback")).to_be_hidden()


def test_an_empty_page_teaches_and_fills_by_itself(
    new_page: NewPage, login: Login, filmed: RunningServer, admin: Person
) -> None:
    camera = new_camera(admin)
    page = login(new_page(expected=JUST_BEGUN), filmed)
    page.goto(f"{filmed.url}/recordings?camera={camera['slug']}")
    expect(page.locator("#veil")).to_contain_text("Nothing is recorded on this day")
    expect(page.locator("#veil")).to_contain_text("is switched off. Switch it on, and this page fills by itself.")
    page.get_by_role("link", name="Switch recording on").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Record", exact=True).select_option("continuous")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()
    page.goto(f"{filmed.url}/recordings?camera={camera['slug']}")
    shown = RecordingsPage(page, filmed).shows_a_picture()

    # It is being recorded, and plays up to nearly now.
    expect(page.locator("#what")).to_have_text("being recorded")
    now = float(page.evaluate("() => Date.now() / 1000"))
    shown.button("Play").click()
    shown.is_past(now)
    set_recording(admin, camera["slug"], mode="off")
    expect(page.locator("#told")).to_have_text("This was the last picture of the day.")
    expect(shown.button("Play")).to_be_visible()


def test_that_nothing_can_be_recorded_is_said(
    new_page: NewPage, login: Login, filmed: RunningServer, admin: Person
) -> None:
    marker = filmed.data_dir / "recordings" / ".camproxy-storage"
    known = [part["id"] for part in recordings(admin)]
    set_recording(admin, "demo", mode="continuous")
    page = login(new_page(expected=JUST_BEGUN), filmed, path="/recordings")
    try:
        marker.rename(marker.with_name("elsewhere"))
        expect(page.get_by_role("alert").filter(has_text="the disk for recordings is not there")).to_be_visible()
    finally:
        marker.with_name("elsewhere").rename(marker)
    expect(page.locator("#alarm")).to_be_hidden()
    wait_until(lambda: how_it_records(admin)["recording"], "it goes on")
    page.close()
    stop_recording(admin)
    for part in recordings(admin):
        assert part["id"] in known or admin.ask("DELETE", f"/api/recordings/{part['id']}").ok


def test_another_day(page: Page, login: Login, filmed: RunningServer, admin: Person) -> None:
    login(page, filmed, path="/recordings")
    shown = RecordingsPage(page, filmed).shows_a_picture()
    page.locator("#day").click()
    today = page.locator("#days [aria-current]")
    expect(today).to_be_focused()
    expect(today).to_have_class(re.compile("marked"))
    expect(page.locator("#days .marked")).to_have_count(1)
    page.keyboard.press("Escape")
    shown.button("The day before").click()
    expect(page.locator("#veil")).to_contain_text("Nothing is recorded on this day")
    expect(shown.button("Play")).to_have_attribute("aria-disabled", "true")
    assert "day=" in page.url
    page.locator("#day").click()
    shown.button("Today").click()
    shown.shows_a_picture()


def test_what_cannot_be_fetched_is_said_and_tried_again(
    new_page: NewPage, login: Login, filmed: RunningServer, admin: Person
) -> None:
    last = recordings(admin)[-1]
    page = login(new_page(expected=("ERR_FAILED",)), filmed)
    page.route("**/video", lambda route: route.abort())
    page.goto(f"{filmed.url}/recordings?camera=demo&at={begun(last, 0.2)}")
    expect(page.locator("#veil")).to_contain_text("CamProxy cannot be reached.")
    page.unroute("**/video")
    shown = RecordingsPage(page, filmed)
    shown.button("Play").click()
    shown.shows_a_picture()
    expect(page.locator("#veil")).to_be_hidden()


def test_a_stretch_becomes_one_video(page: Page, login: Login, filmed: RunningServer, admin: Person) -> None:
    """Over a seam, from the picture shown at one moment to that at another."""
    *_, first, second = recordings(admin)
    shown = RecordingsPage(login(page, filmed), filmed).open(begun(first, 0.2))
    page.keyboard.press("i")
    shown.track.press("End")
    shown.is_past(begun(second))
    shown.button("End at the picture shown").click()
    expect(page.locator("#range-length")).to_have_text(re.compile("That is \\d+ second"))
    shown.look_closely()
    expect(shown.span("range")).to_be_visible()
    shown.button("Save as video").click()
    row = page.locator(".export")
    expect(row).to_contain_text("Ready")
    with page.expect_download() as saving:
        row.get_by_role("link", name="Download").click()
    assert saving.value.suggested_filename.startswith("demo 20")
    played = probe(Path(saving.value.path()))
    assert played.codec == "h264"
    whole = datetime.fromisoformat(second["ended_at"]) - datetime.fromisoformat(first["started_at"])
    assert played.seconds == pytest.approx(whole.total_seconds() - 0.2, abs=1.5), "to a second before its end"

    page.get_by_label("As").select_option("10")
    shown.button("Save as video").click()
    expect(row).to_have_count(2)
    expect(row.filter(has_text="time-lapse")).to_contain_text("Ready")
    for left in (1, 0):
        row.first.get_by_role("button", name="Remove").click()
        expect(row).to_have_count(left)


def test_a_long_export_shows_how_far_it_is_and_can_be_cancelled(
    page: Page, login: Login, filmed: RunningServer, admin: Person
) -> None:
    """A short one that the page takes for a long one: only how far it is has been changed on the way."""
    last = recordings(admin)[-1]
    stretch = {"camera": last["camera"], "from": begun(last), "to": begun(last, 1)}
    made = admin.made("/api/exports", stretch)
    # One that is over is gone when it is removed; one that is not stays as cancelled.
    wait_until(lambda: admin.get(f"/api/exports/{made['id']}").json()["state"] == "done", "it is made")

    def half_way(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        for export in told["exports"]:
            export |= {"state": "running", "progress": 0.5}
        route.fulfill(response=answer, json=told)

    login(page, filmed)
    page.route("**/api/exports", half_way)
    RecordingsPage(page, filmed).open(begun(last, 0.2))
    row = page.locator(".export")
    expect(row.get_by_role("progressbar", name="Progress")).to_have_js_property("value", 0.5)
    expect(row).to_contain_text("Being made: 50%")
    expect(row.get_by_role("link", name="Download")).to_be_hidden()
    row.get_by_role("button", name="Cancel").click()
    expect(row).to_have_count(0)
    assert admin.get(f"/api/exports/{made['id']}").status_code == 404


def test_nothing_was_recorded_in_the_stretch(
    new_page: NewPage, login: Login, filmed: RunningServer, admin: Person
) -> None:
    page = login(new_page(expected=("404",)), filmed, path="/recordings")
    RecordingsPage(page, filmed).shows_a_picture()
    for edge in ("From", "To"):
        page.get_by_label(edge, exact=True).fill("00:00:01")
    page.get_by_role("button", name="Save as video").click()
    assert page.get_by_label("To", exact=True).evaluate("field => field.validationMessage") == (
        "It must end after it has begun."
    )
    page.get_by_label("To", exact=True).fill("00:00:02")
    page.get_by_role("button", name="Save as video").click()
    expect(page.locator("#range .form-error")).not_to_be_empty()
