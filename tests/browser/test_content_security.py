"""The page needs no inline script, no inline style and no other host: the policy that is sent forbids them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.camera_page import CameraPage
from tests.running import RunningServer


@pytest.mark.parametrize("path", ["/", "/recordings", "/devices", "/users", "/settings", "/stats", "/audit"])
def test_a_strict_policy_breaks_nothing(
    page: Page, login: Callable[..., Page], server: RunningServer, path: str
) -> None:
    login(page, server)
    answer = page.goto(server.url + path)
    assert answer
    assert answer.headers["content-security-policy"].startswith("default-src 'self'; ")
    assert "unsafe" not in answer.headers["content-security-policy"]
    if path == "/":
        camera = CameraPage(page).is_live().centre()
        camera.drag(right=60, down=0)
        camera.page.locator("#numbers summary").click()
        camera.picture_changes()
    page.locator(".bar summary").click()
    page.locator("#theme-switch").get_by_text("Light").click()
    page.keyboard.press("Escape")
    for opener in page.get_by_role("button", name="Add a").all():
        opener.click()
