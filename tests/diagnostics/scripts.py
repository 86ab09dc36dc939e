"""Scripts, run as a person or a program runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.running import PROJECT


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    error: str

    def findings(self) -> dict[str, dict[str, str]]:
        """Of --json, by the check's name."""
        answer: dict[str, Any] = json.loads(self.out)
        assert answer["ok"] == (self.code == 0)
        return {finding["check"]: finding for finding in answer["checks"]}

    def verdicts(self) -> dict[str, str]:
        return {name: finding["verdict"] for name, finding in self.findings().items()}


def start(script: str, arguments: Sequence[str], settings: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, f"scripts/{script}", *arguments],
        cwd=PROJECT,
        env=os.environ | {"ENV_FILE": os.devnull} | settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> Ended:
    try:
        out, error = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    assert "Traceback" not in error, error
    return Ended(process.returncode, out, error)


def run(script: str, *arguments: str, **settings: str) -> Ended:
    return end(start(script, arguments, settings))
