"""A Pico W under MicroPython (pico/sim), as a process that tests start, watch and harm."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from scripts.setup import node
from tests.integration.boards import Enrolled
from tests.integration.people import wait_until
from tests.patience import PATIENCE
from tests.running import PROJECT, RunningServer

PICO = PROJECT / "pico"
#: Node.js by itself may be the system's or in this environment, see scripts/setup.py.
SIMULATOR = PICO / "sim" / "run.mjs"

#: GPIO numbers of config.example.json.
SERVO1, SERVO2, LIGHT = 16, 17, 15

#: What waits for the board's own time need not wait for ours.
FAST = ("--speed", "5")

Event = dict[str, Any]


class SimulatedPico:
    """Its `flash` is a directory with config.json. What it does comes as events, see pico/sim/README.md.

    `wrap` may change the command that starts it.
    """

    def __init__(
        self, flash: Path, *options: str, wrap: Callable[..., list[str]] = lambda *command: [*command]
    ) -> None:
        self.flash = flash
        self.events: list[Event] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            wrap(str(node()), str(SIMULATOR), "--flash", str(flash), *options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": "stderr", "text": line}
            with self._changed:
                self.events.append(event)
                self._changed.notify_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(5)
        self.process.stdout.close()

    def do(self, fault: str) -> None:
        """One of the faults on demand, and wait until it has been done."""
        assert self.process.stdin
        seen = len(self.events)
        self.process.stdin.write(fault + "\n")
        self.process.stdin.flush()
        name = fault.split()[0]
        done = {"brownout": "boot", "on": "boot", "hang": "reset"}.get(name, "done")
        if name != "off":
            self.until(lambda event: event["event"] == done, since=seen)

    def until(self, accept: Callable[[Event], bool], since: int = 0, timeout: float = PATIENCE) -> Event:
        """The first event from number `since` on that is accepted."""
        with self._changed:
            at = since

            def found() -> bool:
                nonlocal at
                while at < len(self.events):
                    if accept(self.events[at]):
                        return True
                    at += 1
                return False

            assert self._changed.wait_for(found, timeout), "not within {} s; it did:\n{}".format(
                timeout, "\n".join(map(str, self.events[-25:]))
            )
            return self.events[at]

    def until_it_says(self, text: str, since: int = 0, timeout: float = PATIENCE) -> str:
        said: str = self.until(lambda event: text in event.get("text", ""), since, timeout)["text"]
        return said

    def said(self, text: str) -> int:
        """How often."""
        return sum(text in event.get("text", "") for event in list(self.events))

    @property
    def now(self) -> int:
        """The number of the next event."""
        return len(self.events)

    def pulses(self, pin: int, since: int = 0) -> list[float]:
        """What that servo was told, in microseconds; 0 for no pulses."""
        return [event["us"] for event in self.events[since:] if event["event"] == "servo" and event["pin"] == pin]

    def until_pulse(self, pin: int, microseconds: float, since: int = 0) -> None:
        """The chip counts in whole nanoseconds, and so there is a little less of some."""
        self.until(
            lambda event: event["event"] == "servo" and event["pin"] == pin and abs(event["us"] - microseconds) < 0.001,
            since,
        )

    def measured(self) -> tuple[int, int, int]:
        """Bytes of the heap that the firmware holds now; the most that it has used; open sockets."""
        since = self.now
        self.do("measure")
        heap = self.until(lambda event: event["event"] == "heap", since)
        sockets = self.until(lambda event: event["event"] == "sockets", since)
        return heap["used"], heap["most"], sockets["open"]

    def keeps(self, name: str) -> Any:
        """What it has written to that file of its flash."""
        return json.loads((self.flash / name).read_text())


def write_config(flash: Path, served_by: RunningServer, **more: Any) -> None:
    """What somebody who sets a board up writes; quicker in trying again than most."""
    flash.mkdir(parents=True, exist_ok=True)
    place: dict[str, Any] = {"host": "127.0.0.1", "port": served_by.port, "reconnect_seconds": 0.2}
    if served_by.url.startswith("https"):
        (flash / "server.pem").write_bytes(Path(served_by.certificate).read_bytes())
        place["certificate"] = "server.pem"
    else:
        place["encrypted"] = False
    place |= more.pop("server", {})
    config = {"wifi": {"ssid": "workshop", "password": "shavings"}, "server": place} | more
    (flash / "config.json").write_text(json.dumps(config))


def write_key(flash: Path, key: str) -> None:
    (flash / "key.json").write_text(json.dumps({"api_key": key, "ws_path": "/ws/pico"}))


def microseconds(angle: int) -> float:
    """The pulse for that angle."""
    return (500_000 + angle * 100_000 // 9) / 1000


class Head:
    """A camera whose head is moved by that Pico."""

    def __init__(self, enrolled: Enrolled) -> None:
        self.admin = enrolled.admin
        made = {"name": f"Head {enrolled.id}", "url": "demo:garden", "pico": enrolled.id, "everyone": "control"}
        self.path = f"/api/cameras/{self.admin.made('/api/cameras', made)['slug']}"

    def ask(self, what: str, **body: Any) -> Any:
        answer = self.admin.ask("POST", f"{self.path}/{what}", body)
        assert answer.ok, answer.text
        return answer.json()

    @property
    def pose(self) -> tuple[int, int] | None:
        pose = self.admin.get(self.path).json()["status"]["pose"]
        return (pose["x"], pose["y"]) if pose else None


def state(enrolled: Enrolled) -> dict[str, Any]:
    found: dict[str, Any] = enrolled.admin.get(f"/device/status?device={enrolled.id}").json()
    return found


def until_online(enrolled: Enrolled) -> float:
    """The seconds that it took."""
    return wait_until(lambda: state(enrolled).get("online"), "the Pico is online")


def until_it_answers(enrolled: Enrolled) -> None:
    """Also when the server does not know yet that an earlier connection is dead."""
    path = f"/api/devices/{enrolled.id}/ping"
    wait_until(lambda: enrolled.admin.ask("POST", path).ok, "the Pico answers")


def configure(enrolled: Enrolled, **fields: Any) -> None:
    path = f"/api/devices/{enrolled.id}/config"
    assert enrolled.admin.ask("PUT", path, fields).ok
    wait_until(lambda: enrolled.admin.get(path).json()["state"] == "delivered", "the configuration is taken")
