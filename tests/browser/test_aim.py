"""Aiming on the picture: the thing that was clicked comes into the middle."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.camera_page import CameraPage
from tests.integration.people import wait_until
from tests.running import RunningServer

# Grey values of a square of the picture around a point, both in pixels of the picture.
PATCH = """([x, y, size]) => {
    const scratch = new OffscreenCanvas(size, size).getContext('2d', { willReadFrequently: true });
    const canvas = document.querySelector('#stage canvas');
    scratch.drawImage(canvas, x - size / 2, y - size / 2, size, size, 0, 0, size, size);
    const { data } = scratch.getImageData(0, 0, size, size);
    return Array.from({ length: size * size }, (_, i) => (data[4 * i] + data[4 * i + 1] + data[4 * i + 2]) / 3);
}"""
WIDTH, HEIGHT, SIZE = 640, 480, 64
# Straight ahead it is 194 in the light and 75 without, which goes on until the scene has been painted in the light.
LIT = f"""() => {{
    const grey = ({PATCH})([{WIDTH // 2}, {HEIGHT // 2}, {SIZE}]);
    return grey.reduce((sum, one) => sum + one) / grey.length > 120;
}}"""


@pytest.fixture
def camera(page: Page, login: Callable[..., Page], server: RunningServer) -> Iterator[CameraPage]:
    camera = CameraPage(login(page, server)).is_live().centre()
    if camera.button("Light").get_attribute("aria-pressed") == "false":
        camera.button("Light").click()
    expect(camera.button("Light")).to_have_attribute("aria-pressed", "true")
    camera.page.wait_for_function(LIT)
    yield camera
    with server.person() as admin:
        admin.ask("DELETE", "/api/cameras/demo/control")


def patch(camera: CameraPage, x: int, y: int) -> list[float]:
    grey: list[float] = camera.page.evaluate(PATCH, [x, y, SIZE])
    return grey


def still_patch(camera: CameraPage, x: int, y: int) -> list[float]:
    """What is there when the picture has come to rest; it may still be on its way when the pose has arrived."""
    alike, last = 0, patch(camera, x, y)
    for _ in range(50):
        camera.picture_changes()
        now = patch(camera, x, y)
        alike = alike + 1 if difference(now, last) < 1 else 0
        if alike == 3:
            return now
        last = now
    pytest.fail("the picture does not come to rest")


def difference(one: list[float], other: list[float]) -> float:
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)


# Things that stand still: a flower on the sill, the left edge of the clock, the right end of its roof.
@pytest.mark.parametrize(("x", "y", "pan", "tilt"), [(160, 304, 75, 84), (416, 368, 99, 78), (544, 176, 111, 96)])
def test_what_is_clicked_comes_into_the_middle(camera: CameraPage, x: int, y: int, pan: int, tilt: int) -> None:
    clicked = still_patch(camera, x, y)
    box = camera.page.locator("#stage canvas").bounding_box()
    assert box
    camera.page.mouse.click(box["x"] + box["width"] * x / WIDTH, box["y"] + box["height"] * y / HEIGHT)
    camera.shows_pose(pan, tilt)
    wait_until(lambda: difference(patch(camera, WIDTH // 2, HEIGHT // 2), clicked) < 3, "it is in the middle")
    assert difference(still_patch(camera, WIDTH // 2, HEIGHT // 2), clicked) < 3, "and stays there"
