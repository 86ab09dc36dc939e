"""A real server as its own process, and people who use it as programs do."""

from __future__ import annotations

import os
import queue
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import engineio
import requests
import socketio
import websocket
from sqlalchemy import create_engine

from camproxy.links.turns import client_context
from camproxy.settings import load
from tests.patience import PATIENCE
from tests.zones import calm_zone

PROJECT = Path(__file__).resolve().parent.parent
ADDRESS = re.compile(r"CamProxy is at (https?://\S+)")

#: Settings that make a test quick without changing what is tested.
QUICK = {"RECONNECT_SECONDS": "0.2", "LINGER_SECONDS": "0.5", "LOGIN_LIMIT": "1000 per minute", "PORT_RANGE": "200"}


class RunningServer:
    """`python app.py`, or another command, with settings of its own in an empty directory. Stop it with `stop`.

    `home` and `python` are those of an installation elsewhere.
    """

    admin_username = "admin"
    admin_password = "correct horse battery"

    def __init__(
        self,
        data_dir: Path,
        command: Sequence[str] = ("app.py",),
        home: Path = PROJECT,
        python: str = sys.executable,
        **settings: Any,
    ) -> None:
        self.data_dir = data_dir
        own = {"DATA_DIR": str(data_dir), "HOST": "127.0.0.1", "PORT": str(random.randint(20_000, 32_000))}
        own["RECORDING_TIMEZONE"] = calm_zone().key
        own |= {"ADMIN_PASSWORD": self.admin_password} | QUICK | {name: str(value) for name, value in settings.items()}
        environment = {name: value for name, value in os.environ.items() if name not in own}
        #: Scripts run with these settings work on the same database.
        self.settings = {name: own[name] for name in ("DATA_DIR", "DATABASE_URL") if name in own}
        self.log: list[str] = []
        self._ready = threading.Event()
        self.url = ""
        self.process = subprocess.Popen(
            [python, *command], cwd=home, env=environment | own, stderr=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(PATIENCE) or not self.url:
            self.stop()
            raise RuntimeError("the server did not start:\n" + "".join(self.log))

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr:
            for line in self.process.stderr:
                self.log.append(line)
                if found := ADDRESS.search(line):
                    self.url = found[1]
                    self._ready.set()
        self._ready.set()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def ws_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Look into its database, or change it behind its back."""
        engine = create_engine(load(self.settings).database)
        try:
            with engine.begin() as connection:
                result = connection.exec_driver_sql(statement)
                return [tuple(row) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()

    def stored(self) -> bytes:
        """All that it keeps, to look for what it must not keep."""
        kept = []
        for file in self.data_dir.rglob("*"):
            with suppress(FileNotFoundError, IsADirectoryError):  # the server writes meanwhile
                kept.append(file.read_bytes())
        if "DATABASE_URL" in self.settings:
            tables = self.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            kept += [repr(self.execute(f'SELECT * FROM "{table}"')).encode() for (table,) in tables]
        return b"".join(kept)

    @property
    def certificate(self) -> str:
        """The self-signed one that it made for itself, if it speaks https."""
        return str(self.data_dir / "certificates" / "server.pem")

    def connect(self, receive_buffer: int | None = None) -> socket.socket:
        """A bare connection, which a test may then leave alone."""
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(PATIENCE)
        sock.connect(("127.0.0.1", self.port))
        if self.url.startswith("https:"):
            context = ssl.create_default_context(cafile=self.certificate)
            return context.wrap_socket(sock, server_hostname="127.0.0.1")
        return sock

    @property
    def logged(self) -> str:
        return "".join(self.log)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it and wait; its exit code. Idempotent."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._reader.join(5)
        return code

    def person(self, username: str = "", password: str = "") -> Person:
        """Somebody who has logged in; the admin by default."""
        return Person(self, username or self.admin_username, password or self.admin_password)


class Person:
    """A logged-in user, as a program: HTTP with the cookie and the CSRF token, WebSockets, Socket.IO."""

    def __init__(self, server: RunningServer, username: str, password: str) -> None:
        self.server = server
        self.username = username
        self.password = password
        self.http = requests.Session()
        self.http.trust_env = False  # else the bundle of a developer's machine comes before this one
        self.http.verify = server.certificate
        self.http.headers["Referer"] = f"{server.url}/"  # as browsers send; over https Flask-WTF wants it
        self._open: list[Any] = []
        assert self.log_in().status_code == 302, "the log-in was refused"
        page = self.http.get(f"{server.url}/").text
        self.http.headers["X-CSRFToken"] = csrf_token(page)

    def log_in(self, next: str = "/") -> requests.Response:
        form = self.http.get(f"{self.server.url}/login", params={"next": next})
        return self.http.post(
            form.url,
            data={"username": self.username, "password": self.password, "csrf_token": csrf_token(form.text)},
            allow_redirects=False,
        )

    def ask(self, method: str, path: str, json: Any = None, **options: Any) -> requests.Response:
        return self.http.request(method, self.server.url + path, json=json, timeout=PATIENCE, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.ask("GET", path, **options)

    def made(self, path: str, json: Any) -> Any:
        """POST something that must succeed; the answer's JSON."""
        answer = self.ask("POST", path, json)
        assert answer.ok, answer.text
        return answer.json()

    @property
    def cookie(self) -> str:
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.http.cookies)

    def view(self, camera: str, query: str = "", **options: Any) -> websocket.WebSocket:
        """A WebSocket that watches a camera."""
        return self.dial(f"/ws/view/{camera}{query}", **options)

    def dial(self, path: str, **options: Any) -> websocket.WebSocket:
        """A WebSocket with this person's cookie."""
        known = {"ca_certs": self.server.certificate}
        dialled = websocket.create_connection(
            self.server.ws_url + path, cookie=self.cookie, timeout=PATIENCE, sslopt=known, **options
        )
        self._open.append(dialled)
        return dialled

    def listen(self, auth: Any = None, **options: Any) -> Listener:
        """A Socket.IO client that keeps what it is sent."""
        listener = Listener(self, auth, **options)
        self._open.append(listener)
        return listener

    def close(self) -> None:
        for thing in self._open:
            # `close` of a WebSocket that the server has closed already would leave the socket open.
            thing.shutdown() if isinstance(thing, websocket.WebSocket) else thing.close()
        self.http.close()

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class OrderlyClient(socketio.Client):
    """The library's client would hear each message in a thread of its own, and so in whatever order; and it would leave
    the socket open when it is the server that ends the connection.
    """

    class Engine(engineio.Client):
        def _trigger_event(self, event: str, *args: Any, **options: Any) -> Any:
            return super()._trigger_event(event, *args, **options | {"run_async": False})

        def _read_loop_websocket(self) -> None:
            ws = self.ws  # by the end there may be another
            try:
                super()._read_loop_websocket()
            finally:
                ws.shutdown()

    def _engineio_client_class(self) -> type[engineio.Client]:
        return self.Engine


