"""Real announcements on real sockets: the server on one side, a stranger's zeroconf on the other, on loopback.

Names are each test's own, for others on this machine may be testing the same.
"""

from __future__ import annotations

import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import zeroconf
from zeroconf import ServiceBrowser, ServiceInfo, ServiceStateChange, Zeroconf

from camproxy import __version__
from camproxy.board_listener import DEVICE
from camproxy.discovery import SERVER, WEB, Discovery
from camproxy.found_devices import FoundDevice
from camproxy.settings import Settings, load
from tests.integration.people import wait_until
from tests.patience import PATIENCE

HERE = ["127.0.0.1"]
Make = Callable[..., Discovery]


@pytest.fixture
def name() -> str:
    return f"CamProxy {secrets.token_hex(4)}"


@pytest.fixture
def settings(tmp_path: Path, name: str) -> Settings:
    return load({"DATA_DIR": str(tmp_path), "MDNS": "true", "MDNS_NAME": name})


@pytest.fixture
def make(settings: Settings) -> Iterator[Make]:
    made: list[Discovery] = []

    def make(port: int | None = 5001, settings: Settings = settings, **options: Any) -> Discovery:
        made.append(Discovery(settings, lambda: port, **{"addresses": lambda: HERE} | options))
        return made[-1]

    yield make
    for each in made:
        each.stop()


