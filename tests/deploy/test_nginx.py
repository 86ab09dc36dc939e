"""Everything that people and programs use, through nginx by TLS."""

from __future__ import annotations

import http.client
import json
import ssl
from collections import Counter
from pathlib import Path

import pytest
import requests
import websocket

from camproxy.frames import check_jpeg
from camproxy.links.multipart import MultipartReader
from tests.deploy.conftest import MakeSite
from tests.deploy.proxy import Nginx
from tests.fakes import FakeEsp32Cam, frame_number
from tests.images import Signer, firmware
from tests.integration.people import log_in, wait_until
from tests.running import Person, RunningServer

pytestmark = pytest.mark.nginx


def test_a_log_in_and_the_page(site: Nginx) -> None:
    answer = log_in(site, "admin", site.server.admin_password)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert answer.raw.headers.getlist("Set-Cookie")
    assert all("Secure" in cookie for cookie in answer.raw.headers.getlist("Set-Cookie"))
    with site.person() as person:
        page = person.get("/", headers={"Accept-Encoding": "gzip"})
        assert "CamProxy" in page.text
        assert "Content-Encoding" not in page.headers, "what carries secrets is not compressed"
        script = person.get("/static/css/style.css", headers={"Accept-Encoding": "gzip"})
        assert script.headers["Content-Encoding"] == "gzip"


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_socketio(admin: Person, transport: str) -> None:
    listener = admin.listen(transports=[transport])
    assert listener.client.transport() == transport
    assert len(listener.next("video_frame")) > 1000
    assert listener.call("servo_command", {"command": "up"})["ok"]
    assert listener.until("position_update", lambda pose: pose["y"] != 90)


def test_a_view_by_websocket(admin: Person) -> None:
    view = admin.view("demo")
    assert json.loads(view.recv())["camera"]
    pictures = [message for message in (view.recv() for _ in range(8)) if isinstance(message, bytes)]
    assert {check_jpeg(picture, 500_000) for picture in pictures} == {(640, 480)}


def test_a_snapshot(admin: Person) -> None:
    answer = admin.get("/snapshot/demo.jpg")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert check_jpeg(answer.content, 500_000) == (640, 480)


def mjpeg(person: Person, path: str) -> requests.Response:
    return person.get(path, stream=True)


def test_each_picture_of_a_stream_goes_out_at_once(make_site: MakeSite, board: FakeEsp32Cam) -> None:
    site = make_site(ESP32CAM_IP="127.0.0.1", ESP32CAM_PORT=board.port)
    reader = MultipartReader("frame", 500_000)
    with site.person() as admin, mjpeg(admin, "/stream/esp32-cam.mjpg") as answer:
        assert answer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
        pictures = []
        while len(pictures) < 5:
            pictures += reader.feed(answer.raw.read1(65536))
        # Nothing comes after the last one that would push it out of a buffer.
        board.fault("silence")
        sent = board.state()["frames"]
        while frame_number(pictures[-1]) != (sent - 1) % 10:
            pictures += reader.feed(answer.raw.read1(65536))
        assert board.state()["frames"] == sent


def test_the_head_of_a_stream_comes_before_there_is_a_picture(admin: Person) -> None:
    admin.made("/api/cameras", {"name": "Away", "url": "ws://127.0.0.1:1/ws"})
    with mjpeg(admin, "/stream/away.mjpg") as answer:
        assert answer.status_code == 200
    assert admin.ask("DELETE", "/api/cameras/away").ok


class TestOrigin:
    def status(self, admin: Person, **options: object) -> int:
        try:
            admin.view("demo", **options)
        except websocket.WebSocketBadStatusException as refusal:
            return refusal.status_code
        return 101

    def test_this_site_s_own_pages(self, site: Nginx, admin: Person) -> None:
        assert self.status(admin, origin=site.url) == 101
        answer = admin.get("/socket.io/?EIO=4&transport=polling", headers={"Origin": site.url})
        assert answer.status_code == 200

    @pytest.mark.parametrize("origin", ["https://evil.example", "https://127.0.0.1", "null"])
    def test_pages_of_others(self, admin: Person, origin: str) -> None:
        assert self.status(admin, origin=origin) == 403
        answer = admin.get("/socket.io/?EIO=4&transport=polling", headers={"Origin": origin})
        assert answer.status_code == 403

    @pytest.mark.parametrize("name", ["X-Forwarded-Host", "Forwarded"])
    def test_who_claims_to_be_asked_under_another_name(self, admin: Person, name: str) -> None:
        value = "host=evil.example" if name == "Forwarded" else "evil.example"
        assert self.status(admin, origin="https://evil.example", header=[f"{name}: {value}"]) == 403


