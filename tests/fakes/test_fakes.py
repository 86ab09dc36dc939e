"""The fake board itself: what it does when it is good, and that each of its faults is the one it claims to be."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import pytest
import websocket
from PIL import Image

from tests.fakes import FakeEsp32Cam, frame_number
from tests.integration.people import wait_until
from tests.patience import PATIENCE


@pytest.fixture
def board() -> Iterator[FakeEsp32Cam]:
    with FakeEsp32Cam() as board:
        yield board


@pytest.fixture
def client(board: FakeEsp32Cam) -> Iterator[websocket.WebSocket]:
    client = dial(board)
    yield client
    client.shutdown()


def dial(board: FakeEsp32Cam) -> websocket.WebSocket:
    client = websocket.create_connection(board.url, timeout=PATIENCE)
    assert json.loads(client.recv())["type"] == "connect"
    return client


def until_free(board: FakeEsp32Cam) -> None:
    """It says goodbye before it takes another."""
    wait_until(lambda: not board.state()["open"], "its client has gone")


def getframe(client: websocket.WebSocket) -> bytes:
    client.send("getframe")
    frame = client.recv()
    assert isinstance(frame, bytes)
    return frame


def ask(client: websocket.WebSocket, answers: int, **message: Any) -> list[dict[str, Any]]:
    client.send(json.dumps(message))
    return [json.loads(client.recv()) for _ in range(answers)]


def gone_silent(client: websocket.WebSocket) -> bool:
    client.settimeout(0.3)
    try:
        client.recv()
    except websocket.WebSocketTimeoutException:
        return True
    return False


def test_frames_are_numbered_realistic_jpegs(client: websocket.WebSocket) -> None:
    frames = [getframe(client) for _ in range(12)]
    assert [frame_number(frame) for frame in frames] == [*range(10), 0, 1]
    assert all(10_000 < len(frame) < 40_000 for frame in frames)
    image = Image.open(io.BytesIO(frames[0]))
    image.load()
    assert image.size == (800, 600)


def test_obeys_and_remembers(board: FakeEsp32Cam, client: websocket.WebSocket) -> None:
    ack, position = ask(client, 2, type="servo", id="a", command={"servo1": 200, "servo2": 45})
    assert ack == {"type": "ack", "id": "a", "command": "servo", "status": "success", "detail": "X=180°, Y=45°"}
    assert position == {"type": "position", "servo1": 180, "servo2": 45}
    assert ask(client, 1, type="light", id="b", state=True)[0]["status"] == "success"
    assert ask(client, 1, type="ping", id="c") == [{"type": "pong", "id": "c"}]
    assert ask(client, 2, type="get_position", id="d")[1] == position
    assert ask(client, 1, type="servo", id="e", command={"servo1": True, "servo2": 1})[0]["status"] == "error"
    client.send("nonsense")
    state = board.wait(commands=5, unknown=1)
    assert [command["id"] for command in state["commands"]] == list("abcde")
    assert state["pose"] == {"servo1": 180, "servo2": 45}
    assert state["light"] is True


def test_old_acks_have_the_sources_shape() -> None:
    with FakeEsp32Cam("--old-acks") as board:
        client = dial(board)
        ack, position = ask(client, 2, type="servo", id="a", command={"servo1": 90, "servo2": 45})
        assert ack == {"type": "servo", "status": "success", "detail": "X=90°, Y=45°"}
        assert position["type"] == "position"
        client.shutdown()


def test_takes_one_client_at_a_time(board: FakeEsp32Cam, client: websocket.WebSocket) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException, match="503"):
        websocket.create_connection(board.url, timeout=PATIENCE)
    client.close()
    until_free(board)
    dial(board).shutdown()
    assert board.state()["connections"] == 2


def test_knows_one_path(board: FakeEsp32Cam) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException, match="404"):
        websocket.create_connection(board.url + "s", timeout=PATIENCE)


def test_says_what_it_is_told_to(board: FakeEsp32Cam, client: websocket.WebSocket) -> None:
    board.say(type="heartbeat", rssi=-60)
    assert json.loads(client.recv()) == {"type": "heartbeat", "rssi": -60}


def test_streams_like_espressif(board: FakeEsp32Cam) -> None:
    with urlopen(board.stream_url, timeout=PATIENCE) as answer:
        assert answer.headers["Content-Type"] == "multipart/x-mixed-replace;boundary=123456789000000000000987654321"
        for number in range(3):
            assert answer.readline() == b"\r\n"
            assert answer.readline() == b"--123456789000000000000987654321\r\n"
            headers = dict(answer.readline().decode().strip().split(": ") for _ in range(3))
            assert answer.readline() == b"\r\n"
            assert list(headers) == ["Content-Type", "Content-Length", "X-Timestamp"]
            assert frame_number(answer.read(int(headers["Content-Length"]))) == number


def test_captures(board: FakeEsp32Cam) -> None:
    with urlopen(f"http://127.0.0.1:{board.port}/capture", timeout=PATIENCE) as answer:
        assert frame_number(answer.read()) == 0


class TestFaults:
    def test_unknown_ones_are_refused(self, board: FakeEsp32Cam) -> None:
        with pytest.raises(ValueError, match="half_open"):
            board.fault("fire")

    def test_silence(self, board: FakeEsp32Cam, client: websocket.WebSocket) -> None:
        board.fault("silence")
        client.send("getframe")
        assert gone_silent(client)
        assert board.wait(getframes=1)["getframes"] == 1
        assert ask(client, 1, type="ping") == [{"type": "pong"}]

    def test_half_open(self, board: FakeEsp32Cam, client: websocket.WebSocket) -> None:
        board.fault("half_open")
        client.send("getframe")
        client.send(json.dumps({"type": "ping"}))
        assert gone_silent(client)
        board.fault("none")
        client.settimeout(PATIENCE)
        assert frame_number(client.recv()) == 0, "it wakes up again"

    def test_garbage(self, board: FakeEsp32Cam, client: websocket.WebSocket) -> None:
        board.fault("garbage", bytes=100)
        assert len(getframe(client)) == 100

    def test_truncated(self, board: FakeEsp32Cam, client: websocket.WebSocket) -> None:
        board.fault("truncated")
        frame = getframe(client)
        assert frame.startswith(b"\xff\xd8")
        assert not frame.endswith(b"\xff\xd9")

    def test_too_large(self, board: FakeEsp32Cam, client: websocket.WebSocket) -> None:
        board.fault("too_large")
        frame = getframe(client)
        assert 600_000 <= len(frame) < 600_010
        Image.open(io.BytesIO(frame)).load()

    def test_absurd(self, board: FakeEsp32Cam, client: websocket.WebSocket) -> None:
        board.fault("absurd")
        assert b"\xff\xc0\x00\x11\x08" + (60_000).to_bytes(2, "big") * 2 in getframe(client)

    def test_slow(self, board: FakeEsp32Cam, client: websocket.WebSocket) -> None:
        board.fault("slow", bytes=8192, seconds=30)
        client.send("getframe")
        assert client.sock.recv(65_536)
        assert gone_silent_for(client.sock, 0.1), "the rest comes later"

    def test_flapping(self, board: FakeEsp32Cam, client: websocket.WebSocket) -> None:
        board.fault("flapping", frames=2)
        for expected in ([0, 1], [2, 3]):
            if expected == [2, 3]:
                until_free(board)
            again = client if expected == [0, 1] else dial(board)
            assert [frame_number(getframe(again)) for _ in range(2)] == expected
            with pytest.raises(websocket.WebSocketConnectionClosedException):
                again.recv()
            again.shutdown()

    def test_rst(self, board: FakeEsp32Cam, client: websocket.WebSocket) -> None:
        board.fault("rst")
        client.send("getframe")
        with pytest.raises(ConnectionResetError):
            client.recv()

    def test_refuse_and_back_on_the_same_port(self, board: FakeEsp32Cam, client: websocket.WebSocket) -> None:
        board.fault("refuse")
        with pytest.raises((websocket.WebSocketConnectionClosedException, ConnectionError)):
            client.recv()
        with pytest.raises(ConnectionRefusedError):
            dial(board)
        board.fault("none")
        again = dial(board)
        getframe(again)
        again.shutdown()

    def test_no_head_answer(self, board: FakeEsp32Cam, client: websocket.WebSocket) -> None:
        board.fault("no_head_answer")
        client.send(json.dumps({"type": "servo", "id": 1, "command": {"servo1": 1, "servo2": 2}}))
        assert gone_silent(client)
        client.settimeout(PATIENCE)
        assert len(board.wait(commands=1)["commands"]) == 1
        getframe(client)

    def test_head_error(self, board: FakeEsp32Cam, client: websocket.WebSocket) -> None:
        board.fault("head_error", detail="stuck")
        (ack,) = ask(client, 1, type="servo", id=1, command={"servo1": 1, "servo2": 2})
        assert (ack["status"], ack["detail"]) == ("error", "stuck")
        assert board.state()["pose"] == {"servo1": 90, "servo2": 90}

    def test_a_fault_can_pass(self, board: FakeEsp32Cam, client: websocket.WebSocket) -> None:
        board.fault("garbage", times=2)
        frames = [getframe(client)[:2] for _ in range(3)]
        assert frames[2] == b"\xff\xd8"
        assert board.state()["fault"] == "none"


def test_waiting_in_vain_says_for_what(board: FakeEsp32Cam) -> None:
    with pytest.raises(TimeoutError, match="getframes"):
        board.wait(getframes=1, timeout=0.1)


def gone_silent_for(sock: socket.socket, seconds: float) -> bool:
    sock.settimeout(seconds)
    try:
        sock.recv(1)
    except TimeoutError:
        return True
    return False
