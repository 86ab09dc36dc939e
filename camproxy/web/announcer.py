"""Announcer: when a camera says "changed", reads the truth and tells those who may know it."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import Any
from weakref import WeakKeyDictionary

from flask_socketio import SocketIO

from camproxy.camera import Camera
from camproxy.cameras import Cameras
from camproxy.clock import iso
from camproxy.control.lease import LeaseState
from camproxy.device_log_file import Line
from camproxy.devices import Device, Devices
from camproxy.motion.journal import Motion
from camproxy.web.live import Live
from camproxy.web.viewers.fanout import FanOut

#: How often a live camera's figures (frame rate, viewers) are told again, in ticks of the registry.
FIGURES_EVERY = 4

#: Held from the look at the truth until it is told: else one thread could tell what another has overtaken.
telling = threading.RLock()


def control_state(camera: Camera, user_id: int | None) -> dict[str, Any]:
    """control_state as one user sees it, see docs/protocol.md."""
    state: LeaseState = camera.lease.state()
    return {
        "camera": camera.id,
        "holder": state.holder.name if state.holder else None,
        "holder_id": state.holder.id if state.holder else None,
        "expires_in": round(state.expires_in, 1) if state.expires_in is not None else None,
        "mine": bool(state.holder and state.holder.id == user_id),
        "asked_by": state.asked_by,
    }


def position_update(camera: Camera) -> dict[str, Any] | None:
    """None while the head has not said where it points."""
    pose = camera.head.pose
    return pose and {"x": pose.x, "y": pose.y, "camera": camera.id, "light": camera.head.light}


def announce_control(camera: Camera, live: Live, socketio: SocketIO) -> None:
    with telling:
        for client in live.who_watches(camera.id):
            socketio.server.emit("control_state", control_state(camera, client.user_id), to=client.sid)


class Announcer:
    """Listens to cameras, devices and recordings; called in their threads, sends without blocking."""

    def __init__(self, cameras: Cameras, devices: Devices, live: Live, fanout: FanOut, socketio: SocketIO) -> None:
        self._cameras = cameras
        self._live = live
        self._fanout = fanout
        self._socketio = socketio
        # By camera and not by its number, which SQLite gives to the next one.
        self._holders: WeakKeyDictionary[Camera, int | None] = WeakKeyDictionary()
        self._figures: WeakKeyDictionary[Camera, tuple[Any, ...]] = WeakKeyDictionary()
        self._ticks: WeakKeyDictionary[Camera, int] = WeakKeyDictionary()
        cameras.listeners.append(self.changed)
        devices.listeners.append(self.device_changed)

    def changed(self, camera: Camera, what: str) -> None:
        with telling:
            if what == "status":
                self._status(camera)
            elif what == "pose":
                self._pose(camera)
            elif what == "tick":
                self._tick(camera)

    def device_changed(self, device: Device, what: str, detail: Any) -> None:
        if what != "log" and (sids := self._live.who_manages(self._cameras_of(device.id))):
            with telling:
                self._socketio.server.emit("device_status", device.status(), to=sids)

    def device_logged(self, device_id: int, line: Line) -> None:
        followers = self._live.who_follows(device_id)
        cameras = self._cameras_of(device_id) if followers else []
        if sids := [client.sid for client in followers if client.manages(cameras)]:
            self._socketio.server.emit("device_log", {"device": device_id} | asdict(line), to=sids)

    def moved(self, motion: Motion) -> None:
        ended = motion.ended_at and iso(motion.ended_at)
        news = {"source": motion.source, "from": iso(motion.begun_at), "to": ended, "score": motion.score}
        if sids := self._live.who_may_see(motion.camera):
            self._socketio.server.emit("motion", {"camera": motion.camera} | news, to=sids)

    def recording_changed(self, state: dict[str, Any]) -> None:
        if sids := self._live.who_may_see(state["camera"]):
            self._socketio.server.emit("recording_state", state, to=sids)

    def boards_found(self) -> None:
        if sids := self._live.who_manages([]):
            self._socketio.server.emit("boards_found", {}, to=sids)

    def _cameras_of(self, device_id: int) -> list[int]:
        return [camera.id for camera in self._cameras if device_id in camera.devices]

    def _status(self, camera: Camera) -> None:
        status = camera.status()
        self._figures[camera] = self._figures_of(status)
        self._fanout.note(camera.id, {"type": "status"} | status)
        if sids := self._live.who_may_see(camera.id):
            self._socketio.server.emit("camera_status", status, to=sids)

    def _pose(self, camera: Camera) -> None:
        sids = [client.sid for client in self._live.who_watches(camera.id)]
        if sids and (news := position_update(camera)):
            self._socketio.server.emit("position_update", news, to=sids)

    def _tick(self, camera: Camera) -> None:
        holder = camera.lease.state().holder
        holder_id = holder.id if holder else None
        if self._holders.get(camera) != holder_id:
            self._holders[camera] = holder_id
            announce_control(camera, self._live, self._socketio)
        self._ticks[camera] = (self._ticks.get(camera, 0) + 1) % FIGURES_EVERY
        if self._ticks[camera] == 0 and self._figures.get(camera) != self._figures_of(camera.status()):
            self._status(camera)

    @staticmethod
    def _figures_of(status: dict[str, Any]) -> tuple[Any, ...]:
        frames = status["frames"]
        # Of the rate whole frames: its tenths are never still, and each change is told to all who watch.
        return (status["viewers"], round(status["fps"]), sum(frames.values()) - frames["received"])
