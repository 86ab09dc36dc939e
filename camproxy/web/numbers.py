"""Numbers in paths."""

from __future__ import annotations

from typing import Any

from werkzeug.routing import IntegerConverter, Map

#: The largest number that a row can have, in every database.
LARGEST = 2**31 - 1


class RowNumber(IntegerConverter):
    """`<int:…>`: one that no row can have is no path at all, and not a fault of the database."""

    def __init__(self, map: Map, **options: Any) -> None:
        super().__init__(map, **({"max": LARGEST} | options))
