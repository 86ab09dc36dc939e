"""The request log: method, path, status, seconds. Never a query, which may hold what somebody typed."""

from __future__ import annotations

import logging
import time

from flask import Flask, Response, g, request

log = logging.getLogger("camproxy.requests")

#: Asked for all the time, or told of elsewhere: when a device has come, it is said that it is online.
QUIET = ("static", "health.health", "devices.esp32cam", "devices.pico", "devices.any")


def log_requests(app: Flask) -> None:
    @app.before_request
    def begin() -> None:
        g.begun = time.monotonic()

    @app.after_request
    def end(response: Response) -> Response:
        seconds = time.monotonic() - g.begun if "begun" in g else 0.0
        level = logging.DEBUG if request.endpoint in QUIET else logging.INFO
        log.log(level, "%s %s %s %.3f s", request.method, request.path[:200], response.status_code, seconds)
        return response
