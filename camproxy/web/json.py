"""JSON as the routes read it: without NaN, Infinity, or nesting that would exhaust the stack."""

from __future__ import annotations

from typing import Any

import pydantic_core
from flask.json.provider import DefaultJSONProvider


class StrictJsonProvider(DefaultJSONProvider):
    """Raises ValueError for what is no JSON, which Flask answers with 400."""

    sort_keys = False
    ensure_ascii = False  # the texts of a page's scripts, in Persian, would be twice as long

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return pydantic_core.from_json(s, allow_inf_nan=False)
