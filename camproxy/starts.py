"""Starts: when a board was started anew and why, told apart from when it merely connected anew."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from camproxy.messages import Connect, Heartbeat

#: How many are remembered.
REMEMBERED = 60
#: Two starts are at least so far apart; less is a network that was slow. Seconds.
APART = 20.0


@dataclass(frozen=True, slots=True)
class Start:
    """At the wall-clock time `at`. It is a guess while the board has not said how long it has been up."""

    at: float
    reason: str
    guessed: bool


class Starts:
    """Each start, the oldest first.

    Who says how long it has been up says when it started. Of who does not, nobody knows whether it was started again:
    then only another reason than the last one is another start.
    """

    def __init__(self) -> None:
        self._starts: deque[Start] = deque(maxlen=REMEMBERED)

    def note(self, at: float, said: Connect | Heartbeat) -> None:
        """It said that at the wall-clock time `at`."""
        last, reason = (self._starts[-1] if self._starts else None), said.reset_reason or ""
        if said.uptime_ms is not None:
            if last and last.guessed:
                del self._starts[-1]
                reason = reason or last.reason
            self._is_up_since(at - said.uptime_ms / 1000, reason)
        elif isinstance(said, Connect) and reason and (last is None or reason != last.reason):
            self._starts.append(Start(at, reason, guessed=True))

    def _is_up_since(self, at: float, reason: str) -> None:
        last = self._starts[-1] if self._starts else None
        if last is None or at > last.at + APART:
            self._starts.append(Start(at, reason, guessed=False))
        elif not last.reason:
            self._starts[-1] = replace(last, reason=reason)

    def all(self) -> tuple[Start, ...]:
        return tuple(self._starts)
