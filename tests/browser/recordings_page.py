"""The page of recordings, as a test speaks of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.running import RunningServer

MOMENT = "() => Date.parse(document.querySelector('#moment').dateTime) / 1000"
# Each moment that was shown, and when; each sentence that was told, and whether the <video> had to look for its place.
WATCH = """() => {
    const seen = (window.seen = { moments: [], at: [], told: [], seeks: 0 });
    document.querySelector('#video').addEventListener('seeking', () => (seen.seeks += 1));
    const told = document.querySelector('#told');
    new MutationObserver(() => told.textContent && seen.told.push(told.textContent)).observe(told, { childList: true });
    const look = () => {
        const now = Date.parse(document.querySelector('#moment').dateTime) / 1000;
        if (now !== seen.moments.at(-1)) {
            seen.moments.push(now);
            seen.at.push(performance.now() / 1000);
        }
        requestAnimationFrame(look);
    };
    look();
}"""
# What is seen, as bytes; null when there is no picture.
PICTURE = """() => {
    const shown = [...document.querySelectorAll('#video, #pictures')].find(element => element.checkVisibility());
    const [width, height] = shown ? [shown.videoWidth ?? shown.width, shown.videoHeight ?? shown.height] : [0, 0];
    if (width < 100) return null;
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    context.drawImage(shown, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) sum = (sum * 31 + data[i] + data[i + 1] * 3 + data[i + 2] * 7) >>> 0;
    return `${sum}`;
}"""


class RecordingsPage:
    """Every wait ends when the page shows it, or fails after the page's time-out."""

    def __init__(self, page: Page, server: RunningServer) -> None:
        self.page = page
        self._server = server

    def open(self, at: str, camera: str = "demo") -> RecordingsPage:
        """At a moment. Waits for its picture."""
        self.page.goto(f"{self._server.url}/recordings?camera={camera}&at={at}")
        return self.shows_a_picture()

    def shows_a_picture(self) -> RecordingsPage:
        self.page.wait_for_function(f"() => ({PICTURE})() !== null")
        return self

    @property
    def moment(self) -> float:
        """Seconds since 1970."""
        return float(self.page.evaluate(MOMENT))

    @property
    def told(self) -> Locator:
        return self.page.locator("#told")

    @property
    def track(self) -> Locator:
        return self.page.get_by_role("slider")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def is_past(self, at: str | float) -> None:
        """Wait until it has come so far."""
        seconds = at if isinstance(at, float) else datetime.fromisoformat(at).timestamp()
        self.page.wait_for_function(f"at => ({MOMENT})() >= at", arg=seconds)

    def seen_until(self, at: str) -> dict[str, Any]:
        """Wait until it has come so far; what WATCH has seen by then, whatever comes while we are told."""
        seconds = datetime.fromisoformat(at).timestamp()
        seen = self.page.wait_for_function(f"at => ({MOMENT})() >= at && structuredClone(window.seen)", arg=seconds)
        found: dict[str, Any] = seen.json_value()
        return found

    def is_at(self, at: str) -> None:
        """Wait until it is there, within half a second."""
        seconds = datetime.fromisoformat(at).timestamp()
        self.page.wait_for_function(f"at => Math.abs(({MOMENT})() - at) < 0.5", arg=seconds)

    def picture(self) -> str:
        found = self.page.evaluate(PICTURE)
        assert found
        return str(found)

    def another_picture_than(self, before: str) -> None:
        self.page.wait_for_function(f"before => ![null, before].includes(({PICTURE})())", arg=before)

    def has_moved_from(self, before: float) -> None:
        """Wait until it is at another moment, and has its picture."""
        settled = "document.querySelector('#stage').ariaBusy === 'false'"
        self.page.wait_for_function(f"before => ({MOMENT})() !== before && {settled}", arg=before)

    def look_closely(self) -> None:
        """So closely that recordings of seconds can be told apart: at half a minute."""
        while self.page.locator("#zoom-in").get_attribute("aria-disabled") is None:
            self.button("Look closer").click()
            self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def span(self, kind: str) -> Locator:
        expect(self.page.locator(f"#timeline-spans .{kind}").first).to_be_attached()
        return self.page.locator(f"#timeline-spans .{kind}")
