"""What systemd is told: that the server is ready, that it is ending, and again and again that it works.

It works when its web server answers a request and the fan-out goes round, whatever is asked of them: /health may well
say that a camera or the database is missing, which a restart would not mend. systemd restarts the service when it has
not heard WATCHDOG=1 for the unit's WatchdogSec. Without systemd (no NOTIFY_SOCKET) all this does nothing.
"""

from __future__ import annotations

import faulthandler
import http.client
import logging
import os
import socket
import ssl
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from camproxy import serving

log = logging.getLogger(__name__)

#: Is it there, and does it answer within so many seconds?
Check = Callable[[float], bool]

#: Of systemd's patience a quarter lies between two rounds of checks, and a round may take as long.
SHARE = 4
#: How long a round may take when systemd keeps no watch and only wants to know when we are ready. Seconds.
PATIENCE = 30.0

_notify_socket = ""


def take_notify_socket() -> None:
    """Keep systemd's socket to ourselves: gunicorn would say READY before there is a worker. Survives a fork."""
    global _notify_socket
    _notify_socket = os.environ.pop("NOTIFY_SOCKET", _notify_socket)


def tell_systemd(message: str) -> None:
    """sd_notify(3). Raises nothing: the service goes on when systemd does not listen."""
    if not _notify_socket:
        return
    # An abstract address is written with an @ in place of the zero byte.
    address = "\0" + _notify_socket[1:] if _notify_socket.startswith("@") else _notify_socket
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(1)
            sock.sendto(message.encode(), address)
    except OSError as error:
        log.warning("could not tell systemd %s: %s", message, error.strerror)


class Watchdog:
    """The last part of the runtime. `fanout_answers` is asked along with the web server."""

    def __init__(self, fanout_answers: Check) -> None:
        self._checks: dict[str, Check] = {"the fan-out": fanout_answers, "the web server": web_server_answers}
        self._silent: list[str] = []
        self._started = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        take_notify_socket()
        if _notify_socket:
            self._started = True
            self._thread.start()

    def stop(self) -> None:
        if not self._started or self._stopping.is_set():
            return
        self._stopping.set()
        tell_systemd("STOPPING=1")
        # Not waited for: it may be asking a web server that is ending. It will say nothing more.

    def state(self) -> dict[str, Any]:
        return {"watched": self._thread.is_alive(), "silent": self._silent}

    def _run(self) -> None:
        seconds = int(os.environ.get("WATCHDOG_USEC") or 0) / 1e6
        ready = False
        # The first time it waits for the web server, which begins when all parts have started.
        while not self._stopping.is_set():
            if self._works(seconds / SHARE or PATIENCE) and not self._stopping.is_set():
                tell_systemd("WATCHDOG=1" if ready else "READY=1\nWATCHDOG=1")
                ready = True
            if ready and not seconds:
                return
            self._stopping.wait(seconds / SHARE or 1.0)

    def _works(self, within: float) -> bool:
        silent = [name for name, answers in self._checks.items() if not answers(within / len(self._checks))]
        if silent and not self._silent and not self._stopping.is_set():
            log.error("no answer from %s; if it stays like this, systemd will restart the server", " and ".join(silent))
            # Where every thread stands, for whoever asks later why.
            faulthandler.dump_traceback(sys.__stderr__ or 2)
        elif self._silent and not silent:
            log.warning("%s answers again", " and ".join(self._silent))
        self._silent = silent
        return not silent


def web_server_answers(within: float) -> bool:
    """Whether any answer comes, on the port that everybody uses."""
    try:
        _opener.open(f"{serving.address()}/health", timeout=within).close()
    except urllib.error.HTTPError as error:
        error.close()
    except (OSError, http.client.HTTPException):
        return False
    return True


# It asks itself, so a proxy of the environment and the name in a certificate do not matter.
_context = ssl.create_default_context()
_context.check_hostname = False
_context.verify_mode = ssl.CERT_NONE
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_context))
