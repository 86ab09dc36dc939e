"""The unit tests of pico/test/, run by MicroPython itself, and what they have covered."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import pytest

from tests.firmware.pico import PICO, SimulatedPico
from tests.running import PROJECT

TESTS = PICO / "test"
NAMES = [
    f"{file.stem}.{name}"
    for file in sorted(TESTS.glob("test_*.py"))
    for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.M)
]

#: These join the parts, or are the hardware; test_pico.py runs them as a whole.
WITH_A_SERVER = {"app", "board", "net", "mdns"}
#: Share of the lines of each other file.
MAY_BE_MISSED = 0.1


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
    flash = tmp_path_factory.mktemp("flash")
    for file in (PROJECT / "tests" / "wire" / "to_device").glob("*.json"):
        shutil.copy(file, flash / f"wire_{file.name}")
    shutil.copy(PICO / "config.example.json", flash)
    options = ["--main", str(TESTS / "runner.py"), "--also", str(TESTS), "--settrace"]
    with SimulatedPico(flash, *options) as pico:
        pico.until(lambda event: event["event"] in ("lines", "fault", "stderr"), timeout=100)
        faults = [event for event in pico.events if event["event"] in ("fault", "stderr")]
        assert not faults, faults
        return Outcome(pico.events)


@pytest.mark.parametrize("name", NAMES)
def test_on_the_board(outcome: Outcome, name: str) -> None:
    assert name in outcome.results, "it has not been run"
    failed = outcome.results[name]
    assert failed is None, f"\n{failed}"


@pytest.mark.parametrize(
    "file",
    [file for file in sorted((PICO / "camproxy").glob("*.py")) if file.stem not in WITH_A_SERVER],
    ids=lambda file: file.stem,
)
def test_nearly_every_line_has_run(outcome: Outcome, file: Path) -> None:
    lines = could_run(file.read_text())
    missed = lines - outcome.lines.get(file.stem, set())
    assert len(missed) <= len(lines) * MAY_BE_MISSED, f"lines {sorted(missed)} of {file.name}"


def could_run(source: str) -> set[int]:
    """The lines on which a statement begins, but for the definitions themselves."""
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {
        node.lineno
        for function in ast.walk(ast.parse(source))
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
        for node in ast.walk(function)
        if isinstance(node, ast.stmt) and not isinstance(node, definitions) and not is_docstring(node)
    }


def is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
