"""`make boards`: what somebody without hardware starts, sees, breaks and ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from scripts.simulation.faults import BOARDS, FAULTS, read_fault
from scripts.simulation.words import PicoWords, camera_words
from tests.conftest import MakeServer
from tests.firmware.esp32cam import ESP32, skip_without
from tests.firmware.pico import PICO
from tests.integration.people import wait_until
from tests.patience import PATIENCE
from tests.running import PROJECT, Person, RunningServer


class Console:
    """The script at a terminal."""

    def __init__(self, server: RunningServer, *options: str) -> None:
        own = {"DATA_DIR": str(server.data_dir), "PORT": str(server.port), "HOST": "127.0.0.1"}
        own["TLS"] = str(server.url.startswith("https"))
        self.process = subprocess.Popen(
            [sys.executable, "scripts/simulated_boards.py", *options],
            cwd=PROJECT,
            env=os.environ | own,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""
        self._seen = 0
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout:
            for line in self.process.stdout:
                with self._changed:
                    self.said += line
                    self._changed.notify_all()

    def until(self, words: str, timeout: float = PATIENCE) -> None:
        """What was passed over is not found again."""
        with self._changed:
            came = self._changed.wait_for(lambda: words in self.said[self._seen :], timeout)
            assert came, f"it does not say {words!r}:\n{self.said}"
            self._seen = self.said.index(words, self._seen) + len(words)

    def type(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        code = self.process.wait(20)
        assert self.process.stdin
        self.process.stdin.close()
        self._reader.join(5)
        return code


@pytest.fixture
def secure(make_server: MakeServer) -> RunningServer:
    skip_without()
    return make_server(TLS="true")


def names(processes: list[psutil.Process]) -> Iterator[str]:
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # what has paired a board ends about now
            yield process.name()


def picture(admin: Person) -> bytes:
    answer = admin.get("/snapshot/simulated-camera.jpg")
    return answer.content if answer.ok else b""


def test_they_are_paired_shown_broken_and_ended_and_come_back(secure: RunningServer) -> None:
    boards = Console(secure)
    boards.until("Both boards are connected")
    below = psutil.Process(boards.process.pid).children(recursive=True)
    assert {"esp32cam", "node"} <= set(names(below))
    with secure.person() as admin:
        wait_until(lambda: picture(admin), "there is a picture")
        for _ in range(2):  # after a power cut as before
            asked = {"x": 150, "y": 60}
            wait_until(
                lambda asked=asked: (
                    admin.ask("POST", "/api/cameras/simulated-camera/position_command", asked).json().get("ok")
                ),
                "the head obeys",
            )
            boards.until("turns the head: pan 150°, tilt 60°")
            boards.type("camera wifi off")
            boards.until("has lost its connection")
            boards.type("camera power off\ncamera power on")
            boards.until("is connected")
            admin.ask("POST", "/api/cameras/simulated-camera/position_command", {"x": 30, "y": 60})
            boards.until("turns the head: pan 30°")
        boards.type("camera dance")
        boards.until("There is no fault `dance`")
    assert boards.end(signal.SIGINT) == 0
    assert "Both boards are switched off." in boards.said
    wait_until(lambda: not any(child.is_running() for child in below), "nothing is left running")

    again = Console(secure, "--fault", "camera hang")
    again.until("Both boards are connected")
    again.until("starts anew: the watchdog")
    again.until("camera  is connected")
    assert "pairing window" not in again.said
    below = psutil.Process(again.process.pid).children(recursive=True)
    again.end(signal.SIGKILL)
    wait_until(lambda: not any(child.is_running() for child in below), "nothing outlives it")


def test_without_a_server_it_says_how_to_start_one(tmp_path: Path) -> None:
    own = {"DATA_DIR": str(tmp_path), "PORT": "1", "PORT_RANGE": "1", "HOST": "127.0.0.1"}
    command = [sys.executable, "scripts/simulated_boards.py"]
    ended = subprocess.run(
        command, cwd=PROJECT, env=os.environ | own, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 1
    assert "make run" in ended.stderr


@pytest.mark.parametrize(
    ("typed", "why"), [("drop", "to which board"), ("pico slow", "cannot happen"), ("camera  fly", "no fault `fly`")]
)
def test_what_is_no_fault_is_said_to_be_none(typed: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_fault(typed)


def test_every_fault_is_known_to_its_simulator() -> None:
    simulator = (ESP32 / "sim" / "board.cpp").read_text()
    chip = (PICO / "sim" / "chip.mjs").read_text() + (PICO / "sim" / "run.mjs").read_text()
    for fault in FAULTS:
        if fault.name.startswith("power"):
            continue
        assert any(getattr(fault, board) for board in BOARDS)
        if fault.camera:
            assert f'what == "{fault.camera[1:].split()[0]}"' in simulator
        if fault.pico:
            word = fault.pico.split()[0]
            assert f"\n  {word}: (" in chip or f"'{word}'" in chip


def test_the_words() -> None:
    assert camera_words("sim camera VGA") == "takes pictures of the size VGA"
    assert camera_words("sim stored setup") is None
    assert (
        camera_words("warning no connection: closed (4001), again in 5 s")
        == "no connection: closed (4001), again in 5 s"
    )
    pico = PicoWords()
    assert pico.rest() is None
    assert pico.say('{"event": "servo", "t": 1, "pin": 17, "us": 1500}') is None
    assert pico.rest() == "turns the head: tilt 90°"
    assert pico.rest() is None
    assert pico.say('{"event": "print", "t": 2, "text": "info: enrolled"}') == "info: enrolled"
