"""A socket, file or database that was forgotten fails the file of tests that forgot it.

Python says of such a thing that it was never closed when it collects it, and pytest fails whichever test runs then.
What is in a reference cycle may be collected minutes later, in another file; hence garbage is collected after each.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_left_open() -> Iterator[None]:
    yield
    gc.collect()
