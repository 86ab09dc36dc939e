"""Camera: the ESP32-CAM's firmware, built for this machine, looking at a drawn scene."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from .pairing import Pairing
from .program import News, Powered, Program
from .view import View
from .words import camera_words

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "esp32" / "build" / "esp32cam"
#: Of the frame sizes that the page offers; see esp32/core/config.cpp.
SIZES = {
    "QQVGA": (160, 120), "QVGA": (320, 240), "CIF": (400, 296), "HVGA": (480, 320), "VGA": (640, 480),
    "SVGA": (800, 600), "XGA": (1024, 768), "HD": (1280, 720), "SXGA": (1280, 1024), "UXGA": (1600, 1200),
}  # fmt: skip


def build() -> None:
    """Raises RuntimeError with what is missing, or with what the compiler says."""
    for program in ("g++", "make"):
        if shutil.which(program) is None:
            raise RuntimeError(f"{program} is missing: sudo apt install g++ make libmbedtls-dev")
    if not Path("/usr/include/mbedtls/ssl.h").exists():
        raise RuntimeError("mbedTLS is missing: sudo apt install libmbedtls-dev")
    command = ["make", "-C", str(ROOT / "esp32"), "-j2", "--no-print-directory", "sim"]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise RuntimeError(made.stderr)


class Camera(Powered):
    """`store` is its flash, and outlives the program."""

    kind, name = "esp32cam", "camera"

    def __init__(self, store: Path, server: str, by_code: bool, view: View, news: News) -> None:
        super().__init__()
        self._store = store
        self._server = server
        self._by_code = by_code
        self._view = view
        self._news = news
        self.pairing: Pairing | None = None
        self._bitten = False

    def power_on(self, reset: str = "poweron") -> None:
        if self._program:
            return
        self._store.mkdir(parents=True, exist_ok=True)
        options = ["--store", str(self._store), "--live", str(self._view.file), "--mac", "24:6F:28:AA:BB:CC"]
        if self._by_code:
            options += ["--server", self._server]
        self._program = Program([str(PROGRAM), *options], self, self._news, SIM_RESET=reset)

    def hear(self, line: str | None) -> str | None:
        """One of its lines; what is to be told of it."""
        if line is None:
            return self._ended()
        self._bitten = line.startswith("panic: the task watchdog")
        if line in ("sim online", "sim offline") or line.startswith("sim reset"):
            self.online = line == "sim online"
        size = line.removeprefix("sim camera ")
        self._view.size = SIZES.get(size, self._view.size)
        if ", not paired" in line:
            return self._not_paired(line)
        return camera_words(line)

    def _ended(self) -> str:
        self.online, self._program = False, None
        if not self._bitten:
            return "has come to an end; `camera power on` starts it again"
        self.power_on("task_wdt")
        return "starts anew: the watchdog"

    def _not_paired(self, line: str) -> str | None:
        if self._by_code:
            return f"waits to be approved on the server: code {line.split()[-1]}"
        if self.pairing:
            return None
        self.pairing = Pairing(self.kind, self._server, self._news)
        return "has no key yet: a pairing window is opened for it"

    def pair(self, link: str) -> None:
        for line in (f"pair {link}", "name Simulated camera", "wifi simulated"):
            self.happen(line)

    def rest(self) -> str | None:
        return None  # it tells all that it has to tell at once

    def close(self) -> None:
        if self.pairing:
            self.pairing.close()
        if self._program:
            self._program.end()
