"""The main job on real input: frames over a real WebSocket from a board that speaks the card's pull protocol."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import websocket

from tests.fakes import FakeEsp32Cam, frame_number
from tests.integration.people import wait_until
from tests.patience import PATIENCE
from tests.running import Person, RunningServer
from tests.tls_end import TlsEnd

MakeServer = Callable[..., RunningServer]


@pytest.fixture(scope="module")
def bare_server(server: RunningServer) -> RunningServer:
    """One for the whole module, which has no camera."""
    with server.person() as admin:
        assert admin.ask("DELETE", "/api/cameras/demo").status_code == 204
    return server


@pytest.fixture
def with_board(bare_server: RunningServer, board: FakeEsp32Cam) -> Iterator[tuple[RunningServer, Person]]:
    """A server whose only camera is the board, and its admin."""
    with bare_server.person() as admin:
        admin.made("/api/cameras", {"name": "ESP32-CAM", "url": board.url})
        yield bare_server, admin
        assert admin.ask("DELETE", "/api/cameras/esp32-cam").status_code == 204


def next_frame(view: websocket.WebSocket) -> bytes:
    while True:
        message = view.recv()
        if isinstance(message, bytes):
            return message


def told_state(view: websocket.WebSocket) -> str:
    """The state that the viewer is told next; none is missed, however late it is read."""
    while isinstance(message := view.recv(), bytes) or (told := json.loads(message))["type"] != "status":
        pass
    return str(told["state"])


def send_and_read_on(socket: websocket.WebSocket, text: str) -> None:
    """Until the server ends the connection, which raises."""
    socket.send(text)
    while socket.recv():
        pass


def status(person: Person, camera: str = "esp32-cam") -> dict[str, Any]:
    found: dict[str, Any] = person.get(f"/api/cameras/{camera}").json()["status"]
    return found


def wait_for(person: Person, accept: Callable[[dict[str, Any]], bool], timeout: float = PATIENCE) -> dict[str, Any]:
    """Ask for the camera's status until it is as wanted."""
    until = time.monotonic() + timeout
    while not accept(found := status(person)):
        assert time.monotonic() < until, f"still {found}"
    return found


def test_the_env_camera_is_the_first_and_its_frames_arrive_in_order(
    make_server: MakeServer, board: FakeEsp32Cam
) -> None:
    server = make_server(ESP32CAM_IP="127.0.0.1", ESP32CAM_PORT=board.port)
    with server.person() as admin:
        items = admin.get("/api/cameras").json()["items"]
        assert [(item["id"], item["slug"]) for item in items] == [(1, "esp32-cam")]
        assert frame_number(next_frame(admin.view("esp32-cam"))) >= 0
        listener = admin.listen({"subscribe": False})
        listener.call("subscribe", {"camera": "esp32-cam", "format": "binary"})
        seen = [listener.next("video_frame") for _ in range(12)]
    assert all(before["seq"] < after["seq"] for (_, before), (_, after) in pairwise(seen))
    assert len({(about["seq"] - frame_number(data)) % 10 for data, about in seen}) == 1, "each is where it belongs"


@pytest.mark.parametrize("mode", ["threading", "eventlet"])
def test_one_behind_tls_is_watched_and_steered(
    make_server: MakeServer, board: FakeEsp32Cam, tmp_path: Path, mode: str
) -> None:
    with TlsEnd(tmp_path, board.port) as end:
        server = make_server(ASYNC_MODE=mode, FRAME_RATE=25, SSL_CERT_FILE=end.chain)
        with server.person() as admin:
            admin.made("/api/cameras", {"name": "far", "url": f"wss://127.0.0.1:{end.port}/ws"})
            view = admin.view("far")
            listener = admin.listen(transports=["websocket"], auth={"subscribe": False})
            for turn in range(20):
                next_frame(view)
                asked = {"x": 60 + turn, "y": 90, "camera": "far"}
                assert listener.call("position_command", asked)["ok"]


def test_frames_are_asked_for_only_while_somebody_watches(
    with_board: tuple[RunningServer, Person], board: FakeEsp32Cam
) -> None:
    _, admin = with_board
    wait_for(admin, lambda found: found["state"] == "idle")
    assert board.state()["getframes"] == 0
    view = admin.view("esp32-cam")
    next_frame(view)
    assert status(admin)["viewers"] == 1
    view.close()
    wait_for(admin, lambda found: found["state"] == "idle")
    asked = board.state()["getframes"]
    assert asked > 0
    with pytest.raises(TimeoutError):
        board.wait(getframes=asked + 2, timeout=1)


