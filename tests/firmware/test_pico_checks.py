"""What can be said of the Pico's firmware without running it, and of what is around it."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

from camproxy.device_config import PicoConfig
from scripts.setup import node
from tests.firmware.conftest import Start
from tests.firmware.pico import PICO, SERVO1, Head, microseconds, until_online
from tests.integration.boards import Enrolled
from tests.patience import PATIENCE
from tests.running import PROJECT, Person

README = (PICO / "README.md").read_text()
DRAWN = (PROJECT / "docs" / "images" / "wiring-pico.svg").read_text()


def test_the_type_checker_has_nothing_to_say() -> None:
    """With the stubs of the Pico W: what it has not cannot be imported."""
    checker = PICO / "node_modules" / "pyright" / "index.js"
    checked = subprocess.run(
        [str(node()), str(checker), "--outputjson"], cwd=PICO, capture_output=True, text=True, timeout=100, check=False
    )
    found = json.loads(checked.stdout)
    assert found["generalDiagnostics"] == []
    assert found["summary"]["filesAnalyzed"] > 20


def read(name: str) -> dict[str, object]:
    """The constants of a module of the firmware that imports nothing of the chip."""
    source = (PICO / "camproxy" / f"{name}.py").read_text().replace("import asyncio", "")
    found: dict[str, object] = {}
    exec(compile(source, name, "exec"), found)  # ours
    return found


def test_the_server_and_the_board_know_the_same_configuration() -> None:
    fields = {name: (default, least, most) for name, default, least, most in read("device_config")["FIELDS"]}  # type: ignore[attr-defined]
    assert fields.keys() == PicoConfig.model_fields.keys()
    schema = PicoConfig.model_json_schema()["properties"]
    for name, known in fields.items():
        assert known == (schema[name]["default"], schema[name]["minimum"], schema[name]["maximum"]), name


def test_the_blink_codes_are_described() -> None:
    codes = {name: number for name, number in read("blinker").items() if isinstance(number, int) and number < 10}
    described = re.findall(r"^\| (steadily on|\d) \|", README, re.M)
    assert [0 if text == "steadily on" else int(text) for text in described] == sorted(codes.values())


def test_the_wiring_is_that_of_the_example() -> None:
    pins = json.loads((PICO / "config.example.json").read_text())["pins"]
    for name, number in pins.items():
        assert re.search(rf"^\| GP{number} \|.*{name}", README, re.M), f"{name} is GP{number}"
        assert f">GP{number} " in DRAWN, f"{name} is GP{number}"


def test_every_setting_is_described() -> None:
    source = (PICO / "camproxy" / "settings.py").read_text()
    names = re.findall(r'_(?:text|number)\(\w+, "(\w+)"', source)
    assert len(names) > 10
    for name in names:
        assert re.search(rf"^\|.*`(?:\w+\.)?{name}`.*\|", README, re.M), name


def test_the_pose_goes_to_the_port_that_is_named(enrolled: Enrolled, start: Start) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(PATIENCE)
        pico = start(enrolled, "--pose-port", str(listening.getsockname()[1]))
        until_online(enrolled)
        head = Head(enrolled)

        def until(**wanted: object) -> None:
            """It says where the head is on its way, and nothing else."""
            while (said := json.loads(listening.recv(200))) != wanted:
                assert said.keys() == wanted.keys()
                assert said["servo1"] is None or said["servo1"] <= 100, "what is stuck does not move"

        head.ask("position_command", x=100, y=80)
        head.ask("light_command", state=True)
        until(servo1=100, servo2=80, light=True)
        pico.do("servo stuck")
        head.ask("position_command", x=130, y=80)
        pico.until_pulse(SERVO1, microseconds(130))
        head.ask("light_command", state=False)
        until(servo1=100, servo2=80, light=False)
        pico.do("servo free")
        assert json.loads(listening.recv(200))["servo1"] == 130


def test_the_script_for_a_simulated_pico(admin: Person, tmp_path: Path) -> None:
    token = admin.made("/api/pairing", {"kind": "pico", "allow_unencrypted": True})["token"]
    command = [sys.executable, "scripts/simulated_pico.py", "--server", admin.server.url, "--token", token]
    started = subprocess.Popen(
        [*command, "--flash", str(tmp_path / "flash"), "--mac", "28:CD:C1:0C:00:01"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert started.stdout
    for line in started.stdout:
        if "enrolled" in json.loads(line).get("text", ""):
            break
    started.communicate(timeout=PATIENCE)  # it ends with its input
    assert started.returncode == 0
    assert "Simulated Pico" in [device["name"] for device in admin.get("/api/devices").json()["items"]]


def test_the_script_says_what_it_lacks(tmp_path: Path) -> None:
    for arguments, said in (
        (["--server", "https://127.0.0.1:5000"], "--certificate"),
        (["--server", "127.0.0.1:5000"], "is no address"),
    ):
        command = [sys.executable, "scripts/simulated_pico.py", *arguments, "--flash", str(tmp_path)]
        ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=20, check=False)
        assert ended.returncode == 2
        assert said in ended.stderr
