"""The main job, through the real page: watch, steer, be seen by another, leave."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.camera_page import CameraPage
from tests.browser.conftest import NewPage
from tests.conftest import MakeServer
from tests.fakes import FakeEsp32Cam
from tests.integration.people import wait_until
from tests.running import Person, RunningServer

Login = Callable[..., Page]

PASSWORD = "ben has a long password"


@pytest.fixture(scope="module")
def ben(admin: Person) -> str:
    """An operator where everybody may steer the demo camera."""
    assert admin.ask("PATCH", "/api/cameras/demo", {"everyone": "control"}).ok
    admin.made("/api/users", {"username": "ben", "password": PASSWORD, "role": "operator"})
    return "ben"


@pytest.fixture
def camera(page: Page, login: Login, server: RunningServer, admin: Person) -> Iterator[CameraPage]:
    """The admin watches the demo camera, which looks straight ahead and is steered by nobody."""
    yield CameraPage(login(page, server)).is_live().centre()
    admin.ask("DELETE", "/api/cameras/demo/control")


def test_a_wrong_password_is_refused_in_words(new_page: NewPage, server: RunningServer) -> None:
    page = new_page(expected=("401",))
    page.goto(server.url)
    expect(page).to_have_title("Log in · CamProxy")
    page.get_by_label("User name").fill("admin")
    page.get_by_label("Password", exact=True).fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not fit")
    expect(page.get_by_label("User name")).to_have_value("admin")


def test_the_log_in_form_works_without_javascript(new_page: NewPage, server: RunningServer, login: Login) -> None:
    page = login(new_page(java_script_enabled=False), server)
    expect(page.get_by_role("link", name="Devices")).to_be_visible()


def test_the_picture_moves_and_its_state_is_told(camera: CameraPage) -> None:
    camera.picture_changes()
    camera.picture_changes()
    expect(camera.page.locator("#latency")).to_have_text(re.compile(r"^\d+ ms$"))
    expect(camera.page.locator("#fps")).to_have_text(re.compile(r"^\d+ fps$"))
    expect(camera.page.locator("#watching-text")).to_have_text(re.compile(r"^\d+ watching$"))
    camera.page.locator("#numbers summary").click()
    expect(camera.page.locator("#numbers")).to_contain_text("640 × 480")


def test_it_asks_once_for_what_it_is_told(page: Page, login: Login, server: RunningServer, admin: Person) -> None:
    said: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda text: said.append(str(text))))
    CameraPage(login(page, server)).is_live().centre()
    admin.ask("DELETE", "/api/cameras/demo/control")
    assert len([text for text in said if '"subscribe",' in text]) == 1, said


def test_steer_by_button(camera: CameraPage) -> None:
    camera.button("Pan right").click()
    camera.shows_pose(100, 90)
    camera.button("Tilt up").click()
    camera.shows_pose(100, 100)
    camera.button("Pan left").click()
    camera.button("Tilt down").click()
    camera.shows_pose(90, 90)
    expect(camera.driver).to_have_text("You are steering")


def test_a_held_button_repeats_until_it_is_let_go(camera: CameraPage) -> None:
    camera.button("Pan left").hover()
    camera.page.mouse.down()
    camera.pose_is("x <= 60")
    camera.page.mouse.up()
    camera.centre()  # after all that was sent until then
    camera.button("Pan right").click()
    camera.shows_pose(100, 90)


def test_steer_by_key(camera: CameraPage) -> None:
    for key, pose in [("ArrowLeft", (80, 90)), ("ArrowUp", (80, 100)), ("ArrowRight", (90, 100)), ("c", (90, 90))]:
        camera.page.keyboard.press(key)
        camera.shows_pose(*pose)


def test_keys_that_are_typed_into_a_field_steer_nothing(camera: CameraPage) -> None:
    camera.button("Save this place").click()
    camera.page.get_by_label("Name").press_sequentially("c1l?")
    camera.page.keyboard.press("ArrowLeft")
    expect(camera.page.get_by_label("Name")).to_have_value("c1l?")
    camera.page.keyboard.press("Escape")
    camera.shows_pose(90, 90)
    expect(camera.button("Light")).to_have_attribute("aria-pressed", "false")


def test_the_step_is_chosen(camera: CameraPage) -> None:
    camera.page.keyboard.press("+")
    expect(camera.page.locator("#step-size")).to_have_text("15°")
    camera.button("Pan right").click()
    camera.shows_pose(105, 90)
    for _ in range(8):
        camera.page.keyboard.press("-")
    expect(camera.page.locator("#step-size")).to_have_text("1°")
    expect(camera.button("Smaller step")).to_have_attribute("aria-disabled", "true")


def test_drag_moves_what_is_seen(camera: CameraPage) -> None:
    camera.drag(right=-200, down=100)
    camera.pose_is("x > 95 && y > 90")


def test_a_click_aims_at_the_point(camera: CameraPage) -> None:
    box = camera.page.locator("#stage canvas").bounding_box()
    assert box
    camera.page.mouse.click(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.5)
    camera.shows_pose(75, 90)


def test_touch_aims_too(new_page: NewPage, login: Login, server: RunningServer, admin: Person) -> None:
    camera = CameraPage(login(new_page(width=390, height=844, has_touch=True, is_mobile=True), server)).is_live()
    camera.centre()
    box = camera.page.locator("#stage canvas").bounding_box()
    assert box
    camera.page.touchscreen.tap(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    camera.shows_pose(105, 90)
    admin.ask("DELETE", "/api/cameras/demo/control")


def test_presets(camera: CameraPage) -> None:
    page = camera.page
    camera.button("Pan right").click()
    camera.shows_pose(100, 90)
    camera.button("Save this place").click()
    page.get_by_label("Name").fill("Shelf")
    camera.button("Save").click()
    expect(page.locator("#preset-list")).to_contain_text("Shelf")
    camera.centre()
    page.keyboard.press("1")
    camera.shows_pose(100, 90)
    camera.centre()
    page.locator("#preset-list").get_by_role("button").click()
    camera.shows_pose(100, 90)

    camera.button("Edit").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Bookshelf")
    camera.button("Rename").click()
    expect(page.locator("#preset-list")).to_contain_text("Bookshelf")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.locator("#confirm").get_by_role("button", name="Delete").click()
    expect(page.locator("#presets-empty")).to_be_visible()


def test_light_and_snapshot(camera: CameraPage, tmp_path: Path) -> None:
    camera.page.keyboard.press("l")
    expect(camera.button("Light")).to_have_attribute("aria-pressed", "true")
    camera.button("Light").click()
    expect(camera.button("Light")).to_have_attribute("aria-pressed", "false")
    with camera.page.expect_download() as download:
        camera.button("Snapshot").click()
        expect(camera.page.get_by_text("Snapshot saved as")).to_be_visible()  # for some seconds
    assert re.fullmatch(r"demo-\d{4}(-\d\d){5}\.jpg", download.value.suggested_filename)
    download.value.save_as(tmp_path / "snapshot.jpg")
    assert (tmp_path / "snapshot.jpg").read_bytes().startswith(b"\xff\xd8")


def test_full_screen_and_back(camera: CameraPage) -> None:
    camera.page.keyboard.press("f")
    expect(camera.button("Leave full screen")).to_be_visible()
    camera.page.keyboard.press("ArrowRight")
    camera.shows_pose(100, 90)
    camera.button("Leave full screen").click()
    expect(camera.button("Leave full screen")).to_be_hidden()


def test_a_second_person_sees_it_asks_and_takes_over(
    camera: CameraPage, new_page: NewPage, login: Login, server: RunningServer, ben: str
) -> None:
    other = CameraPage(login(new_page(), server, ben, PASSWORD)).is_live()
    other.shows_pose(90, 90)
    camera.button("Pan right").click()
    other.shows_pose(100, 90)
    expect(other.driver).to_have_text("admin is steering")
    expect(other.button("Pan left")).to_have_attribute("aria-disabled", "true")
    expect(other.button("Pan left")).to_have_attribute("title", "admin is steering.")
    expect(other.button("Take over")).to_be_hidden()
    other.page.keyboard.press("ArrowLeft")
    expect(other.page.locator("#toasts")).to_contain_text("admin is steering.")

    other.button("Ask for it").click()
    expect(other.page.locator("#toasts")).to_contain_text("admin can see now that you would like to steer.")
    expect(other.driver).to_have_text("admin is steering. You have asked.")
    expect(camera.driver).to_have_text("You are steering. ben asks for it.")
    camera.button("Hand over").click()
    expect(other.driver).to_have_text("Nobody is steering")
    other.button("Pan left").click()
    camera.shows_pose(90, 90)
    expect(camera.driver).to_have_text("ben is steering")

    camera.button("Take over").click()
    expect(other.driver).to_have_text("admin is steering")
    expect(camera.driver).to_have_text("You are steering")


def test_a_viewer_has_nothing_to_steer_with(
    new_page: NewPage, login: Login, server: RunningServer, admin: Person
) -> None:
    admin.made("/api/users", {"username": "vera", "password": PASSWORD, "role": "viewer"})
    camera = CameraPage(login(new_page(), server, "vera", PASSWORD)).is_live()
    for name in ("Pan left", "Light", "Save this place"):
        expect(camera.button(name)).to_be_hidden()
    expect(camera.page.get_by_role("link", name="Users")).to_have_count(0)
    expect(camera.button("Snapshot")).to_be_visible()


def test_a_hidden_tab_pulls_no_pictures(camera: CameraPage, admin: Person) -> None:
    hide = """hidden => {
        Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    viewers = "async () => (await (await fetch('/api/cameras/demo')).json()).status.viewers"
    camera.page.evaluate(hide, True)
    camera.page.wait_for_function(f"async () => await ({viewers})() === 0")
    camera.page.evaluate(hide, False)
    camera.is_live().picture_changes()


def test_what_happens_before_a_page_is_connected_is_seen_when_it_is(
    page: Page, login: Login, server: RunningServer, admin: Person
) -> None:
    held: list[WebSocketRoute] = []
    page.route_web_socket(re.compile("/socket.io/"), lambda route: held.append(route))
    login(page, server, path="/devices")
    wait_until(lambda: page.title() and held, "it would like to be")
    made = admin.made("/api/cameras", {"name": "Shed", "url": "demo:garden"})
    expect(page.locator("#list")).not_to_contain_text("Shed")
    held[0].connect_to_server()
    expect(page.locator("#list")).to_contain_text("Shed")
    assert admin.ask("DELETE", f"/api/cameras/{made['id']}").ok


def test_a_camera_that_is_away_says_why(new_page: NewPage, login: Login, server: RunningServer, admin: Person) -> None:
    page = new_page(expected=("404",))  # a socket may be on its way when its camera is removed
    away = admin.made("/api/cameras", {"name": "Barn", "url": "ws://127.0.0.1:9/ws"})
    login(page, server)
    tile = page.get_by_role("link", name=re.compile("Barn"))
    expect(tile).to_contain_text("Offline since")
    expect(tile).to_contain_text("refuses the connection")
    expect(page.get_by_role("link", name=re.compile("Demo"))).to_contain_text("live")
    tile.click()
    expect(page).to_have_title("Barn · CamProxy")
    expect(CameraPage(page).stage).to_contain_text("refuses the connection")
    expect(CameraPage(page).button("Pan left")).to_have_attribute("aria-disabled", "true")

    page.get_by_role("link", name="All cameras").click()
    expect(page.get_by_role("heading", name="Live")).to_be_visible()
    page.go_back()
    expect(page).to_have_title("Barn · CamProxy")
    assert admin.ask("DELETE", f"/api/cameras/{away['id']}").ok
    expect(page).to_have_title("Demo · CamProxy")  # the only one that is left


def test_a_board_is_watched_and_steered_and_its_silence_is_told(
    page: Page, login: Login, server: RunningServer, admin: Person, board: FakeEsp32Cam
) -> None:
    bench = admin.made("/api/cameras", {"name": "Bench", "url": board.url})
    camera = CameraPage(login(page, server, path="/?camera=bench")).is_live()
    camera.picture_changes()
    camera.centre()
    camera.button("Pan right").click()
    camera.shows_pose(100, 90)

    board.fault("silence")
    expect(camera.stage.locator(".viewer")).to_have_class(re.compile("stale"))
    expect(camera.stage.locator(".veil-title")).to_be_visible()
    expect(page.locator("#state")).not_to_have_text("live")
    board.fault("none")
    camera.is_live().picture_changes()
    assert admin.ask("DELETE", f"/api/cameras/{bench['id']}").ok


def test_without_websockets_the_picture_comes_as_mjpeg(new_page: NewPage, login: Login, server: RunningServer) -> None:
    page = new_page(expected=("WebSocket", "404"))
    page.add_init_script("""
        const Real = window.WebSocket;
        window.WebSocket = class extends Real {
            constructor(url) { super(url.replace('/ws/view/', '/no/such/place/')); }
        };
    """)
    login(page, server)
    picture = page.locator("#stage img.picture")
    expect(picture).to_be_visible()
    page.wait_for_function("() => document.querySelector('#stage img.picture').naturalWidth === 640")
    camera = CameraPage(page).is_live().centre()
    camera.drag(right=100, down=0)
    expect(page.locator("#pose")).not_to_have_text("pan 90° tilt 90°")


def test_the_server_goes_and_comes_back(new_page: NewPage, login: Login, make_server: MakeServer) -> None:
    first = make_server()
    page = new_page(expected=("WebSocket", "ERR_CONNECTION_REFUSED", "Failed to load resource"))
    camera = CameraPage(login(page, first)).is_live()
    first.stop()
    expect(camera.stage).to_contain_text(re.compile(r"reconnecting in \d+ s", re.IGNORECASE))
    expect(page.locator("#connection")).to_be_visible()
    expect(camera.button("Pan left")).to_have_attribute("aria-disabled", "true")
    make_server(data_dir=first.data_dir, PORT=first.port)
    camera.is_live().picture_changes()
    expect(page.locator("#connection")).to_be_hidden()


def test_log_out_ends_everything(camera: CameraPage, server: RunningServer) -> None:
    camera.page.locator(".bar summary").click()
    camera.page.get_by_role("link", name="Log out").click()
    expect(camera.page).to_have_title("Log in · CamProxy")
    camera.page.goto(server.url)
    expect(camera.page).to_have_title("Log in · CamProxy")


def test_log_out_in_one_tab_sends_the_other_to_the_form(camera: CameraPage, server: RunningServer) -> None:
    second = camera.page.context.new_page()
    second.goto(server.url + "/logout")
    expect(camera.page).to_have_title("Log in · CamProxy")
