"""Capacity: how many cameras this machine can record, measured once with its ffmpeg. A subsystem: start, stop, state.

Measured when something is to be recorded or somebody asks, in the background and with low priority; kept in a file, and
measured anew when the machine or ffmpeg is another one.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
from PIL import Image, ImageDraw

from camproxy.recording.encoder import Encoder, Encoding
from camproxy.recording.fed import EncoderFailed, ffmpeg

log = logging.getLogger(__name__)

#: What figures are told for: SVGA at ten frames a second.
WIDTH, HEIGHT, FPS = 800, 600, 10.0
#: What recording may take of all cores; the rest is for those who watch.
SHARE = 0.75
#: And of the one core that this process can have, which receives and relays the pictures.
OWN_SHARE = 0.25
#: And of the memory; a camera that records needs that of its ffmpeg, and its last 15 s of frames.
MEMORY_SHARE = 0.5
RING_BYTES = 8_000_000
#: From this on it is said that there are nearly too many.
NEARLY = 0.85
CODECS = ("h264", "mjpeg")
#: Frames that are measured, and those before them, while ffmpeg starts. They come as a camera's do: to wake up for each
#: is most of what a copy costs.
FRAMES = 50
FIRST = 10
#: How often it is looked whether something is to be recorded. Seconds.
LOOK_EVERY = 5.0
FINISH_WITHIN = 120.0
#: No frame costs less, whatever a clock says. Seconds.
LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a frame of SVGA: seconds of ffmpeg's processor time and of our own; and bytes of memory for each camera."""

    ffmpeg: float
    own: float
    memory: int


@dataclass(frozen=True, slots=True)
class Load:
    """A camera that is recorded, or is to be when something moves: how, how large (pixels) and how often."""

    codec: str
    pixels: int
    fps: float


#: Told which encoder runs, so that it can be ended.
Runs = Callable[[Encoder | None], None]
Measure = Callable[[str, Runs], Cost]


class Capacity:
    """Thread-safe. `loads` says what is recorded just now, `file` is where the measurement is kept."""

    def __init__(self, file: Path, loads: Callable[[], Iterable[Load]], measure: Measure | None = None) -> None:
        self._file = file
        self._loads = loads
        self._measure = measure or measured
        self._costs: dict[str, Cost] = {}
        self._asked = threading.Event()
        self._stopping = threading.Event()
        self._running: Encoder | None = None
        self._thread = threading.Thread(target=self._run, name="capacity", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._asked.set()
        if running := self._running:
            running.kill()
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def state(self) -> dict[str, Any]:
        """How many cameras of either codec; how much of that is `used`, 1 being all. None until it is known."""
        if not self._costs:
            self._asked.set()
            return {"h264": None, "mjpeg": None, "used": None}
        return {codec: cameras(cost) for codec, cost in self._costs.items()} | {"used": round(self.used(), 3)}

    def used(self) -> float:
        if not self._costs:
            return 0.0
        return sum(
            load.pixels / (WIDTH * HEIGHT) * load.fps / FPS / max(cameras(self._costs[load.codec]), 0.5)
            for load in self._loads()
        )

    def alarms(self) -> list[str]:
        """Sentences for an operator."""
        used = self.used()
        if used < NEARLY:
            return []
        return [
            f"the cameras that are recorded take {used:.0%} of what this machine can record; see capacity in /stats"
        ]

    # In its thread

    def _run(self) -> None:
        machine = this_machine()
        self._costs = self._known(machine)
        while not self._costs and not self._stopping.is_set():
            if self._asked.wait(LOOK_EVERY) or any(self._loads()):
                self._asked.clear()
                self._look(machine)

    def _look(self, machine: dict[str, Any]) -> None:
        try:
            costs = {codec: self._measure(codec, self._runs) for codec in CODECS}
        except (EncoderFailed, OSError) as error:
            if not self._stopping.wait(LOOK_EVERY):
                log.warning("how many cameras can be recorded could not be measured: %s", error)
            return
        try:
            self._file.write_text(json.dumps(machine | {codec: asdict(cost) for codec, cost in costs.items()}))
        except OSError as error:
            log.warning("what was measured cannot be kept: %s", error.strerror)
        self._costs = costs  # who sees it may count on it that it is kept
        log.info(
            "this machine can record %s",
            " or ".join(f"{cameras(cost)} cameras as {codec}" for codec, cost in costs.items()),
        )

    def _runs(self, encoder: Encoder | None) -> None:
        self._running = encoder
        if encoder and self._stopping.is_set():
            encoder.kill()

    def _known(self, machine: dict[str, Any]) -> dict[str, Cost]:
        try:
            kept = json.loads(self._file.read_text())
            if {name: kept[name] for name in machine} == machine:
                return {codec: Cost(**kept[codec]) for codec in CODECS}
        except (OSError, ValueError, KeyError, TypeError):
            pass  # there is none, or none that can be used
        return {}


def cameras(cost: Cost) -> int:
    """How many at SVGA and ten frames a second."""
    by_processor = cores() * SHARE / ((cost.ffmpeg + cost.own) * FPS)
    by_this_process = OWN_SHARE / (cost.own * FPS)
    by_memory = psutil.virtual_memory().total * MEMORY_SHARE / (cost.memory + RING_BYTES)
    return int(min(by_processor, by_this_process, by_memory))


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def this_machine() -> dict[str, Any]:
    """What a measurement holds for."""
    said = subprocess.run([ffmpeg(), "-version"], capture_output=True, text=True, timeout=30, check=False).stdout
    model = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith(("model name", "Model"))]
    return {
        "machine": model[0] if model else platform.machine(),
        "cores": cores(),
        "ffmpeg": said.partition("\n")[0],
    }


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def measured(codec: str, runs: Runs) -> Cost:
    """What a frame costs: how much longer more of them take. Raises EncoderFailed, OSError."""
    few, more = _recorded(codec, FIRST, runs), _recorded(codec, FIRST + FRAMES, runs)
    ffmpeg, own = ((many - some) / FRAMES for many, some in ((more.ffmpeg, few.ffmpeg), (more.own, few.own)))
    return Cost(max(ffmpeg, LEAST), max(own, LEAST), more.memory)


