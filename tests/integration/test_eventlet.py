"""ASYNC_MODE=eventlet: what differs from threads. The contract of the design card is held by test_card_contract."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from camproxy.frames import check_jpeg
from tests.fakes import FakeEsp32Cam
from tests.integration.people import see_on_every_way
from tests.integration.test_serving import GUNICORN
from tests.patience import PATIENCE
from tests.running import PROJECT, Person, RunningServer

MakeServer = Callable[..., RunningServer]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("data"), ASYNC_MODE="eventlet")
    yield running
    running.stop()


@pytest.fixture
def admin(server: RunningServer) -> Iterator[Person]:
    with server.person() as person:
        yield person


def test_pictures_on_every_way(admin: Person) -> None:
    see_on_every_way(admin)


def test_one_that_stops_reading_holds_up_nobody_and_gets_whole_frames_again(
    make_server: MakeServer, board: FakeEsp32Cam
) -> None:
    server = make_server(ESP32CAM_IP="127.0.0.1", ESP32CAM_PORT=board.port, FRAME_RATE=25, ASYNC_MODE="eventlet")
    with server.person() as admin:
        stopped, reader = admin.view("esp32-cam"), admin.view("esp32-cam")
        for _ in range(150):  # more than the buffers of the one that reads nothing hold
            reader.recv()
        whole = 0
        while whole < 60:
            message = stopped.recv()
            if isinstance(message, bytes):
                assert check_jpeg(message, 500_000)
                whole += 1


def test_large_and_foreign_messages_are_refused(admin: Person) -> None:
    listener = admin.listen(transports=["websocket"])
    listener.next("video_frame")
    listener.client.emit("servo_command", {"command": "x" * 100_000})
    assert listener.ended.wait(PATIENCE)
    assert admin.get("/health").ok


def test_it_ends_cleanly_and_tells(make_server: MakeServer) -> None:
    server = make_server(ASYNC_MODE="eventlet")
    with server.person() as admin:
        listeners = [admin.listen(transports=[way]) for way in ("websocket", "polling")]
        view = admin.view("demo")
        for listener in listeners:
            listener.next("video_frame")
        begun = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0
        assert time.monotonic() - begun < 10
        for listener in listeners:
            assert listener.next("server_stopping") == {}
        while view.connected and view.recv():
            pass
    assert "Traceback" not in server.logged


@pytest.mark.parametrize(
    ("command", "more", "said"),
    [
        (GUNICORN, {}, "gunicorn serves no eventlet any more. Start it with: python app.py"),
        (["app.py"], {"TLS": "true"}, "TLS cannot be true with ASYNC_MODE=eventlet"),
    ],
)
def test_what_it_cannot_is_said(tmp_path: Path, command: list[str], more: dict[str, str], said: str) -> None:
    own = {"DATA_DIR": str(tmp_path), "HOST": "127.0.0.1", "PORT": "26600", "ASYNC_MODE": "eventlet"} | more
    refused = subprocess.run(
        [sys.executable, *command], cwd=PROJECT, env=os.environ | own, capture_output=True, text=True, timeout=30
    )
    assert refused.returncode == 1
    assert f"CamProxy cannot start: {said}" in refused.stderr
