"""Expiry: how long the certificate that we speak TLS with is still valid, said in time to whoever can renew it."""

from __future__ import annotations

import logging
import threading
from typing import Any

from camproxy.certificates import Certificate, days_left, ending
from camproxy.clock import Clock, SystemClock, iso
from camproxy.settings import Settings

log = logging.getLogger(__name__)


class Expiry:
    """A subsystem that looks when it starts and once a day, and tells the log. Without TLS there is nothing to tell.

    Thread-safe. `start` raises BadSetting.
    """

    #: Seconds.
    EVERY = 86_400.0

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        #: What the server speaks TLS with; None without TLS, also when a proxy speaks it.
        self.certificate: Certificate | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="expiry", daemon=True)

    def start(self) -> None:
        self.certificate = self._settings.certificate()
        if self.certificate:
            self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def state(self) -> dict[str, Any]:
        """`certificate` is None without TLS; its `days_left` are negative when it has ended."""
        if self.certificate is None:
            return {"certificate": None}
        leaf = self.certificate.leaf
        return {
            "certificate": {
                "ends_at": iso(leaf.not_valid_after_utc.timestamp()),
                "days_left": days_left(leaf, self._clock.wall()),
                "soon": self.warning() is not None,
                "fingerprint": self.certificate.fingerprint,
                "spki_pin": self.certificate.spki_pin,
            }
        }

    def warning(self) -> str | None:
        """A sentence when it has ended or soon will."""
        found = self.certificate and ending(self.certificate.leaf, self._clock.wall())
        return f"the certificate {found}" if found else None

    def _run(self) -> None:
        while True:
            if (warning := self.warning()) and self.certificate:
                log.warning(
                    "%s; browsers and devices refuse one that has ended. Renew %s", warning, self.certificate.chain
                )
            if self._stopping.wait(self.EVERY):
                return
