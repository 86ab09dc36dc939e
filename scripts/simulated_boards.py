#!/usr/bin/env python3
"""Start an ESP32-CAM and a Pico that do not exist: their real firmware, dialling the server that runs here.

    simulated_boards.py                                 both, paired through scripts/pair_device.py the first time
    simulated_boards.py --server https://10.0.0.5:5000 --certificate server.pem --by-code
                                                        with a server elsewhere, whose admin approves their codes
    simulated_boards.py --fault "camera slow"           with something that is wrong from the start

The camera sees what the demo camera sees, where the Pico's servos point. What happens is told line by line; what is
typed happens to the boards: `camera wifi off`, `pico servo stuck`; `help` lists it all. Ctrl-C ends them, and leaves
nothing behind but their memory, in simulated-boards/ in the server's DATA_DIR.
"""

from __future__ import annotations

import argparse
import queue
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from setup import node
from simulation import camera
from simulation.camera import Camera
from simulation.faults import POWER_OFF, POWER_ON, Fault, listed, read_fault
from simulation.pairing import Pairing
from simulation.pico import Pico
from simulation.program import News
from simulation.view import View

from camproxy.diagnostics.findings import Failed
from camproxy.diagnostics.local_server import LocalServer, own_chain
from camproxy.errors import CannotStart
from camproxy.settings import read

#: After so long without news the head has come to rest. Seconds.
REST = 0.4
TYPED = "typed"
HELP = "Type what is to happen, for example `camera drop` or `pico servo stuck`; `help` lists all; Ctrl-C ends."


class Boards:
    """Both boards and whoever types. `run` goes on until Ctrl-C, or until the input ends."""

    def __init__(self, options: argparse.Namespace, server: str, certificate: Path | None, kept: Path, live: Path):
        self._news: News = queue.Queue()
        self._view = View(live)
        self.camera = Camera(kept / "camera", server, options.by_code, self._view, self._news)
        found = node()
        assert found, "setup.py pico has brought one"
        self.pico = Pico(kept / "pico", found, server, certificate, options.by_code, self._view.port, self._news)
        self._server = server
        self._faults: list[tuple[str, Fault]] = options.fault
        self._both = False

    def run(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        for board in (self.camera, self.pico):
            board.power_on()
        while True:
            try:
                who, line = self._news.get(timeout=REST)
            except queue.Empty:
                self._rest()
                continue
            if who == TYPED:
                if line is None:
                    return
                self._obey(line)
            elif isinstance(who, Pairing):
                self._pair(who, line)
            else:
                self._tell(who, who.hear(line))
                self._greet()

    def _listen(self) -> None:
        for line in sys.stdin:
            self._news.put((TYPED, line.strip()))
        self._news.put((TYPED, None))

    def _rest(self) -> None:
        for board in (self.camera, self.pico):
            self._tell(board, board.rest())

    def _tell(self, board: Camera | Pico, said: str | None) -> None:
        if said:
            print(f"{time.strftime('%H:%M:%S')}  {board.name:<6}  {said}", flush=True)

    def _greet(self) -> None:
        """Once, when both are there for the first time."""
        if self._both or not (self.camera.online and self.pico.online):
            return
        self._both = True
        print(f"\nBoth boards are connected. Look at {self._server}, log in, and click into the picture.\n{HELP}\n")
        for board, fault in self._faults:
            self._happen(board, fault)

    def _pair(self, pairing: Pairing, line: str | None) -> None:
        board = self.camera if pairing.kind == "esp32cam" else self.pico
        if line is None:
            wrong = pairing.ended()
            self._tell(board, f"could not be paired:\n{wrong}" if wrong else "is paired; the window is closed")
        elif link := pairing.link(line):
            board.pair(link)

    def _obey(self, typed: str) -> None:
        if typed == "help":
            print(listed(), flush=True)
        elif typed:
            try:
                self._happen(*read_fault(typed))
            except ValueError as error:
                print(error, flush=True)

    def _happen(self, board: str, fault: Fault) -> None:
        whose = self.camera if board == "camera" else self.pico
        self._tell(whose, f"({fault.what})")
        if fault.name == POWER_OFF:
            whose.power_off()
        elif fault.name == POWER_ON:
            whose.power_on()
        else:
            whose.happen(str(getattr(fault, board)))

    def close(self) -> None:
        for board in (self.camera, self.pico):
            board.close()
        self._view.close()


def main(arguments: list[str] | None = None) -> int:
    options = read_options(arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # also where a shell has them ignored
        signal.signal(number, end)
    boards = None
    with tempfile.TemporaryDirectory(prefix="camproxy-boards-") as directory:
        try:
            server, certificate, kept = where(options)
            if options.anew:
                shutil.rmtree(kept, ignore_errors=True)
            print(f"The server is at {server}. Building the camera's firmware for this machine ...", flush=True)
            camera.build()
            boards = Boards(options, server, certificate, kept, Path(directory, "live.jpg"))
            boards.run()
        except KeyboardInterrupt:
            print()
        except (CannotStart, RuntimeError, ValueError, OSError) as error:
            print(error, file=sys.stderr)
            return 1
        finally:
            if boards:
                boards.close()
    print("Both boards are switched off.")
    return 0


def where(options: argparse.Namespace) -> tuple[str, Path | None, Path]:
    """The server's address, its certificate, and where the boards keep what they know of it. Raises RuntimeError."""
    settings = read()
    server, certificate = options.server, options.certificate or own_chain(settings)
    if not server:
        local = LocalServer(settings)
        try:
            local.answers()
        except Failed as failed:
            raise RuntimeError(f"{failed.said}. Start it first, in another terminal: make run") from None
        server = f"{'https' if local.line.secure else 'http'}://{local.line.host}:{local.port}"
    parts = urlsplit(server)
    return (
        server,
        certificate,
        settings.data_dir / "simulated-boards" / f"{parts.hostname}-{parts.port or parts.scheme}",
    )


def fault(text: str) -> tuple[str, Fault]:
    try:
        return read_fault(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", metavar="URL", help="http(s)://host:port (default: as the settings say)")
    parser.add_argument("--certificate", type=Path, help="of a server elsewhere, if its address begins with https")
    parser.add_argument("--by-code", action="store_true", help="open no pairing: an admin approves the boards' codes")
    parser.add_argument("--anew", action="store_true", help="they forget what they know, and are paired again")
    parser.add_argument("--fault", type=fault, action="append", default=[], help="happens once both are connected")
    options = parser.parse_args(arguments)
    if options.server and (
        urlsplit(options.server).scheme not in ("http", "https") or not urlsplit(options.server).port
    ):
        parser.error("--server is an address with its port: http://192.168.1.10:5000")
    return options


def end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
