"""Whoever is slow, silent or greedy with connections holds no thread, and keeps nobody out."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.integration.people import wait_until
from tests.patience import PATIENCE
from tests.running import RunningServer

MakeServer = Callable[..., RunningServer]

HEAD = b"POST /login HTTP/1.1\r\nHost: camproxy\r\n"


def connect(server: RunningServer, sent: bytes = b"", address: str = "127.0.0.1") -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=30, source_address=(address, 0))
    sock.sendall(sent)
    return sock


def ended_after(sock: socket.socket) -> float:
    """Seconds until the server ends the connection."""
    begun = time.monotonic()
    with contextlib.suppress(ConnectionResetError):
        while sock.recv(4096):
            pass
    return time.monotonic() - begun


@pytest.fixture
def crowd() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def test_silent_and_dripping_ones_take_no_threads(make_server: MakeServer, crowd: contextlib.ExitStack) -> None:
    server = make_server(MAX_CLIENTS=1)  # and 16 threads to spare
    for _ in range(40):
        crowd.enter_context(connect(server))
    begun = time.monotonic()
    assert requests.get(f"{server.url}/health", timeout=10).ok
    assert time.monotonic() - begun < 4, "they are ended after five seconds, and not waited for"


def test_nobody_waits_for_those_that_do_not_close(server: RunningServer, crowd: contextlib.ExitStack) -> None:
    """gunicorn closes its side first and then waits for the client's, up to two seconds: not in its main thread."""
    for _ in range(10):
        sock = crowd.enter_context(connect(server, b"GET /health HTTP/1.0\r\n\r\n"))
        assert sock.recv(4096).startswith(b"HTTP/1.0 200")
    begun = time.monotonic()
    assert requests.get(f"{server.url}/health", timeout=60).ok
    assert time.monotonic() - begun < 8, "ten times two seconds would be more"


def test_a_silent_connection_is_closed(server: RunningServer) -> None:
    begun = time.monotonic()
    with connect(server) as sock:
        ended_after(sock)
    assert time.monotonic() - begun > 3


def test_requests_that_drip_in_are_ended(server: RunningServer) -> None:
    begun = [
        b"GET / HTTP/1.1\r\nX-Sl",
        HEAD + b"Content-Length: 100\r\n\r\nuserna",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5",
    ]
    with ThreadPoolExecutor(len(begun)) as pool:
        for seconds in pool.map(lambda start: drip(server, start), begun):
            assert 8 < seconds < PATIENCE
    wait_until(lambda: server.logged.count("did not come in 10 s") == len(begun), "it is said of each")


def drip(server: RunningServer, begun: bytes) -> float:
    """Send a byte every half second, and return for how many seconds the server bears it."""
    started = time.monotonic()
    with connect(server, begun) as sock:
        sock.settimeout(0.5)
        while True:
            try:
                sock.send(b"1")
                if not sock.recv(4096):
                    break
            except TimeoutError:
                continue
            except OSError:
                break
    return time.monotonic() - started


def test_a_body_that_is_too_large_is_refused_before_it_is_there(server: RunningServer) -> None:
    with connect(server, HEAD + b"Content-Length: 999999999999\r\n\r\n") as sock:
        assert sock.recv(4096).startswith(b"HTTP/1.1 413")
    with connect(server, HEAD + b"Transfer-Encoding: chunked\r\n\r\n") as sock:
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        answer = send_until_answered(sock, chunk)
        assert answer.startswith(b"HTTP/1.1 4")


def send_until_answered(sock: socket.socket, chunk: bytes) -> bytes:
    sock.sendall(chunk * 2)
    return sock.recv(4096)


def test_what_follows_a_body_that_was_not_read_is_no_request(server: RunningServer) -> None:
    smuggled = b"GET /health HTTP/1.1\r\nHost: camproxy\r\n\r\n"
    chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
    with connect(server, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 2 + b"0\r\n\r\n" + smuggled) as sock:
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while data := sock.recv(4096):
                received += data
    assert received.count(b"HTTP/1.1 ") <= 1
    assert b"esp32_connected" not in received


def test_one_address_cannot_have_every_connection(make_server: MakeServer, crowd: contextlib.ExitStack) -> None:
    server = make_server(CONNECTIONS_PER_ADDRESS=5)
    ours = [crowd.enter_context(connect(server, b"GET / HTTP/1.1\r\n", "127.0.0.9")) for _ in range(5)]
    with connect(server, address="127.0.0.9") as surplus:
        assert ended_after(surplus) < 4, "and not after five seconds, as silent ones are"
    assert requests.get(f"{server.url}/health", timeout=10).ok, "another address is not touched"
    for sock in ours:
        sock.close()

    def let_in() -> bool:
        with connect(server, b"GET /health HTTP/1.0\r\n\r\n", "127.0.0.9") as sock:
            try:
                return sock.recv(4096).startswith(b"HTTP/1.0 200")
            except ConnectionResetError:
                return False

    wait_until(let_in, "connections that have ended do not count")
