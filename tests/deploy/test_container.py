"""The container file: a linter's opinion, and whether what it copies and starts is all that a server needs.

No container is built here: that needs an image from a registry.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.running import PROJECT, RunningServer

FILE = PROJECT / "deploy/Containerfile"
#: pip installs it beside Python, where there is one for the platform.
HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent))


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", FILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in text.splitlines() if line.strip()]


def all_of(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def here(command: list[str]) -> list[str]:
    """What the container runs, with this Python."""
    assert command[0] == ".venv/bin/python"
    return command[1:]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The code as it would be in the container: what is copied, through the eyes of .dockerignore, and nothing else."""
    home = tmp_path / "camproxy"
    home.mkdir()
    seen = {line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for copied in all_of("COPY"):
        if copied.startswith("--from"):
            continue
        *patterns, target = copied.split()
        for pattern in patterns:
            sources = [path for path in PROJECT.glob(pattern) if path.name in seen]
            assert sources, f".dockerignore hides {pattern}"
            for source in sources:
                if source.is_dir():
                    shutil.copytree(source, home / target, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(source, home / target)
    return home


@pytest.mark.skipif(not HADOLINT, reason="there is no hadolint for this platform")
def test_a_linter_has_nothing_to_say() -> None:
    assert HADOLINT
    done = subprocess.run([HADOLINT, str(FILE)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_runs_as_nobody_in_particular_and_keeps_what_it_has_in_one_place() -> None:
    last = instructions()[max(i for i, (name, _) in enumerate(instructions()) if name == "FROM") :]
    order = [name for name, _ in last]
    assert order.index("USER") < order.index("CMD")
    user = dict(last)["USER"].split(":")[0]
    assert user.isdigit()
    assert int(user) > 0
    assert dict(last)["VOLUME"] == "/data"
    assert "DATA_DIR=/data" in dict(last)["ENV"]
    assert len(all_of("FROM")) == 2, "what builds is not what runs"


def test_what_is_copied_is_all_that_a_server_needs(image: Path, tmp_path: Path) -> None:
    (command,) = all_of("CMD")
    server = RunningServer(tmp_path / "data", here(json.loads(command)), home=image)
    try:
        with server.person() as admin:
            assert "/static/" in admin.get("/").text
            assert admin.get("/static/vendor/socket.io.esm.min.js").ok
            assert isinstance(admin.view("demo").recv(), str)
        assert requests.get(f"{server.url}/login", headers={"Accept-Language": "de"}, timeout=10).text.count("Passwort")

        (check,) = all_of("HEALTHCHECK")
        check = here(json.loads(check.partition("CMD ")[2]))
        environment = os.environ | {"PORT": str(server.port)}

        def healthy() -> bool:
            done = subprocess.run([sys.executable, *check], env=environment, capture_output=True, timeout=30)
            return done.returncode == 0

        assert healthy()
        assert server.stop(signal.SIGTERM) == 0, "as `podman stop` ends it"
        assert not healthy()
    finally:
        server.stop()