def test_one_request_is_outstanding_and_the_rate_is_the_camera_s(
    with_board: tuple[RunningServer, Person], board: FakeEsp32Cam
) -> None:
    _, admin = with_board
    assert admin.ask("PATCH", "/api/cameras/esp32-cam", {"fps": 5}).ok
    begun = time.monotonic()
    view = admin.view("esp32-cam")
    came = [time.monotonic() for _ in range(11) if next_frame(view)]
    assert came[-1] - begun > 10 / 6, "no more than five a second"
    # What a busy machine holds up comes later, and then all at once.
    assert statistics.median(after - before for before, after in pairwise(came)) < 1 / 4, "and no less"
    state = board.state()
    assert state["getframes"] - state["frames"] <= 1


@pytest.mark.parametrize(
    ("fault", "counted"),
    [
        ("garbage", "not_a_jpeg"),
        ("truncated", "truncated"),
        ("too_large", "too_large"),
        ("absurd", "absurd_dimensions"),
    ],
)
def test_broken_pictures_are_dropped_counted_and_shown(
    with_board: tuple[RunningServer, Person], board: FakeEsp32Cam, fault: str, counted: str
) -> None:
    server, admin = with_board
    view = admin.view("esp32-cam")
    next_frame(view)
    board.fault(fault, times=3)
    found = wait_for(admin, lambda found: found["frames"][counted] == 3)
    assert found["state"] == "live", "three bad frames do not make a camera stalled"
    received = found["frames"]["received"]
    wait_for(admin, lambda found: found["frames"]["received"] > received + 3)
    assert board.state()["connections"] == 1, "the link was kept"
    for _ in range(10):
        frame_number(next_frame(view))  # nothing else ever reached the viewer
    assert "Traceback" not in server.logged


def test_only_broken_pictures_make_a_camera_stalled(
    with_board: tuple[RunningServer, Person], board: FakeEsp32Cam
) -> None:
    _, admin = with_board
    view = admin.view("esp32-cam")
    next_frame(view)
    board.fault("garbage")
    found = wait_for(admin, lambda found: found["state"] == "stalled")
    assert found["reason"] == "bad_frames"
    assert admin.get("/health").json()["status"] == "degraded"
    board.fault("none")
    wait_for(admin, lambda found: found["state"] == "live")
    assert admin.get("/health").json()["status"] == "healthy"


def test_a_silent_board_is_asked_again_and_then_dialled_anew(
    with_board: tuple[RunningServer, Person], board: FakeEsp32Cam
) -> None:
    _, admin = with_board
    view = admin.view("esp32-cam")
    next_frame(view)
    before = board.fault("silence")
    state = board.wait(connections=before["connections"] + 1)
    assert state["getframes"] - before["getframes"] <= 5
    assert wait_for(admin, lambda found: found["state"] in ("offline", "stalled", "connecting"))
    board.fault("none")
    assert frame_number(next_frame(view)) >= 0
    wait_for(admin, lambda found: found["state"] == "live")


def test_a_board_that_vanishes_is_noticed_and_found_again(
    with_board: tuple[RunningServer, Person], board: FakeEsp32Cam
) -> None:
    _, admin = with_board
    view = admin.view("esp32-cam")
    next_frame(view)
    board.fault("refuse")
    found = wait_for(admin, lambda found: found["state"] == "offline" and found["reason"] == "refused")
    assert found["retry_in"] is not None
    health = admin.get("/health").json()
    assert (health["status"], health["esp32_connected"]) == ("degraded", False)
    assert "ESP32-CAM: offline" in health["causes"][0]
    answer = admin.ask("POST", "/api/cameras/esp32-cam/position_command", {"x": 1, "y": 1})
    assert (answer.status_code, answer.json()["error"]) == (503, "device_offline")
    board.fault("none")
    wait_for(admin, lambda found: found["state"] == "live")
    assert frame_number(next_frame(view)) >= 0
    # What was asked while it was away is not done now.
    assert board.state()["commands"] == []


def test_a_half_open_board_is_given_up(with_board: tuple[RunningServer, Person], board: FakeEsp32Cam) -> None:
    _, admin = with_board
    view = admin.view("esp32-cam")
    next_frame(view)
    board.fault("half_open")
    for state in ("stalled", "offline"):
        while told_state(view) != state:
            pass
    board.fault("none")
    wait_for(admin, lambda found: found["state"] == "live")
    assert frame_number(next_frame(view)) >= 0