class Peer:
    """Another program in the network: it looks around, and can be a board."""

    def __init__(self) -> None:
        # In a thread of its own: in this one Playwright may have left its event loop, which zeroconf would use, and
        # which stands still.
        with ThreadPoolExecutor(1) as pool:
            options = {"interfaces": list(HERE), "ip_version": zeroconf.IPVersion.V4Only}
            self.zeroconf = pool.submit(lambda: Zeroconf(**options)).result()
        self.seen: dict[str, ServiceInfo] = {}
        self._browser = ServiceBrowser(self.zeroconf, [SERVER, WEB], handlers=[self._changed])

    def _changed(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is ServiceStateChange.Removed:
            self.seen.pop(name, None)
        elif info := zeroconf.get_service_info(service_type, name):
            self.seen[name] = info

    def board(self, its: str, key: str = "", strict: bool = True, **texts: Any) -> ServiceInfo:
        info = ServiceInfo(
            DEVICE,
            f"{key or its.replace(':', '')}.{DEVICE}",
            port=80,
            parsed_addresses=["192.168.7.20"],
            server=f"board-{secrets.token_hex(4)}.local.",
            properties={"kind": "esp32cam", "mac": its, "name": "Workshop", "version": "1.2.0", "paired": "0"} | texts,
        )
        # It is known to be alone: nobody has to be asked for three seconds.
        self.zeroconf.register_service(info, cooperating_responders=True, strict=strict)
        return info

    def close(self) -> None:
        self.zeroconf.close()


@pytest.fixture
def peer() -> Iterator[Peer]:
    made = Peer()
    yield made
    made.close()


def new_mac() -> str:
    return "02:" + secrets.token_bytes(5).hex(":")


def is_announced(discovery: Discovery) -> bool:
    return discovery.state()["why"] is None


def found(discovery: Discovery, mac: str) -> FoundDevice | None:
    return next((each for each in discovery.found() if each.mac == mac.upper()), None)


def test_the_server_is_found_with_all_that_a_board_must_know(
    make: Make, peer: Peer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    may_begin = threading.Event()
    discovery = make(port=5007, addresses=lambda: HERE if may_begin.wait(PATIENCE) else [])
    with caplog.at_level(logging.INFO, "camproxy"):
        discovery.start()
        may_begin.set()  # for nobody waits for it
        wait_until(lambda: {f"{name}.{SERVER}", f"{name}.{WEB}"} <= set(peer.seen), "both are seen")
        wait_until(lambda: is_announced(discovery) and caplog.records, "it knows, and says so")
    info = peer.seen[f"{name}.{SERVER}"]
    assert info.port == 5007
    assert info.parsed_addresses() == HERE
    assert info.decoded_properties == {"version": __version__, "path": "/", "ws_path": "/ws", "tls": "0"}
    assert peer.seen[f"{name}.{WEB}"].decoded_properties == info.decoded_properties
    # Not the machine's own name: that is avahi's, and it would take ours for a conflict.
    assert info.server is not None
    assert info.server.startswith("camproxy-")
    assert discovery.state() == {
        "announced": [f"{name}._camproxy._tcp.local", f"{name}._http._tcp.local"],
        "why": None,
        "found": discovery.state()["found"],
        "refused": discovery.state()["refused"],
    }
    assert [record.message for record in caplog.records] == [f"announced by mDNS: {name} on 127.0.0.1"]


def test_with_tls_the_fingerprint_is_told_and_nothing_is_called_http(
    tmp_path: Path, make: Make, peer: Peer, name: str
) -> None:
    settings = load({"DATA_DIR": str(tmp_path), "MDNS": "true", "MDNS_NAME": name, "TLS": "true"})
    discovery = make(settings=settings)
    discovery.start()
    wait_until(lambda: f"{name}.{SERVER}" in peer.seen, "it is seen")
    wait_until(lambda: is_announced(discovery), "it is ready")
    certificate = settings.certificate()
    assert certificate
    texts = peer.seen[f"{name}.{SERVER}"].decoded_properties
    assert texts["tls"] == "1"
    assert texts["fingerprint"] == certificate.fingerprint
    assert f"{name}.{WEB}" not in peer.seen
    assert discovery.state()["announced"] == [f"{name}._camproxy._tcp.local"]


def test_at_the_end_it_says_goodbye(make: Make, peer: Peer, name: str) -> None:
    discovery = make()
    discovery.start()
    wait_until(lambda: f"{name}.{SERVER}" in peer.seen, "it is seen")
    wait_until(lambda: is_announced(discovery), "it is ready")
    discovery.stop()
    discovery._thread.join(PATIENCE)
    assert "discovery" not in [thread.name for thread in threading.enumerate()]
    wait_until(lambda: not {f"{name}.{SERVER}", f"{name}.{WEB}"} & set(peer.seen), "it is gone")
    assert discovery.state()["announced"] == []
    discovery.stop()


def test_it_can_be_stopped_at_any_moment_within_a_second(make: Make, peer: Peer, name: str) -> None:
    took = []
    for after in (0.0, 0.0, 0.001, 0.005, 0.05, 0.3, 1.6, 2.0):
        discovery = make()
        discovery.start()
        time.sleep(after)
        begun = time.monotonic()
        discovery.stop()
        discovery._thread.join(PATIENCE)
        took.append(time.monotonic() - begun)
        assert not discovery._thread.is_alive()
    assert sorted(took)[len(took) // 2] < 1, "but for what the machine takes for itself"
    make().stop()


def test_of_two_with_one_name_the_second_takes_another(make: Make, peer: Peer, name: str) -> None:
    first, second = make(port=5001), make(port=5002)
    first.start()
    wait_until(lambda: is_announced(first), "the first is there")
    second.start()
    wait_until(lambda: is_announced(second), "the second is there")
    assert first.state()["announced"][0] == f"{name}._camproxy._tcp.local"
    assert second.state()["announced"][0] == f"{name}-2._camproxy._tcp.local"
    wait_until(lambda: {f"{name}.{SERVER}", f"{name}-2.{SERVER}"} <= set(peer.seen), "both are seen")
    assert peer.seen[f"{name}.{SERVER}"].port == 5001
    assert peer.seen[f"{name}-2.{SERVER}"].port == 5002


def test_after_a_restart_the_new_port_counts(make: Make, peer: Peer, name: str) -> None:
    first = make(port=5001)
    first.start()
    wait_until(lambda: is_announced(first), "it is announced")
    first.stop()
    second = make(port=5009)
    second.start()
    wait_until(lambda: is_announced(second), "it is announced again")
    assert second.state()["announced"][0] == f"{name}._camproxy._tcp.local", "nobody else has the name"
    seen = peer.seen
    wait_until(lambda: (info := seen.get(f"{name}.{SERVER}")) and info.port == 5009, "the port is the new one")


def test_a_board_is_found_changes_and_goes(make: Make, peer: Peer) -> None:
    discovery, mac = make(), new_mac()
    changed = threading.Semaphore(0)
    discovery.listeners.append(changed.release)
    discovery.start()
    board = peer.board(mac)
    wait_until(lambda: found(discovery, mac), "it is found")
    assert changed.acquire(timeout=PATIENCE)
    seen = found(discovery, mac)
    assert seen
    assert (seen.kind, seen.name, seen.version, seen.paired) == ("esp32cam", "Workshop", "1.2.0", False)
    assert seen.address == "192.168.7.20"
    assert abs(seen.first_seen - time.time()) < 60
    board.text = b""
    board._set_properties({"kind": "esp32cam", "mac": mac, "name": "Garden", "version": "1.3.0", "paired": "1"})
    peer.zeroconf.update_service(board)
    wait_until(lambda: (each := found(discovery, mac)) and each.name == "Garden", "it has another name")
    changed_to = found(discovery, mac)
    assert changed_to
    assert (changed_to.version, changed_to.paired) == ("1.3.0", True)
    assert changed_to.first_seen == seen.first_seen
    assert changed_to.last_seen > seen.last_seen
    peer.zeroconf.unregister_service(board)
    wait_until(lambda: not found(discovery, mac), "it is gone")


def test_a_board_that_repeats_itself_is_heard(make: Make, peer: Peer) -> None:
    discovery, mac = make(), new_mac()
    discovery.start()
    board = peer.board(mac)
    wait_until(lambda: found(discovery, mac), "it is found")
    first = found(discovery, mac)
    assert first

    def is_heard_again() -> bool:
        # What comes twice within a second counts once, for mDNS.
        peer.zeroconf.send(peer.zeroconf.generate_service_broadcast(board, None))
        each = found(discovery, mac)
        return each is not None and each.last_seen > first.last_seen

    wait_until(is_heard_again, "it is heard again")


def test_a_board_that_was_there_before_is_asked_for(make: Make, peer: Peer) -> None:
    mac = new_mac()
    peer.board(mac)
    discovery = make()
    discovery.start()
    wait_until(lambda: found(discovery, mac), "it is found")


@pytest.mark.parametrize(
    "texts",
    [
        {"kind": "toaster"},
        {"mac": "nonsense"},
        {"name": b"\xff\xfe"},
        {"mac": "ff:ff:ff:ff:ff:ff"},
        {"kind": b"pico\x00"},
    ],
)
def test_a_board_that_is_none_is_refused_and_counted(make: Make, peer: Peer, texts: dict[str, Any]) -> None:
    discovery, mac = make(), new_mac()
    discovery.start()
    peer.board(mac, **texts)
    wait_until(lambda: discovery.state()["refused"] >= 1, "it is counted")
    assert found(discovery, mac) is None


def test_a_board_that_becomes_none_is_none(make: Make, peer: Peer) -> None:
    discovery, mac = make(), new_mac()
    discovery.start()
    board = peer.board(mac)
    wait_until(lambda: found(discovery, mac), "it is found")
    board._set_properties({"kind": "toaster", "mac": mac})
    peer.zeroconf.update_service(board)
    wait_until(lambda: not found(discovery, mac), "it is forgotten")


def test_a_hostile_name_is_harmless(make: Make, peer: Peer) -> None:
    discovery, mac = make(), new_mac()
    discovery.start()
    peer.board(mac, key="<script>\u202ex", strict=False, name="<b onmouseover=x>\u202e\x1b[2Jcam\x00" + "y" * 150)
    wait_until(lambda: found(discovery, mac), "it is found")
    seen = found(discovery, mac)
    assert seen
    assert seen.name == "b onmouseover=x[2Jcamyyyyyyyyyyyyyyyyyyyyyyyyyy"[:40]


def test_noise_harms_nobody(make: Make, peer: Peer, name: str) -> None:
    discovery, mac = make(), new_mac()
    discovery.start()
    wait_until(lambda: is_announced(discovery), "it is announced")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
        noise.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(HERE[0]))
        answer = b"\0\0\x84\0\0\0\xff\xff\0\0\0\0"
        for garbage in (b"", b"\0", secrets.token_bytes(1400), answer, answer + b"\xc0\x0c" * 300, b"\xff" * 9000):
            for _ in range(20):
                noise.sendto(garbage, ("224.0.0.251", 5353))
    peer.board(mac)
    wait_until(lambda: found(discovery, mac), "it goes on")
    assert is_announced(discovery)


def test_a_thousand_boards_do_not_fill_the_memory(make: Make, peer: Peer) -> None:
    discovery = make()
    discovery.start()
    wait_until(lambda: is_announced(discovery), "it is announced")
    told = []
    discovery.listeners.append(lambda: told.append(len(discovery.found())))
    peer_loop = peer.zeroconf
    for number in range(1000):
        mac = new_mac()
        board = ServiceInfo(
            DEVICE,
            f"flood-{number}.{DEVICE}",
            port=80,
            parsed_addresses=["192.168.7.21"],
            server=f"flood-{number}.local.",
            properties={"kind": "pico", "mac": mac},
        )
        peer_loop.send(peer_loop.generate_service_broadcast(board, None))
    wait_until(lambda: discovery.state()["found"] == 64, "there is room for 64")
    own = new_mac()
    peer.board(own)
    wait_until(lambda: found(discovery, own), "who comes later is found all the same")
    assert max(told) <= 64


def test_a_listener_that_fails_spoils_nothing(make: Make, peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    discovery, mac = make(), new_mac()
    called = threading.Event()

    def fails() -> None:
        raise RuntimeError("not today")

    discovery.listeners += [fails, called.set]
    discovery.start()
    peer.board(mac)
    assert called.wait(PATIENCE)
    wait_until(lambda: found(discovery, mac), "it is found")  # another's may have come first
    assert "not today" in caplog.text


@pytest.mark.parametrize(
    ("more", "port", "why"),
    [
        ({"MDNS": "false"}, 5001, "MDNS is off"),
        ({"HOST": "127.0.0.1"}, 5001, "the server listens on 127.0.0.1, for this machine only"),
        ({"HOST": "localhost"}, 5001, "the server listens on localhost, for this machine only"),
        ({"HOST": "::1"}, 5001, "the server listens on ::1, for this machine only"),
        ({"HOST": "::"}, 5001, "the server listens on IPv6, and boards look for it by IPv4"),
        ({}, None, "the server has no port"),
    ],
)
def test_where_nobody_could_find_it_it_is_silent_and_says_why(
    tmp_path: Path, make: Make, more: dict[str, str], port: int | None, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    discovery = make(port=port, settings=load({"DATA_DIR": str(tmp_path), "MDNS": "true"} | more))
    with caplog.at_level(logging.INFO, "camproxy"):
        discovery.start()
    assert discovery.state() == {"announced": [], "why": why, "found": 0, "refused": 0}
    assert [record.message for record in caplog.records] == [f"not announced by mDNS: {why}"]
    assert not discovery._thread.is_alive()
    discovery.stop()


def test_behind_a_proxy_boards_are_seen_all_the_same(tmp_path: Path, make: Make, peer: Peer, name: str) -> None:
    own = {"MDNS": "true", "MDNS_NAME": name, "HOST": "127.0.0.1", "TRUSTED_PROXIES": "127.0.0.1"}
    discovery, mac = make(settings=load({"DATA_DIR": str(tmp_path)} | own)), new_mac()
    discovery.start()
    peer.board(mac)
    wait_until(lambda: found(discovery, mac), "it is found")
    assert discovery.state()["announced"] == []
    assert "proxy" in discovery.state()["why"]
    assert f"{name}.{SERVER}" not in peer.seen


def test_without_a_network_it_waits_for_one(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    discovery = make(addresses=lambda: [])
    with caplog.at_level(logging.INFO, "camproxy"):
        discovery.start()
        wait_until(lambda: discovery.state()["why"] == "no network with multicast is there", "it says so")
    discovery.stop()
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_who_does_not_share_the_port_is_named(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    def cannot() -> list[str]:
        raise OSError(98, "Address already in use")

    discovery = make(addresses=cannot)
    discovery.start()
    wait_until(lambda: "Address already in use" in discovery.state()["why"], "it says so")
    discovery.stop()
    assert not discovery._thread.is_alive()
