"""Devices over the server's own TLS and under eventlet; when the server ends; when the line is cut."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from types import SimpleNamespace
from typing import Any

import pytest
import websocket

from camproxy.links.accepted import SILENT_AFTER
from camproxy.links.link import LOOK_AROUND
from tests.fakes.devices import FakeCamera, FakePico
from tests.integration.boards import Enrolled, enrol, enrol_all
from tests.integration.people import wait_until
from tests.integration.test_database_trouble import seconds_of
from tests.integration.test_serving import SOON, workers
from tests.networks import change_network_of, in_network_of, with_network
from tests.patience import PATIENCE
from tests.pictures import jpeg
from tests.running import Person, RunningServer

MakeServer = Callable[..., RunningServer]


@pytest.fixture(scope="module", params=[{"TLS": "true"}, {"ASYNC_MODE": "eventlet"}], ids=["tls", "eventlet"])
def admin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    server = RunningServer(tmp_path_factory.mktemp("data"), **request.param)
    with server.person() as admin:
        yield admin
    server.stop()
    assert "Traceback" not in server.logged


class TestEveryWayOfServing:
    def test_a_head_of_two_boards(self, admin: Person) -> None:
        cam, pico = enrol(admin, "esp32cam"), enrol(admin, "pico")
        eye: FakeCamera
        hand: FakePico
        with cam.come() as eye, pico.come(servo1_angle=90, servo2_angle=45) as hand:
            made = admin.made("/api/cameras", {"name": f"Head {cam.id}", "url": f"device:{cam.id}", "pico": pico.id})
            path = f"/api/cameras/{made['slug']}"
            wait_until(lambda: admin.get(path).json()["status"]["head_online"], "both are there")
            with closing(admin.listen(transports=["websocket"])) as page:
                assert page.call("subscribe", {"camera": made["id"], "format": "base64"})["ok"]
                eye.push()
                assert page.next("video_frame")
                move = {"camera": made["id"], "x": 120, "y": 60}
                taken = [seconds_of(lambda: page.call("position_command", move)) for _ in range(3)]
                assert min(taken) < 1, "on a busy machine single ones take whatever they take"
                assert page.call("position_command", move)["ok"]
            assert hand.next("servo")["command"] == {"servo1": 120, "servo2": 60}
            assert eye.next("servo_command_log")["servo1"] == 120
            hand.obey = lambda message: []
            begun = time.monotonic()
            assert admin.ask("POST", f"{path}/position_command", {"x": 10, "y": 10}).status_code == 504
            assert 1.5 < time.monotonic() - begun < 3

    def test_large_pictures_come_whole(self, admin: Person) -> None:
        cam = enrol(admin, "esp32cam")
        with cam.come() as eye:
            made = admin.made("/api/cameras", {"name": f"Large {cam.id}", "url": f"device:{cam.id}"})
            view = admin.view(made["slug"])
            picture = large_jpeg(300_000)
            for _ in range(5):
                eye.push(picture=picture)
            while not isinstance(seen := view.recv(), bytes):
                pass
            assert seen == picture

    def test_the_newest_wins_and_the_revoked_is_out(self, admin: Person) -> None:
        pico = enrol(admin, "pico")
        with pico.come() as first, pico.come() as second:
            assert first.wait_closed() == (4009, "Replaced")
            begun = time.monotonic()
            assert admin.ask("PATCH", f"/api/devices/{pico.id}", {"enabled": False}).ok
            assert second.wait_closed() == (4003, "Revoked")
            assert time.monotonic() - begun < 2
        with pico.dial() as third:
            assert third.wait_closed() == (4003, "Revoked")

    def test_who_is_removed_behind_its_back_is_out_within_two_seconds(self, admin: Person) -> None:
        pico = enrol(admin, "pico")
        with pico.come() as device:
            admin.server.execute(f"DELETE FROM device_key WHERE device_id = {pico.id}")
            admin.server.execute(f"DELETE FROM device WHERE id = {pico.id}")
            begun = time.monotonic()
            assert device.wait_closed() == (4003, "Revoked")
            assert time.monotonic() - begun < 2.5

    def test_no_key_no_entry(self, admin: Person) -> None:
        with FakePico(admin.server, "no key") as device:
            assert device.wait_closed() == (4001, "Invalid token")

    def test_what_is_too_large_ends_it(self, admin: Person) -> None:
        cam = enrol(admin, "esp32cam")
        with cam.come() as eye:
            eye.say(type="log", level="info", message="x" * 20_000)
            assert eye.wait_closed()[0] == 1009


def large_jpeg(size: int) -> bytes:
    """With comments in it that fill it up."""
    small = jpeg()
    filler = b"\xff\xfe\xff\xff" + b" " * 65_533
    return small[:2] + filler * (size // len(filler)) + small[2:]


@pytest.mark.parametrize(
    "settings", [{}, {"TLS": "true"}, {"ASYNC_MODE": "eventlet"}], ids=["plain", "tls", "eventlet"]
)
def test_fifty_are_told_when_the_server_ends(make_server: MakeServer, settings: dict[str, str]) -> None:
    server = make_server(**settings)
    with server.person() as admin, ExitStack() as stack:
        devices: list[Any] = [stack.enter_context(pico.come()) for pico in enrol_all(admin, "pico", 50)]
        begun = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun < SOON
        assert {device.wait_closed() for device in devices} == {(1001, "")}
    assert "Traceback" not in server.logged


def test_after_the_worker_was_killed_they_come_back_and_nothing_old_is_sent(make_server: MakeServer) -> None:
    server = make_server(DEVICE_CONNECTIONS="1000 per minute")
    with server.person() as admin:
        pico = enrol(admin, "pico")
        with pico.come() as device:
            device.obey = lambda message: []
            with pytest.raises(OSError):  # noqa: PT011  # requests' own, of the connection that was lost
                kill_while(server, lambda: admin.ask("POST", f"/api/devices/{pico.id}/restart"), device)
            assert device.wait_closed() == (None, "")
        again = comes_back(pico)
        with again:
            assert again.next("welcome")
            wait_until(lambda: admin.get(f"/api/devices/{pico.id}").json()["status"]["online"], "it is online")
            assert admin.ask("POST", f"/api/devices/{pico.id}/ping").ok
            assert again.next("ping")
            assert again.nothing(), "the restart is not repeated"


def kill_while(server: RunningServer, asking: Callable[[], object], device: FakePico) -> None:
    """End the worker by force when the device has heard what is asked."""
    (worker,) = workers(server)

    def heard(message: dict[str, Any]) -> list[dict[str, Any]]:
        os.kill(worker, signal.SIGKILL)
        return []

    device.obey = heard
    asking()


def comes_back(pico: Enrolled) -> FakePico:
    """As a board does: it dials until it is let in."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            device: FakePico = pico.dial(timeout=5)
            device.say(type="connect", device="pico")
            return device
        except (OSError, websocket.WebSocketException):
            assert time.monotonic() < until
            time.sleep(0.1)