class Listener:
    """A stranger's Socket.IO client: every event goes into a queue of its own."""

    def __init__(self, person: Person, auth: Any, **options: Any) -> None:
        options_of_sockets = {}
        if person.server.url.startswith("https"):
            # The library reads in one thread and writes in another.
            options_of_sockets["sslopt"] = {"context": client_context(person.server.certificate)}
        self.client = OrderlyClient(
            http_session=person.http, reconnection=False, websocket_extra_options=options_of_sockets
        )
        self._queues: dict[str, queue.Queue[Any]] = {}
        self._lock = threading.Lock()
        self.ended = threading.Event()
        self.client.on("*", self._keep)
        self.client.on("disconnect", lambda *_: self.ended.set())
        self.client.connect(person.server.url, auth=auth, wait_timeout=PATIENCE, **options)

    def _queue(self, event: str) -> queue.Queue[Any]:
        with self._lock:
            return self._queues.setdefault(event, queue.Queue())

    def _keep(self, event: str, *payload: Any) -> None:
        self._queue(event).put(payload[0] if len(payload) == 1 else payload)

    def next(self, event: str, timeout: float = PATIENCE) -> Any:
        """The next payload of that event; several arguments are a tuple."""
        try:
            return self._queue(event).get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"no {event} within {timeout} s") from None

    def until(self, event: str, accept: Any, timeout: float = PATIENCE) -> Any:
        """The first payload of that event that is accepted."""
        while not accept(payload := self.next(event, timeout)):
            pass
        return payload

    def heard(self, event: str) -> int:
        """How many are waiting."""
        return self._queue(event).qsize()

    def forget(self, event: str) -> None:
        while not self._queue(event).empty():
            self._queue(event).get()

    def call(self, event: str, payload: Any = None, timeout: float = PATIENCE) -> Any:
        """Send an event and wait for its acknowledgement."""
        return self.client.call(event, payload, timeout=timeout)

    def close(self) -> None:
        if self.client.connected:
            # By long polling the library says goodbye only if nothing that was sent is still on its way.
            sent = self.client.eio.queue.all_tasks_done
            with sent:
                sent.wait_for(lambda: not self.client.eio.queue.unfinished_tasks, timeout=10)
        self.client.disconnect()


def csrf_token(page: str) -> str:
    found = re.search(r'name="csrf-token" content="([^"]+)"', page) or re.search(
        r'name="csrf_token"[^>]* value="([^"]+)"', page
    )
    assert found, "the page has no CSRF token"
    return found[1]
