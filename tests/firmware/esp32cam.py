"""The ESP32-CAM's firmware as a process: built from esp32/, its hardware played by esp32/sim/."""

from __future__ import annotations

import fcntl
import itertools
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509

from camproxy.certificates import spki_pin
from scripts.setup import FILES
from tests.patience import PATIENCE
from tests.running import PROJECT, RunningServer

ESP32 = PROJECT / "esp32"
_numbers = itertools.count(1)


def skip_without(*programs: str) -> None:
    """For a machine without the tools; see scripts/setup.py."""
    for program in ("g++", "make", *programs):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    for package, file in FILES.items():
        if not Path(file).exists():
            pytest.skip(f"{package} is not installed")


def build(*targets: str) -> Path:
    """Make them, two files at a time; the directory where they are. Only one test at a time builds."""
    out = ESP32 / "build"
    out.mkdir(exist_ok=True)
    with open(out / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = subprocess.run(
            ["make", "-C", ESP32, "-j2", "--no-print-directory", *targets], capture_output=True, text=True, check=False
        )
    assert made.returncode == 0, made.stdout + made.stderr
    return out


def mac() -> str:
    return f"24:6F:28:01:00:{next(_numbers):02X}"


def pin_of(server: RunningServer) -> str:
    """By which a board knows a server that speaks TLS."""
    return spki_pin(x509.load_pem_x509_certificate(Path(server.certificate).read_bytes()))


class SimulatedCamera:
    """One board. `say` is its serial port, `happen` is what befalls it, and what it prints can be waited for."""

    def __init__(self, store: Path, pictures: Path, *options: str, network_of: int | None = None) -> None:
        self.store = store
        store.mkdir(exist_ok=True)
        program = [build("sim") / "esp32cam", "--store", store, "--pictures", pictures, *options]
        inside = ["nsenter", "--target", str(network_of), "--net"] if network_of else []
        self.process = subprocess.Popen(
            [*inside, *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._lines: list[str] = []
        self._seen = 0
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._changed:
                self._lines.append(line.rstrip("\n"))
                self._changed.notify_all()

    @property
    def printed(self) -> str:
        return "\n".join(self._lines)

    def until(self, wanted: str, timeout: float = PATIENCE) -> str:
        """The next line that has these words in it; those before it are passed over."""
        end = time.monotonic() + timeout
        with self._changed:
            while True:
                while self._seen < len(self._lines):
                    self._seen += 1
                    if wanted in self._lines[self._seen - 1]:
                        return self._lines[self._seen - 1]
                left = end - time.monotonic()
                assert left > 0, f"it does not say {wanted!r}:\n{self.printed}"
                self._changed.wait(left)

    def say(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def happen(self, what: str) -> None:
        self.say(f"!{what}")
        self.until(f"sim {what}")

    def open_files(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def close(self) -> int:
        """End it as its cable's end would; its exit code. AddressSanitizer has looked for leaks then."""
        assert self.process.stdin
        self.process.stdin.close()
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._reader.join(5)
        assert self.process.stdout
        self.process.stdout.close()
        return code


#: Starts a board; it is ended after the test, and has to end well unless `ends` says with which code.
Start = Callable[..., SimulatedCamera]
