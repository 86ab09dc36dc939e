import json
import time

from helping import FakeStream, Flash, raises, raises_later

from camproxy import clock, enrol, http, net, store
from camproxy.journal import Journal

GOOD = {"device_id": 7, "api_key": "k" * 43, "ws_path": "/ws/pico"}


class FakeDialler:
    encrypted = True

    def __init__(self, status, body):
        text = body if isinstance(body, str) else json.dumps(body)
        answer = "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        self.stream = ClosableStream((answer % (status, len(text), text)).encode(), 17)

    async def dial(self, host, port):
        return self.stream


class ClosableStream(FakeStream):
    closed = False

    def close(self):
        pass

    async def wait_closed(self):
        self.closed = True


def asking(status, body):
    dialler = FakeDialler(status, body)
    return dialler.stream, enrol.register(dialler, "10.0.0.1", 5000, {"token": "t"}, bytearray(1024))


async def test_a_token_becomes_a_key():
    stream, answer = asking("201 CREATED", GOOD)
    assert await answer == GOOD and stream.closed
    head, body = stream.written.split(b"\r\n\r\n")
    assert head.startswith(b"POST /register HTTP/1.1") and json.loads(body) == {"token": "t"}


async def test_a_refusal_says_whether_it_is_final():
    for status, final in (("403 FORBIDDEN", True), ("400 BAD REQUEST", True), ("429 X", False), ("503 X", False)):
        stream, answer = asking(status, {"error": "e", "message": "no"})
        error = await raises_later(enrol.NotLetIn, answer)
        assert error.final == final and stream.closed and "no" in str(error)


async def test_what_is_no_camproxy_is_said_to_be_none():
    for body in ("<html>", "[]", "5", "x" * 1200):
        stream, answer = asking("200 OK", body)
        await raises_later(http.BadAnswer, answer)
        assert stream.closed


def test_the_code_has_eight_digits_and_stays():
    with Flash(enrol.CODE_FILE):
        code = enrol.code()
        assert len(code) == 8 and code.isdigit() and enrol.code() == code
        store.remove(enrol.CODE_FILE)
        assert enrol.code() != code or enrol.code() != code
        store.save(enrol.CODE_FILE, ["nonsense"])
        assert enrol.code().isdigit()


def test_nonces_differ():
    assert len({enrol.nonce() for _ in range(20)}) == 20 and len(enrol.nonce()) == 32


def reset_clock():
    import chipclock

    chipclock.set(1609459200)


def test_the_clock_begins_in_the_past_and_is_set_by_a_time_server():
    with Flash(clock.FILE):
        reset_clock()
        assert not clock.is_set()
        assert clock.set_by_network(("ntp",), Journal(lambda *words: None)) and clock.is_set()


def test_without_a_time_server_the_kept_time_will_do():
    import bridge
    import ntptime

    def nobody():
        raise OSError(110)

    settime, ntptime.settime = ntptime.settime, nobody
    try:
        with Flash(clock.FILE):
            journal = Journal(lambda *words: None)
            reset_clock()
            assert not clock.set_by_network(("a", "b"), journal)
            clock.keep("2026-11-21T10:20:30.5Z")
            assert clock.set_by_network(("a", "b"), journal)
            assert clock.now()[:16] == "2026-11-21T10:20"
            assert "2026" in journal.take()[1]
    finally:
        ntptime.settime = settime
        reset_clock()


def test_what_is_no_time_is_none():
    for text in ("", "yesterday", "2026-13-01T00:00:00", "2025-12-31T23:59:59Z", "2026-11-21", "2026-11-21T25:00:00"):
        assert not clock.set_by_text(text), text


def test_the_time_is_kept_once_a_day():
    with Flash(clock.FILE):
        for text in ("2026-11-21T10:00:00Z", "2026-11-21T23:00:00Z", None, 5, "x" * 50):
            clock.keep(text)
            assert store.load(clock.FILE) == "2026-11-21T10:00:00Z"
        clock.keep("2026-11-22T00:00:01Z")
        assert store.load(clock.FILE) == "2026-11-22T00:00:01Z"


PEM = b"-----BEGIN CERTIFICATE-----\nMIIB\nAQID\n-----END CERTIFICATE-----\nmore\n"


def test_a_certificate_may_be_pem_or_der():
    assert net.der(PEM) == b"\x30\x82\x01\x01\x02\x03"
    assert net.der(b"\x30\x82\x01") == b"\x30\x82\x01"


def test_a_certificate_that_is_none_is_not_trusted():
    with Flash("server.pem"):
        raises(net.NotBelieved, net.trust, "server.pem")
        open("server.pem", "w").write("not a certificate")
        raises(net.NotBelieved, net.trust, "server.pem")
        open("server.pem", "wb").write(PEM)
        assert net.trust("server.pem").verify_mode == 2


def test_troubles_of_tls_are_told_from_those_of_the_network():
    assert isinstance(net.believable(OSError(-0x2700)), net.NotBelieved)
    assert isinstance(net.believable(ValueError("invalid cert")), net.NotBelieved)
    for errno in (104, 110, 113, -2):
        assert isinstance(net.believable(OSError(errno)), OSError)
