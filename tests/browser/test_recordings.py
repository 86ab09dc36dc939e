"""Looking back: what the real server has recorded plays in Chromium, from any moment, over seams and gaps."""

from __future__ import annotations

import io
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import NewPage
from tests.browser.filmed import Part, begun, ended, record, recordings, stop_recording
from tests.browser.recordings_page import WATCH, RecordingsPage
from tests.integration.people import wait_until
from tests.recording.playback import picture
from tests.running import RunningServer
from tests.zones import calm_zone

#: How wide a picture is, 0 while it is not there.
LOADED = "image => image.complete && image.naturalWidth"

Login = Callable[..., Page]
Open = Callable[..., RecordingsPage]


#: A camera that takes its time after a start may be missing for longer than CamProxy was.
CAUSES = {"server_stopped": "CamProxy was not running", "camera_offline": "the camera was not connected"}


@dataclass
class Filmed:
    """Two parts of H.264, two of MJPEG, then CamProxy was not running, then H.264 again."""

    server: RunningServer
    parts: list[Part]
    gaps: list[dict[str, str]]

    @property
    def why(self) -> re.Pattern[str]:
        """There is nothing between them."""
        return re.compile("|".join(CAUSES[gap["cause"]] for gap in self.gaps))

    def file(self, part: int) -> Path:
        """Where it lies."""
        ((path,),) = self.server.execute(f"SELECT path FROM recording WHERE id = {self.parts[part]['id']}")
        return self.server.data_dir / "recordings" / str(path)


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filmed]:
    data, zone = tmp_path_factory.mktemp("filmed"), calm_zone().key
    server = RunningServer(data, RECORDING_TIMEZONE=zone)
    with server.person() as admin:
        record(admin, 4, codec="h264", crf=23)
        record(admin, 3, crf=24)
        record(admin, 3, codec="mjpeg", fps=10.0)
        record(admin, 3, fps=9.0)
    server.stop()
    server = RunningServer(data, RECORDING_TIMEZONE=zone)
    with server.person() as admin:
        wait_until(lambda: len(recordings(admin)) > 4, "it goes on recording")
        record(admin, 2, codec="h264")
        stop_recording(admin)
        parts = recordings(admin)
        # The camera may have taken its time before the first, too.
        stretch = f"from={begun(parts[0], -600)}&to={ended(parts[-1])}"
        yield Filmed(server, parts, admin.get(f"/api/cameras/demo/timeline?{stretch}").json()["gaps"])
    server.stop()


@pytest.fixture
def opened(new_page: NewPage, login: Login, filmed: Filmed) -> Open:
    """`opened(at)`: the page at a moment, as the admin sees it."""

    def open_at(at: str, width: int = 1280, height: int = 800, **options: object) -> RecordingsPage:
        page = login(new_page(width, height, locale="en-GB", **options), filmed.server)
        return RecordingsPage(page, filmed.server).open(at)

    return open_at


def test_it_opens_at_the_latest_recording(page: Page, login: Login, filmed: Filmed) -> None:
    login(page, filmed.server)
    page.get_by_role("link", name="Recordings").click()
    shown = RecordingsPage(page, filmed.server).shows_a_picture()
    last = filmed.parts[-1]
    assert begun(last, -0.001) <= begun({"started_at": f"{datetime.fromtimestamp(shown.moment).astimezone()}"})
    expect(page.locator("#camera")).to_have_value("demo")
    expect(page.get_by_role("link", name="Recordings")).to_have_attribute("aria-current", "page")


