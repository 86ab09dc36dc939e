"""network_diagnostics.py and check_connection.py against a real server, plain, by TLS of its own, and behind nginx."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.conftest import certificate, site  # noqa: F401  (fixtures)
from tests.deploy.proxy import Nginx, free_port
from tests.diagnostics.scripts import end, run, start
from tests.fakes.awkward_server import AwkwardServer
from tests.integration.boards import Enrolled, enrol
from tests.integration.people import wait_until
from tests.running import PROJECT, Person, RunningServer

MakeServer = Callable[..., RunningServer]


@pytest.fixture(scope="module", params=["http", "https"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("data"), TLS=str(request.param == "https").lower())
    yield running
    running.stop()


@pytest.fixture
def admin(server: RunningServer) -> Iterator[Person]:
    with server.person() as person:
        yield person


def settings_of(server: RunningServer) -> dict[str, str]:
    return {
        "DATA_DIR": str(server.data_dir),
        "HOST": "127.0.0.1",
        "PORT": str(server.port),
        "TLS": str(server.url.startswith("https")).lower(),
    }


class TestDiagnostics:
    def test_what_is_seen_from_the_server_s_machine(self, server: RunningServer) -> None:
        ended = run("network_diagnostics.py", "--json", **settings_of(server))
        found = ended.findings()
        safe = server.url.startswith("https")
        assert (found["Local port"]["verdict"], found["Local WebSocket"]["verdict"]) == ("pass", "pass"), found
        assert f"on port {server.port}" in found["Local port"]["said"]
        assert "closed with 4001 Missing authorization" in found["Local WebSocket"]["said"]
        assert found["Local TLS"]["verdict"] == ("pass" if safe else "not checked")
        assert found["Local certificate"]["verdict"] == ("pass" if safe else "not checked")
        assert "no other machine can come in" in found["Bound addresses"]["said"]
        assert ended.code == 1, "for that is a fault"
        assert any(name.startswith("Firewall") for name in found)
        assert found["Clock"]["verdict"] == "not checked", "no address was given"

    def test_behind_a_proxy_listening_for_oneself_is_right(self, server: RunningServer) -> None:
        ended = run("network_diagnostics.py", "--json", **settings_of(server), TRUSTED_PROXIES="127.0.0.1")
        assert ended.findings()["Bound addresses"]["verdict"] == "pass"

    def test_from_outside(self, server: RunningServer) -> None:
        given = ("--ca", server.certificate) if server.url.startswith("https") else ()
        ended = run("network_diagnostics.py", server.url, "--outside", "--json", *given)
        assert ended.code == 0, ended.out
        assert "Local port" not in ended.verdicts()
        assert ended.verdicts()["External WebSocket"] == ended.verdicts()["Clock"] == "pass"

    def test_the_certificate_of_the_server_itself_needs_no_pin_on_its_machine(self, server: RunningServer) -> None:
        found = run("network_diagnostics.py", server.url, "--json", **settings_of(server)).verdicts()
        assert found["External WebSocket"] == "pass"
        assert found["External TLS"] == ("pass" if server.url.startswith("https") else "not checked")

    def test_a_person_reads_lines(self, server: RunningServer) -> None:
        ended = run("network_diagnostics.py", **settings_of(server))
        lines = ended.out.splitlines()
        assert all(re.match(r"(pass|fail|not checked) +[A-Z][\w ]+: \S|             → \S", line) for line in lines), (
            lines
        )
        assert any(line.startswith("pass         Local port: CamProxy answers, and is healthy") for line in lines)

    def test_on_another_port_because_the_first_was_busy(self, make_server: MakeServer) -> None:
        busy = free_port()
        with socket.create_server(("127.0.0.1", busy)):  # what has the port says nothing
            server = make_server(PORT=busy, PORT_RANGE=20)
            given = settings_of(server) | {"PORT": str(busy), "PORT_RANGE": "20"}
            found = run("network_diagnostics.py", "--json", **given).findings()
        assert server.port != busy
        assert f"on port {server.port}: PORT is {busy}, which something else has" in found["Local port"]["said"]

    def test_no_server(self, tmp_path: Path) -> None:
        data = tmp_path / "data"
        ended = run("network_diagnostics.py", DATA_DIR=str(data), PORT=str(free_port()), PORT_RANGE="1", TLS="true")
        assert ended.code == 1
        assert "fail         Local port: CamProxy does not answer" in ended.out
        assert not data.exists(), "a look changes nothing"

    def test_what_cannot_be_is_refused(self, tmp_path: Path) -> None:
        assert run("network_diagnostics.py", DATA_DIR=str(tmp_path), PORT="x").error.startswith(
            "network_diagnostics.py:"
        )
        for arguments in (["ftp://x"], ["--outside"], ["https://x", "--pin", "abc"]):
            assert run("network_diagnostics.py", *arguments).code == 2
        nothing = run("network_diagnostics.py", "https://127.0.0.1:1", "--outside", "--ca", "/nowhere.pem")
        assert nothing.code == 1


class TestOnAnotherPort:
    """The source documents start it on 40345."""

    @pytest.mark.parametrize("how", ["environment", "file"])
    def test_it_is_started_and_found_there(self, make_server: MakeServer, tmp_path: Path, how: str) -> None:
        port = free_port()
        settings = {"PORT": str(port), "PORT_RANGE": "1", "HOST": "0.0.0.0"}
        file = tmp_path / "settings"
        file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        given = settings if how == "environment" else {"ENV_FILE": str(file)} | dict.fromkeys(settings, "")
        server = make_server(**given)
        assert server.url == f"http://localhost:{port}"
        with server.person() as admin:
            assert admin.get("/health").json()["port"] == port
            device = enrol(admin, "pico")
        given |= {"DATA_DIR": str(server.data_dir), "CAMPROXY_DEVICE_KEY": device.key}
        found = run("network_diagnostics.py", "--json", **given).findings()
        assert found["Local port"]["said"] == f"CamProxy answers, and is healthy, on port {port}"
        assert found["Bound addresses"]["said"] == f"port {port} of every address of this machine"
        assert run("check_connection.py", "--kind", "pico", **given).code == 0


class TestConnection:
    @pytest.fixture
    def pico(self, admin: Person) -> Enrolled:
        return enrol(admin, "pico")

    def check(self, device: Enrolled, *arguments: str, key: str | None = None, kind: str | None = None) -> Any:
        server = device.admin.server
        given = settings_of(server) | {"CAMPROXY_DEVICE_KEY": device.key if key is None else key}
        return run("check_connection.py", "--json", "--kind", kind or device.kind, *arguments, **given)

    @pytest.mark.parametrize("kind", ["pico", "esp32cam"])
    def test_a_device_gets_in_at_every_address(self, server: RunningServer, admin: Person, kind: str) -> None:
        device = enrol(admin, kind)
        local = self.check(device)
        assert local.code == 0, local.out
        where = f"127.0.0.1:{server.port}"
        assert local.findings()[f"{where}, Key"]["said"] == f"the server takes it, as device {device.id}"
        trusted = ("--ca", server.certificate) if server.url.startswith("https") else ()
        named = f"localhost:{server.port}"
        both = self.check(device, server.url, server.url.replace("127.0.0.1", "localhost"), *trusted)
        assert both.code == 0, both.out
        assert both.verdicts()[f"{where}, Key"] == both.verdicts()[f"{named}, Key"] == "pass"

    def test_it_obeys_and_the_camera_says_so(self, server: RunningServer, admin: Person, pico: Enrolled) -> None:
        camera = admin.made("/api/cameras", {"name": f"Of {pico.id}", "url": "demo:garden", "pico": pico.id})
        given = settings_of(server) | {"CAMPROXY_DEVICE_KEY": pico.key}
        process = start("check_connection.py", ["--kind", "pico", "--listen", "8", "--json"], given)
        listener = admin.listen({"subscribe": False})
        move = {"x": 40, "y": 120, "camera": camera["id"]}
        wait_until(lambda: listener.call("position_command", move)["ok"], "the head has acknowledged")
        ended = end(process)
        assert ended.code == 0, ended.out
        said = ended.findings()[f"127.0.0.1:{server.port}, Commands"]["said"]
        assert re.fullmatch(r"\d+ servo commands? came and (was|were) acknowledged", said)

    def test_wrong_keys(self, server: RunningServer, admin: Person, pico: Enrolled) -> None:
        key = f"127.0.0.1:{server.port}, Key"
        unknown = self.check(pico, key="not-this-one")
        assert (unknown.code, unknown.verdicts()[key]) == (1, "fail")
        assert "closed with 4001 'Invalid token': the server does not know this key" in unknown.out
        other = self.check(pico, kind="esp32cam")
        assert "closed with 4003 'Wrong device type': this is the key of a device of the other kind" in other.out
        server.execute(f"UPDATE device SET enabled = false WHERE id = {pico.id}")
        assert "closed with 4003 'Revoked': this device was switched off" in self.check(pico).out

    def test_the_real_board_comes_back(self, server: RunningServer, pico: Enrolled) -> None:
        given = settings_of(server) | {"CAMPROXY_DEVICE_KEY": pico.key}
        process = start("check_connection.py", ["--kind", "pico", "--listen", "20"], given)
        assert process.stdout
        while "as device" not in process.stdout.readline():
            assert process.poll() is None
        with closing(pico.come()):
            ended = end(process)
        assert ended.code == 1
        assert "closed with 4009 'Replaced': another connection with the same key has taken over" in ended.out

    def test_where_the_key_comes_from(self, server: RunningServer, pico: Enrolled, tmp_path: Path) -> None:
        given = settings_of(server)
        file = tmp_path / "key"
        file.write_text(f"{pico.key}\n")
        assert run("check_connection.py", "--kind", "pico", "--key-file", str(file), **given).code == 0
        none = run("check_connection.py", "--kind", "pico", **given)
        assert (none.code, "CAMPROXY_DEVICE_KEY" in none.error) == (1, True)
        missing = run("check_connection.py", "--kind", "pico", "--key-file", str(tmp_path / "nothing"), **given)
        assert "No such file" in missing.error
        for odd in ("two words", "line\r\nX-Other: 1", "schlüssel"):
            refused = run("check_connection.py", "--kind", "pico", **given, CAMPROXY_DEVICE_KEY=odd)
            assert (refused.code, odd in refused.error) == (1, False)
        assert pico.key not in server.logged

    @pytest.mark.parametrize("typed", ["the key", "Ctrl-D"])
    def test_at_a_terminal_it_asks_and_shows_nothing(self, server: RunningServer, pico: Enrolled, typed: str) -> None:
        end_of_input = "\x04"
        answer, code, said = (
            (f"{pico.key}\n", 0, "as device") if typed == "the key" else (end_of_input, 1, "no key was")
        )
        command = shlex.join([sys.executable, "scripts/check_connection.py", "--kind", "pico"])
        terminal = subprocess.Popen(
            ["script", "--quiet", "--return", "--command", command, "/dev/null"],
            cwd=PROJECT,
            env=os.environ | settings_of(server),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert terminal.stdin
        assert terminal.stdout
        with terminal.stdin, terminal.stdout:
            shown = b""
            while not shown.endswith(b"Key of the device: "):
                more = terminal.stdout.read(1)
                assert more, shown
                shown += more
            terminal.stdin.write(answer.encode())
            terminal.stdin.flush()
            shown += terminal.stdout.read()
        assert terminal.wait(10) == code
        assert pico.key.encode() not in shown
        assert b"Traceback" not in shown
        assert said.encode() in shown

    def test_a_server_that_is_not_there(self, tmp_path: Path) -> None:
        given = {"CAMPROXY_DEVICE_KEY": "key", "DATA_DIR": str(tmp_path), "PORT_RANGE": "1"}
        ended = run("check_connection.py", "--kind", "pico", **given, PORT=str(free_port()))
        assert ended.code == 1
        assert "CamProxy does not answer" in ended.out
        assert not list(tmp_path.iterdir())
        odd = run("check_connection.py", "--kind", "pico", "gopher://x", **given)
        assert (odd.code, "is no address" in odd.error) == (1, True)

    def test_on_a_machine_of_one_s_own_it_leaves_nothing(self, tmp_path: Path) -> None:
        """With an address it is a device, which has no settings and no data."""
        with AwkwardServer("close 4001 Invalid token") as stranger:
            given = {"CAMPROXY_DEVICE_KEY": "key", "DATA_DIR": str(tmp_path / "data")}
            assert "does not know this key" in run("check_connection.py", "--kind", "pico", stranger.url, **given).out
        assert not (tmp_path / "data").exists()


@pytest.mark.nginx
class TestBehindNginx:
    def test_all_the_way(self, site: Nginx) -> None:  # noqa: F811
        given = settings_of(site.server) | {"TRUSTED_PROXIES": "127.0.0.1"}
        ended = run("network_diagnostics.py", site.url, "--ca", site.certificate, "--json", **given)
        found = {name: verdict for name, verdict in ended.verdicts().items() if not name.startswith("Firewall")}
        assert set(found.values()) == {"pass", "not checked"}
        assert {name for name, verdict in found.items() if verdict != "pass"} == {"Local TLS", "Local certificate"}

        with site.server.person() as admin:
            device = enrol(admin, "pico")
        key = {"CAMPROXY_DEVICE_KEY": device.key}
        ended = run("check_connection.py", "--kind", "pico", "--json", "--ca", site.certificate, site.url, **key)
        assert ended.code == 0, ended.out

    def test_plain_http_and_an_unknown_authority(self, site: Nginx) -> None:  # noqa: F811
        plain = run("network_diagnostics.py", site.plain_url, "--outside", "--json").findings()
        assert f"sends on to {site.url}/health" in plain["External reachability"]["said"]
        unknown = run("network_diagnostics.py", site.url, "--outside", "--json").findings()
        assert "self-signed" in unknown["External TLS"]["said"]
        assert unknown["External WebSocket"]["verdict"] == "pass", "and the rest is found out all the same"
        pin = re.search(r"sha256//\S+=", unknown["External TLS"]["advice"])
        assert pin
        assert run("network_diagnostics.py", site.url, "--outside", "--pin", pin[0]).code == 0
        stopped = run("check_connection.py", "--kind", "pico", "--json", site.url, CAMPROXY_DEVICE_KEY="secret")
        assert stopped.verdicts()[f"127.0.0.1:{site.port}, WebSocket"] == "not checked", "no key to an unknown server"

    def test_a_site_that_forgot_the_upgrade(self, site: Nginx) -> None:  # noqa: F811
        conf = site.directory / "site.conf"
        whole = conf.read_text()
        conf.write_text(re.sub(r".*proxy_set_header (Upgrade|Connection).*\n", "", whole))
        try:
            site.process.send_signal(1)  # SIGHUP: read it again
            given = (site.url, "--outside", "--ca", site.certificate, "--json")
            wait_until(
                lambda: run("network_diagnostics.py", *given).verdicts()["External WebSocket"] == "fail",
                "it has read it",
            )
            found = run("network_diagnostics.py", *given).findings()["External WebSocket"]
        finally:
            conf.write_text(whole)
            site.process.send_signal(1)
        assert "proxy_http_version 1.1" in found["advice"]
