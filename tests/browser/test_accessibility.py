"""For everybody: names, focus, keyboard, contrast, direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.camera_page import CameraPage
from tests.browser.conftest import NewPage
from tests.running import RunningServer

Login = Callable[..., Page]

PATHS = ["/", "/recordings", "/devices", "/devices/add", "/users", "/settings", "/stats", "/audit"]
CONTROLS = {"button", "link", "textbox", "combobox", "checkbox", "radio", "spinbutton", "DisclosureTriangle"}

# Every text that is seen, against the nearest opaque ground behind it; WCAG 2.2, 1.4.3.
TOO_FAINT = """() => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const rgba = colour => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const luminance = ([r, g, b]) => [r, g, b].map(v => v / 255)
        .map(v => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = element => {
        for (let e = element; e; e = e.parentElement) {
            const colour = rgba(getComputedStyle(e).backgroundColor);
            if (colour[3] === 255) return colour;
        }
        return [255, 255, 255];
    };
    const faint = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        const unseen = 'script, template, noscript, option, .hidden, .skip, :disabled';
        if (!texts.currentNode.data.trim() || element.closest(unseen)) continue;
        if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
        const style = getComputedStyle(element);
        const [light, dark] = [luminance(rgba(style.color)), luminance(ground(element))].sort((a, b) => b - a);
        const size = parseFloat(style.fontSize);
        const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
        const ratio = (light + 0.05) / (dark + 0.05);
        if (ratio < least) faint.push(`${texts.currentNode.data.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
    }
    return faint;
}"""

FOCUS_IS_SEEN = """() => {
    const element = document.activeElement;
    const shown = element.matches('.segments input') ? element.nextElementSibling : element;
    const { outlineStyle, outlineWidth } = getComputedStyle(shown);
    return outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
}"""


def controls_without_a_name(page: Page) -> list[Any]:
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")
    nodes = [node for node in tree["nodes"] if not node.get("ignored") and node["role"]["value"] in CONTROLS]
    assert nodes, "the page has no controls at all"
    return [node for node in nodes if not node.get("name", {}).get("value", "").strip()]


@pytest.mark.parametrize("path", PATHS)
def test_every_control_has_a_name(page: Page, login: Login, server: RunningServer, path: str) -> None:
    login(page, server, path=path)
    assert controls_without_a_name(page) == []
    for opener in page.get_by_role("button", name="Add a").or_(page.locator("#help")).all():
        opener.click()
        assert controls_without_a_name(page) == []


@pytest.mark.parametrize("path", PATHS)
def test_landmarks_and_one_heading(page: Page, login: Login, server: RunningServer, path: str) -> None:
    login(page, server, path=path)
    for role in ("banner", "navigation", "main"):
        expect(page.get_by_role(role)).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    expect(page.get_by_role("navigation").locator("[aria-current]")).to_have_count(1)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_texts_are_dark_enough_on_their_ground(
    new_page: NewPage, login: Login, server: RunningServer, theme: str
) -> None:
    page = new_page(color_scheme=theme)
    page.goto(server.url + "/login")
    assert page.evaluate(TOO_FAINT) == []
    login(page, server)
    CameraPage(page).is_live()
    page.locator("#numbers summary").click()
    assert page.evaluate(TOO_FAINT) == []
    for path in PATHS[1:]:
        page.goto(server.url + path)
        assert page.evaluate(TOO_FAINT) == [], path


def test_the_focus_can_be_seen_wherever_it_goes(page: Page, login: Login, server: RunningServer) -> None:
    for path in PATHS:
        if path == PATHS[0]:
            login(page, server)
        else:
            page.goto(server.url + path)
        first = None
        for _ in range(40):
            page.keyboard.press("Tab")
            here = page.evaluate("() => document.activeElement.outerHTML.slice(0, 200)")
            if here == first or page.evaluate("() => document.activeElement === document.body"):
                break
            first = first or here
            assert page.evaluate(FOCUS_IS_SEEN), here


def test_the_keyboard_alone_is_enough(page: Page, server: RunningServer) -> None:
    page.goto(server.url)
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type(server.admin_username)
    page.keyboard.press("Tab")
    page.keyboard.type(server.admin_password)
    page.keyboard.press("Enter")
    camera = CameraPage(page).is_live().centre()

    page.keyboard.press("Tab")
    camera.button("Pan right").focus()
    page.keyboard.press("Enter")
    camera.shows_pose(100, 90)
    page.keyboard.press("Space")
    camera.shows_pose(110, 90)

    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    camera.shows_pose(110, 90)

    summary = page.locator(".bar summary")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Log out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Log out")).to_be_hidden()
    expect(summary).to_be_focused()


def test_the_skip_link_is_the_first_stop(page: Page, login: Login, server: RunningServer) -> None:
    login(page, server, path="/settings")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


def test_right_to_left_mirrors_the_page_but_not_left_and_right(page: Page, login: Login, server: RunningServer) -> None:
    camera = CameraPage(login(page, server)).is_live().centre()
    page.evaluate("() => document.documentElement.setAttribute('dir', 'rtl')")

    def start_of(locator: Any) -> float:
        box = locator.bounding_box()
        assert box
        return float(box["x"])

    assert start_of(camera.stage) > start_of(page.locator("#dpad"))
    assert start_of(camera.button("Pan left")) < start_of(camera.button("Pan right"))
    page.keyboard.press("ArrowLeft")
    camera.shows_pose(80, 90)
    camera.button("Pan right").click()
    camera.shows_pose(90, 90)


def test_nothing_moves_for_those_who_asked_for_that(new_page: NewPage, login: Login, server: RunningServer) -> None:
    page = login(new_page(reduced_motion="reduce"), server)
    CameraPage(page).is_live()
    moving = """() => [...document.querySelectorAll('*')].filter(element =>
        getComputedStyle(element).transitionDuration.split(',').some(duration => parseFloat(duration) > 0)).length"""
    assert page.evaluate(moving) == 0
