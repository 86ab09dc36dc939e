"""A TLS connection that is read and written at once."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from camproxy.links.turns import TurnTakingSocket, client_context
from tests.tls_end import TlsEnd

MESSAGE = os.urandom(1000)
MESSAGES = 20_000


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[TlsEnd]:
    with TlsEnd(tmp_path) as end:
        yield end


@contextlib.contextmanager
def dialled(end: TlsEnd) -> Iterator[TurnTakingSocket]:
    plain = socket.create_connection(("127.0.0.1", end.port), timeout=10)
    with client_context(str(end.chain)).wrap_socket(plain, server_hostname="127.0.0.1") as sock:
        assert isinstance(sock, TurnTakingSocket)
        yield sock


def test_nothing_is_lost(echo: TlsEnd) -> None:
    with dialled(echo) as sock:

        def speak() -> None:
            for _ in range(MESSAGES):
                left = memoryview(MESSAGE)
                while left:
                    left = left[sock.send(left) :]

        speaker = threading.Thread(target=speak)
        speaker.start()
        heard = bytearray()
        while len(heard) < MESSAGES * len(MESSAGE):
            heard += sock.recv(65_536)
        speaker.join(10)
        assert heard == MESSAGE * MESSAGES


def test_one_who_waits_to_hear_keeps_nobody_from_speaking(echo: TlsEnd) -> None:
    with dialled(echo) as sock:
        heard: list[bytes] = []
        listener = threading.Thread(target=lambda: heard.append(sock.recv(10)))
        listener.start()
        sock.send(b"hello")
        listener.join(10)
        assert heard == [b"hello"]


def test_its_time_out_is_kept(echo: TlsEnd) -> None:
    with dialled(echo) as sock:
        assert sock.gettimeout() == 10
        sock.settimeout(0.05)
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            sock.recv(10)
        assert 0.05 <= time.monotonic() - begun < 5


def test_who_waits_hears_of_a_shutdown(echo: TlsEnd) -> None:
    with dialled(echo) as sock:
        heard: list[bytes] = []
        listener = threading.Thread(target=lambda: heard.append(sock.recv(10)))
        listener.start()
        sock.shutdown(socket.SHUT_RDWR)
        listener.join(10)
        assert heard == [b""]
