"""Boards on the pages: they come and go, are looked at, told things, configured, renamed, switched off and removed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from camproxy.device_log_file import DeviceLogFile, Line
from tests.browser.camera_page import CameraPage
from tests.browser.conftest import NewPage
from tests.browser.test_accessibility import FOCUS_IS_SEEN, TOO_FAINT, controls_without_a_name
from tests.browser.test_phone import OVERFLOW, TOO_SMALL
from tests.fakes.devices import FakeDevice
from tests.integration.boards import Enrolled, enrol
from tests.integration.people import new_account, new_camera, permit, wait_until
from tests.running import Person

Login = Callable[..., Page]

#: As long as a name may be; what turns the text around it is refused, so this comes from the database's back door.
HOSTILE = "<img src=x onerror=\"document.title='hacked'\">'; DROP TABLE device; --"
BIDI = "\u202eevil\u202c gnp.exe"


@pytest.fixture
def cam(admin: Person) -> Enrolled:
    return enrol(admin, "esp32cam")


@pytest.fixture
def pico(admin: Person) -> Enrolled:
    return enrol(admin, "pico")


def vitals_come(board: Enrolled, **vitals: Any) -> None:
    """Wait until the server knows what the board has said; what it makes of that comes with a page, or much later."""
    path = f"/api/devices/{board.id}"
    wait_until(lambda: vitals.items() <= board.admin.get(path).json()["status"].items(), "it is known")


def name_of(board: Enrolled) -> str:
    name: str = board.admin.get(f"/api/devices/{board.id}").json()["name"]
    return name


def row(page: Page, name: str) -> Locator:
    return page.locator("#boards > li").filter(has=page.get_by_text(name, exact=True))


def opened(login: Login, page: Page, board: Enrolled) -> Page:
    return login(page, board.admin.server, path=f"/devices/{board.id}")


def shows(page: Page, state: str) -> None:
    expect(page.locator("#state")).to_contain_text(state)


def figure(page: Page, label: str) -> Locator:
    return page.locator("#figures > div").filter(has=page.get_by_text(label, exact=True)).locator("dd")


class TestList:
    def test_a_board_that_comes_and_goes_is_seen_to(self, page: Page, login: Login, cam: Enrolled) -> None:
        login(page, cam.admin.server, path="/devices")
        its = row(page, name_of(cam))
        expect(its).to_contain_text("has never come")
        device = cam.come(version="1.4.2")
        expect(its).to_contain_text("online since")
        device.say(type="heartbeat", rssi=-58)
        expect(its).to_contain_text("signal very good (-58 dBm)")
        device.close(b"sleep 60")
        expect(its).to_contain_text("asleep since")
        with cam.dial() as device:
            expect(its).to_contain_text("online since")
        expect(its).to_contain_text("offline since")
        expect(its).to_contain_text("It ended the connection")

    def test_one_that_was_added_or_removed_elsewhere(self, page: Page, login: Login, admin: Person) -> None:
        login(page, admin.server, path="/devices")
        board = enrol(admin, "pico")
        name = f"Board {board.id}"
        with board.come():
            expect(page.locator("#boards")).to_contain_text(name_of(board))
        name = name_of(board)
        assert admin.ask("DELETE", f"/api/devices/{board.id}").ok
        expect(row(page, name)).to_have_count(0)

    def test_the_worst_that_is_wrong_stands_beside_it(self, page: Page, login: Login, cam: Enrolled) -> None:
        with cam.come(reset_reason="brownout") as device:
            device.say(type="heartbeat", free_heap=18_000, rssi=-80)
            vitals_come(cam, free_heap=18_000)
            login(page, cam.admin.server, path="/devices")
            expect(row(page, name_of(cam))).to_contain_text("Only 18000 bytes of memory are free")
            expect(row(page, name_of(cam))).to_contain_text("And 2 more.")

    def test_names_are_nothing_but_names(self, page: Page, login: Login, admin: Person) -> None:
        boards = {name: enrol(admin, "pico") for name in (HOSTILE, BIDI, "M" * 80)}
        for name, board in boards.items():
            quoted = name.replace("'", "''")
            admin.server.execute(f"UPDATE device SET name = '{quoted}' WHERE id = {board.id}")
        login(page, admin.server, path="/devices")
        for name, board in boards.items():
            its = page.locator("#boards > li").filter(has=page.locator(f'a[href="/devices/{board.id}"]'))
            expect(its.locator(".row-name")).to_have_text(name)
            page.goto(f"{admin.server.url}/devices/{board.id}")
            expect(page.locator("h1")).to_have_text(name)
            assert page.title() == f"{name} · CamProxy"
            assert page.evaluate("() => document.querySelectorAll('img[src=x]').length") == 0
            assert page.evaluate(OVERFLOW) == 0
            page.goto(f"{admin.server.url}/devices")


class TestBoard:
    def test_how_it_is(self, page: Page, login: Login, cam: Enrolled) -> None:
        with cam.come(version="1.4.2", reset_reason="ESP_RST_BROWNOUT") as device:
            vitals = {"free_heap": 96_000, "largest_block": 64_000, "rssi": -64, "temperature": 48.2}
            device.say(type="heartbeat", uptime_ms=7_500_000, frames_skipped=3, **vitals)
            opened(login, page, cam)
            shows(page, "online since")
            told = {
                "Address": "127.0.0.1",
                "Wi-Fi signal": "good (-64 dBm)",
                "Free memory": "96 kB",
                "Largest free piece": "64 kB",
                "Temperature": "48°C",
                "Running for": "2 hours, 5 minutes",
                "Why it started": "the supply voltage sagged",
                "Firmware": "1.4.2",
                "Pictures it left out": "3",
            }
            for label, value in told.items():
                expect(figure(page, label)).to_have_text(value)
            expect(page.locator("#advice")).to_contain_text("The supply voltage sagged")
            expect(page.locator("#advice")).to_contain_text("Use a 5 V supply")
            device.say(type="heartbeat", rssi=-90)
            expect(figure(page, "Wi-Fi signal")).to_have_text("too weak (-90 dBm)")
        shows(page, "offline since")
        expect(page.locator("#events")).to_contain_text("It came, from 127.0.0.1")
        expect(page.locator("#events")).to_contain_text("It went: It ended the connection")

    def test_a_board_that_is_well(self, page: Page, login: Login, pico: Enrolled) -> None:
        with pico.come():
            opened(login, page, pico)
            expect(page.get_by_text("Nothing that CamProxy knows of.")).to_be_visible()
            expect(page.get_by_role("button", name="Send a picture")).to_have_count(0)

    def test_what_it_is_told(self, page: Page, login: Login, cam: Enrolled) -> None:
        with cam.come() as device:
            opened(login, page, cam)
            result = page.locator("#order-result")
            page.get_by_role("button", name="Ping").click()
            expect(result).to_have_text(re.compile(r"^It answered after [\d,]+ ms\.$"))
            page.get_by_role("button", name="Send a picture").click()
            expect(result).to_have_text("It is sending one.")
            assert device.next("capture")
            page.get_by_role("button", name="Restart").click()
            page.get_by_role("dialog").get_by_role("button", name="Restart").click()
            expect(result).to_have_text("It is restarting.")
            assert device.next("restart")
            page.get_by_role("button", name="Sleep").click()
            page.get_by_label("Minutes").fill("2")
            page.get_by_role("dialog").get_by_role("button", name="Sleep").click()
            expect(result).to_have_text("It is going to sleep.")
            assert device.next("sleep")["seconds"] == 120

    def test_what_it_says_to_that(self, new_page: NewPage, login: Login, cam: Enrolled) -> None:
        page = new_page(expected=("502", "504"))
        with cam.come() as device:
            opened(login, page, cam)
            device.obey = lambda message: [
                {"type": "ack", "id": message["id"], "command": message["type"], "status": "error", "detail": "no lens"}
            ]
            page.get_by_role("button", name="Send a picture").click()
            expect(page.locator("#order-result")).to_contain_text("no lens")
            device.obey = lambda message: []
            page.get_by_role("button", name="Ping").click()
            expect(page.locator("#order-result")).to_contain_text("did not answer within two seconds")

    def test_what_cannot_be_done_says_why(self, page: Page, login: Login, cam: Enrolled) -> None:
        opened(login, page, cam)
        for name in ("Ping", "Send a picture", "Sleep", "Restart"):
            button = page.get_by_role("button", name=name)
            expect(button).to_have_attribute("aria-disabled", "true")
            expect(button).to_have_attribute("title", "The board is not connected.")
        page.get_by_role("button", name="Ping").click(force=True)
        expect(page.locator("#order-result")).to_have_text("The board is not connected.")
        with cam.come():
            expect(page.get_by_role("button", name="Ping")).not_to_have_attribute("aria-disabled", "true")


class TestConfiguration:
    def test_it_waits_and_is_delivered(self, page: Page, login: Login, cam: Enrolled) -> None:
        opened(login, page, cam)
        state = page.locator("#config-state")
        expect(state).to_contain_text("It runs with its own settings.")
        page.get_by_label("Picture size").select_option("VGA")
        page.get_by_label("Compression").fill("20")
        page.get_by_label("Motion sensor").check()
        page.get_by_role("button", name="Save").click()
        expect(state).to_contain_text("Waiting since")
        with cam.come() as device:
            told = device.next("config")["config"]
            assert (told["framesize"], told["quality"], told["pir"], told["fps"]) == ("VGA", 20, True, 10)
            expect(state).to_contain_text("The board has taken this")
        page.reload()
        expect(page.get_by_label("Compression")).to_have_value("20")
        expect(page.get_by_label("Motion sensor")).to_be_checked()

    def test_the_board_refuses_and_says_why(self, page: Page, login: Login, pico: Enrolled) -> None:
        with pico.come() as device:
            answers = device.obey

            def obey(message: dict[str, Any]) -> list[dict[str, Any]]:
                if message["type"] != "config":
                    return answers(message)
                no = {"status": "error", "detail": "<b>too fast</b>"}
                return [{"type": "ack", "id": message["id"], "command": "config"} | no]

            device.obey = obey
            opened(login, page, pico)
            page.get_by_label("Speed").fill("600")
            page.get_by_role("button", name="Save").click()
            expect(page.locator("#config-state")).to_contain_text("refused it")
            expect(page.locator("#config-state")).to_contain_text("<b>too fast</b>")

    def test_it_is_given_up_after_a_week(self, page: Page, login: Login, pico: Enrolled) -> None:
        assert pico.admin.ask("PUT", f"/api/devices/{pico.id}/config", {"speed": 90}).ok
        pico.admin.server.execute(f"UPDATE device SET config_at = '2020-01-01 00:00:00' WHERE id = {pico.id}")
        opened(login, page, pico)
        expect(page.locator("#config-state")).to_contain_text("was given up")

    def test_what_cannot_be_is_said_at_the_form(self, new_page: NewPage, login: Login, pico: Enrolled) -> None:
        page = opened(login, new_page(expected=("400",)), pico)
        page.get_by_label("Pan from").fill("181")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_label("Pan from")).to_be_focused()  # the browser's own word
        page.get_by_label("Pan from").fill("120")
        page.get_by_label("Pan to").fill("60")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#config").get_by_role("alert")).to_contain_text("limits must rise and lie within")
        assert page.get_by_label("Pan from").input_value() == "120"


class TestLog:
    def test_it_comes_live_and_is_searched(self, page: Page, login: Login, pico: Enrolled) -> None:
        lines = page.locator("#log > li")
        with pico.come() as device:
            opened(login, page, pico)
            expect(lines.first).to_contain_text("has come from 127.0.0.1")
            device.say(type="log", level="info", message="servo 1 is at 90")
            device.say(type="log", level="error", message="servo 2 is stuck <script>alert(1)</script>")
            expect(lines.first).to_contain_text("servo 2 is stuck <script>alert(1)</script>")
            expect(lines.first.locator(".log-level")).to_have_text("error")
            page.get_by_label("Show").select_option("error")
            expect(lines).to_have_count(1)
            device.say(type="log", level="info", message="servo 1 is at 91")
            device.say(type="log", level="E", message="servo 2 is gone")
            expect(lines).to_have_count(2)
            expect(lines.first).to_contain_text("servo 2 is gone")
            page.get_by_label("Show").select_option("debug")
            page.get_by_label("Search").fill("SERVO 1")
            expect(lines).to_have_count(2)
            expect(lines.first).to_contain_text("servo 1 is at 91")
            page.get_by_label("Search").fill("no such thing")
            expect(page.get_by_text("No line fits.")).to_be_visible()

    def test_older_lines_come_by_pages(self, page: Page, login: Login, pico: Enrolled) -> None:
        kept = DeviceLogFile(pico.admin.server.data_dir / "logs" / "devices" / f"{pico.id}.log", 1_000_000)
        at = "2026-11-21T10:00:00.000Z"
        kept.append(Line(number, at, "info", "device", f"line {number}") for number in range(1, 231))
        opened(login, page, pico)
        lines = page.locator("#log > li")
        older = page.locator("#older-log")
        for count in (100, 200):
            expect(lines).to_have_count(count)
            older.click()
        expect(lines).to_have_count(230)
        expect(older).to_be_hidden()
        with pico.come():
            expect(lines.first).to_contain_text("has come from")
        numbers = [int(line) for line in re.findall(r"line (\d+)$", page.locator("#log").inner_text(), re.M)]
        assert numbers == list(range(230, 0, -1))


class TestManaging:
    def test_a_new_name(self, page: Page, login: Login, pico: Enrolled) -> None:
        opened(login, page, pico)
        page.get_by_label("Name", exact=True).fill("Barn head")
        page.get_by_role("button", name="Rename").click()
        expect(page.locator("h1")).to_have_text("Barn head")
        assert name_of(pico) == "Barn head"

    def test_switched_off_it_is_sent_away(self, page: Page, login: Login, pico: Enrolled) -> None:
        with pico.come() as device:
            opened(login, page, pico)
            page.get_by_role("button", name="Switch off").click()
            dialog = page.get_by_role("dialog")
            expect(dialog).to_contain_text("Its connection ends at once")
            dialog.get_by_role("button", name="Cancel").click()
            shows(page, "online")
            page.get_by_role("button", name="Switch off").click()
            dialog.get_by_role("button", name="Switch off").click()
            assert device.wait_closed() == (4003, "Revoked")
            shows(page, "switched off")
        page.get_by_role("button", name="Switch on").click()
        shows(page, "offline since")
        with pico.come():
            shows(page, "online since")

    def test_a_new_key_is_shown_once(self, page: Page, login: Login, pico: Enrolled) -> None:
        opened(login, page, pico)
        page.get_by_role("button", name="Show a new key").click()
        key = page.locator("#key")
        expect(key).to_have_text(re.compile(r"^[\w-]{43}$"))
        expect(page.locator("#key-overlap")).to_contain_text("The key that the board has now works until")
        expect(page.locator("#keys")).to_contain_text("The one before lets it in until")
        with pico.come():
            shows(page, "online")
        with Enrolled(pico.admin, pico.id, "pico", key.inner_text()).come():
            shows(page, "online")
            page.reload()
            expect(key).to_be_hidden()
            expect(page.locator("#keys")).not_to_contain_text("The one before")
        with pico.dial() as late:
            assert late.wait_closed() == (4001, "Invalid token")

    def test_a_new_key_is_given_to_it(self, page: Page, login: Login, pico: Enrolled) -> None:
        opened(login, page, pico)
        give = page.get_by_role("button", name="Give it a new key")
        expect(give).to_have_attribute("aria-disabled", "true")
        with pico.come() as device:
            expect(give).not_to_have_attribute("aria-disabled", "true")
            give.click()
            expect(page.locator("#toasts")).to_contain_text("It has a new key.")
            new = device.next("key")["api_key"]
        with Enrolled(pico.admin, pico.id, "pico", new).come():
            shows(page, "online")

    def test_removed_it_is_gone_with_its_log(self, page: Page, login: Login, pico: Enrolled) -> None:
        with pico.come() as device:
            opened(login, page, pico)
            page.get_by_role("button", name="Remove").click()
            page.get_by_role("dialog").get_by_role("button", name="Remove").click()
            page.wait_for_url("**/devices")
            assert device.wait_closed() == (4003, "Revoked")
        expect(page.locator(f'a[href="/devices/{pico.id}"]')).to_have_count(0)
        assert not (pico.admin.server.data_dir / "logs" / "devices" / f"{pico.id}.log").exists()


class TestCameras:
    def test_a_camera_is_made_of_two_boards(self, page: Page, login: Login, cam: Enrolled, pico: Enrolled) -> None:
        with cam.come() as eye, pico.come(servo1_angle=90, servo2_angle=90) as hand:
            login(page, cam.admin.server, path="/devices")
            page.get_by_role("button", name="Add a camera").click()
            page.get_by_label("Name").fill("Two boards")
            page.get_by_label("Where its pictures come from").select_option(f"device:{cam.id}")
            expect(page.get_by_label("Address")).to_be_hidden()
            page.get_by_label("What moves its head").select_option(str(pico.id))
            page.get_by_role("button", name="Save").click()
            its = page.locator("#list > li").filter(has=page.get_by_text("Two boards", exact=True))
            expect(its).to_contain_text(name_of(cam))
            expect(row(page, name_of(pico))).to_contain_text("moves Two boards")
            its.get_by_role("button", name="Edit").click()
            expect(page.get_by_label("What moves its head")).to_have_value(str(pico.id))
            page.get_by_role("button", name="Cancel").click()

            its.get_by_role("link", name="Watch").click()
            camera = CameraPage(page)
            eye.push()
            expect(camera.button("Pan left")).not_to_have_attribute("aria-disabled", "true")
            hand.close()
            expect(camera.driver).to_have_text(
                "The board that moves the head is not connected. Check its power and its Wi-Fi."
            )
            expect(camera.button("Pan left")).to_have_attribute("aria-disabled", "true")
            with pico.come(servo1_angle=90, servo2_angle=90):
                expect(camera.button("Pan left")).not_to_have_attribute("aria-disabled", "true")
                camera.button("Pan left").click()
                camera.shows_pose(80, 90)
            eye.close(b"sleep")
            expect(page.locator(".veil-text").first).to_contain_text("The camera's board is asleep.")
            assert cam.admin.ask("DELETE", f"/api/devices/{cam.id}").ok
            expect(page.locator(".veil-text").first).to_contain_text("The camera's board was removed.")


class TestWhoSeesWhat:
    def test_an_operator_sees_the_boards_of_the_own_cameras(
        self, new_page: NewPage, login: Login, cam: Enrolled, pico: Enrolled, admin: Person
    ) -> None:
        made = admin.made("/api/cameras", {"name": f"Of {cam.id}", "url": f"device:{cam.id}", "everyone": "view"})
        account = new_account(admin)
        page = new_page(expected=("404",))
        with cam.come() as device:
            login(page, admin.server, account.username, account.password, path="/devices")
            expect(page.get_by_text("There are none now.")).to_be_visible()
            expect(page.get_by_role("heading", name="Cameras")).to_have_count(0)
            expect(page.get_by_role("link", name="Add a board")).to_have_count(0)
            permit(admin, account, made, "control")
            expect(row(page, name_of(cam))).to_be_visible()  # by itself
            row(page, name_of(cam)).get_by_role("link").click()
            shows(page, "online")
            expect(page.get_by_role("heading", name="Manage")).to_have_count(0)
            page.get_by_role("button", name="Ping").click()
            expect(page.locator("#order-result")).to_contain_text("It answered")
            device.say(type="log", level="info", message="for whoever may know")
            expect(page.locator("#log > li").first).to_contain_text("for whoever may know")
            assert page.goto(f"{admin.server.url}/devices/{pico.id}").status == 404  # type: ignore[union-attr]

    def test_a_viewer_sees_none(self, new_page: NewPage, login: Login, admin: Person) -> None:
        account = new_account(admin, "viewer")
        page = login(new_page(expected=("403",)), admin.server, account.username, account.password)
        expect(page.get_by_role("link", name="Devices", exact=True)).to_have_count(0)
        page.goto(admin.server.url + "/devices")
        expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()


class TestForEverybody:
    @pytest.fixture
    def device(self, cam: Enrolled) -> Iterator[FakeDevice]:
        with cam.come(version="1.0", reset_reason="brownout") as device:
            device.say(type="heartbeat", rssi=-80, free_heap=20_000, temperature=90)
            device.say(type="log", level="error", message="x" * 400)
            yield device

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_names_and_contrast(
        self, new_page: NewPage, login: Login, cam: Enrolled, device: FakeDevice, theme: str
    ) -> None:
        page = new_page(color_scheme=theme)
        login(page, cam.admin.server, path="/devices")
        for path in ("/devices", f"/devices/{cam.id}", "/devices/add"):
            page.goto(cam.admin.server.url + path)
            if path.endswith("add"):
                page.get_by_role("button", name="Show a token").click()
                expect(page.locator(".qr")).to_be_visible()
            assert controls_without_a_name(page) == []
            assert page.evaluate(TOO_FAINT) == [], path
            expect(page.get_by_role("heading", level=1)).to_have_count(1)
            expect(page.get_by_role("navigation").locator("[aria-current]")).to_have_count(1)

    def test_the_focus_is_seen_wherever_it_goes(
        self, page: Page, login: Login, cam: Enrolled, device: FakeDevice
    ) -> None:
        opened(login, page, cam)
        shows(page, "online")
        stops = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("() => document.activeElement === document.body"):
                break
            stops.add(page.evaluate("() => document.activeElement.id"))
            assert page.evaluate(FOCUS_IS_SEEN), page.evaluate("() => document.activeElement.outerHTML")
        assert {"ping", "restart", "framesize", "level", "search", "remove"} <= stops

    @pytest.mark.parametrize("width", [320, 390])
    def test_a_phone(
        self, new_page: NewPage, login: Login, cam: Enrolled, device: FakeDevice, admin: Person, width: int
    ) -> None:
        admin.ask("PATCH", f"/api/devices/{cam.id}", {"name": "N" * 80})
        page = new_page(width, 640, has_touch=True, is_mobile=True)
        login(page, admin.server, path="/devices")
        for path in ("/devices", f"/devices/{cam.id}", "/devices/add"):
            page.goto(admin.server.url + path)
            if path.endswith("add"):
                page.get_by_role("button", name="Show a token").click()
                expect(page.locator(".qr")).to_be_visible()
            else:
                expect(page.locator("body")).to_contain_text("online since")
            assert page.evaluate(OVERFLOW) == 0, path
            assert page.evaluate(TOO_SMALL) == [], path

    def test_nothing_jumps_while_a_board_comes_and_goes(self, page: Page, login: Login, cam: Enrolled) -> None:
        """What stands below the state stays where it is."""
        opened(login, page, cam)
        shows(page, "has never come")
        before = page.locator("#orders-title").bounding_box()
        with cam.come():
            shows(page, "online since")
            page.get_by_role("button", name="Ping").click()
            expect(page.locator("#order-result")).to_contain_text("It answered")
            assert page.locator("#orders-title").bounding_box() == before


def test_demo_cameras_need_no_boards(page: Page, login: Login, admin: Person) -> None:
    made = new_camera(admin)
    login(page, admin.server, path="/devices")
    its = page.locator("#list > li").filter(has=page.get_by_text(made["name"], exact=True))
    its.get_by_role("button", name="Edit").click()
    expect(page.get_by_label("Address")).to_have_value("demo:garden")
    expect(page.get_by_label("What moves its head")).to_have_value("")
