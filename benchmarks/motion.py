"""Debian's `motion` beside us: a program of the trade that also takes a camera's stream and serves it to many."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import requests

from benchmarks.load import Viewers
from benchmarks.machine import MEASURED, Process, pinned
from benchmarks.server import until
from benchmarks.ways import Way

CONFIGURATION = """
daemon off
setup_mode off
log_level 3
netcam_url {url}
width 800
height 600
framerate {rate}
stream_port {port}
stream_maxrate {rate}
stream_quality 50
stream_localhost on
webcontrol_port 0
threshold 1000000
movie_output off
picture_output off
"""


#: All the time, as its own documentation says how.
RECORDING = """
daemon off
setup_mode off
log_level 3
netcam_url {url}
width 800
height 600
framerate {rate}
stream_port 0
webcontrol_port 0
emulate_motion on
movie_output on
movie_codec mp4
movie_filename %t-%s
picture_output off
target_dir {directory}
"""


def installed() -> bool:
    return shutil.which("motion") is not None


class Motion:
    """`motion` on the core of what is measured, with one camera. A context manager.

    It decodes every picture and encodes it again, which is what it is for: it is here to show the scale.
    """

    def __init__(self, url: str, rate: int) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="camproxy-benchmark-")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        file = Path(self._directory.name, "motion.conf")
        file.write_text(CONFIGURATION.format(url=url, rate=rate, port=self._port))
        with pinned(MEASURED):
            self._process = subprocess.Popen(
                ["motion", "-n", "-c", str(file)],
                cwd=self._directory.name,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self.process = Process(self._process.pid)
        until(self._streams, "motion streams")
        #: Its pictures are of another size than the board's.
        self.way = Way("motion", "/", self._bytes_of_a_picture(), headers=())

    def watched_by(self, count: int) -> Viewers:
        request = self.way.request(self._port, "", "")
        return Viewers(self._port, count, request, b"", b"", "discard").all_watch(self.way)

    def _streams(self) -> bool:
        try:
            return self._bytes_of_a_picture(of=1) > 0
        except OSError:
            return False

    def _bytes_of_a_picture(self, of: int = 20) -> int:
        """The mean, with what is around each."""
        with requests.get(f"http://127.0.0.1:{self._port}/", stream=True, timeout=5) as answer:
            stream = answer.raw
            sizes = []
            around = 0
            while len(sizes) < of + 1:
                line = stream.readline()
                if not line:
                    raise OSError("the stream has ended")
                around += len(line)
                if line.lower().startswith(b"content-length:"):
                    size = int(line.split(b":")[1])
                    around += len(stream.readline())
                    stream.read(size)
                    sizes.append(size + around)
                    around = 0
        return sum(sizes[1:]) // of

    def __enter__(self) -> Motion:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._directory.cleanup()


class Recording:
    """`motion` that records the same stream as so many cameras, on all cores. A context manager."""

    def __init__(self, url: str, rate: int, cameras: int) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="camproxy-benchmark-")
        directory = Path(self._directory.name)
        settings = RECORDING.format(url=url, rate=rate, directory=directory)
        files = [directory / f"camera-{number}.conf" for number in range(cameras)]
        for number, file in enumerate(files):
            file.write_text(f"camera_id {number + 1}\n{settings}")
        main = directory / "motion.conf"
        main.write_text("daemon off\nwebcontrol_port 0\nlog_level 3\n" + "".join(f"camera {file}\n" for file in files))
        self._process = subprocess.Popen(
            ["motion", "-n", "-c", str(main)],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.process = Process(self._process.pid)
        until(lambda: self._written() == cameras, "motion records")

    def _written(self) -> int:
        """Files that have something in them."""
        return sum(file.stat().st_size > 0 for file in Path(self._directory.name).glob("*.mp4"))

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._directory.cleanup()
