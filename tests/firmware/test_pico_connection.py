"""The Pico's connection: a server that goes and comes, and whom the Pico believes."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

from camproxy.certificates import make_self_signed
from tests.firmware.conftest import Start
from tests.firmware.pico import until_online
from tests.integration.boards import Enrolled, enrol
from tests.integration.people import wait_until
from tests.patience import PATIENCE
from tests.running import Person, RunningServer


class TestTheServerGoes:
    def test_one_that_falls_silent_is_given_up(self, enrolled: Enrolled, start: Start) -> None:
        # At full speed a server that stands still for a moment would be silent as well; and so would the watchdog bite.
        pico = start(enrolled, "--speed", "2", watchdog=False)
        pico.until_it_says("connected, as device")  # one that waits for its welcome gives up sooner, for another reason
        since = pico.now
        pico.do("silent")
        pico.until_it_says("no sign of the server", since)
        pico.until_it_says("connected, as device", since)

    def test_after_200_connections_nothing_has_leaked(self, enrolled: Enrolled, start: Start) -> None:
        pico = start(enrolled, server={"reconnect_seconds": 0.01})
        until_online(enrolled)

        def drop(times: int) -> tuple[int, int, int]:
            """Cut the connection so often; what the firmware takes then."""
            for _ in range(times):
                since = pico.now
                pico.do("drop")
                pico.until_it_says("connected, as device", since)
            return pico.measured()

        used, _, _ = drop(20)
        used_later, most, sockets = drop(200)
        assert sockets == 1
        assert used_later - used < 20 * 200, "some 2 KB come and go"
        assert most < 76 * 1024, "from its sources; test_pico.py holds what is compiled to 64"


class TestTls:
    def test_it_believes_the_server_s_certificate(self, secure_admin: Person, start: Start) -> None:
        enrolled = enrol(secure_admin, "pico")
        pico = start(enrolled)
        until_online(enrolled)
        wait_until(lambda: (pico.flash / "time.json").exists(), "it keeps the time")
        _, most, _ = pico.measured()
        assert most < 76 * 1024

    def test_another_certificate_is_refused_before_a_byte_of_the_token(
        self, secure: RunningServer, power_on: Start, tmp_path: Path
    ) -> None:
        with Impostor(tmp_path) as impostor:
            place = {"port": impostor.port}
            pico = power_on(secure, pairing="a-token-that-nobody-may-see", server=place)
            pico.until_it_says("certificate is not believed")
            assert impostor.heard() == b""

    def test_without_the_time_nothing_is_believed(self, secure_admin: Person, start: Start) -> None:
        enrolled = enrol(secure_admin, "pico")
        pico = start(enrolled, "--clock-off")
        pico.until_it_says("the time is not known")
        (pico.flash / "time.json").write_text('"2026-11-21T10:00:00Z"')
        pico.do("brownout")
        until_online(enrolled)


class Impostor:
    """A TLS server with a certificate of its own, for the same address."""

    def __init__(self, directory: Path) -> None:
        chain, key = directory / "impostor.pem", directory / "impostor.key"
        make_self_signed(chain, key)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(chain, key)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(PATIENCE)
        self.port = self._listening.getsockname()[1]
        self._heard: queue.Queue[bytes] = queue.Queue()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):  # until it is closed
            while True:
                connection, _ = self._listening.accept()
                connection.settimeout(PATIENCE)
                with connection:
                    try:
                        with self._context.wrap_socket(connection, server_side=True) as secured:
                            self._heard.put(secured.recv(4096))
                    except (ssl.SSLError, ConnectionError):  # who leaves may leave something unread
                        self._heard.put(b"")

    def heard(self) -> bytes:
        """What its next visitor has entrusted to it."""
        return self._heard.get(timeout=PATIENCE)

    def __enter__(self) -> Impostor:
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)
