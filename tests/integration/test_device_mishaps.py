"""Devices that flap, vanish, read nothing, send what is no message: their own affair and nobody else's."""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import requests

from benchmarks.machine import Process
from camproxy.links.accepted import FRAMES_A_SECOND
from camproxy.serving import SPARE_THREADS
from tests.fakes.devices import FakePico
from tests.integration.bare import Bare
from tests.integration.boards import Enrolled, enrol
from tests.integration.people import wait_until
from tests.integration.test_serving import workers
from tests.integration.test_viewers import resident_bytes
from tests.patience import PATIENCE
from tests.running import Person, RunningServer
from tests.wire_frames import BINARY, CONTINUATION, PING, TEXT, frame

#: What the process may hold more of, once all is over: memory that fragments.
MORE_BYTES = 12_000_000
VIEWERS = 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(
        tmp_path_factory.mktemp("data"),
        DEVICE_CONNECTIONS="100000 per minute",
        MAX_CLIENTS=VIEWERS,
        CONNECTIONS_PER_ADDRESS=1000,
    )
    yield running
    running.stop()
    assert "Traceback" not in running.logged


@pytest.fixture(scope="module")
def admin(server: RunningServer) -> Iterator[Person]:
    with server.person() as admin:
        keep_all_threads_busy(admin)
        yield admin


def keep_all_threads_busy(admin: Person) -> None:
    """The web server's threads, once made, stay: so that there are as many before a test as after it."""
    nobody = enrol(admin, "esp32cam")
    slug = admin.made("/api/cameras", {"name": "Nobody's", "url": f"device:{nobody.id}"})["slug"]
    with ThreadPoolExecutor(VIEWERS + SPARE_THREADS) as all_at_once:
        waiting = [all_at_once.submit(admin.get, f"/snapshot/{slug}.jpg") for _ in range(VIEWERS + SPARE_THREADS)]
    assert {answer.result().status_code for answer in waiting} == {504}, "each waited until none came"
    assert admin.ask("DELETE", f"/api/cameras/{slug}").ok


@pytest.fixture
def pico(admin: Person) -> Enrolled:
    return enrol(admin, "pico")


@pytest.fixture(scope="module")
def neighbour(admin: Person) -> Iterator[Callable[[], float]]:
    """Another device, all the while: how long a command to it takes. Seconds; infinite for one that it did not obey."""
    enrolled = enrol(admin, "pico")
    with enrolled.come():

        def ask() -> float:
            begun = time.monotonic()
            return time.monotonic() - begun if ping(enrolled).ok else math.inf

        yield ask


def is_well(neighbour: Callable[[], float]) -> None:
    """What holds it up would do so every time; a busy machine does now and then."""
    wait_until(lambda: neighbour() < 1, "the other device is not held up")


def ping(device: Enrolled) -> requests.Response:
    return device.admin.ask("POST", f"/api/devices/{device.id}/ping")


def state(device: Enrolled) -> str:
    found: str = device.admin.get(f"/api/devices/{device.id}").json()["status"]["state"]
    return found


def held(server: RunningServer) -> dict[str, int]:
    """What the worker holds."""
    (pid,) = workers(server)
    process = Process(pid)
    return {"bytes": process.memory, "threads": process.threads, "files": process.descriptors}


def settles(server: RunningServer, before: dict[str, int]) -> None:
    """Wait until it holds no more threads and files than before; its memory is about the same."""

    def as_before() -> bool:
        now = held(server)
        return now["threads"] <= before["threads"] and now["files"] <= before["files"]

    try:
        wait_until(as_before, f"as before: {before}")
    except AssertionError as error:
        raise AssertionError(f"{error}, but {held(server)}") from None
    assert held(server)["bytes"] - before["bytes"] < MORE_BYTES


def flap(pico: Enrolled, times: int) -> None:
    """Come and go in every way: with a goodbye, without one, in the middle of a message, and not at all."""
    last: Bare | None = None
    for number in range(times):
        bare = Bare.of(pico)
        if last:
            last.close()
        last = None
        match number % 4:
            case 0:
                bare.say(frame(8, b"\x03\xe8"))
                assert bare.told() == 1000
                bare.close()
            case 1:
                bare.close()
            case 2:
                bare.say(frame(BINARY, bytes(100), length=1000))
                bare.close()
            case 3:
                last = bare  # until it has been replaced
    if last:
        last.close()


