"""The page needs no inline script, no inline style and no other host: a strict policy may forbid them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route

from tests.browser.camera_page import CameraPage
from tests.running import RunningServer

POLICY = "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'"


@pytest.mark.parametrize("path", ["/", "/devices", "/users", "/settings"])
def test_a_strict_policy_breaks_nothing(
    page: Page, login: Callable[..., Page], server: RunningServer, path: str
) -> None:
    def with_policy(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, headers=answer.headers | {"content-security-policy": POLICY})

    login(page, server)
    page.route(server.url + path, with_policy)
    page.goto(server.url + path)
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
