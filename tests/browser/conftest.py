"""Chromium, and people who sit in front of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.patience import PATIENCE
from tests.running import RunningServer

NewPage = Callable[..., Page]

expect.set_options(timeout=PATIENCE * 1000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.browser)


@pytest.fixture
def new_page(browser: Browser) -> Iterator[NewPage]:
    """`new_page(width=390)`: a page in a browser of its own. In the end nobody's console may show an error.

    `expected` names texts of errors that the test provokes.
    """
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def make(width: int = 1280, height: int = 800, expected: tuple[str, ...] = (), **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(PATIENCE * 1000)
        contexts.append(context)
        page = context.new_page()

        def note(text: str) -> None:
            if not any(part in text for part in expected):
                problems.append(text)

        def on_console(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                note(f"{message.type}: {message.text} ({message.location['url']})")

        page.on("console", on_console)
        page.on("pageerror", lambda error: note(f"uncaught: {error}"))
        return page

    yield make
    for context in contexts:
        context.close()
    assert problems == []


@pytest.fixture
def page(new_page: NewPage) -> Page:
    return new_page()


@pytest.fixture
def login() -> Callable[..., Page]:
    """`login(page, server)`: log in through the form, as the admin or whoever is named; `path` is where to go."""

    def log_in(page: Page, server: RunningServer, username: str = "", password: str = "", path: str = "/") -> Page:
        page.goto(server.url + path)
        page.get_by_label("User name").fill(username or server.admin_username)
        page.get_by_label("Password", exact=True).fill(password or server.admin_password)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(server.url + path)
        return page

    return log_in
