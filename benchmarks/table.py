"""Tables of figures and claims, for a terminal and as Markdown; and what is made of repeated rounds."""

from __future__ import annotations

import statistics
import textwrap
from dataclasses import dataclass, field
from itertools import zip_longest

YES, NO = "yes", "NO"
WIDTH = 120


@dataclass(frozen=True)
class Rounds:
    """The same figure, measured several times. Others use the machine too: the median is told, and the spread."""

    figures: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.figures)

    def spread(self, form: str) -> str:
        return f"({min(self.figures):{form}} – {max(self.figures):{form}})"


@dataclass
class Table:
    """`how` says what was measured. A column whose heading ends in a blank is text, not figures."""

    title: str
    how: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, *cells: str) -> None:
        self.rows.append(cells)

    @property
    def missed(self) -> int:
        """How many claims do not hold."""
        return sum(NO in row for row in self.rows)

    def _lines(self, between: str) -> list[str]:
        cells = [tuple(column.strip() for column in self.columns), *self.rows]
        widths = [max(map(len, column)) for column in zip_longest(*cells, fillvalue="")]
        is_text = [column.endswith(" ") for column in self.columns]
        return [
            between.join(
                cell.ljust(width) if left else cell.rjust(width)
                for cell, width, left in zip_longest(row, widths, is_text, fillvalue="")
            ).rstrip()
            for row in (row + ("",) * (len(self.columns) - len(row)) for row in cells)
        ]

    def as_text(self) -> str:
        head, *rows = self._lines("   ")
        rule = "─" * max(map(len, [head, *rows]))
        return "\n".join([self.title, textwrap.fill(self.how, WIDTH), "", head, rule, *rows, ""])

    def as_markdown(self) -> str:
        head, *rows = (f"| {line} |" for line in self._lines(" | "))
        rule = "|" + "|".join("---" if column.endswith(" ") else "--:" for column in self.columns) + "|"
        return "\n".join([f"### {self.title}", "", textwrap.fill(self.how, WIDTH), "", head, rule, *rows, ""])


def verdict(measured: float, at_most: float | None, form: str = "g") -> tuple[str, str]:
    """The cells `at most` and `holds`; empty where nothing is claimed."""
    if at_most is None:
        return "", ""
    return f"{at_most:{form}}", YES if measured <= at_most else NO
