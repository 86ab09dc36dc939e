"""Telling those who listen: the fault of one is no fault of the others, nor of whoever tells."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any

log = logging.getLogger(__name__)


def tell(listeners: Iterable[Callable[..., None]], *news: Any) -> None:
    """Call each with the news, also those after one that fails: a page that cannot be told must not end a camera."""
    for listener in tuple(listeners):
        try:
            listener(*news)
        except Exception:
            log.exception("%s failed over %s", getattr(listener, "__qualname__", listener), news)
