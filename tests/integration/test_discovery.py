"""A real server in a network of its own, whose interfaces come and go, and strangers that look for it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import MakeServer
from tests.integration.people import wait_until
from tests.networks import Watcher, change_network_of, in_network_of, with_network
from tests.patience import PATIENCE
from tests.running import RunningServer

#: An interface and its address. Both ends of the cable are here, or it would not be plugged in.
LAN = (
    "ip link add {0} type veth peer name {0}-far; ip address add {1}/24 dev {0}; ip link set {0} up; "
    "ip link set {0}-far up"
)
HEALTH = """
import json, re, sys, urllib.parse, http.cookiejar, urllib.request as u
base, password = sys.argv[1:]
o = u.build_opener(u.ProxyHandler({}), u.HTTPCookieProcessor(http.cookiejar.CookieJar()))
token = re.search('name="csrf_token"[^>]* value="([^"]+)"', o.open(base + "/login").read().decode())[1]
form = {"username": "admin", "password": password, "csrf_token": token}
o.open(base + "/login", urllib.parse.urlencode(form).encode())
print(o.open(base + "/health").read().decode())
"""
Serve = Callable[..., RunningServer]


@pytest.fixture
def serve(make_server: MakeServer) -> Serve:
    """Servers in a network of their own, with one interface: lan0, 10.1.0.1."""

    def serve(*, lan: str = LAN.format("lan0", "10.1.0.1"), inside: Any = (), **settings: Any) -> RunningServer:
        python, *command = inside or with_network(lan, sys.executable, "app.py")
        own = {"HOST": "0.0.0.0", "MDNS": "true", "MDNS_NAME": "Shed"}
        return make_server(python=python, command=command, **own | settings)

    return serve


def health(server: RunningServer) -> dict[str, Any]:
    """What an admin is told, asked from within its network."""
    command = [sys.executable, "-c", HEALTH, f"http://127.0.0.1:{server.port}", server.admin_password]
    asked = in_network_of(server.process.pid, *command)
    told = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=PATIENCE)
    answer: dict[str, Any] = json.loads(told.stdout)
    return answer


def announcements(server: RunningServer) -> list[str]:
    return re.findall(r"announced by mDNS: Shed on (.+)", server.logged)


def announced(server: RunningServer, addresses: str, after: int = 0) -> None:
    """Wait until that is the last of them. It may have seen what was between two steps of a change as well."""
    wait_until(lambda: announcements(server)[after:][-1:] == [addresses], f"it is announced on {addresses}")


@pytest.mark.parametrize("mode", ["threading", "eventlet"])
def test_it_is_found_seen_in_health_and_says_goodbye(serve: Serve, mode: str) -> None:
    server = serve(ASYNC_MODE=mode)
    with Watcher(server.process.pid, "10.1.0.1", "02:00:00:00:00:07") as stranger:
        assert stranger.next() == f"+ Shed 10.1.0.1 {server.port} 0"
        wait_until(lambda: health(server)["mdns"]["found"] == 1, "the board is found")
        wait_until(lambda: announcements(server), "it is announced, which takes a while longer")
        told = health(server)
        assert told["status"] == "healthy"
        assert told["mdns"] == {
            "announced": ["Shed._camproxy._tcp.local", "Shed._http._tcp.local"],
            "why": None,
            "found": 1,
            "refused": 0,
        }
        assert server.stop() == 0
        assert stranger.next() == "- Shed"


def test_a_busy_port_is_not_the_one_that_is_announced(serve: Serve) -> None:
    first = serve()
    inside = in_network_of(first.process.pid, sys.executable, "app.py")
    second = serve(inside=inside, PORT=first.port, MDNS_NAME="Barn")
    assert second.port != first.port
    with Watcher(first.process.pid, "10.1.0.1") as stranger:
        assert {stranger.next(), stranger.next()} == {
            f"+ Shed 10.1.0.1 {first.port} 0",
            f"+ Barn 10.1.0.1 {second.port} 0",
        }


def test_networks_come_and_go(serve: Serve) -> None:
    server = serve()
    pid = server.process.pid
    announced(server, "10.1.0.1")
    change_network_of(pid, LAN.format("lan1", "10.2.0.1"))
    announced(server, "10.1.0.1, 10.2.0.1")
    with Watcher(pid, "10.2.0.1") as stranger:
        assert stranger.next() == f"+ Shed 10.1.0.1,10.2.0.1 {server.port} 0"
    # An address that goes and comes within a second leaves sockets that hear nothing any more.
    before = len(announcements(server))
    change_network_of(pid, "ip address del 10.2.0.1/24 dev lan1; ip address add 10.2.0.1/24 dev lan1")
    announced(server, "10.1.0.1, 10.2.0.1", after=before)
    with Watcher(pid, "10.2.0.1") as stranger:
        assert stranger.next() == f"+ Shed 10.1.0.1,10.2.0.1 {server.port} 0"
    change_network_of(pid, "ip link del lan0; ip link del lan1")
    wait_until(lambda: "no network with multicast is there" in server.logged, "none is left")
    assert health(server)["status"] == "healthy"
    change_network_of(pid, LAN.format("lan0", "10.3.0.1"))
    announced(server, "10.3.0.1")


def test_without_multicast_it_starts_and_says_why(serve: Serve) -> None:
    server = serve(lan=f"{LAN.format('lan0', '10.1.0.1')}; ip link set lan0 multicast off")
    wait_until(lambda: "not announced by mDNS" in server.logged, "it says so")
    told = health(server)
    assert told["status"] == "healthy"
    assert told["mdns"]["why"] == "no network with multicast is there"
    assert server.logged.count("mDNS") == 1


def test_on_one_address_of_several_only_that_is_announced(serve: Serve) -> None:
    lan = f"{LAN.format('lan0', '10.1.0.1')}; {LAN.format('lan1', '10.2.0.1')}"
    server = serve(lan=lan, HOST="10.2.0.1")
    announced(server, "10.2.0.1")
    assert len(announcements(server)) == 1
