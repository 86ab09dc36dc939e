"""The end of a server with many people connected, in good order and by force, and how they come back."""

from __future__ import annotations

import os
import queue
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.integration.people import wait_until
from tests.integration.test_serving import SOON, close_code, runs, watch_mjpeg, workers
from tests.integration.test_viewers import polling_session
from tests.patience import PATIENCE
from tests.running import OrderlyClient, Person, RunningServer

MakeServer = Callable[..., RunningServer]


def test_fifty_are_told_and_let_go(make_server: MakeServer) -> None:
    server = make_server()
    with server.person() as admin:
        listeners = [admin.listen(transports=[way]) for way in ("websocket", "polling") for _ in range(12)]
        # Not more than their sockets take while nobody reads: who is in the middle of a frame cannot be told anything.
        views = [admin.view("demo", "?max_fps=1") for _ in range(13)]
        streams = [watch_mjpeg(admin) for _ in range(13)]
        for listener in listeners:
            listener.next("video_frame")
        (worker,) = workers(server)
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        for listener in listeners:
            assert listener.next("server_stopping") == {}
        assert [close_code(view) for view in views] == [1001] * 13
        for stream in streams:
            while stream.raw.read(65536):
                pass
            stream.close()
        assert server.process.wait(SOON) == 0
        assert time.monotonic() - begun < SOON
    assert not runs(worker)
    assert "Traceback" not in server.logged, server.logged


def test_while_it_stops_it_serves_nobody_by_half(make_server: MakeServer) -> None:
    server = make_server()
    with server.person() as admin:
        polling_session(admin)  # and never fetches, so that the server waits a moment
        answers: queue.Queue[tuple[str, int, Any]] = queue.Queue()
        beginning = threading.Barrier(4)

        def ask(path: str) -> None:
            beginning.wait(10)
            with requests.Session() as session:
                session.headers["Cookie"] = admin.cookie
                while True:
                    try:
                        answer = session.get(server.url + path, timeout=10)
                    except requests.ConnectionError:
                        return
                    answers.put((path, answer.status_code, answer.json()))

        threads = [threading.Thread(target=ask, args=(path,)) for path in ("/api/me", "/health", "/api/cameras")]
        for thread in threads:
            thread.start()
        beginning.wait(10)
        wait_until(lambda: answers.qsize() > 10, "they are being served")
        assert server.stop() == 0
        for thread in threads:
            thread.join(10)
    told = list(answers.queue)
    assert {status for _, status, _ in told} == {200, 503}
    refusals = [body for path, status, body in told if status == 503 and path != "/health"]
    assert {body["error"] for body in refusals} == {"unavailable"}
    assert {body["status"] for path, status, body in told if path == "/health" and status == 503} <= {"unhealthy"}


def test_links_that_are_dialling_do_not_hold_it_up(make_server: MakeServer) -> None:
    """Nobody answers there: the backlog of a listening socket that accepts nothing is full."""
    server = make_server(RECONNECT_SECONDS=0.01)
    with socket.socket() as deaf, server.person() as admin:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for sock in waiting:
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", port))
        for number in range(8):
            admin.made("/api/cameras", {"name": f"Away {number}", "url": f"ws://127.0.0.1:{port}/{number}"})
        begun = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun < SOON
        for sock in waiting:
            sock.close()


class PatientClient(OrderlyClient):
    """The library's would give up a connection that the server does not confirm within a second."""

    def connect(self, *args: Any, **options: Any) -> None:
        super().connect(*args, **{"wait_timeout": PATIENCE} | options)


class Returning:
    """A Socket.IO client that connects again by itself, as the page's does."""

    def __init__(self, person: Person, transport: str) -> None:
        self.client = PatientClient(
            http_session=person.http, reconnection_delay=0.1, reconnection_delay_max=0.5, randomization_factor=0
        )
        self.connections = 0
        self.frames: queue.Queue[Any] = queue.Queue()
        self.client.on("connect", self._connected)
        self.client.on("video_frame", self.frames.put)
        self.client.connect(person.server.url, transports=[transport])
        self.frames.get(timeout=PATIENCE)

    def _connected(self) -> None:
        self.connections += 1

    def comes_back(self) -> None:
        """Wait until it has connected a second time and gets frames again."""
        wait_until(lambda: self.connections > 1, "it has connected again")
        while not self.frames.empty():
            self.frames.get()
        self.frames.get(timeout=PATIENCE)


@pytest.fixture
def returning(make_server: MakeServer) -> Iterator[tuple[RunningServer, Person, list[Returning]]]:
    # Below the ports that the kernel gives to clients: nobody else is to have it while the server is away.
    server = make_server(PORT=random.randint(20_000, 32_000))
    with server.person() as admin:
        clients = [Returning(admin, way) for way in ("websocket", "polling") for _ in range(2)]
        yield server, admin, clients
        for one in clients:
            one.client.shutdown()


def all_come_back(clients: list[Returning]) -> None:
    threads = [threading.Thread(target=one.comes_back) for one in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [one.connections for one in clients] == [2] * len(clients)


def test_after_the_worker_was_killed_all_come_back(
    returning: tuple[RunningServer, Person, list[Returning]],
) -> None:
    server, admin, clients = returning
    (worker,) = workers(server)
    os.kill(worker, signal.SIGKILL)
    all_come_back(clients)
    assert admin.get("/api/me").json()["username"] == "admin"
    assert admin.view("demo").recv()


def test_after_the_master_was_killed_and_started_again_all_come_back(
    returning: tuple[RunningServer, Person, list[Returning]], make_server: MakeServer
) -> None:
    server, admin, clients = returning
    server.process.kill()
    server.process.wait()
    again = make_server(data_dir=server.data_dir, PORT=server.port, PORT_RANGE=1)
    all_come_back(clients)
    assert admin.get("/api/me").json()["username"] == "admin"
    assert again.stop() == 0
