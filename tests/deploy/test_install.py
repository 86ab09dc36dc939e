"""install.sh and uninstall.sh, really run, from a clean clone and below a directory: `--root`.

What needs root and systemd (the user, the service, nginx's reload) was tried by hand; see docs/operations.md.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from camproxy.schema import scripts
from tests.running import PROJECT, Person, RunningServer
from tests.test_database import card_database

SHELLCHECK = shutil.which("shellcheck", path=str(Path(sys.executable).parent))
SCRIPTS = sorted(str(path.relative_to(PROJECT)) for path in (PROJECT / "deploy").rglob("*.sh"))
WITH_NGINX = ("--nginx", "--domain", "cam.test", "--self-signed", "--https-port", "8443")


def clone(target: Path) -> Path:
    """What a fresh clone of the tree as it is would have."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        timeout=30,
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (PROJECT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, target / name)
    return target


@dataclass
class Machine:
    """A directory that stands for a machine's /, and the sources that are installed there."""

    source: Path
    root: Path

    def run(self, script: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        # Nothing is kept of these packages for long, so bytecode of them is not worth the time.
        environment = {name: value for name, value in os.environ.items() if name != "DATA_DIR"} | {
            "PIP_NO_COMPILE": "1",
            **environment,
        }
        return subprocess.run(
            [str(script), "--root", str(self.root), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            stdin=subprocess.DEVNULL,
        )

    def install(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run(self.source / "deploy/install.sh", *arguments, **environment)

    def uninstall(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # The one that was installed: the clone may be gone by then.
        return self.run(self.app / "deploy/uninstall.sh", *arguments)

    @property
    def app(self) -> Path:
        return self.root / "opt/camproxy"

    @property
    def settings(self) -> Path:
        return self.root / "etc/camproxy/camproxy.env"

    @property
    def data(self) -> Path:
        return self.root / "var/lib/camproxy"

    @property
    def site(self) -> Path:
        return self.root / "etc/nginx/sites-enabled/camproxy.conf"

    @property
    def unit(self) -> Path:
        return self.root / "etc/systemd/system/camproxy.service"

    @property
    def tls(self) -> Path:
        return self.root / "etc/camproxy/tls"

    def server(self) -> RunningServer:
        """What the unit starts, with its Python, on some port."""
        start = re.search(r"^ExecStart=(\S+) (.*)$", self.unit.read_text(), re.MULTILINE)
        assert start
        command = start[2].replace("/run/camproxy", str(self.data)).split()
        assert start[1] == "/opt/camproxy/.venv/bin/python"
        python = str(self.app / ".venv/bin/python")
        return RunningServer(
            self.data, command, home=self.app, python=python, ENV_FILE=self.settings, ADMIN_PASSWORD=""
        )

    def files(self, *below: str) -> list[Path]:
        return [path for part in below for path in (self.root / part).rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    directory = tmp_path_factory.mktemp("machine")
    return Machine(clone(directory / "clone"), directory / "root")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def in_the_end_it_is_gone(machine: Machine) -> Iterator[None]:
    yield
    shutil.rmtree(machine.root, ignore_errors=True)


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("in_the_end_it_is_gone")
def test_a_machine_s_life(machine: Machine) -> None:
    """Installed, used, upgraded with an older database, an upgrade that fails, uninstalled, purged."""
    first = machine.install(*WITH_NGINX)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "https://cam.test:8443" in first.stdout
    password = re.search(r"with the password +(\S+)", first.stdout)
    assert password
    is_private(machine, password[1])
    serves(machine, "admin", password[1])

    is_changed_by_hand(machine)
    kept = {path: path.read_bytes() for path in (machine.settings, *machine.tls.iterdir(), machine.data / "secret_key")}
    second = machine.install(*WITH_NGINX)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "password" not in second.stdout, "no second admin"
    assert {path: path.read_bytes() for path in kept} == kept
    is_upgraded(machine)
    serves(machine, "anna", "anna's password")

    before = {path: path.read_bytes() for path in machine.files("opt", "etc", "var") if ".venv" not in path.parts}
    with (machine.source / "requirements.txt").open("a") as requirements:
        requirements.write("something-that-cannot-be-had\n")
    failed = machine.install(PIP_NO_INDEX="1", PIP_FIND_LINKS="")
    assert failed.returncode == 1
    assert "nothing has been changed" in failed.stderr
    after = {path: path.read_bytes() for path in machine.files("opt", "etc", "var") if ".venv" not in path.parts}
    assert after == before

    assert machine.uninstall().returncode == 0
    left = {path for path in machine.files("opt", "etc", "var") if path not in machine.files("var")}
    assert left == {machine.settings, *machine.tls.iterdir()}
    assert (machine.data / "robocam.db").exists()
    assert not machine.site.is_symlink()

    purged = machine.run(machine.source / "deploy/uninstall.sh", "--purge")
    assert purged.returncode == 0, "a second time, and from the clone"
    assert machine.files(".") == []


def is_private(machine: Machine, password: str) -> None:
    assert mode(machine.settings) == 0o640
    assert mode(machine.tls / "key.pem") == 0o600
    assert mode(machine.data) == 0o750
    assert {mode(path) & 0o077 for path in machine.files("var")} == {0}
    assert not [path for path in machine.files("etc", "var") if password.encode() in path.read_bytes()]
    assert not [path for path in machine.files("opt") if mode(path) & 0o022], "only its owner may write there"
    assert not [path for path in machine.files("etc") if re.search(r"@[A-Z_]+@", text(path))]
    assert "DATA_DIR=/var/lib/camproxy" in machine.settings.read_text()
    assert "server 127.0.0.1:5000;" in machine.site.read_text()


def text(path: Path) -> str:
    return path.read_text(errors="replace")


def serves(machine: Machine, username: str, password: str) -> None:
    server = machine.server()
    try:
        with server.person(username, password) as person:
            sees_a_picture(person)
    finally:
        server.stop()


def sees_a_picture(person: Person) -> None:
    assert person.get("/static/vendor/socket.io.esm.min.js").ok
    (camera,) = person.get("/api/cameras").json()["items"]
    view = person.view(camera["slug"])
    assert any(isinstance(view.recv(), bytes) for _ in range(30))


def is_changed_by_hand(machine: Machine) -> None:
    """An administrator's own settings; an older database; and a newer release to install."""
    own = machine.settings.read_text().replace("PORT=5000", 'PORT="5010"') + "AUDIT_DAYS=7\nMESSAGE_BYTES=100000\n"
    machine.settings.write_text(own)
    for file in machine.data.glob("robocam.db*"):
        file.unlink()
    engine = create_engine(f"sqlite:///{machine.data}/robocam.db")
    with engine.begin() as connection:
        card_database(connection)
    engine.dispose()
    (machine.app / "camproxy/of_an_older_release.py").touch()
    (machine.source / "CHANGELOG.md").write_text("# Something new\n")


def is_upgraded(machine: Machine) -> None:
    assert (machine.app / "CHANGELOG.md").read_text() == "# Something new\n"
    assert not (machine.app / "camproxy/of_an_older_release.py").exists()
    assert sorted(path.name for path in (machine.root / "opt").iterdir()) == ["camproxy"]
    with sqlite3.connect(machine.data / "robocam.db") as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == (scripts().get_current_head(),)
        people = {name for (name,) in database.execute("SELECT username FROM user")}
    database.close()
    assert people == {"anna", "ben", "cleo"}
    (backup,) = (machine.data / "backups").glob("camproxy-*.db")
    with sqlite3.connect(backup) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    database.close()
    assert tables == {"user"}, "as it was before the upgrade"
    assert "server 127.0.0.1:5010;" in machine.site.read_text()
    assert "client_max_body_size 100000;" in machine.site.read_text()


def test_shellcheck_has_nothing_to_say() -> None:
    assert len(SCRIPTS) >= 4
    assert SHELLCHECK
    done = subprocess.run([SHELLCHECK, "-x", *SCRIPTS], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nginx"], "--nginx needs --domain"),
        (["--nginx", "--domain", "cam.test; }"], "--nginx needs --domain"),
        (["--nginx", "--domain", "cam.test"], "Begin with --self-signed"),
        (["--nginx", "--domain", "cam.test", "--certificate", "/nowhere"], "have to name two files"),
        (["--port", "70000"], "70000 is no port"),
        (["--port"], "--port needs a value"),
        (["--name", "ssh"], "--name ssh"),
        (["--python", "/nowhere/python"], "needs Python 3.11"),
        (["--surprise"], "there is no option --surprise"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_happens(machine: Machine, arguments: list[str], said: str) -> None:
    refused = machine.install(*arguments)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert machine.files(".") == []


@pytest.mark.parametrize("arguments", [["--name", "ssh", "--purge"], ["--name", "../home"], ["--surprise"]])
def test_uninstalling_what_is_not_ours_is_refused(machine: Machine, arguments: list[str]) -> None:
    bystander = machine.root / "etc/ssh/sshd_config"
    bystander.parent.mkdir(parents=True, exist_ok=True)
    bystander.touch()
    assert machine.run(machine.source / "deploy/uninstall.sh", *arguments).returncode == 1
    assert bystander.exists()
    shutil.rmtree(machine.root)


class TestFill:
    def fill(self, file: Path, *pairs: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["deploy/fill.sh", str(file), *pairs], cwd=PROJECT, capture_output=True, text=True, timeout=10
        )

    @pytest.fixture
    def template(self, tmp_path: Path) -> Path:
        file = tmp_path / "template"
        file.write_text("one @ONE@, two @TWO@, one @ONE@, mail@example.org\n")
        return file

    def test_values_are_taken_as_they_are(self, template: Path) -> None:
        done = self.fill(template, "ONE=a&b/c\\1=$HOME", "TWO=")
        assert (done.returncode, done.stdout) == (0, "one a&b/c\\1=$HOME, two , one a&b/c\\1=$HOME, mail@example.org\n")

    def test_nothing_is_left_open(self, template: Path) -> None:
        done = self.fill(template, "ONE=1")
        assert (done.returncode, done.stdout) == (1, "")
        assert "@TWO@" in done.stderr
