"""Frames on every way out: the newest wins, and who does not read costs nobody anything."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests
import websocket

from camproxy.frames import check_jpeg
from camproxy.serving import SPARE_THREADS
from camproxy.web.live import ACK_WINDOW
from tests.fakes import FakeEsp32Cam, frame_number
from tests.integration.boards import enrol
from tests.integration.people import wait_until
from tests.pictures import jpeg
from tests.running import Person, RunningServer

MakeServer = Callable[..., RunningServer]


@pytest.fixture
def admin(server: RunningServer) -> Iterator[Person]:
    with server.person() as person:
        yield person


def raw_request(person: Person, path: str, receive_buffer: int | None = None, **headers: str) -> socket.socket:
    """A request on a bare socket, which a test may then leave alone."""
    sock = person.server.connect(receive_buffer)
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{person.server.port}", f"Cookie: {person.cookie}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    sock.sendall("\r\n".join([*lines, "", ""]).encode())
    return sock


WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec_WebSocket_Extensions": "permessage-deflate; client_max_window_bits",
}


def head_of(sock: socket.socket) -> tuple[str, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(4096)
        assert part, data
        data += part
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode(), rest


class TestMjpeg:
    def test_it_is_what_a_browser_takes(self, admin: Person) -> None:
        with requests.get(
            f"{admin.server.url}/stream/demo.mjpg", headers={"Cookie": admin.cookie}, stream=True, timeout=10
        ) as answer:
            assert answer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
            assert answer.headers["Cache-Control"] == "no-store"
            from camproxy.links.multipart import MultipartReader

            reader, pictures = MultipartReader("frame", 500_000), []
            for data in answer.iter_content(8192):
                pictures += reader.feed(data)
                if len(pictures) >= 5:
                    break
        assert {check_jpeg(picture, 500_000) for picture in pictures} == {(640, 480)}
        assert len(set(pictures)) > 1

    def test_the_head_comes_before_a_frame_exists(self, make_server: MakeServer) -> None:
        server = make_server(ESP32CAM_IP="127.0.0.1", ESP32CAM_PORT=1)
        with server.person() as admin, raw_request(admin, "/stream/esp32-cam.mjpg") as sock:
            head, _ = head_of(sock)
            assert head.startswith("HTTP/1.1 200 OK")

    def test_the_rate_can_be_lower(self, admin: Person) -> None:
        begun, data = time.monotonic(), b""
        with raw_request(admin, "/stream/demo.mjpg?max_fps=2") as sock:
            while data.count(b"Content-Length") < 6:
                data += sock.recv(65536)
        assert time.monotonic() - begun > 2

    @pytest.mark.parametrize("rate", ["0", "nan", "-1", "1000", "fast"])
    def test_a_rate_that_cannot_be(self, admin: Person, rate: str) -> None:
        answer = admin.get(f"/stream/demo.mjpg?max_fps={rate}")
        assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


class TestWebSocket:
    def test_status_first_then_frames_with_a_description_a_second(self, admin: Person) -> None:
        begun, at = time.monotonic(), time.time()
        view = admin.view("demo")
        first = json.loads(view.recv())
        assert (first["type"], first["camera"]) == ("status", 1)
        described, frames = [], 0
        while len(described) < 3:
            message = view.recv()
            if isinstance(message, bytes):
                assert check_jpeg(message, 500_000) == (640, 480)
                frames += 1
            elif (told := json.loads(message))["type"] == "frame":
                described.append(told)
                assert at - 2 < told["captured_at"] < time.time() + 1
        assert time.monotonic() - begun > 1.8
        assert 2 <= frames <= 30
        seqs = [told["seq"] for told in described]
        assert seqs == sorted(seqs)

    def test_compression_is_not_agreed_to(self, admin: Person) -> None:
        for path in ("/ws/view/demo", "/socket.io/?EIO=4&transport=websocket"):
            with raw_request(admin, path, **WEBSOCKET) as sock:
                head, _ = head_of(sock)
            assert head.startswith("HTTP/1.1 101")
            assert "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head, "RFC 6455's own example of a key"
            assert "permessage-deflate" not in head.lower()

    def test_ping_is_answered_and_close_too(self, admin: Person) -> None:
        view = admin.view("demo")
        view.ping("are you there")
        while True:
            opcode, data = view.recv_data(control_frame=True)
            if opcode == websocket.ABNF.OPCODE_PONG:
                assert data == b"are you there"
                break
        view.send_close(1000)
        while view.recv_data(control_frame=True)[0] != websocket.ABNF.OPCODE_CLOSE:
            pass

    @pytest.mark.parametrize(
        "sent", [b"\x00" * 40_000, b"\x81\x05hello", b"\xff\xff\xff\xff\xff\xff", b"\x82\xff" + b"\x7f" * 20_000]
    )
    def test_a_client_that_breaks_the_rules_is_let_go(self, admin: Person, sent: bytes) -> None:
        """Unmasked, reserved bits, endless, huge: nothing of it is kept, everybody else goes on."""
        other = admin.view("demo")
        with raw_request(admin, "/ws/view/demo", **WEBSOCKET) as sock:
            head_of(sock)
            sock.sendall(sent)
            try:
                while sock.recv(65536):
                    pass
            except ConnectionResetError:
                pass
        assert other.recv()

    @pytest.mark.parametrize("headers", [{"Sec_WebSocket_Version": "12"}, {"Sec_WebSocket_Key": "short"}])
    def test_a_handshake_that_cannot_be(self, admin: Person, headers: dict[str, str]) -> None:
        with raw_request(admin, "/ws/view/demo", **(WEBSOCKET | headers)) as sock:
            assert head_of(sock)[0].startswith("HTTP/1.1 400")

    def test_a_camera_s_state_is_told(self, make_server: MakeServer, board: FakeEsp32Cam) -> None:
        server = make_server(ESP32CAM_IP="127.0.0.1", ESP32CAM_PORT=board.port)
        with server.person() as admin:
            view = admin.view("esp32-cam")

            def until(state: str) -> dict[str, Any]:
                while True:
                    message = view.recv()
                    if isinstance(message, str) and (told := json.loads(message)).get("state") == state:
                        return dict(told)

            until("live")
            board.fault("refuse")
            assert until("offline")["reason"] in ("closed", "refused")
            board.fault("none")
            until("live")


class TestSocketIO:
    def test_binary_with_its_description(self, admin: Person) -> None:
        listener = admin.listen(auth={"subscribe": False})
        answer = listener.call("subscribe", {"camera": "demo", "format": "binary"})
        assert (answer["ok"], answer["camera"], answer["status"]["camera"]) == (True, 1, 1)
        data, about = listener.next("video_frame")
        assert check_jpeg(data, 500_000) == (640, 480)
        assert set(about) == {"camera", "seq", "captured_at", "dropped"}

    def test_a_client_that_says_so_gets_nothing_until_it_subscribes(self, admin: Person) -> None:
        listener = admin.listen(auth={"subscribe": False})
        listener.call("clock")
        assert listener.call("subscribe", {"camera": 1, "format": "none"})["ok"]
        assert listener.call("position_command", {"x": 50, "y": 50})["ok"]
        listener.until("position_update", lambda news: news["x"] == 50)
        assert listener.heard("video_frame") == 0
        listener.call("subscribe", {"camera": 1})
        listener.next("video_frame")
        listener.call("unsubscribe", {"camera": 1})
        listener.forget("video_frame")
        listener.call("position_command", {"x": 90, "y": 90})
        assert listener.heard("video_frame") <= 1, "one may have been on its way"
        assert listener.heard("position_update") <= 1

    def test_one_that_acknowledges_is_never_more_than_a_few_behind(self, admin: Person) -> None:
        listener = admin.listen(auth={"subscribe": False})
        listener.call("subscribe", {"camera": 1, "format": "binary"})
        _, about = listener.next("video_frame")
        listener.call("frame_ack", {"camera": 1, "seq": about["seq"]})
        acknowledged = ahead = about["seq"]
        while ahead < acknowledged + ACK_WINDOW:
            ahead = listener.next("video_frame")[1]["seq"]
        wait_until(lambda: received(admin) > ahead + 10, "more have come")
        while listener.heard("video_frame"):  # sent before it was heard that this one acknowledges
            ahead = listener.next("video_frame")[1]["seq"]
        wait_until(lambda: received(admin) > ahead + 10, "more have come")
        assert listener.heard("video_frame") == 0
        assert listener.call("frame_ack", {"camera": 1, "seq": ahead})["ok"]
        _, about = listener.next("video_frame")
        assert about["seq"] > ahead + 3, "the newest one, not the next one"
        assert about["dropped"] > 3

    def test_the_rate_can_be_lower(self, admin: Person) -> None:
        listener = admin.listen(auth={"subscribe": False})
        begun = time.monotonic()
        listener.call("subscribe", {"camera": 1, "max_fps": 2})
        for _ in range(5):
            listener.next("video_frame")
        assert time.monotonic() - begun > 1.5

    def test_who_was_not_ready_gets_the_newest_when_it_is(self, admin: Person) -> None:
        """Of a camera that then sends no more."""
        camera = enrol(admin, "esp32cam")
        admin.made("/api/cameras", {"name": "Seldom", "url": f"device:{camera.id}"})
        pictures = [jpeg(grey=grey) for grey in range(0, 210, 30)]
        listener, slow = (admin.listen(auth={"subscribe": False}) for _ in range(2))
        with camera.come() as eye:

            def seen_at_once(pictures: list[bytes]) -> int:
                for picture in pictures:
                    eye.push(picture=picture)
                    data, about = listener.next("video_frame")
                    assert data == picture
                return int(about["seq"])

            listener.call("subscribe", {"camera": "seldom", "format": "binary"})
            slow.call("subscribe", {"camera": "seldom", "format": "binary", "max_fps": 1})
            newest = seen_at_once(pictures[:3])
            slow.until("video_frame", lambda seen: seen[0] == pictures[2])

            listener.call("frame_ack", {"camera": "seldom", "seq": newest})
            newest = seen_at_once(pictures[3:6])
            eye.push(picture=pictures[6])
            slow.until("video_frame", lambda seen: seen[0] == pictures[6])
            assert not listener.heard("video_frame"), "it is three behind"
            listener.call("frame_ack", {"camera": "seldom", "seq": newest})
            assert listener.next("video_frame")[0] == pictures[6]


def received(admin: Person, camera: str = "demo") -> int:
    """How many frames have come."""
    return int(admin.get(f"/api/cameras/{camera}").json()["status"]["frames"]["received"])


def test_a_snapshot_is_fresh_also_of_a_sleeping_camera(admin: Person) -> None:
    while admin.get("/api/cameras/demo").json()["status"]["state"] != "idle":
        pass
    first = admin.get("/snapshot/demo.jpg")
    assert first.headers["Content-Type"] == "image/jpeg"
    assert first.headers["Cache-Control"] == "no-store"
    assert check_jpeg(first.content, 500_000) == (640, 480)
    wait_until(lambda: admin.get("/snapshot/demo.jpg").content != first.content, "that is a fresh picture")


def test_a_snapshot_of_a_camera_that_is_away(make_server: MakeServer) -> None:
    server = make_server(ESP32CAM_IP="127.0.0.1", ESP32CAM_PORT=1)
    with server.person() as admin:
        answer = admin.get("/snapshot/esp32-cam.jpg")
        assert (answer.status_code, answer.json()["error"]) == (504, "no_answer")


# Who stops reading

both_schemes = pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])


def worker_of(server: RunningServer) -> Path:
    """What the kernel tells of the worker, which is gunicorn's only child."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    return Path(f"/proc/{children[0]}")


