import json

from helping import FakePin, raises

from camproxy import blinker, supervisor
from camproxy.backoff import HELD_MS, Backoff
from camproxy.blinker import Blinker, pattern
from camproxy.journal import LONGEST, ROOM, Journal
from camproxy.settings import BadSettings, Settings
from camproxy.supervisor import Supervisor


def test_the_pauses_grow_to_thirty_seconds():
    backoff = Backoff(5000, lambda n: 20)  # no jitter
    assert [backoff.next_ms() for _ in range(8)] == [5000, 10000, 15000, 20000, 25000, 30000, 30000, 30000]


def test_jitter_is_a_fifth_at_most():
    least, most = Backoff(5000, lambda n: 0), Backoff(5000, lambda n: n - 1)
    assert least.next_ms() == 4000 and most.next_ms() == 6000


def test_only_a_connection_that_has_held_begins_anew():
    backoff = Backoff(5000, lambda n: 20)
    for _ in range(4):
        backoff.next_ms()
        backoff.held(HELD_MS - 1)
    assert backoff.next_ms() == 25000
    backoff.held(HELD_MS)
    assert backoff.next_ms() == 5000


def test_lines_are_shown_at_once_and_wait_for_the_server():
    shown = []
    journal = Journal(lambda *words: shown.append(words))
    journal.info("one")
    journal.warning("two")
    assert shown == [("info:", "one"), ("warning:", "two")]
    assert [journal.take(), journal.take(), journal.take()] == [("info", "one"), ("warning", "two"), None]


def test_lines_are_bounded_and_what_is_lost_is_counted():
    journal = Journal(lambda *words: None)
    for number in range(ROOM + 5):
        journal.info("line %d" % number + "x" * 500)
    assert journal.take() == ("warning", "5 older lines were lost")
    assert journal.take()[1].startswith("line 5") and len(journal.take()[1]) == LONGEST


def test_the_same_again_is_shown_and_not_kept():
    shown = []
    journal = Journal(lambda *words: shown.append(words))
    for _ in range(50):
        journal.warning("cannot connect")
    assert len(shown) == 50 and journal.take() and journal.take() is None


def test_the_watchdog_is_fed_only_while_every_task_gets_on():
    now, fed = [1000], []
    keeper = Supervisor(lambda: fed.append(now[0]), lambda: now[0])
    head, net = keeper.watch("head", 3000), keeper.watch("net", 60000)
    for _ in range(10):
        now[0] += 1000
        head()
        assert keeper.look() is None
    assert len(fed) == 10
    for _ in range(3):
        now[0] += 1000
        keeper.look()
    assert len(fed) == 13
    now[0] += 1000
    assert keeper.look() == "head" and len(fed) == 13
    head()
    assert keeper.look() is None and len(fed) == 14
    now[0] += 60000
    head()
    assert keeper.look() == "net"
    net()


def test_time_goes_on_when_the_counter_begins_anew():
    import time

    period = time.ticks_add(0, -1) + 1  # ticks_ms counts up to here
    now, fed = [period - 1500], []
    keeper = Supervisor(lambda: fed.append(1), lambda: now[0])
    head = keeper.watch("head", 3000)
    for _ in range(5):
        now[0] = time.ticks_add(now[0], 1000)
        head()
        assert keeper.look() is None
    assert len(fed) == 5 and keeper.uptime_ms == 5000 and now[0] < period - 1500


async def test_the_keeper_looks_by_itself_and_names_who_is_stuck():
    import asyncio

    fed = []
    keeper = Supervisor(lambda: fed.append(1))
    keeper.watch("head", -1)  # late from the start
    look_every, supervisor.LOOK_EVERY_MS = supervisor.LOOK_EVERY_MS, 10
    try:
        task = asyncio.create_task(keeper.run())
        await asyncio.sleep_ms(50)
        assert fed == []
        keeper.watch("head", 10_000)
        await asyncio.sleep_ms(50)
        assert fed
        task.cancel()
    finally:
        supervisor.LOOK_EVERY_MS = look_every


