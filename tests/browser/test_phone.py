"""A phone: nothing runs out of the page, everything is large enough for a thumb."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.camera_page import CameraPage
from tests.browser.conftest import NewPage
from tests.running import RunningServer

Login = Callable[..., Page]

PHONES = [(390, 844), (320, 568), (844, 390), (667, 375), (768, 1024)]
PATHS = ["/", "/recordings", "/devices", "/devices/add", "/users", "/settings", "/stats"]

# What can be hit: the label counts for the box in it. In pixels of the page; half a pixel is rounding.
TOO_SMALL = """() => [...document.querySelectorAll('a, button, input, select, summary')]
    .filter(element => !element.matches('.skip, .hidden'))
    .filter(element => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
    .map(element => (element.matches('[type=checkbox], [type=radio]') ? element.closest('label') : element))
    .map(element => ({ element, box: element.getBoundingClientRect() }))
    .filter(({ box }) => box.width < 43.5 || box.height < 43.5)
    .map(({ element, box }) => `${element.outerHTML.slice(0, 120)} is ${box.width} by ${box.height}`)"""

OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize(("width", "height"), PHONES)
def test_every_page_fits(new_page: NewPage, login: Login, server: RunningServer, width: int, height: int) -> None:
    page = login(new_page(width, height, has_touch=True, is_mobile=True), server)
    CameraPage(page).is_live()
    for path in PATHS:
        page.goto(server.url + path)
        assert page.evaluate(OVERFLOW) == 0, path
        assert page.evaluate(TOO_SMALL) == [], path


@pytest.mark.parametrize("opener", ["Add a camera", "Edit"])
def test_dialogs_fit_and_scroll(new_page: NewPage, login: Login, server: RunningServer, opener: str) -> None:
    page = login(new_page(320, 568, has_touch=True, is_mobile=True), server, path="/devices")
    page.get_by_role("button", name=opener, exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog.locator("summary").filter(has_text="Recording")).to_be_visible()  # which comes last
    box = dialog.bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320
    assert page.evaluate(TOO_SMALL) == []
    dialog.get_by_role("button", name="Save").scroll_into_view_if_needed()
    expect(dialog.get_by_role("button", name="Save")).to_be_in_viewport()


def test_picture_and_pad_are_on_the_first_screen(new_page: NewPage, login: Login, server: RunningServer) -> None:
    camera = CameraPage(login(new_page(390, 844, has_touch=True, is_mobile=True), server)).is_live()
    for part in (
        camera.stage,
        camera.button("Tilt down"),
        camera.button("Light"),
        camera.page.get_by_role("link", name="Live"),
    ):
        expect(part).to_be_in_viewport(ratio=1)


def test_the_places_are_within_the_thumbs_reach(new_page: NewPage, login: Login, server: RunningServer) -> None:
    page = login(new_page(390, 844, has_touch=True, is_mobile=True), server)
    box = page.get_by_role("navigation").bounding_box()
    assert box
    assert box["y"] + box["height"] == pytest.approx(844, abs=1)


def test_the_page_works_at_twice_the_size(new_page: NewPage, login: Login, server: RunningServer) -> None:
    """A desk of 1280 × 800 at 200 % is 640 × 400."""
    camera = CameraPage(login(new_page(640, 400), server)).is_live()
    assert camera.page.evaluate(OVERFLOW) == 0
    camera.button("Centre").click()
    camera.shows_pose(90, 90)
    camera.button("Pan right").click()
    camera.shows_pose(100, 90)
