"""Motion of a camera, set by hand: zones drawn on its picture with the mouse, a finger and the keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewPage
from tests.browser.test_accessibility import FOCUS_IS_SEEN, TOO_FAINT, controls_without_a_name
from tests.browser.test_phone import OVERFLOW, TOO_SMALL
from tests.fakes import FakeEsp32Cam
from tests.integration.people import new_camera
from tests.running import Person

Login = Callable[..., Page]


@pytest.fixture
def camera(admin: Person) -> Iterator[dict[str, Any]]:
    """Named before a page, which is closed then before its camera goes: an open dialog asks about it all the time."""
    made = new_camera(admin)
    assert admin.ask("PUT", f"/api/cameras/{made['id']}/presets/4", {"name": "Street", "x": 20, "y": 60}).ok
    yield made
    assert admin.ask("DELETE", f"/api/cameras/{made['id']}").ok


def opened(page: Page, login: Login, admin: Person, camera: dict[str, Any]) -> Locator:
    login(page, admin.server, path="/devices")
    return reopened(page, camera)


def reopened(page: Page, camera: dict[str, Any]) -> Locator:
    row = page.locator("#list > li").filter(has=page.get_by_text(camera["name"], exact=True))
    row.get_by_role("button", name="Motion").click()
    dialog = page.get_by_role("dialog", name=f"Motion before {camera['name']}")
    expect(dialog.locator(".veil")).to_be_hidden()
    return dialog


def stored(admin: Person, camera: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = admin.get(f"/api/cameras/{camera['slug']}/motion").json()
    return found


def saved(dialog: Locator) -> None:
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_be_hidden()


def corner(dialog: Locator, zone: int, number: int) -> Locator:
    return dialog.get_by_role("button", name=f"Zone {zone}, corner {number}:")


def drag(page: Page, dialog: Locator, what: Locator, x: float, y: float) -> None:
    """To that place in 0…1 of the picture."""
    picture = dialog.locator("#motion-picture")
    picture.scroll_into_view_if_needed()
    box, start = picture.bounding_box(), what.bounding_box()
    assert box
    assert start
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.mouse.up()


def test_everything_is_set_and_comes_back(camera: dict[str, Any], page: Page, login: Login, admin: Person) -> None:
    dialog = opened(page, login, admin, camera)
    expect(dialog.locator("#motion-now")).to_contain_text("Motion is not looked for.")
    dialog.get_by_label("Look for motion in its picture").check()
    dialog.get_by_label("Sensitivity").fill("80")
    dialog.get_by_label("Seconds to wait after the head has moved").fill("2.5")
    dialog.get_by_label("Street").check()
    dialog.get_by_role("button", name="Zone where motion counts").click()
    drag(page, dialog, corner(dialog, 1, 1), 0.1, 0.2)
    dialog.get_by_role("button", name="Zone where it does not").click()
    drag(page, dialog, corner(dialog, 2, 3), 2.0, 0.9)  # beyond the edge
    saved(dialog)
    found = stored(admin, camera)
    assert (found["enabled"], found["sensitivity"], found["settle_seconds"]) == (True, 80, 2.5)
    assert found["muted_presets"] == [4]
    include, exclude = found["zones"]
    assert (include["kind"], exclude["kind"]) == ("include", "exclude")
    assert include["points"][0] == pytest.approx([0.1, 0.2], abs=0.01)
    assert include["points"][1:] == [[0.55, 0.3], [0.55, 0.55], [0.3, 0.55]]
    assert exclude["points"][2] == pytest.approx([1, 0.9], abs=0.01)

    dialog = reopened(page, camera)
    expect(dialog.get_by_label("Sensitivity")).to_have_value("80")
    expect(dialog.get_by_label("Street")).to_be_checked()
    expect(dialog.locator("polygon")).to_have_count(2)
    # The demo's scene has a train and a moon, which may move just now.
    expect(dialog.locator("#motion-now")).to_contain_text(re.compile("(Nothing|Something) moves"))
    dialog.get_by_role("button", name="Remove (1: motion counts)").click()
    saved(dialog)
    assert [zone["kind"] for zone in stored(admin, camera)["zones"]] == ["exclude"]


def test_with_the_keys_alone(camera: dict[str, Any], page: Page, login: Login, admin: Person) -> None:
    dialog = opened(page, login, admin, camera)
    dialog.get_by_role("button", name="Zone where motion counts").focus()
    page.keyboard.press("Enter")
    expect(corner(dialog, 1, 1)).to_be_focused()
    for key in ("ArrowLeft", "ArrowUp", "Shift+ArrowLeft", "Tab", "Delete"):
        page.keyboard.press(key)
    expect(corner(dialog, 1, 2)).to_be_focused()
    page.keyboard.press("Delete")  # three are the fewest
    expect(dialog.locator(".corner")).to_have_count(3)
    page.keyboard.press("Insert")
    expect(corner(dialog, 1, 3)).to_be_focused()
    page.keyboard.press("Shift+ArrowDown")
    saved(dialog)
    (zone,) = stored(admin, camera)["zones"]
    expected = [[0.19, 0.29], [0.55, 0.55], [0.425, 0.65], [0.3, 0.55]]
    assert zone["points"] == [pytest.approx(point) for point in expected]


def test_on_a_phone(camera: dict[str, Any], new_page: NewPage, login: Login, admin: Person) -> None:
    page = new_page(320, 568, has_touch=True, is_mobile=True)
    dialog = opened(page, login, admin, camera)
    dialog.get_by_role("button", name="Zone where it does not").tap()
    dialog.get_by_role("button", name="More corners").tap()
    expect(dialog.locator(".corner")).to_have_count(8)
    assert page.evaluate(OVERFLOW) == 0
    assert page.evaluate(TOO_SMALL) == []
    touched = corner(dialog, 1, 1)
    touched.scroll_into_view_if_needed()
    box = touched.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    finger = page.context.new_cdp_session(page)
    for kind, points in (("Start", [{"x": x, "y": y}]), ("Move", [{"x": x - 30, "y": y - 20}]), ("End", [])):
        finger.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    saved(dialog)
    (zone,) = stored(admin, camera)["zones"]
    assert zone["points"][0][0] < 0.25
    assert zone["points"][0][1] < 0.28


def test_it_can_be_read_and_reached(camera: dict[str, Any], page: Page, login: Login, admin: Person) -> None:
    dialog = opened(page, login, admin, camera)
    dialog.get_by_role("button", name="Zone where motion counts").click()
    dialog.get_by_role("button", name="Zone where it does not").click()
    assert controls_without_a_name(page) == []
    assert page.evaluate(TOO_FAINT) == []
    page.keyboard.press("Tab")
    expect(corner(dialog, 2, 2)).to_be_focused()
    assert page.evaluate(FOCUS_IS_SEEN)


def test_what_moves_now_is_marked(new_page: NewPage, login: Login, admin: Person, board: FakeEsp32Cam) -> None:
    page = new_page(expected=("404",))  # a question may be on its way when its camera is removed
    camera = admin.made("/api/cameras", {"name": "Restless", "url": board.url})
    dialog = opened(page, login, admin, camera)
    dialog.get_by_label("Look for motion in its picture").check()
    saved(dialog)
    dialog = reopened(page, camera)
    expect(dialog.locator("#motion-now")).to_contain_text("Something moves, in")
    expect(dialog.locator("#motion-box")).to_be_visible()
    dialog.get_by_role("button", name="Cancel").click()
    assert admin.ask("DELETE", f"/api/cameras/{camera['id']}").ok