@pytest.mark.parametrize(("part", "element"), [(0, "#video"), (2, "#pictures")], ids=["h264", "mjpeg"])
class TestPlaying:
    def test_it_plays_and_pauses(self, opened: Open, filmed: Filmed, part: int, element: str) -> None:
        at = begun(filmed.parts[part], 0.5)
        shown = opened(at)
        expect(shown.page.locator(element)).to_be_visible()
        before = shown.picture()
        shown.button("Play").click()
        shown.is_past(begun(filmed.parts[part], 1.5))
        shown.another_picture_than(before)
        shown.button("Pause").click()
        expect(shown.button("Play")).to_be_visible()
        shown.page.keyboard.press("Space")  # the focus is on the button, and the key is pressed once
        expect(shown.button("Pause")).to_be_visible()

    def test_the_picture_is_that_of_the_moment(self, opened: Open, filmed: Filmed, part: int, element: str) -> None:
        """To the frame: each way to a moment shows what ffmpeg finds in the file there."""
        shown = opened(begun(filmed.parts[part], 0.3))
        file = filmed.file(part)
        for press in (None, "ArrowRight", ".", ".", ",", "Shift+ArrowRight"):
            if press == "ArrowRight":
                shown.page.goto(f"{shown.page.url.partition('&at=')[0]}&at={begun(filmed.parts[part], 1.7)}")
                shown.shows_a_picture()
            elif press:
                before = shown.moment
                (shown.track if "Arrow" in press else shown.page.locator("body")).press(press)
                shown.has_moved_from(before)
            with shown.page.expect_download() as saving:
                shown.button("Snapshot").click()
            taken = Image.open(saving.value.path())
            seconds = shown.moment - datetime.fromisoformat(filmed.parts[part]["started_at"]).timestamp()
            times, nearest = most_alike(taken, file)
            wanted = max(number for number, time in enumerate(times) if time <= seconds + 0.002)
            assert abs(nearest - wanted) <= 1, f"{press}: the frame {nearest} of {times} at {seconds}"

    def test_a_seam_is_crossed_without_a_stall(self, opened: Open, filmed: Filmed, part: int, element: str) -> None:
        first, second = filmed.parts[part], filmed.parts[part + 1]
        shown = opened(ended(first, -1.5))
        shown.page.evaluate(WATCH)
        shown.page.keyboard.press("Space")
        seen = shown.seen_until(begun(second, 1))
        assert seen["told"] == []
        assert seen["seeks"] == 0, "it went on by itself"
        steps = [b - a for a, b in pairwise(seen["moments"])]
        passed = [b - a for a, b in pairwise(seen["at"])]
        assert min(steps) > -0.2
        assert max(step - real for step, real in zip(steps, passed, strict=True)) < 0.8, "nothing was left out"


