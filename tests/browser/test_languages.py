"""German and Persian: chosen in the settings, whole on every page, mirrored where it must be; but left stays left."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import NewPage
from tests.browser.test_phone import OVERFLOW
from tests.running import Person, RunningServer

Login = Callable[..., Page]

PATHS = ["/", "/?all", "/recordings", "/devices", "/devices/add", "/users", "/audit", "/stats", "/settings"]

# What may be written in Latin letters on a Persian page: names, addresses, units, keys.
LATIN = {
    "CamProxy",
    "Demo",
    "demo",
    "workshop",
    "admin",
    "ESP32",
    "Pico",
    "HTTP",
    "QR",
    "CAM",
    "MJPEG",
    "ws",
    "http",
    "stream",
    "fps",
    "kB",
    "MB",
    "GB",
}
# A keyboard's keys are named so in every language.
LATIN |= {"Deutsch", "English", "Home", "Assistant", "Chrome", "Linux", "Insert", "Delete"}

# Every text of the page, also in closed dialogs and in what is read out; scripts and names of programs left out, and
# what may be wrong just now, which is in an operator's words.
TEXTS = """() => {
    const texts = [document.title];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const { data, parentElement } = walker.currentNode;
        if (!parentElement.closest('script, noscript, kbd, #sessions, #causes')) texts.push(data);
    }
    for (const name of ['aria-label', 'title', 'placeholder', 'alt']) {
        for (const element of document.querySelectorAll(`[${name}]`)) texts.push(element.getAttribute(name));
    }
    return texts;
}"""

# Labels whose text is wider than their place.
CUT = """() => [...document.querySelectorAll('a, button, label, summary, h1, h2, .segments span, .readings')]
    .filter(element => element.checkVisibility() && !element.closest('.hidden, .skip'))
    .filter(element => element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0)
    .map(element => element.outerHTML.slice(0, 120))"""


@pytest.fixture
def speak(admin: Person) -> Iterator[Callable[[str], None]]:
    """`speak("fa")`: what the admin has chosen."""

    def choose(code: str) -> None:
        assert admin.ask("PATCH", "/api/me", {"language": code}).ok

    yield choose
    choose("")
    admin.ask("DELETE", "/api/cameras/demo/control")


def points_at(page: Page, pan: int, tilt: int) -> None:
    """Whatever the words around them: the two angles that the page shows."""
    found = "() => (document.querySelector('#pose').textContent.match(/\\d+°/g) ?? []).join(' ')"
    page.wait_for_function(f"([pan, tilt]) => ({found})() === `${{pan}}° ${{tilt}}°`", arg=[pan, tilt])


def pad(page: Page, command: str) -> Locator:
    return page.locator(f"#dpad [data-command={command}]")


@pytest.mark.parametrize(
    ("code", "direction", "heading", "place", "driver", "field"),
    [
        ("de", "ltr", "Einstellungen", "Geräte", "Niemand steuert", "Sprache"),
        ("fa", "rtl", "تنظیمات", "دستگاه‌ها", "کنترل در دست کسی نیست", "زبان"),
    ],
)
def test_a_language_is_chosen_in_the_settings(
    page: Page,
    login: Login,
    server: RunningServer,
    speak: object,
    code: str,
    direction: str,
    heading: str,
    place: str,
    driver: str,
    field: str,
) -> None:
    login(page, server, path="/settings")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_label("Language").select_option(code)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("html")).to_have_attribute("lang", code)
    expect(page.locator("html")).to_have_attribute("dir", direction)
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    expect(page.get_by_role("link", name=place)).to_be_visible()
    expect(page.get_by_label(field, exact=True)).to_have_value(code)

    page.goto(server.url)
    expect(page.locator("#driver-text")).to_have_text(driver)  # written by a script
    page.goto(server.url + "/settings")
    page.get_by_label(field, exact=True).select_option("")
    page.locator("#you .primary").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_the_log_in_speaks_the_browsers_language(new_page: NewPage, server: RunningServer) -> None:
    page = new_page(locale="fa-IR")
    page.goto(server.url)
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.get_by_role("button", name="ورود")).to_be_visible()
    expect(page.get_by_role("button", name="نمایش")).to_be_visible()  # written by a script


def test_left_is_left_in_persian(page: Page, login: Login, server: RunningServer, speak: Callable[[str], None]) -> None:
    speak("fa")
    login(page, server)
    expect(page.locator("#stage")).to_have_attribute("data-tone", "live")
    pad(page, "center").click()
    points_at(page, 90, 90)

    places = [box["x"] for command in ("left", "center", "right") if (box := pad(page, command).bounding_box())]
    assert places == sorted(places)
    pad(page, "left").click()
    points_at(page, 80, 90)
    page.keyboard.press("ArrowLeft")
    points_at(page, 70, 90)
    page.keyboard.press("ArrowRight")
    points_at(page, 80, 90)

    box = page.locator("#stage canvas").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2)
    points_at(page, 65, 90)
    turned = "() => getComputedStyle(document.querySelector('#stage canvas')).transform"
    assert page.evaluate(turned) == "none"


def test_the_keys_work_on_a_persian_keyboard(
    page: Page, login: Login, server: RunningServer, speak: Callable[[str], None]
) -> None:
    speak("fa")
    login(page, server)
    light = page.locator("#light")
    expect(light).to_have_attribute("aria-pressed", "false")
    expect(light).not_to_have_attribute("aria-disabled", "true")
    press = "([key, code]) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, code, bubbles: true }))"
    page.evaluate(press, ["م", "KeyL"])
    expect(light).to_have_attribute("aria-pressed", "true")
    page.evaluate(press, ["م", "KeyL"])
    expect(light).to_have_attribute("aria-pressed", "false")
    page.evaluate(press, ["؟", "Slash"])
    expect(page.locator("#help-dialog")).to_be_visible()


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_left_in_english(
    page: Page, login: Login, server: RunningServer, speak: Callable[[str], None], path: str
) -> None:
    speak("fa")
    login(page, server)
    page.goto(server.url + path)
    page.wait_for_load_state("networkidle") if path in PATHS[2:] else page.wait_for_selector("[data-tone=live]")
    texts: list[str] = page.evaluate(TEXTS)
    assert any("زنده" in text for text in texts)
    assert {word for text in texts for word in re.findall(r"[A-Za-z][A-Za-z0-9]+", text)} <= LATIN


@pytest.mark.parametrize("code", ["en", "de", "fa"])
@pytest.mark.parametrize(("width", "height"), [(390, 844), (320, 568), (1280, 800)])
def test_every_label_has_its_room(
    new_page: NewPage,
    login: Login,
    server: RunningServer,
    speak: Callable[[str], None],
    code: str,
    width: int,
    height: int,
) -> None:
    speak(code)
    page = new_page(width, height, has_touch=width < 600, is_mobile=width < 600, locale=code)
    page.goto(server.url)
    page.locator("#username").fill(server.admin_username)
    page.locator("#password").fill(server.admin_password)
    assert page.evaluate(OVERFLOW) == 0
    assert page.evaluate(CUT) == []
    page.locator("form .primary").click()
    expect(page.locator("#stage")).to_have_attribute("data-tone", "live")
    for path in PATHS:
        page.goto(server.url + path)
        page.locator(".bar summary").click()
        assert page.evaluate(OVERFLOW) == 0, path
        assert page.evaluate(CUT) == [], path


def test_names_keep_their_direction(
    page: Page, login: Login, server: RunningServer, admin: Person, speak: Callable[[str], None]
) -> None:
    admin.made("/api/users", {"username": "gast!", "password": "long enough for all"})
    admin.made("/api/users", {"username": "مهمان!", "password": "long enough for all"})
    for code in ("fa", "en"):
        speak(code)
        if code == "fa":
            login(page, server, path="/users")
        else:
            page.reload()
        for name, direction in (("gast!", "ltr"), ("مهمان!", "rtl")):
            expect(page.get_by_text(name, exact=True).first).to_have_css("direction", direction)