@pytest.mark.parametrize("fault", ["flapping", "rst"])
def test_a_flapping_board_is_dialled_again_and_again(
    with_board: tuple[RunningServer, Person], board: FakeEsp32Cam, fault: str
) -> None:
    server, admin = with_board
    view = admin.view("esp32-cam")
    next_frame(view)
    board.fault(fault)
    board.wait(connections=5)
    board.fault("none")
    wait_for(admin, lambda found: found["state"] == "live")
    assert frame_number(next_frame(view)) >= 0
    assert "Traceback" not in server.logged


def test_a_slow_board_delivers_and_its_commands_are_not_held_up(
    with_board: tuple[RunningServer, Person], board: FakeEsp32Cam
) -> None:
    _, admin = with_board
    board.fault("slow", bytes=4096, seconds=0.1)
    view = admin.view("esp32-cam")
    next_frame(view)
    answer = admin.ask("POST", "/api/cameras/esp32-cam/position_command", {"x": 30, "y": 60})
    assert answer.json() == {"ok": True, "x": 30, "y": 60, "superseded": False}


def test_commands_go_down_the_same_link(with_board: tuple[RunningServer, Person], board: FakeEsp32Cam) -> None:
    _, admin = with_board
    listener = admin.listen()
    listener.next("video_frame")
    assert listener.call("position_command", {"x": 90, "y": 45}) == {"ok": True, "x": 90, "y": 45}
    assert listener.until("position_update", lambda news: (news["x"], news["y"]) == (90, 45))
    assert listener.call("servo_command", {"command": "up"}) == {"ok": True, "x": 90, "y": 55}
    assert listener.call("light_command", {"state": True}) == {"ok": True, "state": True}
    assert listener.call("get_position") == {"ok": True, "x": 90, "y": 55}
    sent = board.state()["commands"]
    kinds = [command["type"] for command in sent]
    assert kinds == ["servo", "servo", "light", "get_position"]
    assert sent[0]["command"] == {"servo1": 90, "servo2": 45}
    assert sent[0]["source"] == "web_interface"
    assert {"id", "timestamp"} <= set(sent[0])


def test_the_source_s_acknowledgements_without_id_count(bare_server: RunningServer) -> None:
    with FakeEsp32Cam("--old-acks") as board, bare_server.person() as admin:
        admin.made("/api/cameras", {"name": "Old", "url": board.url})
        listener = admin.listen()
        listener.next("video_frame")
        assert listener.call("position_command", {"x": 20, "y": 30}) == {"ok": True, "x": 20, "y": 30}
        assert listener.call("light_command", {"state": True})["ok"]
        assert admin.ask("DELETE", "/api/cameras/old").status_code == 204


@pytest.mark.parametrize(("fault", "code"), [("no_head_answer", "no_answer"), ("head_error", "device_error")])
def test_a_head_that_does_not_obey(
    with_board: tuple[RunningServer, Person], board: FakeEsp32Cam, fault: str, code: str
) -> None:
    _, admin = with_board
    listener = admin.listen()
    listener.next("video_frame")
    before = status(admin)["pose"]
    board.fault(fault)
    begun = time.monotonic()
    answer = listener.call("position_command", {"x": 10, "y": 10})
    assert time.monotonic() - begun < 3
    assert (answer["ok"], answer["error"]) == (False, code)
    assert listener.next("error")["error"] == code
    assert status(admin)["pose"] == before, "the pose shown is the device's own"
    board.fault("none")
    assert listener.call("position_command", {"x": 10, "y": 10})["ok"]


def test_a_flood_of_moves_is_merged_and_the_last_one_arrives(
    with_board: tuple[RunningServer, Person], board: FakeEsp32Cam
) -> None:
    _, admin = with_board
    listener = admin.listen()
    listener.next("video_frame")
    begun = time.monotonic()
    for x in range(180):
        listener.client.emit("position_command", {"x": x, "y": 90})
    answer = listener.call("position_command", {"x": 180, "y": 1})
    took = time.monotonic() - begun
    assert (answer["x"], answer["y"]) == (180, 1)
    moves = [command["command"] for command in board.state()["commands"]]
    assert moves[-1] == {"servo1": 180, "servo2": 1}
    # At once as many as in a second; then with each whose turn it is the one that was put off until then.
    assert len(moves) <= 20 + 2 * 20 * took + 2, "a head is not sent what it cannot do"
    assert [move["servo1"] for move in moves] == sorted(move["servo1"] for move in moves), "in order"