def most_alike(taken: Image.Image, file: Path) -> tuple[list[float], int]:
    """When each frame of the file is shown, in seconds; and which of them is most like the picture."""
    size = 160, 120
    probe = ("ffprobe", "-v", "error", "-show_entries", "packet=pts_time", "-of", "csv=p=0", str(file))
    listed = subprocess.run(probe, capture_output=True, text=True, check=True).stdout
    times = [float(line.strip(",")) for line in listed.split()]
    scale = ("-vf", "scale=160:120", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    raw = subprocess.run(("ffmpeg", "-v", "error", "-i", str(file), *scale), capture_output=True, check=True).stdout
    frames = [Image.frombytes("RGB", size, raw[at : at + 57_600]) for at in range(0, len(raw), 57_600)]
    assert len(frames) == len(times)
    wanted = taken.convert("RGB").resize(size, Image.Resampling.BICUBIC)

    distances = [sum(ImageStat.Stat(ImageChops.difference(wanted, frame)).sum2) for frame in frames]
    return times, distances.index(min(distances))


def test_from_one_codec_to_the_other(opened: Open, filmed: Filmed) -> None:
    shown = opened(ended(filmed.parts[1], -0.7))
    shown.page.evaluate(WATCH)
    shown.page.keyboard.press("Space")
    seen = shown.seen_until(begun(filmed.parts[2], 0.5))
    expect(shown.page.locator("#pictures")).to_be_visible()
    expect(shown.page.locator("#video")).to_be_hidden()
    assert seen["told"] == []


def test_a_gap_is_jumped_with_a_sentence(opened: Open, filmed: Filmed) -> None:
    before, after = filmed.parts[3], filmed.parts[4]
    shown = opened(ended(before, -1))
    shown.page.evaluate(WATCH)
    shown.page.keyboard.press("Space")
    told = shown.seen_until(begun(after))["told"]
    assert told[0].startswith("Jumped over ")
    assert filmed.why.search(told[0])


def test_the_line_of_time_is_hovered_clicked_and_dragged(opened: Open, filmed: Filmed) -> None:
    shown = opened(begun(filmed.parts[3], 1))
    shown.look_closely()
    preview = shown.page.locator("#preview")
    shown.span("gap").first.hover()
    expect(preview).to_contain_text(filmed.why)
    expect(preview.locator("img")).to_be_hidden()

    box = shown.span("footage").first.bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    shown.page.mouse.move(box["x"] + box["width"] / 2, y)
    expect(preview.locator("img")).to_be_visible()
    wait_until(lambda: preview.locator("img").evaluate(LOADED) == 160, "the thumbnail is there")

    before = shown.moment
    shown.page.mouse.down()
    shown.page.mouse.up()
    shown.page.wait_for_function("before => Date.parse(moment.dateTime) / 1000 < before - 1", arg=before)
    clicked = shown.moment
    shown.page.mouse.down()
    shown.page.mouse.move(box["x"] + box["width"] / 2 + 60, y, steps=4)
    shown.page.mouse.up()
    shown.is_past(clicked + 0.5)
    shown.page.mouse.move(0, 0)
    expect(preview).to_be_hidden()


def test_the_keyboard_is_enough(opened: Open, filmed: Filmed) -> None:
    shown = opened(begun(filmed.parts[0], 1))
    track = shown.track
    track.press("Home")
    shown.is_at(begun(filmed.parts[0]))
    expect(track).to_have_attribute("aria-valuetext", re.compile(r"^\d\d:\d\d:\d\d, recorded$"))
    track.press("End")
    shown.is_past(ended(filmed.parts[-1], -1.5))
    track.press("Home")
    shown.is_at(begun(filmed.parts[0]))
    for _ in range(2):
        track.press("Shift+ArrowRight")
    shown.is_at(begun(filmed.parts[0], 2))
    for keys, speed in (("Shift+Period", "2"), ("Shift+Comma", "1"), ("Shift+Comma", "0.5")):
        shown.page.keyboard.press(keys)
        expect(shown.page.locator("#speed")).to_have_value(speed)
    shown.page.keyboard.press("?")
    expect(shown.page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    shown.page.keyboard.press("Escape")
    shown.page.locator("#as-list summary").click()
    items = shown.page.locator("#list li")
    expect(items).to_have_count(len(filmed.parts) + len(filmed.gaps))
    expect(items.filter(has_text=filmed.why)).to_have_count(len(filmed.gaps))
    shown.page.locator('#list li[data-kind="footage"]').nth(2).get_by_role("button").press("Enter")
    shown.is_at(begun(filmed.parts[2]))


@pytest.mark.parametrize("speed", ["0.25", "16"])
@pytest.mark.parametrize("part", [0, 2], ids=["h264", "mjpeg"])
def test_speeds(opened: Open, filmed: Filmed, part: int, speed: str) -> None:
    shown = opened(begun(filmed.parts[part], 0.2))
    shown.page.get_by_label("Speed").select_option(speed)
    begin = shown.moment
    shown.page.evaluate("() => (window.began = performance.now())")
    shown.button("Play").click()
    shown.is_past(begin + (0.3 if speed == "0.25" else 4.0))
    passed = shown.page.evaluate("() => performance.now() - window.began") / 1000
    if speed == "0.25":
        assert passed > 0.9
    else:
        assert shown.moment - begin >= 4.0


def test_events_and_poses(opened: Open, filmed: Filmed) -> None:
    """Whatever finds them: the timeline as it tells of them."""
    part = filmed.parts[0]

    def with_events(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        told["events"] = [
            {
                "id": number,
                "kind": "motion",
                "source": source,
                "from": begun(part, at),
                "to": None,
                "thumbnail": number == 0,
            }
            for number, (at, source) in enumerate([(1, "picture"), (3, "pir")])
        ]
        told["poses"] = [[begun(part), 90, 45], [begun(part, 2), 120, 30]]
        route.fulfill(response=answer, json=told)

    shown = opened(begun(part, 0.2))
    shown.page.route("**/timeline?*", with_events)
    shown.page.route(
        "**/api/events/0/thumbnail.jpg", lambda route: route.fulfill(content_type="image/jpeg", body=picture())
    )
    shown.open(begun(part, 0.2))
    expect(shown.page.locator("#pose")).to_have_text("pan 90° tilt 45°")
    shown.button("Next event").click()
    shown.is_at(begun(part, 1))
    expect(shown.track).to_have_attribute("aria-valuetext", re.compile("Motion in the picture$"))
    shown.page.keyboard.press("n")
    shown.is_at(begun(part, 3))
    expect(shown.page.locator("#pose")).to_have_text("pan 120° tilt 30°")
    shown.page.keyboard.press("n")
    expect(shown.told).to_have_text("No event follows on this day.")
    shown.page.keyboard.press("p")
    shown.is_at(begun(part, 1))
    shown.page.locator("#as-list summary").click()
    pictures = shown.page.locator("#list img")
    expect(pictures).to_have_count(1)
    pictures.scroll_into_view_if_needed()
    wait_until(lambda: pictures.evaluate(LOADED) > 0, "the event's picture is there")


def test_a_browser_without_h264_is_told_so(new_page: NewPage, login: Login, filmed: Filmed) -> None:
    page = login(new_page(), filmed.server)
    page.add_init_script("MediaSource.isTypeSupported = () => false")
    page.goto(f"{filmed.server.url}/recordings?camera=demo&at={begun(filmed.parts[0], 1)}")
    expect(page.locator("#veil")).to_contain_text("This browser cannot play H.264 video")
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    RecordingsPage(page, filmed.server).open(begun(filmed.parts[2], 1))  # MJPEG plays everywhere


def test_a_download_is_the_file(opened: Open, filmed: Filmed) -> None:
    shown = opened(begun(filmed.parts[2], 1))
    with shown.page.expect_download() as saving:
        shown.page.get_by_role("link", name="Download").click()
    assert saving.value.suggested_filename.startswith("demo_")
    assert Path(saving.value.path()).read_bytes() == filmed.file(2).read_bytes()


def test_two_fingers_zoom(opened: Open, filmed: Filmed) -> None:
    shown = opened(begun(filmed.parts[0], 1), 390, 844, has_touch=True, is_mobile=True)
    shown.track.evaluate("track => track.scrollIntoView({ block: 'center' })")
    box = shown.track.bounding_box()
    assert box
    y, middle = box["y"] + box["height"] / 2, box["x"] + box["width"] / 2
    cdp = shown.page.context.new_cdp_session(shown.page)
    labels = shown.page.locator("#timeline-ruler").inner_text()

    def touch(kind: str, spread: float | None) -> None:
        points = [] if spread is None else [{"x": middle + side * spread, "y": y, "id": side + 1} for side in (-1, 1)]
        cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 20)
    for spread in (30, 50, 80, 110):
        touch("touchMove", spread)
    touch("touchEnd", None)
    shown.page.wait_for_function("before => document.querySelector('#timeline-ruler').innerText !== before", arg=labels)
    expect(shown.button("See the whole day")).not_to_have_attribute("aria-disabled", "true")


def test_a_snapshot_of_mjpeg_is_the_cameras_own(opened: Open, filmed: Filmed) -> None:
    shown = opened(begun(filmed.parts[2], 1))
    with shown.page.expect_download() as saving:
        shown.button("Snapshot").click()
    taken = Path(saving.value.path()).read_bytes()
    assert taken in filmed.file(2).read_bytes()
    assert Image.open(io.BytesIO(taken)).size == (640, 480)
    assert saving.value.suggested_filename.startswith("demo-20")
