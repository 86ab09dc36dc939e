"""The ESP32-CAM's own code against the real server: how it gets in, sends pictures, obeys, and comes back."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from camproxy.certificates import make_self_signed
from tests.firmware.esp32cam import SimulatedCamera, Start, mac, pin_of
from tests.integration.boards import Enrolled, enrol
from tests.integration.people import wait_until
from tests.running import Person, RunningServer


@pytest.fixture(scope="module")
def admin(secure_admin: Person) -> Person:
    """Over TLS, as boards should."""
    return secure_admin


#: What waits for the board's own time need not wait for ours.
FAST = ("--speed", "5")
#: How often a connection is cut before what is left of it is counted.
RECONNECTIONS = 200
#: Bytes. mbedTLS keeps the last session; the server's certificate may be renewed.
GROWTH = 2_000


def known_to(admin: Person) -> tuple[Enrolled, list[str]]:
    """A device that has enrolled, and what the simulator is to be told of it."""
    device = enrol(admin, "esp32cam")
    options = ["--server", admin.server.url, "--key", device.key]
    return device, options + (["--pin", pin_of(admin.server)] if admin.server.url.startswith("https") else [])


def status(device: Enrolled) -> dict[str, Any]:
    found: dict[str, Any] = device.admin.get(f"/device/status?device={device.id}").json()
    return found


def frames(device: Enrolled) -> int:
    count: int = status(device)["frames_received"]
    return count


def until_frames(device: Enrolled, more: int = 3) -> None:
    before = frames(device)
    wait_until(lambda: frames(device) >= before + more, "pictures come")


def configure(device: Enrolled, **config: Any) -> None:
    answer = device.admin.ask("PUT", f"/api/devices/{device.id}/config", config)
    assert answer.ok, answer.text
    wait_until(
        lambda: device.admin.get(f"/api/devices/{device.id}/config").json()["state"] == "delivered", "it has taken it"
    )


def order(device: Enrolled, what: str, **body: Any) -> Any:
    return device.admin.ask("POST", f"/api/devices/{device.id}/{what}", body or None)


def pair_camera(admin: Person, camera: SimulatedCamera, number: str) -> Enrolled:
    """By the link that an admin is shown, typed at the serial port."""
    opened = admin.made("/api/pairing", {"kind": "esp32cam"})
    camera.say("wifi The network")
    camera.say("password correct horse")
    camera.say(f"pair {opened['link']}")
    camera.until("sim online")
    (row,) = [row for row in admin.get("/api/devices").json()["items"] if row["mac"] == number]
    return Enrolled(admin, row["id"], "esp32cam", "")


# Getting in


def test_it_is_set_up_by_the_serial_port_and_paired_by_a_link(admin: Person, start_camera: Start) -> None:
    number = mac()
    camera = start_camera("--mac", number)
    camera.until("not paired")
    device = pair_camera(admin, camera, number)
    until_frames(device)
    assert status(device)["reset_reason"] == "poweron"
    assert "correct horse" not in camera.printed
    # It comes back by itself, and knows the server by its key now.
    assert order(device, "restart").ok
    camera.until("sim reset sw")
    camera.until("sim online")
    until_frames(device)


def test_it_is_approved_by_its_code(admin: Person, start_camera: Start) -> None:
    number = mac()
    camera = start_camera("--mac", number, "--server", admin.server.url, "--code", "20261121", *FAST)
    camera.until("not let in")
    admin.made("/api/pairing/approve", {"kind": "esp32cam", "mac": number, "code": "20261121"})
    camera.until("paired")
    camera.until("sim online")


def recorder(certificate: Path, key: Path) -> tuple[int, list[bytes], Callable[[], None]]:
    """A TLS server that keeps what it is told after the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def serve() -> None:
        with listener, context.wrap_socket(listener.accept()[0], server_side=True) as sock:
            try:
                heard.append(sock.recv(4096))
            except ConnectionResetError:
                heard.append(b"")

    thread = threading.Thread(target=serve)
    thread.start()
    return listener.getsockname()[1], heard, thread.join


def test_nothing_is_said_to_a_server_with_another_certificate(
    secure: RunningServer, start_camera: Start, tmp_path: Path
) -> None:
    chain, key = tmp_path / "false.pem", tmp_path / "false.key"
    make_self_signed(chain, key)
    port, heard, done = recorder(chain, key)
    camera = start_camera("--server", f"https://127.0.0.1:{port}", "--key", "k" * 43, "--pin", pin_of(secure))
    camera.until("its certificate is not the one that was pinned")
    done()
    assert heard == [b""]


def test_without_a_pin_it_does_not_even_dial(secure: RunningServer, start_camera: Start) -> None:
    camera = start_camera("--server", secure.url, "--key", "k" * 43)
    camera.until("it has no pin of that server")