def test_blink_codes_can_be_counted():
    for code in range(1, 7):
        assert sum(on for on, _ in pattern(code)) == code
        assert pattern(code)[-1] == (0, blinker.PAUSE_MS)
    assert pattern(blinker.ONLINE) == ((1, 1000),)


async def test_the_led_shows_the_news_first():
    import asyncio

    pin = FakePin()
    led = Blinker(pin)
    task = asyncio.create_task(led.run())
    await asyncio.sleep_ms(30)
    led.code = blinker.ONLINE
    await asyncio.sleep_ms(blinker.ON_MS + 100)
    task.cancel()
    assert pin.states == [1, 1]


WIFI = {"ssid": "workshop", "password": "shavings"}
LINK = "camproxy://10.0.0.1:5443/?kind=pico&token=abc-_123&tls=1&fingerprint=00"


def test_a_configuration_as_the_example():
    given = {"wifi": WIFI, "server": {"host": "10.0.0.1", "port": 443, "certificate": "server.pem"}, "name": "Head"}
    settings = Settings(given)
    assert (settings.host, settings.port, settings.ca, settings.name) == ("10.0.0.1", 443, "server.pem", "Head")
    assert settings.pins == {"servo1": 16, "servo2": 17, "light": 15}
    assert settings.token is None and settings.watchdog and settings.reconnect_ms == 5000


def test_the_link_of_the_pairing_page_has_it_all():
    settings = Settings({"wifi": WIFI, "server": {"certificate": "server.pem"}, "pairing": LINK})
    assert (settings.host, settings.port, settings.token) == ("10.0.0.1", 5443, "abc-_123")
    plain = Settings({"wifi": WIFI, "pairing": LINK.replace("tls=1", "tls=0")})
    assert plain.ca is None and plain.host == "10.0.0.1"


def test_a_bare_token_and_no_host():
    settings = Settings({"wifi": WIFI, "server": {"encrypted": False}, "pairing": "abc"})
    assert settings.token == "abc" and settings.host is None and settings.ca is None


def test_what_cannot_be_is_said():
    fine = {"wifi": WIFI, "server": {"encrypted": False}}
    assert Settings(fine)
    for change, word in (
        ({"wifi": {}}, "ssid"),
        ({"wifi": 5}, "wifi"),
        ({"wifi": {"ssid": 5}}, "ssid"),
        ({"server": {}}, "certificate"),
        ({"server": {"encrypted": True}}, "certificate"),
        ({"server": {"encrypted": 0}}, "certificate"),
        ({"server": {"encrypted": False, "port": 0}}, "port"),
        ({"server": {"encrypted": False, "port": "5000"}}, "port"),
        ({"server": {"encrypted": False, "reconnect_seconds": True}}, "reconnect_seconds"),
        ({"pairing": "camproxy://nonsense"}, "pairing"),
        ({"pairing": "camproxy://h:x/?kind=pico&token=a&tls=1"}, "pairing"),
        ({"pairing": LINK.replace("pico", "esp32cam"), "server": {"certificate": "x"}}, "kind"),
        ({"pairing": LINK}, "certificate"),
        ({"pins": {"servo1": 29}}, "servo1"),
        ({"pins": {"servo1": 17}}, "pins"),
        ({"name": "x" * 41}, "name"),
    ):
        given = dict(fine)
        given.update(change)
        if change == {"pairing": LINK}:
            given["server"] = {}
        assert word in str(raises(BadSettings, Settings, given)), change
    for nonsense in (None, [], "x"):
        assert "config.example.json" in str(raises(BadSettings, Settings, nonsense))


def test_the_example_is_one():
    example = json.load(open("config.example.json"))
    settings = Settings(example)
    assert settings.host and settings.ca and settings.token
