"""The systemd unit: systemd's own judgement of it. tests/test_watchdog.py hears what a server tells systemd."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path

import pytest

from tests.deploy.proxy import filled
from tests.running import PROJECT

SYSTEMD_ANALYZE = shutil.which("systemd-analyze")

pytestmark = [
    pytest.mark.systemd,
    pytest.mark.skipif(not SYSTEMD_ANALYZE, reason="systemd is not installed"),
]


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """As it is installed, but with a Python that is there."""
    made = tmp_path / "camproxy.service"
    text = filled("systemd/camproxy.service", NAME="camproxy")
    assert text.count("ExecStart=/opt/camproxy/.venv/bin/python ") == 1
    made.write_text(text.replace("/opt/camproxy/.venv/bin/python", sys.executable))
    return made


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert SYSTEMD_ANALYZE
    return subprocess.run(
        [SYSTEMD_ANALYZE, *arguments], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL
    )


def test_systemd_understands_it(unit: Path) -> None:
    done = analyze("verify", "--man=no", str(unit))
    about_it = [line for line in done.stderr.splitlines() if unit.name in line]
    assert (done.returncode, about_it) == (0, [])


def test_a_mistake_in_it_would_be_noticed(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("WatchdogSec=120", "WatchdogSecs=120"))
    assert "WatchdogSecs" in analyze("verify", "--man=no", str(unit)).stderr


def test_what_could_be_done_with_it_is_little(unit: Path) -> None:
    """systemd's scale goes from 0, nothing, to 10, everything; sshd has 9.6. The option counts tenths."""
    done = analyze("security", "--offline=true", "--threshold=16", str(unit))
    assert done.returncode == 0, done.stdout.splitlines()[-1]
    weak = unit.read_text().replace("ProtectSystem=strict", "").replace("CapabilityBoundingSet=", "")
    unit.write_text(weak)
    assert analyze("security", "--offline=true", "--threshold=16", str(unit)).returncode != 0


def test_it_fits_what_the_server_does(unit: Path) -> None:
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(unit)
    service = dict(parser["Service"])
    assert service["ExecStart"].split()[1:4] == ["-m", "gunicorn", "-c"]
    assert (PROJECT / service["ExecStart"].split()[4]).exists()
    # The watchdog is a thread of the worker, which is a child of the process that systemd has started.
    assert (service["Type"], service["NotifyAccess"]) == ("notify", "all")
    assert float(service["WatchdogSec"]) > gunicorn_s("timeout"), "gunicorn comes first"
    assert float(service["TimeoutStopSec"]) > gunicorn_s("graceful_timeout"), "and may end in peace"


def gunicorn_s(name: str) -> float:
    found = re.search(rf"^{name} = (\d+)$", (PROJECT / "gunicorn.conf.py").read_text(), re.MULTILINE)
    assert found
    return float(found[1])
