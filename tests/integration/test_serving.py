"""Starting and stopping the server as a process: every way in, every way out, and what is left afterwards."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket

from tests.integration.people import issue_token, log_in, wait_until
from tests.running import PROJECT, Person, RunningServer

MakeServer = Callable[..., RunningServer]

GUNICORN = ("-m", "gunicorn", "-c", "gunicorn.conf.py", "app:app")
#: gunicorn finds the configuration by itself.
BARE_GUNICORN = ("-m", "gunicorn", "app:app")
FROM_ELSEWHERE = (
    "-c",
    f"import os, sys; os.chdir('/'); os.execv(sys.executable, [sys.executable, '{PROJECT}/app.py'])",
)
#: Within this time it has ended. Seconds.
SOON = 10.0


def workers(server: RunningServer) -> list[int]:
    pid = server.process.pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"  # ended; who has to take notice of it is not our affair


def ctrl_c(server: RunningServer) -> None:
    """A terminal sends SIGINT to all processes that stand in its foreground."""
    for pid in (*workers(server), server.process.pid):
        os.kill(pid, signal.SIGINT)


def term(server: RunningServer) -> None:
    server.process.send_signal(signal.SIGTERM)


def close_code(view: websocket.WebSocket) -> int:
    """What the server closes a WebSocket with, after whatever it still sends."""
    while True:
        opcode, data = view.recv_data(control_frame=True)
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return int.from_bytes(data[:2])


def watch_mjpeg(person: Person) -> requests.Response:
    url = f"{person.server.url}/stream/demo.mjpg"
    answer = requests.get(url, headers={"Cookie": person.cookie}, stream=True, timeout=15)
    assert answer.raw.read(1000)
    return answer


def log_file(server: RunningServer) -> str:
    return (server.data_dir / "logs" / "camproxy.log").read_text()


@pytest.mark.parametrize(
    ("command", "end"),
    [(("app.py",), term), (GUNICORN, term), (BARE_GUNICORN, term), (FROM_ELSEWHERE, ctrl_c)],
    ids=["app.py TERM", "gunicorn TERM", "gunicorn alone TERM", "from elsewhere Ctrl-C"],
)
def test_every_way_of_starting_and_of_ending_it(
    make_server: MakeServer, command: tuple[str, ...], end: Callable[[RunningServer], None]
) -> None:
    server = make_server(command=command, WEB_CONCURRENCY=2)
    with server.person() as admin:
        assert requests.get(f"{server.url}/health", timeout=10).json()["status"] == "healthy"
        listeners = [admin.listen(transports=[way]) for way in ("websocket", "websocket", "polling", "polling")]
        for listener in listeners:
            listener.next("video_frame")
        views = [admin.view("demo") for _ in range(2)]
        for view in views:
            view.recv()
        streams = [watch_mjpeg(admin) for _ in range(2)]
        (worker,) = workers(server)  # one, whatever gunicorn's own variable says
        begun = time.monotonic()
        end(server)
        for listener in listeners[:2]:
            assert listener.next("server_stopping") == {}
        assert [close_code(view) for view in views] == [1001, 1001]
        for stream in streams:
            while stream.raw.read(65536):
                pass
            stream.close()
        assert server.process.wait(SOON) == 0
    assert time.monotonic() - begun < SOON
    assert not runs(worker)
    assert "Traceback" not in server.logged


def test_who_does_not_read_does_not_delay_the_end(make_server: MakeServer) -> None:
    server = make_server(FRAME_RATE=25)
    with server.person() as admin:
        head = f"HTTP/1.1\r\nHost: x\r\nCookie: {admin.cookie}\r\n"
        upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        upgrade += "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        stuck = []
        for request in (
            f"GET /stream/demo.mjpg {head}\r\n",
            f"GET /ws/view/demo {head}{upgrade}\r\n",
            f"GET /socket.io/?EIO=4&transport=websocket {head}{upgrade}\r\n",
        ):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", server.port))
            sock.sendall(request.encode())
            stuck.append(sock)
        view, frames = admin.view("demo"), 0
        while frames < 20:  # by now those who do not read have all that they take
            frames += isinstance(view.recv(), bytes)
        begun = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begun < SOON
        for sock in stuck:
            sock.close()
    assert "Traceback" not in server.logged


class TestKilled:
    def test_a_worker_that_was_killed_has_a_successor(self, make_server: MakeServer) -> None:
        server = make_server()
        with server.person() as admin:
            view, listener = admin.view("demo"), admin.listen(transports=["websocket"])
            view.recv()
            listener.next("video_frame")
            (worker,) = workers(server)
            os.kill(worker, signal.SIGKILL)
            wait_until(lambda: workers(server) not in ([], [worker]), "there is a new worker")
            with pytest.raises((websocket.WebSocketException, OSError)):
                close_code(view)
            # The listening socket was open all the time: this is answered as soon as the new worker is ready.
            with requests.Session() as session:
                session.headers["Cookie"] = admin.cookie
                assert session.get(f"{server.url}/api/me", timeout=10).json()["username"] == "admin"
            assert admin.view("demo").recv()
        assert server.stop() == 0

    def test_after_the_master_was_killed_nothing_is_left_and_all_is_kept(self, make_server: MakeServer) -> None:
        server = make_server()
        key = (server.data_dir / "secret_key").read_text()
        with server.person() as admin:
            view, stream = admin.view("demo"), watch_mjpeg(admin)
            view.recv()
            _, token = issue_token(admin)
            (worker,) = workers(server)
            server.process.kill()
            server.process.wait()
            wait_until(lambda: not runs(worker), "the worker has ended")
            stream.close()
            again = make_server(data_dir=server.data_dir, PORT=server.port, PORT_RANGE=1)
            assert (server.data_dir / "secret_key").read_text() == key
            assert "made the first admin" not in again.logged
            for headers in ({"Cookie": admin.cookie}, {"Authorization": f"Bearer {token}"}):
                assert requests.get(f"{again.url}/api/me", headers=headers, timeout=10).status_code == 200
            assert again.stop() == 0
        with sqlite3.connect(server.data_dir / "robocam.db") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()


class TestPorts:
    @pytest.fixture
    def busy(self) -> Any:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            yield listener.getsockname()[1]

    def test_the_next_free_one_is_taken_and_said(self, make_server: MakeServer, busy: int) -> None:
        server = make_server(PORT=busy, PORT_RANGE=100)
        assert busy < server.port < busy + 100
        assert f"port {busy} is busy, taking {server.port}" in server.logged
        with server.person() as admin:
            assert admin.get("/health").json()["port"] == server.port
        assert f"CamProxy is at http://127.0.0.1:{server.port}\n" in log_file(server)
        assert "port" not in requests.get(f"{server.url}/health", timeout=10).json()

    @pytest.mark.parametrize("command", [("app.py",), GUNICORN], ids=["app.py", "gunicorn"])
    def test_only_this_one_or_none(self, tmp_path: Path, busy: int, command: tuple[str, ...]) -> None:
        said = refusal(tmp_path, command, PORT=busy, PORT_RANGE=1)
        assert f"port {busy} of 127.0.0.1" in said
        assert "PORT_RANGE" in said
        assert not (tmp_path / "robocam.db").exists(), "nothing else was started"


def refusal(data_dir: Path, command: tuple[str, ...] = GUNICORN, **settings: Any) -> str:
    """What a server says that cannot start: one sentence, no traceback, an exit code."""
    own = {"DATA_DIR": str(data_dir), "HOST": "127.0.0.1"} | {name: str(value) for name, value in settings.items()}
    done = subprocess.run(
        [sys.executable, *command], cwd=PROJECT, env=os.environ | own, capture_output=True, text=True, timeout=30
    )
    assert done.returncode not in (0, None)
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    last = said.strip().splitlines()[-1]
    assert last.startswith("CamProxy cannot start: ")
    return last


class TestSettings:
    @pytest.mark.parametrize("command", [("app.py",), GUNICORN], ids=["app.py", "gunicorn"])
    def test_one_that_cannot_be_is_named(self, tmp_path: Path, command: tuple[str, ...]) -> None:
        said = refusal(tmp_path / "data", command, PORT="abc")
        assert said == "CamProxy cannot start: PORT cannot be 'abc': allowed is a whole number from 1 to 65535"
        assert not (tmp_path / "data").exists()

    def test_a_secret_one_is_not_repeated(self, tmp_path: Path) -> None:
        said = refusal(tmp_path, SECRET_KEY="changeme")
        assert said.startswith("CamProxy cannot start: SECRET_KEY cannot be the given value: allowed is at least 16")
        assert "changeme" not in said

    @pytest.mark.parametrize(
        ("command", "settings"),
        [((*GUNICORN[:-1], "-w", "2", "app:app"), {}), (GUNICORN, {"GUNICORN_CMD_ARGS": "--workers=2"})],
        ids=["-w 2", "GUNICORN_CMD_ARGS"],
    )
    def test_more_than_one_worker_is_refused(
        self, tmp_path: Path, command: tuple[str, ...], settings: dict[str, str]
    ) -> None:
        assert "one worker for each instance" in refusal(tmp_path, command, **settings)

    @pytest.mark.parametrize(
        ("command", "settings"),
        [
            ((*GUNICORN[:-1], "-b", "127.0.0.1:1", "app:app"), {}),
            (GUNICORN, {"GUNICORN_CMD_ARGS": "--bind=127.0.0.1:1"}),
        ],
        ids=["-b", "GUNICORN_CMD_ARGS"],
    )
    def test_another_address_for_gunicorn_is_refused(
        self, tmp_path: Path, command: tuple[str, ...], settings: dict[str, str]
    ) -> None:
        assert "HOST and PORT" in refusal(tmp_path, command, **settings)
        assert not (tmp_path / "robocam.db").exists(), "nothing else was started"


class TestFlask:
    """Flask's own command line."""

    FLASK = ("-m", "flask", "--app", "app")

    @pytest.mark.parametrize("options", [(), ("--debug",)], ids=["", "--debug"])
    def test_flask_run_is_refused(self, tmp_path: Path, options: tuple[str, ...]) -> None:
        assert "`python app.py`" in refusal(tmp_path, (*self.FLASK, "run", *options))
        assert not (tmp_path / "robocam.db").exists()

    def test_its_commands_start_nothing(self, tmp_path: Path) -> None:
        done = subprocess.run(
            [sys.executable, *self.FLASK, "routes"],
            cwd=PROJECT,
            env=os.environ | {"DATA_DIR": str(tmp_path), "ADMIN_PASSWORD": "eight and more"},
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 0
        assert "/ws/view/<camera>" in done.stdout
        assert not (tmp_path / "robocam.db").exists()
        assert "connected" not in done.stderr


class TestLog:
    def test_a_request_is_a_line_without_its_query(self, server: RunningServer) -> None:
        with server.person() as admin:
            admin.get("/api/cameras?password=hunter22")
            admin.ask("POST", "/api/cameras/demo/light_command?token=hunter22", {"state": True})
            admin.get("/api/cameras/nowhere?hunter22")
            log_in(server, "admin", "wrong", next="/hunter22")
        lines = [line for line in log_file(server).splitlines() if "camproxy.requests" in line]
        said = [re.sub(r"\d\.\d{3} s$", "… s", line.partition("camproxy.requests: ")[2]) for line in lines]
        for request in (
            "GET /login 200",
            "POST /login 302",
            "GET /api/cameras 200",
            "POST /api/cameras/demo/light_command 200",
            "GET /api/cameras/nowhere 404",
            "POST /login 401",
        ):
            assert f"{request} … s" in said
        assert "hunter22" not in log_file(server) + server.logged

    def test_a_path_writes_no_line_of_its_own(self, server: RunningServer) -> None:
        requests.get(f"{server.url}/x%0d%0a2026-01-01%2000:00:00,000%20INFO%20admin%20logged%20in", timeout=10)
        (line,) = [line for line in log_file(server).splitlines() if "2026-01-01 00:00:00,000" in line]
        assert r"GET /x\r\n2026-01-01" in line

    def test_secrets_that_were_set_are_not_in_it(self, make_server: MakeServer) -> None:
        """What is made or typed in is looked for in test_accounts.py."""
        key = "a key that somebody chose"
        server = make_server(SECRET_KEY=key, DEBUG="true")
        with server.person() as admin:
            _, token = issue_token(admin)
            for sent in (key, server.admin_password, token, token[:-1]):
                requests.get(f"{server.url}/api/me", headers={"Authorization": f"Bearer {sent}"}, timeout=10)
            for sent in (key, server.admin_password):
                log_in(server, sent, sent)  # typed into the wrong field
            address = "ws://root:pa%2455w0rd@127.0.0.1:1/ws"
            admin.made("/api/cameras", {"name": "Locked", "url": address})
            wait_until(lambda: "link locked: refused" in server.logged, "it was dialled")
            secrets = [key, server.admin_password, token, token[:-1], admin.http.cookies["camproxy"], "pa%2455w0rd"]
        server.stop()
        assert not (server.data_dir / "secret_key").exists(), "one was given"
        assert [secret for secret in secrets if secret in log_file(server) + server.logged] == []

    def test_it_rotates_while_the_server_runs(self, make_server: MakeServer) -> None:
        server = make_server(LOG_FILE_BYTES=10_000, LOG_FILES=2)
        folder = server.data_dir / "logs"
        with requests.Session() as session:
            for number in range(400):
                session.get(f"{server.url}/request-{number}", timeout=10)
        files = [folder / name for name in ("camproxy.log.2", "camproxy.log.1", "camproxy.log")]
        assert sorted(folder.iterdir()) == sorted(files)
        assert all(file.stat().st_size <= 10_000 for file in files)
        numbers = [int(found) for file in files for found in re.findall(r"/request-(\d+)", file.read_text())]
        assert numbers == list(range(numbers[0], 400)), "in order, the newest last, and none is missing"