@pytest.mark.parametrize("x", [True, "90", 90.5, -1, 181, None, [90], float("nan")], ids=str)
def test_bad_moves_reach_no_device(with_board: tuple[RunningServer, Person], board: FakeEsp32Cam, x: Any) -> None:
    _, admin = with_board
    listener = admin.listen()
    listener.next("video_frame")
    answer = listener.call("position_command", {"x": x, "y": 45})
    assert (answer["ok"], answer["error"]) == (False, "bad_request")
    assert "x" in answer["message"]
    assert listener.next("error")["error"] == "bad_request"
    body = json.dumps({"x": x, "y": 45})
    by_http = admin.http.post(
        f"{admin.server.url}/api/cameras/esp32-cam/position_command",
        data=body,
        headers={"Content-Type": "application/json"},
    )
    assert by_http.status_code == 400
    assert by_http.json()["error"] == "bad_request"
    assert board.state()["commands"] == []
    assert listener.call("position_command", {"x": 91, "y": 45})["ok"], "the connection is none the worse"


def test_malformed_and_huge_messages_do_no_harm(with_board: tuple[RunningServer, Person], board: FakeEsp32Cam) -> None:
    server, admin = with_board
    raw = admin.dial("/socket.io/?EIO=4&transport=websocket")
    raw.recv()
    raw.send('40{"subscribe":false}')
    while not raw.recv().startswith("40"):
        pass

    def answer_to(packet: str) -> Any:
        raw.send(packet)
        while not (text := raw.recv()).startswith('42["error"'):
            pass
        return json.loads(text[2:])[1]

    assert answer_to("42" + "[" * 20_000)["error"] == "bad_request"
    assert answer_to('42["position_command",{"x":NaN,"y":Infinity}]')["error"] == "bad_request"
    assert answer_to('42["position_command"]')["error"] == "bad_request"
    assert answer_to('42["position_command",' + '{"a":' * 5000 + "1" + "}" * 5000 + "]")["error"] == "bad_request"
    with pytest.raises((websocket.WebSocketException, OSError)):
        send_and_read_on(raw, "42" + "x" * 5_000_000)
    deep = admin.http.post(
        f"{server.url}/api/cameras/esp32-cam/position_command",
        data="[" * 50_000,
        headers={"Content-Type": "application/json"},
    )
    assert deep.status_code == 400
    huge = admin.http.post(
        f"{server.url}/api/cameras/esp32-cam/position_command",
        data=b" " * 1_000_000,
        headers={"Content-Type": "application/json"},
    )
    assert huge.status_code == 413
    assert board.state()["commands"] == []
    assert admin.get("/health").status_code == 200
    assert "Traceback" not in server.logged


def test_espressif_s_stream(bare_server: RunningServer, board: FakeEsp32Cam) -> None:
    with bare_server.person() as admin:
        tested = admin.made("/api/cameras/test", {"url": board.stream_url})
        assert (tested["ok"], tested["width"], tested["height"]) == (True, 800, 600)
        made = admin.made("/api/cameras", {"name": "Stream", "url": board.stream_url})
        assert made["status"]["state"] == "idle"
        assert (made["head"], made["light"]) == (False, False)
        view = admin.view("stream")
        numbers = {frame_number(next_frame(view)) for _ in range(8)}
        assert len(numbers) > 3
        refused = admin.ask("POST", "/api/cameras/stream/position_command", {"x": 1, "y": 1})
        assert refused.status_code == 400
        assert "cannot be steered" in refused.json()["message"]
        view.close()
        until = time.monotonic() + 10
        while board.state()["open"] and time.monotonic() < until:
            pass
        assert board.state()["open"] == 0, "the stream is closed when nobody watches"
        assert admin.ask("DELETE", "/api/cameras/stream").status_code == 204


def test_testing_a_camera_says_what_is_wrong(bare_server: RunningServer, board: FakeEsp32Cam) -> None:
    with bare_server.person() as admin:

        def tested(url: str) -> tuple[bool, str | None]:
            answer = admin.made("/api/cameras/test", {"url": url})
            wait_until(lambda: not board.state()["open"], "the board has room for the next one")
            return answer["ok"], answer["reason"]

        assert tested(board.url) == (True, None)
        assert tested(board.url.replace("/ws", "/elsewhere")) == (False, "handshake")
        assert tested("ws://127.0.0.1:1/ws") == (False, "refused")
        assert tested("ws://no-such-host.invalid/ws") == (False, "unknown_host")
        assert tested("demo:garden") == (True, None)
        board.fault("garbage")
        assert tested(board.url) == (False, "bad_frames")
        board.fault("silence")
        assert tested(board.url) == (False, "silent")
        for url in (
            "ftp://x/",
            "ws://",
            "http:///x",
            "file:///etc/passwd",
            "ws://a b/",
            "javascript:alert(1)",
            "ws://[x",
        ):
            assert admin.ask("POST", "/api/cameras/test", {"url": url}).status_code == 400, url
