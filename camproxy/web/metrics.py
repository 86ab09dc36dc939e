"""Metrics: what is counted for Prometheus. Names and units after its conventions; docs/protocol.md lists them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from flask import Flask, Response, g, request
from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from camproxy import __version__
from camproxy.logs import counted
from camproxy.runtime import Runtime

disable_created_metrics()  # a time beside each counter, which nobody asks for and which doubles the answer


class Metrics:
    """Counts requests as they happen; everything else is read when it is asked for. One for each application."""

    def __init__(self, runtime: Runtime) -> None:
        self.registry = CollectorRegistry()
        self._requests = Histogram(
            "camproxy_http_request_duration_seconds",
            "Requests by method, route and status; not sockets and pictures",
            ["method", "route", "status"],
            registry=self.registry,
            buckets=(0.005, 0.025, 0.1, 0.5, 2.0, 10.0),
        )
        self.registry.register(RuntimeCollector(runtime))
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def init_app(self, app: Flask) -> None:
        app.extensions["camproxy_metrics"] = self
        app.after_request(self._count)

    def _count(self, response: Response) -> Response:
        # The rule, not the path: whoever asks for a thousand paths that do not exist makes one series.
        route = request.url_rule.rule if request.url_rule else "none"
        method = request.method if request.method in METHODS else "other"
        seconds = time.monotonic() - g.begun if "begun" in g else 0.0
        self._requests.labels(method, route, response.status_code).observe(seconds)
        return response


METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class RuntimeCollector(Collector):
    """The runtime's state in other words."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def collect(self) -> Iterator[Metric]:
        state = self._runtime.state()
        yield InfoMetricFamily("camproxy_build", "Which release runs", {"version": __version__})
        yield GaugeMetricFamily("camproxy_clients", "Socket.IO clients", state["socketio"]["clients"])
        yield GaugeMetricFamily("camproxy_viewers", "Viewers of WebSocket and MJPEG", state["fanout"]["viewers"])
        sent = CounterMetricFamily("camproxy_frames_sent", "Frames sent to viewers", labels=["way"])
        sent.add_metric(["socket"], state["fanout"]["frames_sent"])
        sent.add_metric(["socketio"], state["socketio_viewers"]["frames_sent"])
        yield sent
        logged = CounterMetricFamily("camproxy_log_messages", "Warnings and worse in the log", labels=["level"])
        for level, count in counted.items():
            logged.add_metric([level.lower()], count)
        yield logged
        yield from self._cameras(state["cameras"]["cameras"])
        waiting, behind = state["copies"]["waiting"], state["copies"]["behind_seconds"]
        yield GaugeMetricFamily("camproxy_copies_waiting", "Recordings that are not copied yet", waiting)
        yield GaugeMetricFamily("camproxy_copies_behind_seconds", "Since when the oldest of them waits", behind)

    def _cameras(self, cameras: list[dict[str, Any]]) -> Iterator[Metric]:
        up = GaugeMetricFamily("camproxy_camera_up", "1 when it can send pictures", labels=["camera"])
        viewers = GaugeMetricFamily("camproxy_camera_viewers", "Who watches, in whichever way", labels=["camera"])
        frames = CounterMetricFamily("camproxy_camera_frames", "Whole frames that came", labels=["camera"])
        data = CounterMetricFamily("camproxy_camera_frame_bytes", "Bytes of these frames", labels=["camera"])
        bad = CounterMetricFamily("camproxy_camera_bad_frames", "Frames that were dropped", labels=["camera", "fault"])
        for camera in cameras:
            name = [camera["slug"]]
            up.add_metric(name, camera["state"] not in ("offline", "stalled"))
            viewers.add_metric(name, camera["viewers"])
            counted = dict(camera["frames"])
            frames.add_metric(name, counted.pop("received"))
            data.add_metric(name, camera["frame_bytes"])
            for fault, count in counted.items():
                bad.add_metric([*name, fault], count)
        yield from (up, viewers, frames, data, bad)
