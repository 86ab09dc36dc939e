"""The ESP32-CAM's code by itself: unit tests under sanitizers, on an Xtensa CPU, and as two other readers see it."""

from __future__ import annotations

import re
import subprocess

from tests.firmware.esp32cam import ESP32, build, skip_without
from tests.running import PROJECT


def test_units() -> None:
    """JSON, WebSocket, HTTP, backoff, power, tests/wire … with a clock that wraps and bytes that were tampered with."""
    skip_without()
    done = subprocess.run([build("unit") / "unit"], cwd=ESP32, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_core_on_an_xtensa_cpu() -> None:
    """A session under QEMU; that its state stays under 6 KB is asserted when it is compiled."""
    skip_without("xtensa-lx106-elf-g++", "qemu-system-xtensa")
    core = build("xtensa") / "xtensa" / "core.elf"
    names = subprocess.run(["xtensa-lx106-elf-nm", "-C", core], capture_output=True, text=True, check=True).stdout
    assert "camproxy::App::poll" in names
    assert not [line for line in names.splitlines() if "alloc" in line or "operator new" in line]
    machine = ["qemu-system-xtensa", "-M", "sim", "-cpu", "lx106", "-semihosting", "-nographic", "-monitor", "none"]
    done = subprocess.run(
        [*machine, "-serial", "none", "-kernel", core],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok   it sleeps, and every frame is back" in done.stdout
    assert "FAIL" not in done.stdout


def test_the_wiring_is_drawn_as_it_is_wired() -> None:
    drawn = (PROJECT / "docs" / "images" / "wiring-esp32cam.svg").read_text()
    pins = dict(re.findall(r"(flash|pir) = (\d+)", (ESP32 / "hal" / "hal.h").read_text()))
    assert (
        f'<circle class="pad" cx="400" cy="246" r="6"/><text class="on-pcb" x="412" y="251">IO{pins["pir"]}<' in drawn
    )
    assert f'<text class="dim" x="412" y="379">IO{pins["flash"]}<' in drawn


def test_other_readers() -> None:
    skip_without("cppcheck", "clang-tidy")
    build("lint")
