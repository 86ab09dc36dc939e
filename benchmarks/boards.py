"""The boards' own firmware and the server, over TLS: pictures of the camera, and a command to the head and back."""

from __future__ import annotations

import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from benchmarks import devices
from benchmarks.latency import CAMERA, COMMAND_P99
from benchmarks.machine import CORES, OTHERS, Process, pinned
from benchmarks.server import Server, until
from benchmarks.table import Rounds, Table, verdict
from tests.firmware.esp32cam import ESP32, SimulatedCamera, pin_of
from tests.firmware.pico import SimulatedPico, write_config, write_key
from tests.integration.boards import Enrolled, enrol
from tests.running import Listener

#: Pictures a second: the most that a camera can be asked for. How many of a hundred may be missing.
FPS, MAY_MISS = 25, 4.0
#: Degrees a second: the fastest that a head can be told to be.
SPEED = 600


def run(seconds: float = 20.0, rounds: int = 5, commands: int = 100) -> Table:
    """`seconds` in all for the pictures, and as many again for acknowledgements, in as many `rounds`."""
    table = Table(
        f"ESP32-CAM and Pico, their own firmware, over TLS, SVGA at {FPS} fps, {seconds:g} s",
        "The camera's firmware built for this machine (with AddressSanitizer, as in the tests) and the Pico's under "
        "MicroPython in WebAssembly; neither is as slow as a board. An acknowledgement is the Pico's, told to the page "
        "that gave the command. The new position is measured, and told to another page: the head moves by a degree and "
        f"says where it is every 200 ms, which is most of it. Medians of {rounds} windows, in brackets the least and "
        "the most.",
        ("", "measured", "", "at most", "holds"),
    )
    with Server(*CORES, TLS="true") as server, both(server) as (camera, received):
        until(lambda: received() > FPS, "pictures come")
        seen = Process(camera.process.pid)
        missing, shares, loads = [], [], []
        for _ in range(rounds):
            begun, cpu, load, frames = time.monotonic(), server.worker.cpu, seen.cpu, received()
            time.sleep(seconds / rounds)
            passed = time.monotonic() - begun
            missing.append(max(0.0, 100 - (received() - frames) / passed / FPS * 100))
            shares.append((server.worker.cpu - cpu) / passed * 100)
            loads.append((seen.cpu - load) / passed * 100)
        hand = server.admin.listen(auth={"subscribe": False}, transports=["websocket"])
        head = itertools.cycle([CAMERA])
        acknowledged = [devices.command_times(hand, head, seconds / rounds) for _ in range(rounds)]
        eye = server.watcher.listen(auth={"subscribe": False}, transports=["websocket"])
        assert eye.call("subscribe", {"camera": CAMERA, "max_fps": 1})["ok"]
        moved = [move_times(hand, eye, commands // rounds) for _ in range(rounds)]
    devices.add(table, f"pictures missing of {FPS} a second, %", missing, ".1f", MAY_MISS)
    devices.add(table, "the server's share of one core, %", shares)
    devices.add(table, "the camera's share of one core, %", loads)
    add_times(table, "command → acknowledgement", acknowledged, COMMAND_P99)
    add_times(table, "command → the new position on another page", moved, None)
    return table


def move_times(hand: Listener, eye: Listener, commands: int) -> list[float]:
    """Milliseconds from a command to the head's new position on the page of `eye`."""
    times = []
    for number in range(commands):
        asked = {"camera": CAMERA, "x": 40 + number % 100, "y": 90}
        begun = time.monotonic()
        answer = hand.call("position_command", asked)
        if not answer["ok"]:
            raise RuntimeError(f"a command failed: {answer}")
        eye.until("position_update", lambda news, asked=asked: news["x"] == asked["x"])
        times.append((time.monotonic() - begun) * 1000)
    return times[1:]  # to the first it was a longer way


def add_times(table: Table, name: str, windows: list[list[float]], at_most: float | None) -> None:
    devices.add(table, f"{name}, p50, ms", [statistics.median(times) for times in windows], ".1f")
    p99 = Rounds([statistics.quantiles(times, n=100, method="inclusive")[98] for times in windows])
    table.add(f"{name}, p99, ms", f"{p99.median:.1f}", p99.spread(".1f"), *verdict(p99.median, at_most))


@contextmanager
def both(server: Server) -> Iterator[tuple[SimulatedCamera, Callable[[], int]]]:
    """Camera and head, connected and configured, as CAMERA; and how many pictures have come so far."""
    admin = server.admin
    eye, hand = enrol(admin, "esp32cam"), enrol(admin, "pico")
    for device, config in ((eye, {"framesize": "SVGA", "fps": FPS}), (hand, {"speed": SPEED})):
        assert admin.ask("PUT", f"/api/devices/{device.id}/config", config).ok
    with tempfile.TemporaryDirectory(prefix="camproxy-benchmark-") as directory, pinned(OTHERS):
        pictures, store, flash = (Path(directory, name) for name in ("pictures", "camera", "pico"))
        draw = [sys.executable, str(ESP32 / "sim" / "make_pictures.py"), str(pictures), "--sizes", "SVGA"]
        subprocess.run([*draw, "--step", "90"], check=True)
        write_config(flash, server.running)
        write_key(flash, hand.key)
        known = ("--server", server.running.url, "--key", eye.key, "--pin", pin_of(server.running))
        with closing(SimulatedCamera(store, pictures, *known)) as camera, SimulatedPico(flash):
            until(lambda: all(status(server, device)["online"] for device in (eye, hand)), "both boards are in")
            server.add_camera(CAMERA, f"device:{eye.id}", pico=hand.id)
            yield camera, lambda: status(server, eye)["frames_received"]


def status(server: Server, device: Enrolled) -> dict[str, Any]:
    found: dict[str, Any] = server.admin.get(f"/device/status?device={device.id}").json()
    return found