def test_an_authority_vouches_where_there_is_no_pin(admin: Person, start_camera: Start) -> None:
    device = enrol(admin, "esp32cam")
    at_name = admin.server.url.replace("127.0.0.1", "localhost")
    start_camera("--server", at_name, "--key", device.key, "--ca", admin.server.certificate).until("sim online")
    until_frames(device)


def test_the_backup_pin_counts_as_well(admin: Person, start_camera: Start) -> None:
    device = enrol(admin, "esp32cam")
    other = "sha256//" + b64encode(bytes(32)).decode()
    camera = start_camera("--server", admin.server.url, "--key", device.key, "--pin", other, *FAST)
    camera.until("not the one that was pinned")
    camera.say(f"pin {pin_of(admin.server)}")
    camera.until("kept")
    camera.until("sim online")


def test_a_wrong_key_is_refused_and_backs_off(admin: Person, start_camera: Start) -> None:
    camera = start_camera("--server", admin.server.url, "--key", "k" * 43, "--pin", pin_of(admin.server))
    assert camera.until("no connection: closed (4001)").endswith(("again in 5 s", "again in 6 s"))
    camera.say("!later 6999")
    assert int(camera.until("(4001)").split()[-2]) >= 10
    assert "k" * 43 not in camera.printed


def test_revocation_ends_it_at_once(admin: Person, start_camera: Start) -> None:
    device, options = known_to(admin)
    camera = start_camera(*options)
    camera.until("sim online")
    admin.ask("PATCH", f"/api/devices/{device.id}", {"enabled": False})
    camera.until("(4003)", timeout=2)
    wait_until(lambda: status(device)["state"] == "disabled", "it is shown as such")


# What it does there


def test_it_obeys_what_it_is_told(admin: Person, start_camera: Start) -> None:
    device, options = known_to(admin)
    camera = start_camera(*options)
    until_frames(device)
    made = admin.made("/api/cameras", {"name": f"Eye {device.id}", "url": f"device:{device.id}", "everyone": "control"})
    assert size_of(admin, made["slug"]) == (800, 600)
    configure(device, framesize="QVGA", fps=20)
    camera.until("sim stored config")
    wait_until(lambda: size_of(admin, made["slug"]) == (320, 240), "the pictures are smaller")
    assert order(device, "ping").ok
    assert order(device, "capture").ok
    answer = admin.made(f"/api/cameras/{made['slug']}/light_command", {"state": True})
    assert answer["ok"]
    camera.until("sim flash on")
    assert not admin.ask("POST", f"/api/cameras/{made['slug']}/position_command", {"x": 10, "y": 20}).ok


def size_of(admin: Person, camera: str) -> tuple[int, int]:
    return Image.open(BytesIO(snapshot(admin, camera))).size


def snapshot(admin: Person, camera: str) -> bytes:
    while not (answer := admin.get(f"/snapshot/{camera}.jpg")).ok:
        assert answer.status_code == 504, "none has come so far"
    return answer.content


def test_it_logs_what_the_servos_are_told(admin: Person, start_camera: Start) -> None:
    device, options = known_to(admin)
    pico = enrol(admin, "pico")
    camera = start_camera(*options)
    until_frames(device)
    made = admin.made(
        "/api/cameras",
        {"name": f"Head {device.id}", "url": f"device:{device.id}", "pico": pico.id, "everyone": "control"},
    )
    with pico.come(servo1_angle=90, servo2_angle=90):
        admin.made(f"/api/cameras/{made['slug']}/position_command", {"x": 10, "y": 20})
        camera.until("servos to 10, 20")


def test_it_holds_25_svga_pictures_a_second_over_tls(admin: Person, start_camera: Start) -> None:
    device, options = known_to(admin)
    start_camera(*options)
    until_frames(device)
    configure(device, framesize="SVGA", fps=25)
    until_frames(device, 5)

    def rate() -> float:
        before = frames(device)
        return 100 / wait_until(lambda: frames(device) >= before + 100, "100 pictures")

    wait_until(lambda: rate() > 23, "100 pictures come without a break")  # this machine may have one


def test_the_picture_follows_the_head(admin: Person, start_camera: Start, tmp_path: Path) -> None:
    device, options = known_to(admin)
    pose = tmp_path / "pose"
    pose.write_text("90 90")
    start_camera(*options, "--pose", str(pose))
    until_frames(device)
    made = admin.made("/api/cameras", {"name": f"Pose {device.id}", "url": f"device:{device.id}"})
    before = snapshot(admin, made["slug"])
    pose.write_text("0 90")
    wait_until(lambda: snapshot(admin, made["slug"]) != before, "the picture is another")


# When something is wrong


