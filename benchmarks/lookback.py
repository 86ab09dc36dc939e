"""What a person waits for who looks back: from the press of a key to the picture of another moment, in Chromium."""

from __future__ import annotations

from datetime import UTC, timedelta

from playwright.sync_api import Page, sync_playwright

from benchmarks.recordings import END, insert_rows, row
from benchmarks.server import Server
from benchmarks.table import Rounds, Table, verdict
from camproxy.recording.encoder import Encoder, Encoding
from camproxy.recording.storage import Storage
from camproxy.settings import load
from tests.plugins.chromium import CHROMIUM, FLAGS
from tests.recording.playback import picture

SIZE = 800, 600
FPS = 10
#: A visit to the page, and a seek in it. Milliseconds.
VISIT, SEEK = 1000, 500

# What is seen, small: enough to tell one picture from another.
SEEN = """() => {
    const shown = [...document.querySelectorAll('#video, #pictures')].find(element => element.checkVisibility());
    if (!shown || (shown.videoWidth ?? shown.width) < 100) return null;
    window.small ??= new OffscreenCanvas(80, 60).getContext('2d', { willReadFrequently: true });
    small.drawImage(shown, 0, 0, 80, 60);
    const { data } = small.getImageData(0, 0, 80, 60);
    return data.some(value => value !== data[0]) ? data.join() : null;
}"""
# Until there is a picture, or another than `before`; looked for at each frame of the screen. Milliseconds.
UNTIL_SEEN = f"""(before, begun) => new Promise(done => {{
    const look = () => {{
        const now = ({SEEN})();
        if (now && now !== before) done(performance.now() - begun);
        else requestAnimationFrame(look);
    }};
    look();
}})"""
VISITED = f"() => ({UNTIL_SEEN})(null, 0)"
PRESSED = f"""key => {{
    const before = ({SEEN})();
    const begun = performance.now();
    document.querySelector('#timeline-track').dispatchEvent(new KeyboardEvent('keydown', {{ key, bubbles: true }}));
    return ({UNTIL_SEEN})(before, begun);
}}"""


def run(seconds: int = 600, rounds: int = 10) -> Table:
    table = Table(
        "Looking back in Chromium, milliseconds",
        f"A recording of {seconds} s, {SIZE[0]} × {SIZE[1]} at {FPS} pictures a second, over loopback. A visit is "
        "counted from the call of the page to its first picture, a seek from the press of the key to the picture of a "
        f"moment that nothing was fetched of. Medians of {rounds}, in brackets the least and the most.",
        ("", "measured", "", "at most", "holds"),
    )
    settings = {"RECORDING_DAYS": 36_500, "RECORDING_FREE_BYTES": 0, "RECORDING_TIMEZONE": "UTC"}
    with Server(**settings) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page()
        log_in(page, server)
        for number, codec in enumerate(("h264", "mjpeg"), 1):
            server.add_camera(codec, "demo:garden", enabled=False)
            film(server, codec, number, seconds)
            visits = [visit(page, server, codec) for _ in range(rounds)]
            add(table, f"visit, {codec}", visits, VISIT)
            look_closely(page)
            add(table, f"seek, {codec}", [page.evaluate(PRESSED, "PageUp") for _ in range(rounds)], SEEK)
        browser.close()
    return table


def add(table: Table, name: str, milliseconds: list[float], at_most: float) -> None:
    found = Rounds(milliseconds)
    table.add(name, f"{found.median:.0f}", found.spread(".0f"), *verdict(found.median, at_most))


def log_in(page: Page, server: Server) -> None:
    address = server.admin.server.url
    page.goto(address)
    page.locator("#username").fill(server.admin.username)
    page.locator("#password").fill(server.admin.password)
    page.locator("form .primary").click()
    page.wait_for_url(address + "/")


def film(server: Server, codec: str, number: int, seconds: int) -> None:
    """One recording of the camera that was added last."""
    pictures = [picture(number, *SIZE) for number in range(37)]
    made = Storage(load(server.settings).recordings, 0).create(f"AA-BB-CC-DD-FE-0{number}", 0, UTC)
    encoder = Encoder(Encoding(codec, *SIZE, FPS), made.descriptor)
    for at in range(seconds * FPS):
        encoder.write(pictures[at % 37], at / FPS)
    if not encoder.finish(60):
        raise RuntimeError("the film could not be made")
    lasted = timedelta(seconds=seconds)
    insert_rows(server, [row(number + 1, END, lasted, str(made.path), codec=codec, width=SIZE[0], height=SIZE[1])])


def visit(page: Page, server: Server, camera: str) -> float:
    page.goto(f"{server.admin.server.url}/recordings?camera={camera}&at={END:%Y-%m-%dT%H:%M:%SZ}", wait_until="commit")
    return float(page.evaluate(VISITED))


def look_closely(page: Page) -> None:
    """So closely that a page of the line of time is 50 s."""
    for _ in range(8):
        page.locator("#zoom-in").click()
