"""Berth: where a link waits for its device, when it is the device that dials. The newest connection wins."""

from __future__ import annotations

import threading

from camproxy import rfc6455
from camproxy.errors import ChannelError
from camproxy.links.accepted import REPLACED, AcceptedChannel


class Berth:
    """`wait` belongs to the link's thread; the rest may be called from any."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._next: AcceptedChannel | None = None
        self._present: AcceptedChannel | None = None
        self._ended = False

    def arrive(self, channel: AcceptedChannel) -> None:
        """A device has come. Who was here before is told that it was replaced; it may have vanished long ago."""
        with self._changed:
            present, waiting, self._next = self._present, self._next, channel
            self._changed.notify_all()
        _leave(present, waiting, REPLACED, "Replaced")
        if self._ended:
            self.end()

    def send_away(self, code: int, reason: str) -> None:
        """End the present connection; the next one is welcome."""
        with self._changed:
            present, waiting, self._next = self._present, self._next, None
        _leave(present, waiting, code, reason)

    def end(self) -> None:
        """There will be no more connections."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self.send_away(rfc6455.GOING_AWAY, "The server is stopping")

    def wait(self) -> AcceptedChannel:
        """The next connection. Raises ChannelError when there will be none."""
        with self._changed:
            self._present = None
            self._changed.wait_for(lambda: self._next or self._ended)
            self._present, self._next = self._next, None
            if self._present is None:
                raise ChannelError("closed", "nobody is expected")
            return self._present


def _leave(present: AcceptedChannel | None, waiting: AcceptedChannel | None, code: int, reason: str) -> None:
    if present:
        present.close(code, reason)
    if waiting:  # no thread has had it yet
        waiting.close(code, reason)
        waiting.release()