class Inside:
    """A board's program in the server's network. It prints what it hears, a line each."""

    def __init__(self, server: RunningServer, device: Enrolled) -> None:
        command = [sys.executable, "-m", "tests.fakes.devices", server.ws_url, device.kind]
        options: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(in_network_of(server.process.pid, *command), **options)
        assert self.process.stdin
        self.process.stdin.write(device.key + "\n")
        self.process.stdin.flush()
        self.port = int(self.heard())

    def heard(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def __enter__(self) -> Inside:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate(timeout=PATIENCE)  # it ends with its input


#: Seconds in which a busy machine may stand still.
SPARE = 10

DROP = "nft add table inet t; nft add chain inet t in '{{ type filter hook input priority 0; }}';" + "".join(
    f"nft add rule inet t in tcp {end}port '{{{{ {{0}}, {{1}} }}}}' drop;" for end in ("s", "d")
)


def test_one_whose_line_is_dead_is_offline_soon_and_comes_back_at_once(make_server: MakeServer) -> None:
    """Nothing ends such a connection: its packets go nowhere."""
    python, *command = with_network("true", sys.executable, "app.py")
    server = make_server(python=python, command=command, LOG_LEVEL="DEBUG")
    admin: Any = SimpleNamespace(server=server)  # nobody can log in from here
    patient, impatient = enrol(admin, "pico"), enrol(admin, "pico")

    def events(device: Enrolled) -> list[tuple[str, str]]:
        found = server.execute(f"SELECT kind, detail FROM event WHERE device_id = {device.id} ORDER BY id")
        return [(kind, detail) for kind, detail in found if kind != "device_online"]

    with Inside(server, patient) as first, Inside(server, impatient) as second:
        assert [first.heard(), second.heard()] == ["welcome", "welcome"]
        change_network_of(server.process.pid, DROP.format(first.port, second.port))
        cut = time.monotonic()
        with Inside(server, impatient) as again:
            assert again.heard() == "welcome"
            assert not events(patient), "the old connection does not stand in the way until it is found to be dead"
            wait_until(lambda: events(impatient) == [("device_offline", "replaced")], "it has been replaced")
            wait_until(lambda: events(patient) == [("device_offline", "silent")], "it is offline")
            assert SILENT_AFTER + LOOK_AROUND < 15
            assert 8 < time.monotonic() - cut < 15 + SPARE
            assert events(impatient) == [("device_offline", "replaced")], "the new connection lives"
        change_network_of(server.process.pid, "nft delete table inet t")
