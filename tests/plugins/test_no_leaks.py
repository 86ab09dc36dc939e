"""What is left open is found in the file that left it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LEAKING = """
import socket

class Cycle:
    pass

def test_leaks():
    cycle = Cycle()
    cycle.itself = cycle
    cycle.sock = socket.socket()

def test_knows_nothing_of_it():
    pass
"""

INNOCENT = """
import gc

def test_collects():
    gc.collect()
"""


@pytest.mark.parametrize("plugin", [[], ["-p", "tests.plugins.no_leaks"]], ids=["without", "with"])
def test_the_file_that_forgot_it_fails_and_no_other(tmp_path: Path, plugin: list[str]) -> None:
    (tmp_path / "test_a.py").write_text(LEAKING)
    (tmp_path / "test_b.py").write_text(INNOCENT)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", *plugin, str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "unclosed <socket.socket" in done.stdout
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    assert len(failed) == 1
    assert ("test_a.py" if plugin else "test_b.py") in failed[0]
