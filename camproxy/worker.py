"""gunicorn's worker and log, as this server needs them."""

from __future__ import annotations

import threading
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):
    """A gthread worker that stops the application's parts as soon as it is told to end.

    gunicorn waits for open connections first and would tell the application afterwards; but a WebSocket is an open
    connection until the application ends it. SIGINT (Ctrl-C) and SIGQUIT end it just as cleanly as SIGTERM.
    """

    def handle_exit(self, sig: int, frame: Any) -> None:
        if self.alive:
            # Not in the signal handler itself, which has interrupted who knows what.
            threading.Thread(target=self.stop_parts, name="stop").start()
        super().handle_exit(sig, frame)

    handle_quit = handle_exit

    def stop_parts(self) -> None:
        extensions = getattr(self.wsgi, "extensions", {})
        if "camproxy" in extensions:
            extensions["camproxy"].runtime.stop()


class WorkerLog(Logger):
    """gunicorn's messages go the way of all others: one format, one file, secrets struck out."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
