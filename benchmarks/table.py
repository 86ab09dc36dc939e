"""Tables of figures and claims, for a terminal and as Markdown."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import zip_longest

YES, NO = "yes", "NO"


@dataclass
class Table:
    """`how` says in a sentence or two what was measured. A column whose heading ends in a blank is text, not figures."""

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
            )
            for row in cells
        ]

    def as_text(self) -> str:
        head, *rows = self._lines("   ")
        return "\n".join([self.title, self.how, "", head, "─" * len(head), *rows, ""])

    def as_markdown(self) -> str:
        head, *rows = (f"| {line} |" for line in self._lines(" | "))
        rule = "|" + "|".join("---" if column.endswith(" ") else "--:" for column in self.columns) + "|"
        return "\n".join([f"## {self.title}", "", self.how, "", head, rule, *rows, ""])


def verdict(measured: float, at_most: float) -> str:
    return YES if measured <= at_most else NO
