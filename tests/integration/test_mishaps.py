"""What goes wrong around the server: killed masters, busy ports, places that cannot be, settings that make no sense."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.integration.people import wait_until
from tests.integration.test_serving import GUNICORN, SOON, refusal, runs, workers
from tests.running import PROJECT, RunningServer

MakeServer = Callable[..., RunningServer]


def test_after_the_master_was_killed_no_worker_stays_whoever_is_connected(make_server: MakeServer) -> None:
    server = make_server()
    with server.person() as admin:
        listener = admin.listen(transports=["websocket"])
        listener.next("video_frame")
        (worker,) = workers(server)
        server.process.kill()
        server.process.wait()
        try:
            wait_until(lambda: not runs(worker), "the worker has ended", SOON)
        finally:
            if runs(worker):
                os.kill(worker, signal.SIGKILL)
        assert listener.next("server_stopping") == {}


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_who_polls_is_told_that_the_server_stops(make_server: MakeServer, end: signal.Signals) -> None:
    server = make_server()
    with server.person() as admin:
        listeners = [admin.listen(transports=["polling"]) for _ in range(5)]
        for listener in listeners:
            listener.next("video_frame")
        assert server.stop(end) == 0
        for listener in listeners:
            assert listener.next("server_stopping") == {}


def test_told_to_end_while_it_starts(tmp_path: Path) -> None:
    own = {"DATA_DIR": str(tmp_path), "HOST": "127.0.0.1", "PORT": "26400"}
    process = subprocess.Popen(
        [sys.executable, "app.py"], cwd=PROJECT, env=os.environ | own, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr
    said = ""
    with process.stderr:
        while "Booting worker" not in said:
            said += process.stderr.readline()
        # The signal handlers of the worker stand when it begins to load the application.
        while not any(runs(pid) for pid in children(process.pid)):
            pass
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        said += process.stderr.read()
    assert process.wait(SOON) == 0
    assert "Traceback" not in said


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_hang_up_keeps_the_port(make_server: MakeServer) -> None:
    server = make_server()
    before = server.url
    (worker,) = workers(server)
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: workers(server) not in ([], [worker]) and len(workers(server)) == 1, "it was reloaded")
    assert "is busy" not in server.logged
    assert requests.get(f"{before}/health", timeout=10).ok


def test_nobody_adds_a_worker_later(make_server: MakeServer) -> None:
    server = make_server()
    (worker,) = workers(server)
    server.process.send_signal(signal.SIGTTIN)
    wait_until(lambda: "ttin" in server.logged, "it was heard")
    server.process.send_signal(signal.SIGHUP)  # heard after it
    wait_until(lambda: "hup" in server.logged, "that too")
    assert len(workers(server)) <= 2
    wait_until(lambda: workers(server) != [worker], "the new one has come")
    wait_until(lambda: worker not in workers(server), "and the old one has gone")
    assert len(workers(server)) == 1


def test_a_busy_port_cannot_be_used(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        said = refusal(tmp_path, PORT=port, PORT_RANGE=1)
        many = refusal(tmp_path, PORT=port, PORT_RANGE=1, HOST="192.0.2.1")
    assert f"port {port} of 127.0.0.1 cannot be used: Address already in use. Stop" in said
    assert "cannot be used: Cannot assign requested address. " in many


@pytest.mark.parametrize(
    ("name", "value"), [("DATA_DIR", "/dev/null/data"), ("LOG_FILE", "/dev/null/x/camproxy.log"), ("SECRET", "")]
)
def test_a_place_that_cannot_be_is_one_sentence(tmp_path: Path, name: str, value: str) -> None:
    if name == "SECRET":
        (tmp_path / "secret_key").touch()
        said = refusal(tmp_path)
        assert str(tmp_path / "secret_key") in said
    else:
        said = refusal(tmp_path, **{name: value})
        assert name in said
        assert value in said


def test_a_camera_that_cannot_be_is_refused_before_it_is_kept(make_server: MakeServer, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    environment = os.environ | {"DATA_DIR": str(data_dir), "HOST": "127.0.0.1", "PORT": "26500"}
    done = subprocess.run(
        [sys.executable, *GUNICORN],
        cwd=PROJECT,
        env=environment | {"ESP32CAM_IP": "192.168.1. 100"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode != 0
    corrected = make_server(data_dir=data_dir, ESP32CAM_IP="127.0.0.1", ESP32CAM_PORT=1)
    assert requests.get(f"{corrected.url}/health", timeout=10).status_code == 200
    assert "Traceback" not in done.stderr
    assert "ESP32CAM_IP" in done.stderr


def test_a_limit_that_cannot_be_read_is_refused_and_not_no_limit(make_server: MakeServer) -> None:
    with pytest.raises(RuntimeError, match="LOGIN_LIMIT cannot be 'five per minute'"):
        make_server(LOGIN_LIMIT="five per minute")


def test_what_the_master_says_does_not_tear_the_log_apart(make_server: MakeServer) -> None:
    server = make_server(LOG_FILE_BYTES=10_000, LOG_FILES=9)
    with requests.Session() as session:
        for number in range(150):
            session.get(f"{server.url}/request-{number}", timeout=10)
            if number % 20 == 0:
                server.process.send_signal(signal.SIGTTOU)  # has no effect but a line
                lines = 1 + number // 20
                wait_until(lambda lines=lines: server.logged.count("ttou") == lines, "it was heard")
    wait_until(lambda: "/request-149 " in server.logged, "the terminal has the last line too")
    folder = server.data_dir / "logs"
    files = [*sorted(folder.glob("camproxy.log.*"), reverse=True), folder / "camproxy.log"]
    written = "".join(file.read_text() for file in files)
    assert caused_here(written) == caused_here(server.logged)


def caused_here(log: str) -> list[str]:
    """The lines of requests and of what the master heard; others come from threads that write when they like."""
    return [line for line in log.splitlines() if re.search("/request-|ttou", line)]
