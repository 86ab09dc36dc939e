"""A skip is a skip at home and a failure in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SKIPPING = """
import pytest

def test_runs():
    pass

@pytest.mark.skipif(True, reason="there is no such program")
def test_lacks_something():
    pass
"""

MODULE_SKIPPING = """
import pytest

pytest.skip("all of it", allow_module_level=True)
"""

EXPECTED_FAILURE = """
import pytest

@pytest.mark.xfail(strict=True)
def test_known_to_fail():
    assert False
"""


def run_pytest(directory: Path, source: str, ci: str) -> subprocess.CompletedProcess[str]:
    (directory / "test_sample.py").write_text(source)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.plugins.no_skips", "-p", "no:cacheprovider", str(directory)],
        cwd=directory,
        env={**os.environ, "CI": ci, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_skip_is_allowed_at_home(tmp_path: Path) -> None:
    assert run_pytest(tmp_path, SKIPPING, ci="").returncode == 0


@pytest.mark.parametrize("source", [SKIPPING, "def test_runs(): pass\n", MODULE_SKIPPING, EXPECTED_FAILURE])
def test_only_skips_fail_in_ci(tmp_path: Path, source: str) -> None:
    done = run_pytest(tmp_path, source, ci="true")
    assert (done.returncode != 0) == ("skip" in source)
    assert ("nothing may be" in done.stdout) == ("skip" in source)
    assert " in " in done.stdout.splitlines()[-1], "pytest's own closing line comes last"