def resident_bytes(server: RunningServer) -> int:
    status = worker_of(server).joinpath("status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def open_sockets(server: RunningServer) -> int:
    """Not what the database has open, which is one file more for each thread that came to ask it something."""
    count = 0
    for file in worker_of(server).joinpath("fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed just now
            count += os.readlink(file).startswith("socket:")
    return count


def polling_session(person: Person) -> None:
    """A Socket.IO client by long polling that opens and then never asks again."""
    base = f"{person.server.url}/socket.io/?EIO=4&transport=polling"
    opened = person.http.get(base, timeout=10).text
    sid = json.loads(opened[1:])["sid"]
    assert person.http.post(f"{base}&sid={sid}", data="40", timeout=10).ok


WAYS = ["websocket", "mjpeg", "socketio base64", "socketio binary", "socketio polling"]


def open_and_stop_reading(person: Person, way: str) -> socket.socket | None:
    if way == "socketio polling":
        polling_session(person)
        return None
    if way == "websocket":
        sock = raw_request(person, "/ws/view/esp32-cam", receive_buffer=4096, **WEBSOCKET)
    elif way == "mjpeg":
        sock = raw_request(person, "/stream/esp32-cam.mjpg", receive_buffer=4096)
    else:
        sock = raw_request(person, "/socket.io/?EIO=4&transport=websocket", receive_buffer=4096, **WEBSOCKET)
        mask = b"\0\0\0\0"

        def text(message: str) -> bytes:
            data = message.encode()
            return bytes((0x81, 0x80 | len(data))) + mask + data

        form = "base64" if way.endswith("base64") else "binary"
        sock.sendall(text('40{"subscribe":false}'))
        sock.sendall(text(f'42["subscribe",{{"format":"{form}"}}]'))
    head_of(sock)
    return sock


@both_schemes
def test_those_that_stop_reading_cost_the_others_nothing_and_the_process_no_memory(
    make_server: MakeServer, board: FakeEsp32Cam, tls: bool
) -> None:
    server = make_server(ESP32CAM_IP="127.0.0.1", ESP32CAM_PORT=board.port, FRAME_RATE=25, TLS=tls)
    with server.person() as admin, server.person() as stopper:
        reader = admin.view("esp32-cam")
        stopped = [open_and_stop_reading(stopper, way) for way in WAYS for _ in range(4)]

        def frames(count: int) -> tuple[float, int]:
            """How many seconds so many took, and how often one was missed."""
            begun = time.monotonic()
            seen: list[int] = []
            while len(seen) < count:
                message = reader.recv()
                if isinstance(message, bytes):
                    seen.append(frame_number(message))
            return time.monotonic() - begun, sum((after - first) % 10 != 1 for first, after in pairwise(seen))

        frames(50)  # everything has filled up what it may
        before = resident_bytes(server)
        took, missed = zip(*(frames(25) for _ in range(9)), strict=True)
        # Most of the time: the machine may have other things to do for a moment.
        assert statistics.median(took) < 25 / 20, "the others still get 25 frames a second"
        assert statistics.median(missed) == 0, "and hardly miss one"
        # Of each way four × 200 frames × 20 KB would be 16 MB, and 21 MB as base64.
        assert resident_bytes(server) - before < 5_000_000
        for sock in stopped:
            if sock:
                sock.close()


@both_schemes
def test_one_that_comes_back_gets_the_newest(make_server: MakeServer, board: FakeEsp32Cam, tls: bool) -> None:
    server = make_server(ESP32CAM_IP="127.0.0.1", ESP32CAM_PORT=board.port, FRAME_RATE=25, TLS=tls)
    with server.person() as admin:
        reader = admin.view("esp32-cam")
        stopped = {way: open_and_stop_reading(admin, way) for way in ("websocket", "mjpeg")}
        frames = 0
        while frames < 140:
            frames += isinstance(reader.recv(), bytes)
        for way, sock in stopped.items():
            assert sock
            with sock:
                before = received(admin, "esp32-cam")
                # What the kernel held is old; after that it must be as fresh as anybody's.
                data, until = b"", time.monotonic() + 10
                while time.monotonic() < until:
                    data += sock.recv(65536)
                    if data.count(b"\xff\xd8\xff") >= 30:
                        break
                stale = data.count(b"\xff\xd8\xff")
                assert before > 120
                assert stale <= (received(admin, "esp32-cam") - before) + 25, f"{way}: it was given what it had missed"


@both_schemes
def test_a_viewer_that_leaves_leaves_nothing_behind(make_server: MakeServer, tls: bool) -> None:
    server = make_server(TLS=tls)
    admin = server.person()

    def round_of_viewers() -> None:
        for way in ("/ws/view/demo", "/stream/demo.mjpg"):
            for _ in range(10):
                with raw_request(admin, way, **(WEBSOCKET if way.startswith("/ws") else {})) as sock:
                    head_of(sock)
        while admin.get("/api/cameras/demo").json()["status"]["viewers"]:
            pass

    round_of_viewers()
    before = open_sockets(server)
    for _ in range(5):
        round_of_viewers()
    wait_until(lambda: open_sockets(server) <= before, "nothing is left of them")


@pytest.mark.parametrize("tls", ["false", "true"])
def test_no_viewer_holds_a_thread(make_server: MakeServer, tls: str) -> None:
    """There can be more of them than the worker has threads: their connections were handed over."""
    server = make_server(MAX_CLIENTS=1, TLS=tls)
    with server.person() as admin, contextlib.ExitStack() as crowd:
        sockets = []
        for _ in range(SPARE_THREADS):
            for way in ("/ws/view/demo", "/stream/demo.mjpg"):
                sock = crowd.enter_context(raw_request(admin, way, **(WEBSOCKET if way.startswith("/ws") else {})))
                sockets.append((sock, head_of(sock)[1]))
        for sock, data in sockets:
            while b"\xff\xd8\xff" not in data:
                data += sock.recv(65536)
        assert admin.get("/api/cameras/demo").json()["status"]["viewers"] == 2 * SPARE_THREADS


def test_there_is_a_most_of_viewers(make_server: MakeServer) -> None:
    server = make_server(MAX_VIEWERS=2)
    with server.person() as admin:
        first, _second = admin.view("demo"), admin.view("demo")
        first.recv()
        answer = admin.get("/stream/demo.mjpg")
        assert (answer.status_code, answer.json()["error"]) == (429, "rate_limited")
        first.close()
        while admin.get("/api/cameras/demo").json()["status"]["viewers"] == 2:
            pass
        assert admin.view("demo").recv()
