"""/stats and /metrics: what runs and what it takes, for an admin's eyes and for Prometheus."""

from __future__ import annotations

import os
import time
from itertools import chain
from pathlib import Path
from typing import Any

import psutil
from flask import Blueprint, Response, current_app, jsonify
from flask.typing import ResponseReturnValue
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from camproxy import __version__
from camproxy.clock import iso
from camproxy.web.errors import wants_page
from camproxy.web.guards import ADMIN, allow
from camproxy.web.health import causes
from camproxy.web.metrics import Metrics
from camproxy.web.pages import page
from camproxy.web.services import services

bp = Blueprint("stats", __name__)


@bp.get("/stats")
@allow(ADMIN)
def stats() -> ResponseReturnValue:
    """A page for a person, JSON for a program; the page asks for the JSON again and again."""
    return page("server.html", stats=figures()) if wants_page() else jsonify(figures())


@bp.get("/metrics")
@allow(ADMIN)
def metrics() -> Response:
    """In Prometheus' text format. A scraper brings a personal token of an admin."""
    known: Metrics = current_app.extensions["camproxy_metrics"]
    return Response(generate_latest(known.registry), content_type=CONTENT_TYPE_LATEST)


def figures() -> dict[str, Any]:
    """Bytes, seconds, degrees Celsius; None where the machine does not say. CPU is a share of one core."""
    shared = services()
    parts = shared.runtime.state()
    return {
        "version": __version__,
        "port": shared.runtime.port,
        "causes": list(chain(*causes())),
        "clients": len(shared.live),
        "viewers": parts["fanout"]["viewers"],
        "frames_sent": parts["fanout"]["frames_sent"] + parts["socketio_viewers"]["frames_sent"],
        "cameras": parts["cameras"]["cameras"],
        "recordings": parts["recordings"],
        "motion": parts["motion"],
        "capacity": parts["capacity"],
        "copies": parts["copies"],
        "certificate": parts["expiry"]["certificate"],
        "process": process(),
        "machine": machine(shared.settings.data_dir),
    }


def process() -> dict[str, Any]:
    us = psutil.Process()
    with us.oneshot():
        started = us.create_time()
        spent = us.cpu_times()
        return {
            "started_at": iso(started),
            "uptime_seconds": round(time.time() - started, 1),
            "cpu_seconds": round(spent.user + spent.system, 2),
            "resident_bytes": us.memory_info().rss,
            "threads": us.num_threads(),
            "open_files": us.num_fds() if hasattr(us, "num_fds") else None,
        }


def machine(data_dir: Path) -> dict[str, Any]:
    memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(data_dir))
    return {
        "cpus": os.cpu_count(),
        "load": [round(load, 2) for load in psutil.getloadavg()],
        "memory_bytes": memory.total,
        "memory_available_bytes": memory.available,
        "disk_bytes": disk.total,
        "disk_free_bytes": disk.free,
        "temperature_celsius": temperature(),
    }


def temperature() -> float | None:
    """Of the processor; a Raspberry Pi slows down at 80 °C."""
    sensors: dict[str, Any] = getattr(psutil, "sensors_temperatures", dict)()
    for name in ("cpu_thermal", "coretemp", "k10temp", "soc_thermal"):
        if sensors.get(name):
            return float(sensors[name][0].current)
    return None
