"""docs/operations.md names what there is."""

from __future__ import annotations

import dataclasses
import re
import subprocess

import pytest

from camproxy.settings import Settings
from tests.running import PROJECT

DOCUMENT = PROJECT / "docs/operations.md"
TEXT = DOCUMENT.read_text()
SETTINGS = {field.name.upper() for field in dataclasses.fields(Settings)}


def test_its_settings_exist() -> None:
    named = set(re.findall(r"`([A-Z][A-Z_]+[A-Z])(?:=[^`]*)?`", TEXT))
    assert len(named) > 10
    assert named <= SETTINGS


@pytest.mark.parametrize("script", ["install.sh", "uninstall.sh"])
def test_its_options_exist(script: str) -> None:
    usage = subprocess.run([f"deploy/{script}", "--help"], cwd=PROJECT, capture_output=True, text=True, timeout=10)
    assert usage.returncode == 0
    known = set(re.findall(r"--[a-z-]+", usage.stdout))
    commands = re.findall(rf"(?<![a-z]){re.escape(script)}((?: [^\n`#]*)?)", TEXT)
    named = {option for command in commands for option in re.findall(r"--[a-z-]+", command)}
    assert named
    assert named <= known


def test_its_files_exist() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    named = re.findall(r"\b(?:deploy|scripts|docs)/[\w./-]+\w", TEXT)
    assert "deploy/Containerfile" in named
    missing = [name for name in named if not (PROJECT / name).exists()]
    missing += [link for link in links if not (DOCUMENT.parent / link).exists()]
    assert missing == []
    assert "docs/operations.md" in (PROJECT / "README.md").read_text()


def test_it_knows_the_site_and_the_unit() -> None:
    site = (PROJECT / "deploy/nginx/camproxy.conf").read_text()
    assert "limit_conn @NAME@_addresses 100;" in site
    assert "may have 100 connections at once" in TEXT
    unit = (PROJECT / "deploy/systemd/camproxy.service").read_text()
    assert "WatchdogSec=120" in unit
    assert "for\ntwo minutes" in TEXT