def test_short_memory_costs_pictures_and_nothing_else(admin: Person, start_camera: Start) -> None:
    device, options = known_to(admin)
    camera = start_camera(*options)
    until_frames(device)
    camera.happen("block 10000")  # of the 120,000 that are free, no piece is larger
    camera.until("memory stays short: the camera is restarted")
    camera.until("sim camera SVGA")
    assert order(device, "ping").ok
    stood = frames(device)
    assert order(device, "ping").ok
    assert frames(device) == stood
    camera.happen("heap 120000")
    until_frames(device)
    assert status(device)["online"]


def test_a_slow_line_costs_pictures_and_nothing_else(admin: Person, start_camera: Start) -> None:
    device, options = known_to(admin)
    camera = start_camera(*options)
    until_frames(device)
    camera.happen("slow 40000")  # bytes a second: a picture of SVGA takes a good half of one
    assert order(device, "ping").ok  # what was on the line has come
    begun, before = time.monotonic(), frames(device)
    wait_until(lambda: frames(device) >= before + 4, "pictures come, slowly")
    assert time.monotonic() - begun > 1
    assert order(device, "ping").ok
    camera.happen("slow 0")
    until_frames(device, 10)
    assert "sim offline" not in camera.printed


def test_spoilt_pictures_end_nothing(admin: Person, start_camera: Start) -> None:
    device, options = known_to(admin)
    camera = start_camera(*options)
    until_frames(device)
    camera.happen("garbage 3")
    camera.happen("truncate 3")
    until_frames(device, 10)
    assert "sim offline" not in camera.printed


def test_a_camera_without_pictures_is_restarted(admin: Person, start_camera: Start) -> None:
    device, options = known_to(admin)
    camera = start_camera(*options, *FAST)
    until_frames(device)
    camera.happen("blind 100000")
    camera.until("no picture: the camera is restarted")
    camera.happen("blind 0")
    until_frames(device)


def holds(camera: SimulatedCamera) -> tuple[int, int]:
    """Bytes and open files."""
    camera.say("!measure")
    found = re.fullmatch(r"sim holds (\d+) bytes, (\d+) files", camera.until("sim holds"))
    assert found
    return int(found[1]), int(found[2])


def test_a_lost_line_is_dialled_again_and_after_200_nothing_has_leaked(admin: Person, start_camera: Start) -> None:
    device, options = known_to(admin)
    camera = start_camera(*options)

    def reconnect(times: int) -> tuple[int, int]:
        for _ in range(times):
            camera.say("!drop")
            camera.until("sim offline")
            camera.say("!later 36000")  # the longest pause is over
            camera.until("sim online")
        until_frames(device)
        return holds(camera)

    camera.until("sim online")
    memory, files = reconnect(10)
    later, files_later = reconnect(RECONNECTIONS)
    assert files_later == files
    assert later - memory < GROWTH


def test_the_wrap_of_the_clock_is_nothing(admin: Person, start_camera: Start) -> None:
    device, options = known_to(admin)
    camera = start_camera(*options, "--clock", str(2**32 - 6000))
    until_frames(device, 100)  # 10 seconds
    assert "sim offline" not in camera.printed


def test_a_hung_board_is_bitten_and_says_so_later(admin: Person, start_camera: Start) -> None:
    _, options = known_to(admin)
    camera = start_camera(*options, ends=134)
    camera.until("sim online")
    camera.say("!hang")
    camera.until("panic: the task watchdog was not fed")


def test_a_brownout_is_reported(admin: Person, start_camera: Start) -> None:
    device, options = known_to(admin)
    camera = start_camera(*options)
    camera.until("sim online")
    camera.say("!brownout")
    camera.until("sim reset brownout")
    camera.until("sim online")
    wait_until(lambda: status(device)["reset_reason"] == "brownout", "it is known why")


# On a battery


def test_motion_wakes_it_it_streams_and_sleeps_again(admin: Person, start_camera: Start) -> None:
    device, options = known_to(admin)
    camera = start_camera(*options, *FAST)
    until_frames(device)
    configure(device, sleep=True, pir=True, light=True, stream_seconds=5)
    assert camera.until("sim asleep") == "sim asleep 3600 motion"
    wait_until(lambda: status(device)["state"] == "asleep", "that is no fault")
    camera.say("!pir 1")
    camera.until("sim reset deepsleep")
    camera.until("sim flash on")
    until_frames(device)
    assert status(device)["reset_reason"] == "deepsleep"
    camera.happen("pir 0")
    camera.until("sim flash off")
    camera.until("sim asleep")


def test_it_sleeps_when_it_is_told_to(admin: Person, start_camera: Start) -> None:
    device, options = known_to(admin)
    camera = start_camera(*options, *FAST)
    camera.until("sim online")
    assert order(device, "sleep", seconds=1).ok
    assert camera.until("sim asleep") == "sim asleep 1"
    camera.until("sim reset deepsleep")
    camera.until("sim online")
