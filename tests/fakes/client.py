"""The handle that tests hold on a fake board."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.patience import PATIENCE


class FakeEsp32Cam:
    """Starts tests/fakes/esp32cam.py and talks to its control port.

        with FakeEsp32Cam("--old-acks") as board:
            board.fault("silence")

    `arguments` are the program's own; see `--help`. The process ends with the `with` block, or with ours.
    """

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("esp32cam.py")), "--until-stdin-ends", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.close()
            raise RuntimeError("the fake ESP32-CAM did not start")
        ports = json.loads(line)
        #: The board's own port, on 127.0.0.1.
        self.port: int = ports["port"]
        self._control: int = ports["control"]

    @property
    def url(self) -> str:
        """Where the pull protocol is spoken."""
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def stream_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/stream"

    def fault(self, kind: str, **options: Any) -> dict[str, Any]:
        """Misbehave from now on, until `fault("none")`; FAULTS in esp32cam.py lists how. Returns the state."""
        return self._ask("/fault", {"kind": kind, **options})

    def state(self) -> dict[str, Any]:
        return self._ask("/state")

    def wait(self, *, timeout: float = PATIENCE, **at_least: int) -> dict[str, Any]:
        """The state, as soon as each named count (`getframes=3`, `commands=1`) is reached. Raises TimeoutError."""
        return self._ask("/wait", {"timeout": timeout, **at_least}, timeout + 5)

    def say(self, **message: Any) -> None:
        """Have the board say this to its clients."""
        self._ask("/say", message)

    def close(self) -> None:
        """End the process. Idempotent."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> FakeEsp32Cam:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, path: str, body: dict[str, Any] | None = None, timeout: float = PATIENCE) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._control}{path}",
            data=None if body is None else json.dumps(body).encode(),
        )
        try:
            with _opener.open(request, timeout=timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                answer = json.load(error)
            if error.code == 408:
                raise TimeoutError(f"{body} was not reached: {answer}") from None
            raise ValueError(answer.get("error", path)) from None


def frame_number(jpeg: bytes) -> int:
    """Which of the fake's frames this is: 0…9, in the order in which they were sent."""
    found = re.search(rb"frame (\d)", jpeg[:1000])
    assert found, "not a frame of the fake ESP32-CAM"
    return int(found.group(1))


# A proxy in the environment is for others.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
