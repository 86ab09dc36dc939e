"""Who sends without end, does not fetch, or sends what is no message: it is their own affair and nobody else's."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import websocket

from camproxy.web.socketio_limits import MOST_WAITING
from tests.integration.people import new_person, wait_until
from tests.integration.test_viewers import resident_bytes
from tests.patience import PATIENCE
from tests.running import Listener, Person, RunningServer

MakeServer = Callable[..., RunningServer]

#: What a user may send in a second, where a test says nothing else.
PACE = 50

SOCKET = "/socket.io/?EIO=4&transport=websocket"


@pytest.fixture
def admin(server: RunningServer) -> Iterator[Person]:
    with server.person() as person:
        yield person


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One that hears PACE messages of a user in a second."""
    running = RunningServer(tmp_path_factory.mktemp("strict"), EVENTS_PER_SECOND=PACE)
    yield running
    running.stop()


@pytest.fixture
def its_admin(strict: RunningServer) -> Iterator[Person]:
    with strict.person() as person:
        yield person


def connected(person: Person) -> websocket.WebSocket:
    """A bare Socket.IO client, for what no library would send."""
    raw = person.dial(SOCKET)
    raw.recv()
    raw.send('40{"subscribe":false}')
    while not raw.recv().startswith("40"):
        pass
    return raw


def polling(person: Person) -> str:
    """The address of a bare client that polls."""
    base = f"{person.server.url}/socket.io/?EIO=4&transport=polling"
    address = f"{base}&sid={json.loads(person.http.get(base, timeout=10).text[1:])['sid']}"
    assert person.http.post(address, data='40{"subscribe":false}', timeout=10).ok
    return address


@pytest.mark.parametrize(
    "packet",
    ['42["clock",{}]', '42["no such event"]', "42[[[", '420["frame_ack",{"seq":1}]', "40/elsewhere,", "6", "5"],
    ids=["event", "unknown event", "no JSON", "acknowledged", "namespace", "noop", "upgrade"],
)
def test_one_who_sends_without_end_is_heard_at_a_pace(strict: RunningServer, its_admin: Person, packet: str) -> None:
    _, flooder = new_person(its_admin)
    with flooder:
        raw = connected(flooder)
        raw.settimeout(0.2)
        enough = threading.Event()

        def flood() -> None:
            while not enough.is_set():
                with contextlib.suppress(websocket.WebSocketTimeoutException):
                    raw.send(packet)

        def fetch() -> None:
            while not enough.is_set():
                with contextlib.suppress(websocket.WebSocketTimeoutException):
                    raw.recv()

        threads = [threading.Thread(target=work) for work in (flood, fetch)]
        with listened(its_admin) as listener:
            for thread in threads:
                thread.start()
            waits = [waited(lambda: listener.call("clock")) for _ in range(20)]
            before = resident_bytes(strict)
            begun = time.monotonic()
            while time.monotonic() - begun < 3:
                waits.append(waited(lambda: listener.call("clock")))
            more = resident_bytes(strict) - before
            enough.set()
            for thread in threads:
                thread.join(10)
        assert sorted(waits)[len(waits) * 9 // 10] < 0.5, "everybody else is answered"
        assert more < 8_000_000, "and what was not heard is not kept"


@contextlib.contextmanager
def listened(person: Person) -> Iterator[Listener]:
    listener = person.listen({"subscribe": False}, transports=["websocket"])
    yield listener
    listener.close()


def waited(for_it: Callable[[], object]) -> float:
    begun = time.monotonic()
    for_it()
    return time.monotonic() - begun


def test_the_pace_is_the_user_s_and_not_the_connection_s(its_admin: Person) -> None:
    _, person = new_person(its_admin)
    with person:
        clients = [connected(person) for _ in range(3)]
        begun = time.monotonic()
        for raw in clients:
            for number in range(60):
                raw.send(f'42{number}["clock"]')
        for raw in clients:
            answers = 0
            while answers < 60:
                answers += raw.recv().startswith("43")
        # 180 at PACE a second, of which a second's worth comes at once; all are answered.
        assert time.monotonic() - begun > 2


def test_one_who_polls_is_told_to_slow_down(strict: RunningServer, its_admin: Person) -> None:
    _, person = new_person(its_admin)
    with person:
        address = polling(person)
        packets = "\x1e".join(f'42{number}["clock"]' for number in range(400))
        begun = time.monotonic()
        assert person.http.post(address, data=packets, timeout=PATIENCE).ok
        took = time.monotonic() - begun
        answers: list[str] = []
        while len(answers) < 400:
            packets = person.http.get(address, timeout=PATIENCE).text.split("\x1e")
            assert len(packets) <= 16, "more in one answer is more than python-socketio's own client takes"
            answers += [text for text in packets if text.startswith("43")]
        refused = [text for text in answers if "rate_limited" in text]
        assert refused, "no thread waits for its turn"
        assert PACE - 5 < 400 - len(refused) < PACE * (took + 2)
        assert strict.logged.count("Traceback") == 0


def test_one_who_does_not_fetch_is_let_go(make_server: MakeServer) -> None:
    server = make_server(EVENTS_PER_SECOND=10_000)
    with server.person() as admin:
        address = polling(admin)
        packets = "\x1e".join(['42["clock",1]'] * 900)  # each is answered with an error
        for _ in range(MOST_WAITING // 900 + 1):
            assert admin.http.post(address, data=packets, timeout=30).ok
        wait_until(lambda: admin.get("/health").json()["clients"] == 0, "it is let go")
        assert admin.http.post(address, data='42["clock"]', timeout=10).status_code == 400
        wait_until(lambda: f"left {MOST_WAITING} messages waiting" in server.logged, "it is said")


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "z",
        "²",
        "4",
        "49",
        "42{}",
        "42[]",
        "42[1]",
        "42[{}]",
        "43",
        "43{}",
        '44"no"',
        "45",
        "461-[]",
        "42" + "1" * 200 + "[]",
    ],
)
def test_what_is_no_message_ends_the_connection(admin: Person, sent: str) -> None:
    raw, other = connected(admin), connected(admin)
    raw.send(sent)
    assert hung_up(raw)
    other.send('421["clock"]')
    while not other.recv().startswith("431"):
        pass


