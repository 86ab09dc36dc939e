"""Places: how many may watch, in all, for each user and from each address."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from camproxy.errors import RateLimited


class Places:
    """Thread-safe."""

    def __init__(self, most: int, most_each: int) -> None:
        self._most = most
        self._most_each = most_each
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    def take(self, user_id: int, address: str) -> Callable[[], None]:
        """Take a place; the function that is returned gives it back, once. Raises RateLimited."""
        holders = (f"user {user_id}", f"address {address}")
        with self._lock:
            if self._taken["all"] >= self._most:
                raise RateLimited("As many people are watching as this server allows.")
            if any(self._taken[holder] >= self._most_each for holder in holders):
                raise RateLimited("You are watching as much at once as this server allows.")
            self._taken.update(("all", *holders))
        return self._ticket(holders)

    def _ticket(self, holders: tuple[str, ...]) -> Callable[[], None]:
        given_back = False

        def give_back() -> None:
            nonlocal given_back
            with self._lock:
                if not given_back:
                    given_back = True
                    self._taken.subtract(("all", *holders))
                    self._taken = +self._taken  # forgets those who are at zero

        return give_back