def test_one_that_flaps_500_times_leaves_nothing_behind(server: RunningServer, admin: Person, pico: Enrolled) -> None:
    flap(pico, 40)
    wait_until(lambda: state(pico) == "offline", "it has gone")
    before, lines = held(server), len(server.log)
    flap(pico, 500)
    wait_until(lambda: state(pico) == "offline", "it has gone")
    settles(server, before)
    assert len(server.log) - lines < 150
    written = f"SELECT kind FROM event WHERE device_id = {pico.id}"
    wait_until(lambda: ("device_restless",) in server.execute(written), "it is written down")
    kinds = Counter(kind for (kind,) in server.execute(written))
    assert kinds["device_restless"] == 1
    assert kinds["device_online"] + kinds["device_offline"] <= 120
    with pico.come():
        assert ping(pico).ok


def test_with_a_key_in_50_places_the_newest_wins(server: RunningServer, pico: Enrolled) -> None:
    with pico.come():
        before = held(server)
    with ExitStack() as stack:
        everybody: list[FakePico] = []
        dialling = [threading.Thread(target=lambda: everybody.append(pico.dial())) for _ in range(50)]
        for thread in dialling:
            thread.start()
        for thread in dialling:
            thread.join(PATIENCE)
        for device in everybody:
            stack.enter_context(device)
        last = stack.enter_context(pico.come())
        assert Counter(device.wait_closed() for device in everybody) == {(4009, "Replaced"): 50}
        assert ping(pico).ok
        assert not last.ended.is_set()
    settles(server, before)


def test_without_a_key_200_are_turned_away(
    server: RunningServer, pico: Enrolled, neighbour: Callable[[], float]
) -> None:
    with pico.come():
        before = held(server)
    seen: Counter[tuple[int, int | None]] = Counter()
    for number in range(200):
        with Bare(server, None if number % 2 else "wrong", source="127.0.0.77") as bare:
            seen[bare.status, bare.told() if bare.status == 101 else None] += 1
    assert seen == {(101, 4001): 30, (429, None): 170}
    is_well(neighbour)  # which comes from another address
    with Bare(server, pico.key, source="127.0.0.77") as bare:
        assert bare.status == 101, "who has a key is no stranger"
    settles(server, before)


def test_one_that_takes_nothing_fails_alone(pico: Enrolled, neighbour: Callable[[], float]) -> None:
    with Bare.of(pico, receive_buffer=2048):
        answers: list[int] = []
        asking = [threading.Thread(target=lambda: answers.append(ping(pico).status_code)) for _ in range(4)]
        for thread in asking:
            thread.start()
        waits = [neighbour() for _ in range(10)]
        for thread in asking:
            thread.join(PATIENCE)
        assert statistics.median(waits) < 1
        assert len(answers) == 4
        # Of several of a kind that wait, the newest takes the others' place, and they have ended well.
        assert 504 in answers


def test_60_megabytes_are_not_taken(server: RunningServer, pico: Enrolled, neighbour: Callable[[], float]) -> None:
    is_well(neighbour)
    before = resident_bytes(server)
    with Bare.of(pico) as bare:
        bare.say(frame(BINARY, length=60_000_000))
        try:
            for _ in range(60):
                bare.say(bytes(1_000_000))
        except OSError:
            pass  # as it should be
        else:
            pytest.fail("all of it was taken")
    assert resident_bytes(server) - before < 8_000_000
    is_well(neighbour)


HOSTILE = [
    (frame(TEXT, bytes(1_000_000)), 1009),
    (frame(TEXT, b"\xff"), 1007),
    (frame(TEXT, b"{}", mask=None), 1002),
    (frame(BINARY, b"\xff\xd8", reserved=4), 1002),
    (frame(PING) * (2 * FRAMES_A_SECOND + 1), 1008),
    (frame(TEXT, b"{}") * (2 * FRAMES_A_SECOND + 1), 1008),
    (frame(BINARY, final=False) + frame(CONTINUATION, b"x", final=False) * 2 * FRAMES_A_SECOND, 1008),
]


@pytest.mark.parametrize(
    ("data", "code"), HOSTILE, ids=["long text", "no text", "bare", "reserved", "pings", "texts", "fragments"]
)
def test_what_is_no_message_ends_its_connection(
    pico: Enrolled, neighbour: Callable[[], float], data: bytes, code: int
) -> None:
    with Bare.of(pico) as bare:
        bare.say(data)
        assert bare.told() == code
    is_well(neighbour)
    with pico.come():
        assert ping(pico).ok


def test_nothing_it_says_reaches_the_log_as_a_line(server: RunningServer, pico: Enrolled) -> None:
    with pico.come() as device:
        device.say(type="log", level="x\nERROR", message="one\r\n2026-01-01 00:00:00 ERROR forged: two\u202e")
        device.say(type="log", level="info", message="over")
        wait_until(lambda: "over" in server.logged, "it was heard")
        device.close(b"bye\nERROR forged: three")
    wait_until(lambda: state(pico) == "offline", "it has gone")
    assert not [line for line in server.log if line.startswith(("ERROR", "2026-01-01"))]
    assert "\u202e" not in server.logged
