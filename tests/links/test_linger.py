"""Connections that were said goodbye to: the other side can read it, and then they are closed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from camproxy.links.linger import Linger
from tests.integration.people import wait_until


@pytest.fixture
def linger(monkeypatch: pytest.MonkeyPatch) -> Iterator[Linger]:
    monkeypatch.setattr(Linger, "FOR", 4.0)  # also when the machine stands still for a moment
    made = Linger(room=2)
    made.start()
    yield made
    made.stop()
    assert made.state() == {"kept": 0}
    assert "linger" not in [thread.name for thread in threading.enumerate()]


def pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    theirs.settimeout(10)
    return ours, theirs


def test_who_still_talks_reads_the_goodbye_all_the_same(linger: Linger) -> None:
    ours, theirs = pair()
    with theirs:
        theirs.sendall(b"a picture" * 1000)
        ours.sendall(b"goodbye")
        linger.keep(ours)
        theirs.sendall(b"the next one" * 1000)
        assert theirs.recv(100) == b"goodbye"
        assert theirs.recv(100) == b""
        wait_until(lambda: ours.fileno() == -1, "it is closed")


def test_of_more_than_there_is_room_for_the_oldest_goes(linger: Linger) -> None:
    pairs = [pair() for _ in range(3)]
    for ours, _ in pairs:
        linger.keep(ours)
    assert [ours.fileno() == -1 for ours, _ in pairs] == [True, False, False]
    for _, theirs in pairs:
        theirs.close()


def test_without_its_thread_nothing_is_kept() -> None:
    ours, theirs = pair()
    Linger().keep(ours)
    assert ours.fileno() == -1
    theirs.close()
