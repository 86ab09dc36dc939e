"""Runtime: the parts that run, started in order and stopped in reverse. Its state is what /health renders."""

from __future__ import annotations

import logging
import threading
from typing import Any, Protocol

log = logging.getLogger(__name__)


class Part(Protocol):
    """Every subsystem starts and stops the same way. `stop` is idempotent and may be called without `start`."""

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def state(self) -> dict[str, Any]: ...


class Runtime:
    """Owns the parts of one server. Thread-safe."""

    def __init__(self) -> None:
        self._parts: dict[str, Part] = {}
        self._started: list[str] = []
        self._lock = threading.Lock()
        self.stopping = False
        #: Where the server listens, once it is known.
        self.port: int | None = None

    def add(self, name: str, part: Part) -> None:
        self._parts[name] = part

    @property
    def running(self) -> bool:
        return bool(self._started)

    def start(self) -> None:
        """Start all parts in the order in which they were added. If one fails, those before it are stopped again."""
        with self._lock:
            if self._started:
                return
            for name, part in self._parts.items():
                self._started.append(name)
                try:
                    part.start()
                except BaseException:
                    self._stop()
                    raise

    def stop(self) -> None:
        """Stop all parts in reverse order. A failure of one is logged and does not spare the others."""
        self.stopping = True
        with self._lock:
            self._stop()

    def _stop(self) -> None:
        while self._started:
            name = self._started.pop()
            try:
                self._parts[name].stop()
            except Exception:
                log.exception("stopping %s failed", name)

    def state(self) -> dict[str, Any]:
        return {name: part.state() for name, part in self._parts.items()}
