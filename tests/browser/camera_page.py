"""The camera page, as a test speaks of it."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

# A fingerprint of what is on the canvas, so that two moments can be compared.
FINGERPRINT = """() => {
    const canvas = document.querySelector('#stage canvas');
    if (canvas.width < 100) return null;
    window.scratch ??= new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
    window.scratch.drawImage(canvas, 0, 0);
    const { data } = window.scratch.getImageData(0, 0, canvas.width, canvas.height);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) sum = (sum * 31 + data[i] + data[i + 1] * 3 + data[i + 2] * 7) >>> 0;
    return sum;
}"""


class CameraPage:
    """Every wait ends when the page shows it, or fails after the page's time-out."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @property
    def stage(self) -> Locator:
        return self.page.locator("#stage")

    @property
    def driver(self) -> Locator:
        return self.page.locator("#driver-text")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def is_live(self) -> CameraPage:
        expect(self.page.locator("#state")).to_have_text("live")
        return self

    def picture_changes(self) -> None:
        before = self.page.evaluate(FINGERPRINT)
        self.page.wait_for_function(
            f"before => {{ const now = ({FINGERPRINT})(); return now !== null && now !== before }}", arg=before
        )

    def shows_pose(self, x: int, y: int) -> None:
        expect(self.page.locator("#pose")).to_have_text(f"pan {x}° tilt {y}°")

    @property
    def pose(self) -> tuple[int, int]:
        found = re.fullmatch(r"pan (\d+)° tilt (\d+)°", self.page.locator("#pose").inner_text())
        assert found
        return int(found[1]), int(found[2])

    def pose_is(self, such: str) -> None:
        """Wait until that is true of its x and y. Another may be shown a moment later."""
        found = "(document.querySelector('#pose').textContent.match(/\\d+/g) ?? []).map(Number)"
        self.page.wait_for_function(f"() => {{ const [x, y] = {found}; return {such} }}")

    def centre(self) -> CameraPage:
        self.button("Centre").click()
        self.shows_pose(90, 90)
        return self

    def drag(self, right: int, down: int) -> None:
        """Drag the middle of the picture by so many pixels."""
        box = self.page.locator("#stage canvas").bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + right, y + down, steps=8)
        self.page.mouse.up()
