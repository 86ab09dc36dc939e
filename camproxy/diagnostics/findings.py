"""Finding: what a check came to, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum


class Verdict(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    verdict: Verdict
    said: str
    #: What to do; empty when there is nothing to do.
    advice: str = ""


class Failed(Exception):
    """A check found something wrong. With `stops` the checks after it would be of no use."""

    def __init__(self, said: str, advice: str, *, stops: bool = True) -> None:
        super().__init__(said)
        self.said = said
        self.advice = advice
        self.stops = stops


class NotChecked(Exception):
    """It could not be found out."""

    def __init__(self, why: str, advice: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.advice = advice


#: Says what is well, or raises Failed or NotChecked.
Check = Callable[[], str]


def carry_out(checks: Iterable[tuple[str, Check]]) -> Iterator[Finding]:
    """One after the other, each when it is asked for. Each builds upon those before it."""
    stopped_by = ""
    for name, check in checks:
        if stopped_by:
            yield Finding(name, Verdict.NOT_CHECKED, f"first mend: {stopped_by}")
            continue
        try:
            yield Finding(name, Verdict.PASS, check())
        except NotChecked as reason:
            yield Finding(name, Verdict.NOT_CHECKED, reason.why, reason.advice)
        except Failed as failure:
            yield Finding(name, Verdict.FAIL, failure.said, failure.advice)
            stopped_by = name if failure.stops else ""


def all_well(findings: Iterable[Finding]) -> bool:
    return all(finding.verdict != Verdict.FAIL for finding in findings)


def as_text(finding: Finding) -> str:
    """A line, and one more when there is something to do."""
    line = f"{finding.verdict:<11}  {finding.check}: {finding.said}"
    return f"{line}\n{'':<11}  → {finding.advice}" if finding.advice else line


def as_json(findings: list[Finding]) -> str:
    return json.dumps({"ok": all_well(findings), "checks": [asdict(finding) for finding in findings]}, indent=2)
