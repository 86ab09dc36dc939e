"""View: what the simulated camera sees, drawn where the simulated Pico's servos point."""

from __future__ import annotations

import io
import json
import socket
import threading
import time
from pathlib import Path

from PIL import Image

from camproxy.links.scenes import scene_named

#: Pictures a second that are drawn.
FPS = 12
#: Of those that are not of the scene's own size. JPEG quality, of 95.
QUALITY = 75
#: A datagram is smaller. Bytes.
LARGEST = 500


class View:
    """A scene of the demo camera, drawn into `file` again and again by a thread of its own.

    The Pico says by UDP on 127.0.0.1, to `port`, where the head points and whether its light is on
    (pico/sim/README.md). `size` may be changed at any time, in pixels.
    """

    def __init__(self, file: Path, scene: str = "workshop") -> None:
        self.file = file
        self._scene = scene_named(scene)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(1 / FPS)
        self.port: int = self._socket.getsockname()[1]
        self.size = (800, 600)
        self._pan = self._tilt = 90.0
        self._light = False
        self._ends = threading.Event()
        self._draw()  # the first takes half a second; the camera has something to see from the start
        self._thread = threading.Thread(target=self._run, name="view", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ends.is_set():
            self._listen(due)
            if time.monotonic() >= due:
                self._draw()
                due = time.monotonic() + 1 / FPS

    def _listen(self, until: float) -> None:
        self._socket.settimeout(max(until - time.monotonic(), 0.001))
        try:
            said = json.loads(self._socket.recv(LARGEST))
        except (TimeoutError, ValueError):
            return
        # A servo that has had no pulse yet stands somewhere: straight ahead.
        self._pan = said["servo1"] if said["servo1"] is not None else self._pan
        self._tilt = said["servo2"] if said["servo2"] is not None else self._tilt
        self._light = said["light"]

    def _draw(self) -> None:
        jpeg = self._scene.frame(self._pan, self._tilt, self._light, time.time())
        picture = Image.open(io.BytesIO(jpeg))
        if picture.size != self.size:
            other = io.BytesIO()
            picture.resize(self.size, Image.Resampling.BILINEAR).save(other, "JPEG", quality=QUALITY)
            jpeg = other.getvalue()
        fresh = self.file.with_suffix(".new")
        fresh.write_bytes(jpeg)
        fresh.replace(self.file)  # the camera never sees half a picture that way

    def close(self) -> None:
        self._ends.set()
        self._thread.join()
        self._socket.close()