@pytest.mark.parametrize("path", ["/", "/login", "/static/css/style.css", "/health", "/nothing", "/stream/demo.mjpg"])
def test_no_header_comes_twice(site: Nginx, admin: Person, path: str) -> None:
    context = ssl.create_default_context(cafile=site.certificate)
    connection = http.client.HTTPSConnection("127.0.0.1", site.port, timeout=10, context=context)
    connection.request("GET", path, headers={"Cookie": admin.cookie})
    with connection.getresponse() as answer:
        names = [name.lower() for name, _ in answer.getheaders() if name.lower() != "set-cookie"]
        assert {name: count for name, count in Counter(names).items() if count > 1} == {}
        assert answer.headers["Server"] == "nginx", "and not which one"
        if path != "/stream/demo.mjpg":
            assert answer.headers["Strict-Transport-Security"] == "max-age=15552000"
            assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    connection.close()


class TestPlainHttp:
    @pytest.mark.parametrize("host", ["", "evil.example"])
    def test_people_are_sent_to_https(self, site: Nginx, host: str) -> None:
        headers = {"Host": host} if host else {}
        answer = requests.get(f"{site.plain_url}/login?next=/users", headers=headers, allow_redirects=False, timeout=10)
        assert (answer.status_code, answer.headers["Location"]) == (301, f"{site.url}/login?next=/users")
        with requests.Session() as browser:
            browser.trust_env, browser.verify = False, site.certificate
            assert browser.get(f"{site.plain_url}/login", timeout=10).url == f"{site.url}/login"

    @pytest.mark.parametrize("path", ["/ws/pico", "/ws", "/register", "/device/status"])
    def test_devices_are_not(self, site: Nginx, path: str) -> None:
        answer = requests.get(site.plain_url + path, allow_redirects=False, timeout=10)
        assert (answer.status_code, answer.text) == (403, "Use https.\n")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls(site: Nginx, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cafile=site.certificate)
    context.minimum_version = context.maximum_version = version
    connection = http.client.HTTPSConnection("127.0.0.1", site.port, timeout=10, context=context)
    connection.request("GET", "/health")
    with connection.getresponse() as answer:
        assert json.load(answer)["status"] == "healthy"
    connection.close()


def test_a_body_that_is_too_large_does_not_reach_the_server(site: Nginx, admin: Person) -> None:
    def sent(size: int) -> requests.Response:
        return admin.ask("POST", f"/api/me/tokens?size={size}", data=b" " * size)

    assert sent(65_536).status_code == 400, "the server's own answer"
    wait_until(lambda: "/api/me/tokens 400" in site.server.logged, "the server's log says so")
    for size in (65_537, 5_000_000):
        answer = sent(size)
        assert (answer.status_code, "nginx" in answer.text) == (413, True)
    assert "/api/me/tokens 413" not in site.server.logged


def test_firmware_may_be_larger(site: Nginx, admin: Person) -> None:
    data = firmware("1.0.0", size=1_900_000)
    sent = admin.ask(
        "POST",
        "/api/firmware",
        params={"signature": Signer.new().sign(data)},
        data=data,
        headers={"Content-Type": "application/octet-stream"},
    )
    assert (sent.status_code, sent.json()["size"]) == (201, len(data))
    assert "nginx" in admin.ask("POST", "/api/firmware?signature=x", data=bytes(2_200_000)).text


def test_the_server_goes_and_comes_back(make_site: MakeSite) -> None:
    site = make_site()
    with site.person() as admin:
        view = admin.view("demo")
        assert view.recv()
        site.server.stop()
        down = admin.get("/")
        assert (down.status_code, down.headers["Retry-After"], down.headers["Cache-Control"]) == (502, "5", "no-store")
        assert "CamProxy does not answer" in down.text
        with pytest.raises(websocket.WebSocketBadStatusException, match="502"):
            admin.view("demo")

        site.server = again(site.server)
        wait_until(lambda: admin.get("/health").ok, "it answers again")
        assert "CamProxy" in admin.get("/").text, "who was logged in still is"
        assert json.loads(admin.view("demo").recv())["camera"]
        assert len(admin.listen(transports=["websocket"]).next("video_frame")) > 1000


def again(server: RunningServer) -> RunningServer:
    """Where it was, with what it kept."""
    return RunningServer(Path(server.data_dir), PORT=server.port, PORT_RANGE=1, TRUSTED_PROXIES="127.0.0.1")
