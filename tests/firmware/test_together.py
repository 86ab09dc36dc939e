"""The whole of it: camera, Pico and server, from the pairing window to the page that somebody looks at.

Both boards are let in once, over TLS, and stay for all tests of this file. Each test finds them connected and leaves
them connected. What only one of them does is in test_esp32*.py and test_pico*.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.camera_page import CameraPage
from tests.browser.conftest import NewPage, login, new_page  # noqa: F401
from tests.firmware.esp32cam import skip_without
from tests.firmware.house import House
from tests.firmware.pico import SERVO1, SERVO2, microseconds
from tests.integration.people import wait_until


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Iterator[House]:
    skip_without()
    house = House(tmp_path_factory.mktemp("house"), pictures)
    yield house
    house.close()


def test_camera_and_head_have_found_together(house: House) -> None:
    assert house.devices["esp32cam"]["camera"]["slug"] == "porch"
    assert house.admin.get("/api/cameras/porch").json()["settings"]["pico"] == house.devices["pico"]["id"]


def test_a_click_in_the_page_moves_servo_and_picture_and_the_pose_comes_back(
    house: House,
    new_page: NewPage,  # noqa: F811
    login: Callable[..., Page],  # noqa: F811
) -> None:
    house.set_off(90, 90)
    seen = CameraPage(login(new_page(ignore_https_errors=True), house.server, path="/?camera=porch")).is_live()
    seen.shows_pose(90, 90)
    straight_ahead = house.picture()
    box = seen.page.locator("#stage canvas").bounding_box()
    assert box
    since = house.pico.now
    seen.page.mouse.click(box["x"] + box["width"] * 0.97, box["y"] + box["height"] / 2)
    seen.page.wait_for_function("() => !document.querySelector('#pose').innerText.startsWith('pan 90°')")
    house.pico.until(
        lambda event: event["event"] == "servo" and event["pin"] == SERVO1 and event["us"] >= microseconds(115), since
    )
    wait_until(lambda: house.picture() != straight_ahead, "the camera sees what is there")
    wait_until(lambda: seen.pose[0] >= 115, "the page tells the measured pose")
    assert seen.pose[1] == 90
    house.camera.until("servos to ")


def test_a_command_is_acknowledged_by_the_head(house: House) -> None:
    since = house.pico.now
    answer = house.admin.made("/api/cameras/porch/position_command", {"x": 40, "y": 70})
    assert answer == {"ok": True, "x": 40, "y": 70, "superseded": False}
    house.pico.until_pulse(SERVO1, microseconds(40), since)
    house.pico.until_pulse(SERVO2, microseconds(70), since)

    def pose() -> Any:
        return house.admin.get("/api/cameras/porch").json()["status"]["pose"]

    wait_until(lambda: (pose()["x"], pose()["y"]) == (40, 70), "the pose comes back")


def test_configurations_take_effect_on_both(house: House) -> None:
    for kind, fields in (("esp32cam", {"framesize": "QVGA", "fps": 20}), ("pico", {"servo1_max": 100, "speed": 600})):
        assert house.admin.ask("PUT", f"{house.device(kind)}/config", fields).ok
        wait_until(
            lambda kind=kind: house.devices[kind]["configuration"]["state"] == "delivered", f"the {kind} has taken it"
        )
    house.camera.until("sim camera QVGA")
    since = house.pico.now
    house.set_off(150, 90)
    house.pico.until_pulse(SERVO1, microseconds(100), since)


@pytest.mark.parametrize("kind", ["esp32cam", "pico"])
def test_a_key_is_changed_over_the_connection(house: House, kind: str) -> None:
    (before,) = house.devices[kind]["keys"]
    assert house.admin.ask("POST", f"{house.device(kind)}/key/give").status_code == 204

    def fresh() -> bool:
        """The board has come back with the new key, and that has ended the old one."""
        keys = house.devices[kind]["keys"]
        return len(keys) == 1 and keys[0]["created_at"] != before["created_at"] and keys[0]["first_used_at"]

    wait_until(fresh, "the old key has ended")
    house.until_online()
    assert all(line not in house.server.logged for line in ("Invalid token", "refused"))


@pytest.mark.parametrize("kind", ["esp32cam", "pico"])
def test_a_revoked_board_backs_off_and_is_shown_as_such(house: House, kind: str) -> None:
    path, since = house.device(kind), house.pico.now
    assert house.admin.ask("PATCH", path, {"enabled": False}).ok
    if kind == "esp32cam":
        pauses = [int(house.camera.until("(4003)", timeout=2).split()[-2])]
        house.camera.say(f"!later {pauses[0]}999")
        pauses.append(int(house.camera.until("(4003)").split()[-2]))
        assert pauses[1] > pauses[0] >= 5, "ever more slowly"
    else:
        house.pico.until_it_says("4003 Revoked", since, timeout=2)
    assert house.devices[kind]["status"]["state"] == "disabled"
    wait_until(lambda: not house.devices[kind]["status"]["online"], "the server has heard that it has gone")
    assert house.admin.ask("PATCH", path, {"enabled": True}).ok
    if kind == "esp32cam":
        house.camera.say("!later 36000")
    house.until_online()


def test_a_killed_server_finds_both_again(house: House) -> None:
    frames_before = house.frames()
    assert frames_before > 0
    house.restart()
    # The camera need not be waited for: its clock jumps over the pause that it has last said it would make.
    step = int(re.findall(r"again in (\d+) s", house.camera.printed)[-1])
    house.camera.happen(f"later {step}999")
    tried = house.camera.printed.count("again in")
    house.until_online()
    assert house.camera.printed.count("again in") == tried, "one step is enough"
    wait_until(lambda: house.frames() > 3, "pictures come again")
    house.set_off(90, 90)
