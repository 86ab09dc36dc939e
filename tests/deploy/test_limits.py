"""What nginx keeps from the server, and what it must not heap up itself."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator

import pytest

from tests.deploy.conftest import MakeSite
from tests.deploy.proxy import Nginx
from tests.fakes import FakeEsp32Cam
from tests.integration.people import issue_token, wait_until
from tests.running import Person

pytestmark = pytest.mark.nginx

START_OF_JPEG = b"\xff\xd8\xff"


class Watching:
    """One stream on a bare socket, which a test may then leave alone."""

    def __init__(self, site: Nginx, path: str, token: str, source: str, receive_buffer: int = 0) -> None:
        plain = socket.socket()
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.settimeout(30)
        plain.bind((source, 0))
        plain.connect(("127.0.0.1", site.port))
        context = ssl.create_default_context(cafile=site.certificate)
        self.socket = context.wrap_socket(plain, server_hostname="127.0.0.1")
        head = (f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{site.port}", f"Authorization: Bearer {token}", "", "")
        self.socket.sendall("\r\n".join(head).encode())
        self.data = b""

    def status(self) -> int:
        while b"\r\n\r\n" not in self.data:
            self.read()
        return int(self.data.split()[1])

    def read(self) -> None:
        part = self.socket.recv(65536)
        assert part, self.data[:1000]
        self.data += part

    def pictures(self) -> int:
        return self.data.count(START_OF_JPEG)

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def crowd() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as open_ones:
        yield open_ones


def viewers(admin: Person, camera: str = "demo") -> int:
    count: int = admin.get(f"/api/cameras/{camera}").json()["status"]["viewers"]
    return count


def test_many_at_once_but_not_all_from_one_address(make_site: MakeSite, crowd: contextlib.ExitStack) -> None:
    site = make_site(VIEWERS_EACH=1000, MAX_VIEWERS=1000)
    with site.server.person() as admin:  # past nginx, in whose count it would be
        _, token = issue_token(admin)

        def watch(source: str) -> Watching:
            return crowd.enter_context(contextlib.closing(Watching(site, "/stream/demo.mjpg?max_fps=1", token, source)))

        many = [watch(f"127.0.0.{last}") for last in (7, 8, 9) for _ in range(100)]
        assert {one.status() for one in many} == {200}
        assert watch("127.0.0.7").status() == 429
        assert watch("127.0.0.10").status() == 200, "another address still gets in"
        wait_until(lambda: viewers(admin) == 301, "all of them watch")
        for one in many:
            while not one.pictures():
                one.read()
        crowd.close()
        wait_until(lambda: viewers(admin) == 0, "nothing is left behind")


def test_a_slow_viewer_is_not_shown_what_was_long_ago(
    make_site: MakeSite, board: FakeEsp32Cam, crowd: contextlib.ExitStack
) -> None:
    site = make_site(ESP32CAM_IP="127.0.0.1", ESP32CAM_PORT=board.port, FRAME_RATE=25)
    with site.person() as admin:
        _, token = issue_token(admin)
        slow = Watching(site, "/stream/esp32-cam.mjpg", token, "127.0.0.1", receive_buffer=4096)
        crowd.enter_context(contextlib.closing(slow))
        while slow.pictures() < 10:
            slow.read()

        def received() -> int:
            count: int = admin.get("/api/cameras/esp32-cam").json()["status"]["frames"]["received"]
            return count

        before = received()
        wait_until(lambda: received() >= before + 90, "90 pictures were not looked at")
        missed, seen = received(), slow.pictures()
        until = time.monotonic() + 1
        while time.monotonic() < until:
            slow.read()
        old = slow.pictures() - seen - (received() - missed)
        # About 30 were in the buffers of two connections; without a limit to nginx's it would be all of them.
        assert old < 60