def _recorded(codec: str, frames: int, runs: Runs) -> Cost:
    """What so many frames cost together."""
    pictures = [picture(number) for number in range(20)]
    with tempfile.TemporaryFile() as file:
        encoder = _Timed(Encoding(codec, WIDTH, HEIGHT, FPS), file.fileno())
        runs(encoder)
        try:
            begun = time.thread_time()
            for number in range(frames):
                encoder.write(pictures[number % len(pictures)], number / FPS)
                time.sleep(1 / FPS)
            own = time.thread_time() - begun
            memory = psutil.Process(encoder.pid).memory_info().rss
            if not encoder.finish(FINISH_WITHIN):
                raise EncoderFailed(encoder.last_words("it did not end well"))
        except (EncoderFailed, psutil.Error) as fault:
            encoder.abandon()
            raise EncoderFailed(str(fault)) from None
        finally:
            runs(None)
    return Cost(encoder.spent, own, memory)


class _Timed(Encoder):
    #: Seconds of processor time that it took, after `finish`.
    spent = 0.0

    def finish(self, within: float) -> bool:
        self._stdin.close()
        with suppress(ChildProcessError):  # it was killed, and nobody asks
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)  # it is gone, and not forgotten yet
            # By the process's own clock, as clock_getcpuclockid(3) makes it: everything else counts in hundredths.
            self.spent = time.clock_gettime((~self.pid << 3) | 2)
        return super().finish(within)


def picture(number: int) -> bytes:
    """A JPEG with the detail and the noise of a camera's, in which somebody walks by."""
    image = Image.effect_noise((WIDTH // 4, HEIGHT // 4), 60).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    image = Image.blend(image.convert("RGB"), Image.linear_gradient("L").resize((WIDTH, HEIGHT)).convert("RGB"), 0.9)
    draw = ImageDraw.Draw(image)
    for column in range(0, WIDTH, 80):
        draw.line((column, 0, HEIGHT - column, HEIGHT), fill=(90, 70, 60), width=3)
    draw.ellipse((number * 20, 200, number * 20 + 120, 480), fill=(60, 90, 160))
    out = BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()
