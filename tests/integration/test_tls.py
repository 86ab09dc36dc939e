"""The server speaking https itself: every way works, the slow hold nobody up, certificates are renewed and refused."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from camproxy.certificates import make_self_signed
from tests.integration.people import see_on_every_way, wait_until
from tests.integration.test_viewers import open_sockets
from tests.running import PROJECT, Person, RunningServer

MakeServer = Callable[..., RunningServer]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("data"), TLS="true")
    yield running
    running.stop()


@pytest.fixture
def admin(server: RunningServer) -> Iterator[Person]:
    with server.person() as person:
        yield person


def fingerprint(server: RunningServer) -> str:
    pem = ssl.get_server_certificate(("127.0.0.1", server.port))
    return hex_of(pem)


def hex_of(pem: str) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest().hex(":").upper()


def test_pages_and_cookies_know_that_they_are_safe(server: RunningServer, admin: Person) -> None:
    assert server.url.startswith("https://")
    page = admin.get("/")
    assert page.ok
    assert page.headers["Strict-Transport-Security"].startswith("max-age=")
    assert all(cookie.secure for cookie in admin.http.cookies if cookie.name == "camproxy")
    (session,) = [row for row in admin.get("/api/me/sessions").json()["items"] if row["current"]]
    assert session["address"] == "127.0.0.1"


def test_pictures_on_every_way(admin: Person) -> None:
    see_on_every_way(admin)


def test_many_kept_connections_and_large_bodies(admin: Person) -> None:
    for _ in range(20):
        assert admin.get("/static/css/style.css").ok
    assert admin.ask("POST", "/api/cameras", {"name": "x" * 60_000}).status_code == 400
    assert admin.ask("POST", "/api/cameras", {"name": "x" * 100_000}).status_code == 413


def test_who_speaks_plain_http_is_told(server: RunningServer) -> None:
    answer = requests.get(server.url.replace("https", "http"), timeout=5)
    assert answer.status_code == 400
    assert "https://" in answer.text


@pytest.mark.parametrize(
    "what", [b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 600, b"\xff" * 100, b""]
)
def test_no_tls_at_all(server: RunningServer, what: bytes) -> None:
    """Garbage and broken handshakes end, and leave nothing in the log."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=15) as sock:
        sock.sendall(what)
        sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while sock.recv(4096):
                pass
    with server.person() as person:
        assert person.get("/health").ok
    assert "Traceback" not in server.logged
    assert "ERROR" not in server.logged


def test_old_protocols_are_refused_and_http_2_is_not_promised(server: RunningServer) -> None:
    context = ssl.create_default_context(cafile=server.certificate)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as sock,
        context.wrap_socket(sock, server_hostname="localhost") as safe,
    ):
        assert safe.version() == "TLSv1.3"
        assert safe.selected_alpn_protocol() == "http/1.1"
    old = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
        input="",
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert "Cipher is (NONE)" in old.stdout


def test_silent_ones_hold_nobody_up(make_server: MakeServer) -> None:
    server = make_server(TLS=True, MAX_CLIENTS=1)  # and 16 threads to spare
    with contextlib.ExitStack() as stack:
        for number in range(60):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=30))
            if number % 2:
                sock.sendall(b"\x16\x03\x01")
        begun = time.monotonic()
        assert requests.get(f"{server.url}/health", verify=server.certificate, timeout=10).ok
        assert time.monotonic() - begun < 8, "they are ended after ten seconds, and not waited for"
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(1) == b"", "and is ended"


def test_one_address_cannot_have_all_connections(make_server: MakeServer) -> None:
    server = make_server(TLS=True, CONNECTIONS_PER_ADDRESS=20)
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
        refused = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
        assert refused.recv(1) == b""
        other = stack.enter_context(
            socket.create_connection(("127.0.0.1", server.port), timeout=10, source_address=("127.0.0.2", 0))
        )
        context = ssl.create_default_context(cafile=server.certificate)
        with context.wrap_socket(other, server_hostname="127.0.0.1") as safe:
            safe.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert safe.recv(100).startswith(b"HTTP/1.1 200")


