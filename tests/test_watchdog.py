"""What systemd hears from a server, listened to on a socket such as systemd has."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import requests

from camproxy import serving, watchdog
from camproxy.watchdog import Watchdog, web_server_answers
from camproxy.web.viewers.fanout import FanOut
from tests.conftest import MakeServer
from tests.integration.people import wait_until
from tests.patience import PATIENCE
from tests.running import RunningServer

#: systemd's patience in these tests. Seconds.
WITHIN = 1.2


class Systemd:
    """Its side of sd_notify(3)."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))
        #: For the service's environment.
        self.environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": str(int(WITHIN * 1e6))}

    def hear(self, timeout: float = PATIENCE) -> str:
        """The next message; empty when none came."""
        self._socket.settimeout(timeout)
        try:
            return self._socket.recv(4096).decode()
        except TimeoutError:
            return ""

    def heard(self) -> list[str]:
        """Everything that has come by now."""
        self._socket.setblocking(False)
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(request: pytest.FixtureRequest) -> Iterator[Systemd]:
    # An abstract address, as a path in a test's directory may be too long for a socket.
    with closing(Systemd(f"@camproxy-{os.getpid()}-{request.node.name}")) as fake:
        yield fake


def worker_of(server: RunningServer) -> int:
    pid = server.process.pid
    (worker,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(worker)


def test_a_real_server(make_server: MakeServer, systemd: Systemd) -> None:
    server = make_server(**systemd.environment)
    # gunicorn would say so itself, as soon as it listens.
    assert systemd.hear() == "READY=1\nWATCHDOG=1"
    assert requests.get(f"{server.url}/health", timeout=PATIENCE).json()["status"] == "healthy"
    waited = []
    for _ in range(5):
        begun = time.monotonic()
        assert systemd.hear() == "WATCHDOG=1"
        waited.append(time.monotonic() - begun)
    assert sorted(waited)[2] < WITHIN, "but for what a busy machine takes for itself"

    worker = worker_of(server)
    os.kill(worker, signal.SIGSTOP)
    wait_until(lambda: psutil.Process(worker).status() == psutil.STATUS_STOPPED, "it stands still")
    systemd.heard()
    assert systemd.hear(2 * WITHIN) == "", "nothing is said by one that hangs"
    os.kill(worker, signal.SIGCONT)
    assert systemd.hear() == "WATCHDOG=1"

    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: "READY=1\nWATCHDOG=1" in systemd.heard(), "the next worker is ready")
    assert systemd.hear() == "WATCHDOG=1"

    systemd.heard()
    assert server.stop() == 0
    assert [message for message in systemd.heard() if message != "WATCHDOG=1"] == ["STOPPING=1"]


def test_a_server_that_cannot_start_is_never_ready(make_server: MakeServer, systemd: Systemd) -> None:
    with pytest.raises(RuntimeError, match="did not start"):
        make_server(**systemd.environment, DATABASE_URL="sqlite:////nowhere/at/all.db")
    assert systemd.heard() == []


class TestWatchdog:
    @pytest.fixture(autouse=True)
    def _under_systemd(self, monkeypatch: pytest.MonkeyPatch, systemd: Systemd) -> None:
        for name, value in systemd.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(watchdog, "_notify_socket", "")
        monkeypatch.setattr(watchdog, "web_server_answers", lambda within: True)

    def test_a_fanout_that_hangs(self, systemd: Systemd, caplog: pytest.LogCaptureFixture) -> None:
        works = threading.Event()
        works.set()
        dog = Watchdog(lambda within: works.is_set())
        dog.start()
        try:
            assert systemd.hear() == "READY=1\nWATCHDOG=1"
            assert dog.state() == {"watched": True, "silent": []}
            works.clear()
            wait_until(lambda: dog.state()["silent"] == ["the fan-out"], "it was noticed")
            systemd.heard()
            assert systemd.hear(WITHIN) == ""
            works.set()
            assert systemd.hear() == "WATCHDOG=1"
        finally:
            dog.stop()
        said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
        assert said == [
            "no answer from the fan-out; if it stays like this, systemd will restart the server",
            "the fan-out answers again",
        ]

    def test_systemd_that_only_wants_to_know_when_it_is_ready(
        self, systemd: Systemd, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("WATCHDOG_USEC")
        dog = Watchdog(lambda within: True)
        dog.start()
        assert systemd.hear() == "READY=1\nWATCHDOG=1"
        assert systemd.hear(WITHIN) == ""
        dog.stop()
        dog.stop()
        assert systemd.heard() == ["STOPPING=1"]

    def test_without_systemd_nothing_runs(self, systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NOTIFY_SOCKET")
        dog = Watchdog(lambda within: True)
        dog.start()
        assert dog.state()["watched"] is False
        dog.stop()
        assert systemd.heard() == []

    def test_a_systemd_that_is_gone_is_survived(self, systemd: Systemd, caplog: pytest.LogCaptureFixture) -> None:
        watchdog.take_notify_socket()
        systemd.close()
        watchdog.tell_systemd("WATCHDOG=1")
        assert "could not tell systemd WATCHDOG=1" in caplog.text


def test_the_fanout_answers_while_it_goes_round() -> None:
    fanout = FanOut()
    assert not fanout.answers(0.1), "it has not been started"
    fanout.start()
    free = threading.Event()

    def hang() -> None:
        free.wait(5)

    try:
        assert fanout.answers(5)
        fanout._do(hang)
        assert not fanout.answers(0.1)
        free.set()
        assert fanout.answers(5)
    finally:
        fanout.stop()
    assert not fanout.answers(0.1)


class TestWebServer:
    @pytest.fixture
    def answering(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes | None], None]]:
        """`answering(b"…")`: the web server says that to everybody; None: it takes connections and says nothing."""
        listener = socket.create_server(("127.0.0.1", 0))
        monkeypatch.setattr(serving, "bound", listener.getsockname())
        threads: list[threading.Thread] = []

        def begin(answer: bytes | None) -> None:
            def serve() -> None:
                with listener.accept()[0] as connection:
                    connection.recv(4096)
                    connection.sendall(answer or b"")

            if answer is not None:
                threads.append(threading.Thread(target=serve))
                threads[-1].start()

        yield begin
        for thread in threads:
            thread.join(5)
        listener.close()

    @pytest.mark.parametrize(
        ("answer", "works"),
        [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", True),
            (b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\n{}", True),
            (b"", False),
            (b"nonsense\r\n\r\n", False),
            (None, False),
        ],
        ids=["200", "503", "hangs up", "nonsense", "silence"],
    )
    def test_any_answer_will_do(
        self, answering: Callable[[bytes | None], None], answer: bytes | None, works: bool
    ) -> None:
        answering(answer)
        assert web_server_answers(PATIENCE if answer else 0.5) is works
