"""The unit tests of pico/test/, run by MicroPython itself, and what they have covered."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.firmware.pico import PICO, SimulatedPico

TESTS = PICO / "test"
NAMES = [
    f"{file.stem}.{name}"
    for file in sorted(TESTS.glob("test_*.py"))
    for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.M)
]


class Outcome:
    def __init__(self, events: list[dict[str, object]]) -> None:
        self.results = {str(event["name"]): event.get("failed") for event in events if event["event"] == "test"}
        (self.lines,) = (
            {Path(name).stem: set(numbers) for name, numbers in event.items() if name.endswith(".py")}  # type: ignore[call-overload]
            for event in events
            if event["event"] == "lines"
        )


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """One run of all of them."""
    wire = tmp_path_factory.mktemp("wire")
    options = ["--main", str(TESTS / "runner.py"), "--also", str(TESTS), "--settrace"]
    with SimulatedPico(tmp_path_factory.mktemp("flash"), *options) as pico:
        pico.until(lambda event: event["event"] in ("lines", "fault", "stderr"), timeout=60)
        faults = [event for event in pico.events if event["event"] in ("fault", "stderr")]
        assert not faults, faults
        return Outcome(pico.events)


@pytest.mark.parametrize("name", NAMES)
def test_on_the_board(outcome: Outcome, name: str) -> None:
    assert name in outcome.results, "it has not been run"
    failed = outcome.results[name]
    assert failed is None, f"\n{failed}"