def test_it_ends_cleanly_with_every_kind_of_socket_open(make_server: MakeServer) -> None:
    server = make_server(TLS=True)
    with server.person() as admin:
        listeners = [admin.listen(transports=[way]) for way in ("websocket", "polling")]
        view = admin.view("demo")
        stream = admin.get("/stream/demo.mjpg", stream=True)
        next(stream.iter_content(1000))
        for listener in listeners:
            listener.next("video_frame")
        begun = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0
        assert time.monotonic() - begun < 10
        for listener in listeners:
            assert listener.next("server_stopping") == {}
        while view.connected and view.recv():
            pass
        assert not view.connected
    assert "Traceback" not in server.logged


def test_a_renewed_certificate_is_used_without_a_restart(make_server: MakeServer, tmp_path: Path) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    make_self_signed(chain, key)
    server = make_server(TLS=True, TLS_CERTIFICATE=chain, TLS_KEY=key)
    first = fingerprint(server)
    wait_until(lambda: first in server.logged, "it is told")
    key.write_bytes(b"half of a k")
    assert fingerprint(server) == first, "the one before stays in use"
    make_self_signed(chain, key)
    assert fingerprint(server) == hex_of(chain.read_text()) != first
    wait_until(lambda: re.search("ERROR .* the one before stays in use", server.logged), "it is told")


def test_one_that_ends_soon_is_told_to_the_log_and_to_admins(make_server: MakeServer, tmp_path: Path) -> None:
    made = tmp_path / "data" / "certificates"
    ends = datetime.now(UTC) + timedelta(days=10, hours=1)
    make_self_signed(made / "server.pem", made / "server.key", valid=timedelta(days=10, hours=1))
    server = make_server(data_dir=tmp_path / "data", TLS=True)
    said = f"the certificate ends on {ends:%Y-%m-%d}, in 10 days"
    wait_until(lambda: re.search(f"WARNING .*{said}", server.logged), "a line in the log")
    with server.person() as admin:
        health = admin.get("/health")
        assert (health.status_code, health.json()["status"], health.json()["causes"]) == (200, "degraded", [said])
        assert admin.get("/stats").json()["certificate"]["soon"]
    stranger = requests.get(f"{server.url}/health", verify=server.certificate, timeout=10).json()
    assert stranger["status"] == "degraded"
    assert "causes" not in stranger


def test_the_one_that_it_makes_stays_and_is_nobody_elses(make_server: MakeServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = make_server(data_dir=data, TLS=True)
    first = fingerprint(server)
    assert (data / "certificates" / "server.key").stat().st_mode & 0o777 == 0o600
    server.stop()
    assert fingerprint(make_server(data_dir=data, TLS=True)) == first


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda chain, key: key.unlink(), "No such file or directory"),
        (lambda chain, key: chain.write_text("nothing"), "are not both PEM"),
        (lambda chain, key: make_self_signed(chain.with_name("other"), key), "do not belong together"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence(
    tmp_path: Path, make: Callable[[Path, Path], None], said: str
) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    make_self_signed(chain, key)
    make(chain, key)
    refused = start_refused(tmp_path, TLS_CERTIFICATE=str(chain), TLS_KEY=str(key))
    assert refused.startswith("CamProxy cannot start: the certificate ")
    assert said in refused
    assert refused.count("\n") == 1


def test_one_without_the_other_is_refused(tmp_path: Path) -> None:
    assert "belong together" in start_refused(tmp_path, TLS_CERTIFICATE="chain.pem")


def start_refused(data_dir: Path, **settings: str) -> str:
    own = {"DATA_DIR": str(data_dir), "HOST": "127.0.0.1", "PORT": "26500", "TLS": "true"} | settings
    ended = subprocess.run(
        [sys.executable, "app.py"], cwd=PROJECT, env=os.environ | own, capture_output=True, text=True, timeout=30
    )
    assert ended.returncode == 1
    return ended.stderr


def test_connections_leave_nothing(server: RunningServer, admin: Person) -> None:
    def visit() -> None:
        for _ in range(30):
            with server.connect() as sock:
                sock.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                assert sock.recv(100).startswith(b"HTTP/1.1 200")
            socket.create_connection(("127.0.0.1", server.port), timeout=5).close()

    visit()
    before = open_sockets(server)
    visit()
    wait_until(lambda: open_sockets(server) <= before, "all of them are closed")
