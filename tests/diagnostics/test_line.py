"""Every way in which a server may not be reachable gets its own sentence, and a word on what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from camproxy.clock import SystemClock
from camproxy.diagnostics.device import Device
from camproxy.diagnostics.findings import Finding, all_well, as_text, carry_out
from camproxy.diagnostics.line import Line
from tests.certificates import DAY, Made, make
from tests.fakes.awkward_server import AwkwardServer
from tests.patience import PATIENCE

STEPS = ("name", "reach", "tls", "validity", "health", "clock", "upgrade")


def looked_at(line: Line) -> dict[str, Finding]:
    return {finding.check: finding for finding in carry_out((step, getattr(line, step)) for step in STEPS)}


def verdicts(found: dict[str, Finding]) -> str:
    """A letter a step: pass, fail, not checked."""
    return "".join(finding.verdict[0] for finding in found.values())


def to(server: AwkwardServer, **options: Any) -> Line:
    return Line(server.url, **{"within": PATIENCE} | options)


class TestAddress:
    @pytest.mark.parametrize(
        ("given", "host", "port", "secure"),
        [
            ("https://cam.example.org", "cam.example.org", 443, True),
            ("cam.example.org:8443", "cam.example.org", 8443, True),
            ("ws://192.168.1.5:5000/", "192.168.1.5", 5000, False),
            ("http://[2001:db8::1]:5000/cams", "2001:db8::1", 5000, False),
        ],
    )
    def test_what_is_one(self, given: str, host: str, port: int, secure: bool) -> None:
        line = Line(given)
        assert (line.host, line.port, line.secure) == (host, port, secure)

    @pytest.mark.parametrize(
        "given", ["ftp://x", "https://", "https://user:word@x", "https://x/?key=1", "http://x:99999"]
    )
    def test_what_is_none(self, given: str) -> None:
        with pytest.raises(ValueError, match=r"no address|Port out of range"):
            Line(given)


class TestOnTheWay:
    def test_all_is_well(self, tmp_path: Path) -> None:
        made = make(tmp_path)
        with AwkwardServer(context=made.context()) as server:
            found = looked_at(to(server, ca=made.authority))
        assert verdicts(found) == "ppppppp", found
        assert "no address of the internet" in found["name"].said
        assert made.pin in found["tls"].said
        assert "for 89 more days" in found["validity"].said

    def test_plain_http(self) -> None:
        with AwkwardServer() as server:
            assert verdicts(looked_at(to(server))) == "ppnnppp"

    def test_no_such_name(self) -> None:
        found = looked_at(Line("https://no-such-name.invalid", within=5))
        assert verdicts(found) == "fnnnnnn"
        assert "cannot be looked up" in found["name"].said
        assert found["reach"].said == "first mend: name"

    def test_nobody_listens(self) -> None:
        with socket.socket() as taken:  # so that nobody else begins to listen there
            taken.bind(("127.0.0.1", 0))
            found = looked_at(Line(f"http://127.0.0.1:{taken.getsockname()[1]}"))
        assert verdicts(found) == "pfnnnnn"
        assert "nothing listens" in found["reach"].said

    def test_a_full_backlog_answers_like_a_firewall(self) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            waiting = [socket.socket() for _ in range(4)]
            for sock in waiting:
                sock.setblocking(False)
                sock.connect_ex(listener.getsockname())
            found = looked_at(Line(f"http://127.0.0.1:{listener.getsockname()[1]}", within=0.5))
            for sock in waiting:
                sock.close()
        assert "no answer from port" in found["reach"].said
        assert "firewall" in found["reach"].advice


class TestTls:
    @pytest.fixture(params=[True, False], ids=["strict", "lax"])
    def strict(self, request: pytest.FixtureRequest) -> bool:
        return bool(request.param)

    @pytest.mark.parametrize(
        ("options", "said", "later"),
        [
            ({"self_signed": True}, "self-signed, and this machine does not know it", "p"),
            ({"ends": -timedelta(hours=1)}, "has ended on", "f"),
            ({"begins": timedelta(hours=1)}, "valid from", "p"),
            ({"name": "cam.example.org"}, "for other names than 127.0.0.1", "p"),
            ({}, "leads to no known authority", "p"),
        ],
    )
    def test_who_cannot_be_trusted(
        self, tmp_path: Path, strict: bool, options: dict[str, Any], said: str, later: str
    ) -> None:
        made = make(tmp_path, **options)
        ca = made.authority if options and "self_signed" not in options else None
        with AwkwardServer(context=made.context()) as server:
            found = looked_at(to(server, ca=ca, strict=strict))
            heard = server.requests
        assert verdicts(found) == ("ppfnnnn" if strict else f"ppf{later}ppp"), found
        assert said in found["tls"].said
        assert found["tls"].advice
        assert bool(heard) != strict, "to whom cannot be trusted a strict line says nothing"

    def test_a_pin_is_enough_and_counts_alone(self, tmp_path: Path) -> None:
        made = make(tmp_path, name="elsewhere.example", self_signed=True, ends=10 * DAY + timedelta(hours=1))
        with AwkwardServer(context=made.context()) as server:
            right = looked_at(to(server, pin=made.pin))
            wrong = looked_at(to(server, pin="sha256//" + "A" * 43 + "=", ca=made.authority))
        assert verdicts(right) == "pppfppp", right
        assert "in 10 days" in right["validity"].said
        assert verdicts(wrong) == "ppfnnnn"
        assert made.pin in wrong["tls"].said

    def test_another_key_after_the_look_gets_nothing(self, tmp_path: Path) -> None:
        first, second = make(tmp_path), make(tmp_path)
        first = Made(tmp_path / "server.pem", tmp_path / "authority.pem", first.pin)
        with AwkwardServer(context=make(tmp_path, self_signed=True).context()) as server:
            server_pin = Line(server.url, strict=False)
            with pytest.raises(Exception, match="self-signed"):
                server_pin.tls()
            line = to(server, pin=second.pin)
            line._proven = True
            finding = next(carry_out([("health", line.health)]))
        assert "has changed" in finding.said
        assert server.requests == []
        assert first.pin != second.pin

    def test_no_tls_where_https_was_meant(self) -> None:
        with AwkwardServer(health=(400, "this is http")) as server, socket.create_server(("127.0.0.1", 0)) as silent:
            found = looked_at(Line(f"https://127.0.0.1:{silent.getsockname()[1]}", within=2))
            assert "no TLS within 2 s" in found["tls"].said
            server.manner = "silent"
            with socket.create_server(("127.0.0.1", 0)) as plain:
                answer_with(plain, b"HTTP/1.1 400 Bad Request\r\n\r\n")
                found = looked_at(Line(f"https://127.0.0.1:{plain.getsockname()[1]}", within=PATIENCE))
        assert "speaks no TLS" in found["tls"].said


def answer_with(listener: socket.socket, what: bytes) -> None:
    """To everybody who comes, and whatever they say."""
    import threading

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with sock:
                sock.recv(65536)  # unread, it would reset the connection
                sock.sendall(what)

    threading.Thread(target=serve, daemon=True).start()


class TestHealth:
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"health": (502, "<h1>Bad Gateway</h1>")}, "the server behind it does not run"),
            ({"health": (200, "<h1>Welcome to nginx</h1>")}, "something else than CamProxy"),
            ({"health": (404, "{}")}, "something else than CamProxy"),
            (
                {"health": (301, ""), "location": "https://cam.example.org/health"},
                "on to https://cam.example.org/health",
            ),
        ],
    )
    def test_who_answers(self, options: dict[str, Any], said: str) -> None:
        with AwkwardServer(**options) as server:
            found = looked_at(to(server))
        assert verdicts(found) == "ppnnfnn"
        assert said in found["health"].said

    @pytest.mark.parametrize(
        ("ahead", "said"),
        [
            (-7200, "2 hours ahead of"),
            (300, "5 minutes behind"),
            (3 * 86_400, "3 days behind"),
            (20, "less than 60 s apart"),
        ],
    )
    def test_clocks(self, ahead: float, said: str) -> None:
        with AwkwardServer(clock_ahead=ahead) as server:
            found = looked_at(to(server))
        assert said in found["clock"].said
        assert found["upgrade"].verdict == "pass", "and it goes on"


class TestUpgrade:
    @pytest.mark.parametrize(
        ("manner", "said", "advice"),
        [
            ("answer 200", "as if no WebSocket had been asked for", "proxy_http_version 1.1"),
            ("answer 400", "asked for no WebSocket", "proxy_http_version 1.1"),
            ("answer 404", "no such path", "CamProxy's"),
            ("answer 403", "forbidden", "https (wss)"),
            ("answer 502", "does not run", "Start CamProxy"),
            ("answer 504", "does not answer", "log"),
            ("answer 418", "something else", "log"),
            ("silent", "no answer within", "proxy_http_version 1.1"),
            ("hang up", "closed in place of an answer", "proxy_http_version 1.1"),
            ("wrong accept", "what is no WebSocket", "proxy_http_version 1.1"),
            ("mute", "nothing was said", "buffering"),
            ("cut", "then cut", "proxy"),
            ("close 1000", "closed with 1000", "Something else"),
            ("close 4001 Invalid token", "a key that nobody sent", "Authorization"),
            ("close 4003 Revoked", "4003 'Revoked' in place of 4001", "Something else"),
        ],
    )
    def test_what_comes_in_its_place(self, manner: str, said: str, advice: str) -> None:
        with AwkwardServer(manner) as server:
            found = looked_at(to(server, within=2.0 if manner in ("silent", "mute") else PATIENCE))
        assert verdicts(found) == "ppnnppf"
        assert said in found["upgrade"].said
        assert advice in found["upgrade"].advice

    def test_elsewhere(self) -> None:
        with AwkwardServer("answer 301", location="https://cam.example.org/ws/pico") as server:
            server.health = (200, '{"status": "healthy"}')
            line = to(server)
            finding = next(carry_out([("upgrade", line.upgrade)]))
        assert "sends on to https://cam.example.org/ws/pico" in finding.said

    def test_it_needs_no_secret_and_no_origin(self) -> None:
        with AwkwardServer() as server:
            to(server).upgrade()
            (request,) = server.requests
        assert request.startswith("GET /ws/pico HTTP/1.1\r\n")
        assert "authorization" not in request.lower()
        assert "origin" not in request.lower()


@pytest.fixture
def board() -> Iterator[AwkwardServer]:
    with AwkwardServer("device", then="mute") as server:
        yield server


class TestDevice:
    def went(
        self, server: AwkwardServer, kind: str = "pico", listen: float = 0.0, **options: Any
    ) -> dict[str, Finding]:
        with closing(Device(to(server), kind, "a-key", clock=SystemClock(), **options)) as device:
            return {finding.check: finding for finding in carry_out(device.checks(listen))}

    @pytest.mark.parametrize("kind", ["pico", "esp32cam"])
    def test_it_is_welcomed(self, board: AwkwardServer, kind: str) -> None:
        found = self.went(board, kind)
        assert verdicts(found) == "ppnnppn", found
        assert "device 7" in found["Key"].said
        assert f"GET /ws/{kind} " in board.requests[0]
        assert "authorization: bearer a-key\r\n" in board.requests[0].lower()
        connect = board.heard.get(timeout=5)
        assert (connect["type"], connect["device"]) == ("connect", kind)
        assert ("servo1_angle" in connect) == (kind == "pico")
        assert "a-key" not in str(connect)

    def test_it_obeys(self) -> None:
        commands = (
            {"type": "ping", "id": 1},
            {"type": "servo", "id": 2, "command": {"servo1": 45, "servo2": 270}},
            {"type": "get_position", "id": 3},
            {"type": "light", "id": 4, "state": True},
            {"type": "servo", "id": 5, "command": {"servo1": "north"}},
        )
        with AwkwardServer("device", commands=commands, then="mute") as server:
            found = self.went(server, listen=4.0)
            heard = [server.heard.get(timeout=5) for _ in range(6)][1:]
        assert found["Commands"].said == "2 servo commands came and were acknowledged"
        assert heard == [
            {"id": 1, "type": "pong"},
            {"id": 2, "type": "ack", "command": "servo", "status": "success", "detail": "X=45°, Y=180°"},
            {"id": 3, "type": "position", "servo1": 45, "servo2": 180},
            {"id": 4, "type": "ack", "command": "light", "status": "success"},
            {"id": 5, "type": "ack", "command": "servo", "status": "error", "detail": "no servo command"},
        ]

    def test_nobody_steers(self, board: AwkwardServer) -> None:
        found = self.went(board, listen=0.2)
        assert "no servo command came" in found["Commands"].said
        assert all_well(found.values())

    @pytest.mark.parametrize(
        ("manner", "said"),
        [
            ("close 4001 Missing authorization", "the key did not arrive"),
            ("close 4001 Invalid token", "does not know this key"),
            ("close 4003 Wrong device type", "device of the other kind"),
            ("close 4003 Revoked", "switched off, or its key revoked"),
            ("close 4009 Replaced", "another connection with the same key"),
            ("close 1001", "the server is stopping"),
            ("close 1008 whatever", "closed with 1008 'whatever': nobody says why"),
            ("cut", "then cut"),
        ],
    )
    def test_it_is_shown_the_door(self, manner: str, said: str) -> None:
        with AwkwardServer(manner) as server:
            found = self.went(server)
        assert verdicts(found) == "ppnnpfn", found
        assert said in found["Key"].said
        assert found["Key"].advice
        assert "a-key" not in "".join(map(as_text, found.values()))

    def test_it_is_replaced_while_it_listens(self) -> None:
        with AwkwardServer("device", then="close 4009 Replaced") as server:
            found = self.went(server, listen=5)
        assert "another connection with the same key has taken over" in found["Commands"].said

    def test_a_key_does_not_go_over_plain_http(self, monkeypatch: pytest.MonkeyPatch, board: AwkwardServer) -> None:
        monkeypatch.setattr("camproxy.diagnostics.device.is_loopback", lambda host: False)
        found = self.went(board)
        assert "plain http" in found["WebSocket"].said
        assert board.requests == []
        assert self.went(board, plain=True)["Key"].verdict == "pass"

    def test_a_key_does_not_go_to_a_stranger(self, tmp_path: Path) -> None:
        with AwkwardServer("device", context=make(tmp_path, self_signed=True).context()) as server:
            found = self.went(server)
        assert verdicts(found) == "ppfnnnn"
        assert server.requests == []
