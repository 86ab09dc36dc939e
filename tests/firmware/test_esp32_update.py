"""Firmware over the air: the ESP32-CAM's own code fetches, checks and tries what the real server has for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.firmware.esp32cam import SimulatedCamera, Start
from tests.images import Signer, firmware
from tests.integration.boards import Enrolled, enrol
from tests.integration.people import wait_until
from tests.running import Person

Update = dict[str, Any]


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer.new()


class Updated:
    """A board that believes the signer, and what the server knows of its update."""

    def __init__(self, admin: Person, start: Start, signer: Signer, key: Path) -> None:
        self.admin = admin
        self.signer = signer
        self.device: Enrolled = enrol(admin, "esp32cam")
        options = ["--server", admin.server.url, "--key", self.device.key, "--update-key", str(key)]
        self.board: SimulatedCamera = start(*options)
        self.board.until("sim online")
        self.uploaded: list[int] = []

    def give(self, image: bytes, signature: str = "") -> int:
        """Upload it, and let the board have it; its number."""
        answer = self.admin.ask(
            "POST",
            "/api/firmware",
            params={"signature": signature or self.signer.sign(image)},
            data=image,
            headers={"Content-Type": "application/octet-stream"},
        )
        assert answer.status_code == 201, answer.text
        number: int = answer.json()["id"]
        assign = self.admin.ask("PUT", f"/api/devices/{self.device.id}/update", {"firmware": number})
        assert assign.ok, assign.text
        self.uploaded.append(number)
        return number

    def update(self) -> Update:
        found: Update = self.admin.get(f"/api/devices/{self.device.id}/update").json()["update"]
        return found

    def until(self, state: str) -> Update:
        wait_until(lambda: self.update()["state"] == state, f"the update is {state}: {self.update()}")
        return self.update()

    def loses_its_wifi(self) -> None:
        self.board.happen("wifi 0")
        self.board.until("sim offline")
        wait_until(
            lambda: not self.admin.get(f"/api/devices/{self.device.id}").json()["status"]["online"], "it has gone"
        )

    def uptime(self) -> int:
        return self.admin.get(f"/device/status?device={self.device.id}").json()["uptime_ms"] or 0

    def version(self) -> str:
        text: str = self.admin.get(f"/api/devices/{self.device.id}").json()["firmware"]
        return text

    def events(self) -> list[tuple[str, str]]:
        """Of updates, the latest first."""
        items = self.admin.get(f"/api/events?device={self.device.id}").json()["items"]
        return [(item["kind"], item["detail"]) for item in items if item["kind"].startswith("update_")]

    def until_event(self, kind: str, detail: str) -> None:
        wait_until(lambda: self.events()[:1] == [(kind, detail)], f"{kind} is an event: {self.events()}")


@pytest.fixture
def updated(admin: Person, start_camera: Start, signer: Signer, tmp_path: Path) -> Iterator[Updated]:
    updated = Updated(admin, start_camera, signer, signer.public(tmp_path / "update.pem"))
    yield updated
    admin.ask("DELETE", f"/api/devices/{updated.device.id}")
    for number in updated.uploaded:
        assert admin.ask("DELETE", f"/api/firmware/{number}").ok


def test_it_fetches_tries_and_keeps_a_firmware(updated: Updated) -> None:
    updated.give(firmware("1.1.0", size=1_000_000))
    updated.board.until("sim firmware good")
    updated.board.until("sim boot loader: a firmware on trial")
    updated.board.until("sim online")
    wait_until(lambda: updated.version() == "1.1.0", "the new one says who it is")
    updated.until("trying")
    # 30 seconds of a session, in which the server is heard again and again: it is given up after 15.
    for _ in range(4):
        before = updated.uptime()
        assert updated.admin.ask("POST", f"/api/devices/{updated.device.id}/ping").ok
        updated.board.happen("later 10000")
        wait_until(lambda before=before: updated.uptime() > before, "its heart beats")
    wait_until(lambda: "sim firmware kept" in updated.board.printed, "it has proved itself")
    updated.until("installed")
    updated.until_event("update_installed", "1.1.0")
    # It stays.
    assert updated.admin.ask("POST", f"/api/devices/{updated.device.id}/restart").ok
    updated.board.until("sim online")
    wait_until(lambda: updated.version() == "1.1.0", "it is still the new one")
    assert updated.update()["state"] == "installed"


def test_another_signature_is_refused_and_the_server_says_so(updated: Updated) -> None:
    image = firmware("1.1.1")
    updated.give(image, Signer.new().sign(image))
    updated.board.until("sim firmware refused")
    updated.board.happen("later 10000")
    assert updated.until("failed")["detail"] == "its signature is not by the key that is built in"
    assert updated.version() == "1.0.0"
    updated.until_event("update_failed", "1.1.1: its signature is not by the key that is built in")


def test_what_was_tampered_with_on_the_server_is_refused(updated: Updated) -> None:
    """One byte on its disk: the hash, which was signed, is another."""
    updated.loses_its_wifi()
    number = updated.give(firmware("1.1.2"))
    file = updated.admin.server.data_dir / "firmware" / f"{number}.bin"
    data = bytearray(file.read_bytes())
    data[5000] ^= 1
    file.write_bytes(data)
    assert updated.update()["state"] == "pending"
    updated.board.happen("later 30000")  # while there is no connection that would be silent for so long
    updated.board.happen("wifi 1")
    updated.board.until("sim firmware refused")
    updated.board.happen("later 10000")
    assert updated.until("failed")["detail"] == "its hash is another"


def test_a_download_that_breaks_off_goes_on_where_it_was(updated: Updated) -> None:
    updated.board.happen("cut 700000")
    number = updated.give(firmware("1.1.3", size=1_900_000))
    updated.board.until("no firmware: the connection was lost")
    updated.board.happen("cut 700000")  # before it asks again
    assert updated.update()["size"] > 1_900_000
    updated.board.happen("later 10000")
    updated.board.until("no firmware: the connection was lost")
    updated.board.happen("later 20000")
    updated.board.until("sim firmware good")
    updated.until("trying")
    assert "abandoned" not in updated.board.printed

    def asked() -> list[str]:
        return [line.split()[-3] for line in updated.admin.server.log if f"/device/firmware/{number} " in line]

    wait_until(lambda: asked() == ["200", "206", "206"], f"it has asked for the rest: {asked()}")
    updated.until_event("update_downloading", "1.1.3")
    assert len(updated.events()) == 1


def test_a_firmware_that_gets_nowhere_is_rolled_back_and_the_server_says_so(updated: Updated) -> None:
    updated.give(firmware("1.1.4", b"BAD FIRMWARE"))
    updated.board.until("sim boot loader: a firmware on trial")
    updated.board.happen("later 301000")
    updated.board.until("this firmware has not proved itself")
    updated.board.until("sim boot loader: back to the firmware before")
    updated.board.until("sim online")
    updated.until("rolled_back")
    wait_until(lambda: updated.version() == "1.0.0", "it is the one before")
    updated.until_event("update_rolled_back", "1.1.4")


def test_one_that_hangs_on_trial_is_rolled_back(updated: Updated) -> None:
    updated.give(firmware("1.1.5"))
    updated.board.until("sim boot loader: a firmware on trial")
    updated.board.until("sim online")
    updated.until("trying")
    assert updated.admin.ask("POST", f"/api/devices/{updated.device.id}/restart").ok  # any reset will do
    updated.board.until("sim boot loader: back to the firmware before")
    updated.until("rolled_back")


def test_a_board_without_the_key_says_so(admin: Person, start_camera: Start, signer: Signer, tmp_path: Path) -> None:
    empty = tmp_path / "none.pem"
    empty.write_text("")
    updated = Updated(admin, start_camera, signer, empty)
    updated.give(firmware("1.1.6"))
    updated.board.until("no firmware: no key is built in")
    updated.board.happen("later 10000")
    assert updated.until("failed")["detail"] == "no key is built in, so it takes no firmware"


def test_an_update_waits_for_the_board_and_outlives_the_server(
    make_server: Any, start_camera: Start, signer: Signer, tmp_path: Path
) -> None:
    first = make_server()
    with first.person() as admin:
        updated = Updated(admin, start_camera, signer, signer.public(tmp_path / "update.pem"))
        updated.loses_its_wifi()
        updated.give(firmware("1.1.7"))
        assert updated.update()["state"] == "pending"
    port = first.port
    first.stop()
    again = make_server(data_dir=first.data_dir, PORT=port, PORT_RANGE=1)
    with again.person() as admin:
        updated.admin = admin
        assert updated.update()["state"] == "pending"
        updated.board.happen("later 40000")
        updated.board.happen("wifi 1")
        updated.board.until("sim boot loader: a firmware on trial")
        updated.until("trying")
