"""Takes the pictures of docs/images/pairing-*.webp: `python -m tests.browser.screenshots`.

The real pages of a real server, on which both boards' firmware is paired as the documents of the boards tell it.
"""

from __future__ import annotations

import io
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from scripts.simulation.view import View
from tests.browser.test_aim import PATCH
from tests.firmware.esp32cam import SimulatedCamera
from tests.firmware.pico import SimulatedPico, write_config
from tests.plugins.chromium import CHROMIUM, FLAGS
from tests.running import PROJECT, RunningServer

IMAGES = PROJECT / "docs" / "images"
WIDTH, HEIGHT = 1000, 640
#: Files are small, and the text in them is still sharp. WebP quality, of 100.
QUALITY = 70


def take(page: Page, name: str, height: int = HEIGHT) -> None:
    keep(name, page.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": height}))


def keep(name: str, shot: bytes) -> None:
    Image.open(io.BytesIO(shot)).save(IMAGES / f"{name}.webp", quality=QUALITY, method=6)


def log_in(page: Page, server: RunningServer) -> None:
    page.goto(server.url + "/devices/add")
    page.get_by_label("User name").fill(server.admin_username)
    page.get_by_label("Password", exact=True).fill(server.admin_password)
    page.get_by_role("button", name="Log in").click()


def show_link(page: Page, server: RunningServer, kind: str) -> str:
    page.goto(server.url + "/devices/add")
    page.get_by_text(kind, exact=True).first.click()
    page.get_by_role("button", name="Show a token").click()
    window = page.locator("#windows > li").filter(has_text=f"{kind} is let in")
    window.locator("summary").click()
    return window.locator('[data-slot="link"]').inner_text()


def arrived(page: Page, name: str) -> None:
    expect(page.locator("#arrivals")).to_contain_text(f"{name}", timeout=20_000)


def main() -> None:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="camproxy-screenshots-")))
        server = RunningServer(home / "data", TLS="true")
        stack.callback(server.stop)
        view = stack.enter_context(closing(View(home / "live.jpg")))
        chromium = stack.enter_context(sync_playwright()).chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        stack.callback(chromium.close)
        page = chromium.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, ignore_https_errors=True, reduced_motion="reduce"
        )
        log_in(page, server)
        (home / "none").mkdir()
        camera = SimulatedCamera(home / "camera", home / "none", "--live", str(view.file))
        stack.callback(camera.close)

        link = show_link(page, server, "ESP32-CAM")
        page.set_viewport_size({"width": WIDTH, "height": 1600})  # all of it, with nothing on top of it
        keep("pairing-link", page.locator("#windows > li").screenshot())
        page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        for line in ("wifi The network", "name Porch", f"pair {link}"):
            camera.say(line)
        arrived(page, "Porch")
        page.evaluate("() => window.scrollTo(0, 0)")
        take(page, "pairing-arrived", 254)

        write_config(home / "pico", server, pairing=show_link(page, server, "Pico"), name="Porch head")
        stack.enter_context(SimulatedPico(home / "pico", "--pose-port", str(view.port)))
        arrived(page, "Porch head")
        page.goto(server.url + "/?camera=porch")
        expect(page.locator("#state")).to_have_text("live", timeout=20_000)
        page.get_by_role("button", name="Light", exact=True).click()
        expect(page.locator("#pose")).to_have_text("pan 90° tilt 90°")
        page.locator('[data-command="left"]').click()
        expect(page.locator("#pose")).to_have_text("pan 80° tilt 90°")
        page.wait_for_function(f"() => ({PATCH})([400, 200, 32])[0] > 120")  # the light is on in the picture, too
        take(page, "pairing-done")


if __name__ == "__main__":
    main()
