"""docs/remote-access.md names what there is."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from camproxy.diagnostics.firewalls import FIREWALLS, Firewall
from camproxy.diagnostics.refusals import CLOSINGS
from camproxy.settings import Settings, load
from tests.diagnostics.scripts import run
from tests.running import PROJECT

DOCUMENT = PROJECT / "docs" / "remote-access.md"
TEXT = DOCUMENT.read_text()
SCRIPTS = ("network_diagnostics.py", "check_connection.py", "make_certs.py")


def test_its_settings_exist() -> None:
    named = set(re.findall(r"`([A-Z][A-Z_]+)(?:=[^`]*)?`", TEXT)) - {"CAMPROXY_DEVICE_KEY"}
    assert len(named) > 3
    assert named <= {field.name.upper() for field in dataclasses.fields(Settings)}


@pytest.mark.parametrize("script", SCRIPTS)
def test_its_options_exist(script: str) -> None:
    known = set(re.findall(r"--[a-z-]+", run(script, "--help").out))
    commands = re.findall(rf"{re.escape(script)}((?: [^\n`#]*)?)", TEXT)
    named = {option for command in commands for option in re.findall(r"--[a-z-]+", command)}
    assert named
    assert named <= known


def test_its_files_exist() -> None:
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", TEXT)]
    assert [link for link in links if not (DOCUMENT.parent / link).exists()] == []
    named = set(re.findall(r"\b(?:deploy|scripts|docs)/[\w./-]+\w", TEXT))
    assert {f"scripts/{script}" for script in SCRIPTS} <= named
    assert [name for name in named if not (PROJECT / name).exists()] == []


@pytest.mark.parametrize("where", ["README.md", "docs/operations.md", "docs/security.md"])
def test_others_lead_to_it(where: str) -> None:
    assert "remote-access.md" in (PROJECT / where).read_text()


@pytest.mark.parametrize("firewall", FIREWALLS, ids=lambda firewall: firewall.name)
def test_firewalls_are_opened_as_the_script_says(firewall: Firewall) -> None:
    (row,) = [line for line in TEXT.splitlines() if line.startswith(f"| {firewall.name} |")]
    words = re.sub(r"`", "", row).lower()
    assert firewall.allow.format(port=443).lower() in words


def test_close_codes_are_those_of_the_code() -> None:
    documented = {
        (int(code), reason) for code, reason in re.findall(r"^\| (4\d{3}) \| `([^`]+)` \|", TEXT, re.MULTILINE)
    }
    explained = {(code, reason) for code, reason in CLOSINGS if code > 4000 and reason}
    assert documented == explained | {(4009, "Replaced")}


def test_the_site_has_what_the_document_asks_for() -> None:
    site = (PROJECT / "deploy/nginx/camproxy.conf").read_text()
    snippet = TEXT.partition("```nginx")[2].partition("```")[0]
    assert re.findall(r"location .*", snippet)[0] in site
    for header in (
        "Host $http_host",
        "Upgrade $http_upgrade",
        "X-Forwarded-For $remote_addr",
        "X-Forwarded-Proto https",
    ):
        assert f"proxy_set_header {header};" in site
        assert f"proxy_set_header {header};" in snippet
    assert "location ~ ^/(register|device|public|ws)(/|$)" in site, "devices that come by plain http are refused"


def test_the_port_of_the_sources(tmp_path: Path) -> None:
    """That a server starts on a port of one's own is in test_scripts.py; here nobody takes just this one."""
    (port,) = re.findall(r"^PORT=(\d+) python app.py$", TEXT, re.MULTILINE)
    assert load({"PORT": port, "DATA_DIR": str(tmp_path)}).port == 40345
