import asyncio
import json

from helping import FakePwm, Flash, raises_later

from camproxy import device_config, session
from camproxy.commands import CONFIG_FILE, Commands
from camproxy.head import POSE_FILE, Head
from camproxy.journal import Journal
from camproxy.servo import Servo
from camproxy.session import Session
from camproxy.ws import Closed


class FakeSocket:
    """`say` is what the server says; what the board sends is in `sent`."""

    def __init__(self):
        self.sent = []
        self.pings = 0
        self._waiting = []
        self._more = asyncio.Event()
        self.broken = False

    def say(self, message):
        self._waiting.append(message if isinstance(message, bytes) else json.dumps(message).encode())
        self._more.set()

    async def receive(self):
        while not self._waiting:
            self._more.clear()
            await self._more.wait()
        self.heard()
        found = self._waiting.pop(0)
        if found == b"the end":
            raise Closed(4003, "Revoked")
        return found

    async def send(self, text):
        if self.broken:
            raise OSError(104)
        self.sent.append(json.loads(text))

    async def ping(self):
        self.pings += 1


class FakeWifi:
    joined = True


class Parts:
    def __init__(self):
        self.wifi = FakeWifi()
        self.head = Head([Servo(FakePwm(), 90_000), Servo(FakePwm(), 90_000)], device_config.default())
        self.journal = Journal(lambda *words: None)
        self.commands = Commands(self.head, None, None, self.journal)
        self.vitals = lambda: {"rssi": -50}


def begin():
    socket, parts, welcomes = FakeSocket(), Parts(), []
    running = asyncio.create_task(Session(socket, parts).run("power_on", lambda: None, welcomes.append))
    return socket, parts, welcomes, running


async def until(holds):
    for _ in range(400):
        if holds():
            return
        await asyncio.sleep_ms(5)
    raise AssertionError("it does not happen")


async def test_it_introduces_itself_and_then_tells():
    with Flash(CONFIG_FILE, POSE_FILE):
        socket, parts, welcomes, running = begin()
        parts.journal.info("hello")
        await until(lambda: socket.sent)
        assert socket.sent[0]["type"] == "connect"
        await asyncio.sleep_ms(300)
        assert len(socket.sent) == 1, "nothing before it is welcome"
        socket.say({"type": "welcome", "config": {}})
        await until(lambda: len(socket.sent) >= 4)
        assert {message["type"] for message in socket.sent} == {"connect", "position", "log", "heartbeat"}
        assert len(welcomes) == 1
        socket.say({"type": "restart", "id": 1})
        assert await running == "restart" and socket.sent[-1]["command"] == "restart"


async def test_the_pose_is_told_while_it_changes():
    with Flash(CONFIG_FILE, POSE_FILE):
        socket, parts, _, running = begin()
        socket.say({"type": "welcome", "config": {}})
        await until(lambda: any(message["type"] == "position" for message in socket.sent))
        parts.head.aim((92, 90))
        while parts.head.moving:
            parts.head.tick(20)
        await until(lambda: socket.sent[-1] == {"type": "position", "servo1": 92, "servo2": 90})
        socket.say(b"the end")
        error = await raises_later(Closed, running)
        assert error.code == 4003


async def test_garbage_gets_an_error_and_ends_nothing():
    with Flash(CONFIG_FILE, POSE_FILE):
        socket, parts, _, running = begin()
        socket.say(b"\xff garbage")
        socket.say({"id": 5})
        socket.say({"type": "ping", "id": 6})
        await until(lambda: len(socket.sent) == 4)
        assert [message.get("status", message["type"]) for message in socket.sent[1:]] == ["error", "error", "pong"]
        assert socket.sent[2]["id"] == 5 and not parts.head.moving
        socket.say(b"the end")
        await raises_later(Closed, running)


async def test_a_silent_server_is_asked_and_then_given_up():
    ask, silent = session.ASK_AFTER_MS, session.SILENT_AFTER_MS
    session.ASK_AFTER_MS, session.SILENT_AFTER_MS = 100, 400
    try:
        socket, _, _, running = begin()
        error = await raises_later(Closed, running)
        assert error.code == 1006 and socket.pings == 1
    finally:
        session.ASK_AFTER_MS, session.SILENT_AFTER_MS = ask, silent


async def test_without_wifi_there_is_nothing_to_wait_for():
    _, parts, _, running = begin()
    parts.wifi.joined = False
    assert "Wi-Fi" in (await raises_later(Closed, running)).reason


async def test_a_server_that_says_no_welcome_is_none():
    within, session.WELCOME_WITHIN_MS = session.WELCOME_WITHIN_MS, 100
    try:
        _, _, _, running = begin()
        assert "welcome" in (await raises_later(Closed, running)).reason
    finally:
        session.WELCOME_WITHIN_MS = within


async def test_a_broken_connection_ends_it():
    with Flash(CONFIG_FILE, POSE_FILE):
        socket, _, _, running = begin()
        socket.say({"type": "welcome", "config": {}})
        await until(lambda: any(message["type"] == "heartbeat" for message in socket.sent))
        socket.broken = True
        socket.say({"type": "ping"})
        assert (await raises_later(OSError, running)).errno == 104