def hung_up(raw: websocket.WebSocket) -> bool:
    with contextlib.suppress(websocket.WebSocketConnectionClosedException, ConnectionError):
        while raw.recv_data(control_frame=True)[0] != websocket.ABNF.OPCODE_CLOSE:
            pass
    return True


@pytest.mark.parametrize(
    "sent", ['4510-["clock",{"_placeholder":true,"num":0}]', '461-1[{"_placeholder":true,"num":0}]']
)
def test_attachments_are_not_kept(admin: Person, sent: str) -> None:
    """python-socketio waits for as many as are announced, ten digits of them, and has each in memory."""
    raw = connected(admin)
    raw.send(sent)
    assert hung_up(raw)
    raw = connected(admin)
    raw.send_binary(b"\x00" * 1000)
    assert hung_up(raw)


def test_a_message_that_is_too_large_is_refused_while_it_comes_in(server: RunningServer, admin: Person) -> None:
    """engine.io looks at the size of a message when all of it is in memory."""
    raw = connected(admin)
    before, sent, part = resident_bytes(server), 0, bytes(65_536)
    raw.sock.sendall(b"\x81\xff" + (60_000_000).to_bytes(8) + bytes(4))
    with contextlib.suppress(OSError):
        while sent < 60_000_000:
            raw.sock.sendall(part)
            sent += len(part)
    assert sent < 20_000_000, "the server hung up"
    assert resident_bytes(server) - before < 5_000_000


def test_clients_that_hold_threads_leave_some(make_server: MakeServer) -> None:
    server = make_server(MAX_CLIENTS=6)
    with server.person() as admin:
        listeners = [admin.listen(transports=[way]) for way in ("websocket", "polling") for _ in range(3)]
        for listener in listeners:
            listener.next("video_frame")
        assert waited(lambda: admin.get("/api/cameras")) < 10, "before a client that polls has to come again"
        assert admin.view("demo").recv()
        assert all(listener.call("clock")["ok"] for listener in listeners)


@pytest.mark.parametrize("transports", [["polling", "websocket"], ["polling"], ["websocket"]], ids="+".join)
def test_a_client_gets_the_connection_that_it_wants(admin: Person, transports: list[str]) -> None:
    listener = admin.listen(transports=transports)
    wait_until(lambda: listener.client.transport() == transports[-1], "it has changed over")
    assert listener.call("clock")["ok"]


def test_nothing_went_wrong_meanwhile(
    server: RunningServer, strict: RunningServer, admin: Person, its_admin: Person
) -> None:
    """The last of this module."""
    for running in (server, strict):
        wait_until(lambda running=running: "logged in" in running.logged, "it is logged what happens")
        faults = [number for number, line in enumerate(running.log) if " ERROR " in line or "Traceback" in line]
        assert not faults, "".join(running.log[faults[0] - 3 : faults[0] + 30])
