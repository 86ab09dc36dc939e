# What several tests need.

import os


class FakePwm:
    """Keeps the pulses that a servo was told, in microseconds; whole ones are enough."""

    def __init__(self):
        self.pulses = []
        self.hertz = None

    def freq(self, hertz):
        assert self.hertz is None, "freq is set once"
        self.hertz = hertz

    def duty_ns(self, ns):
        assert type(ns) is int and self.hertz
        self.pulses.append(ns // 1000)


class FakeStream:
    """What comes, in pieces of the sizes that a test names; what goes is kept."""

    def __init__(self, incoming=b"", piece=1000):
        self.incoming = incoming
        self.piece = piece
        self.written = b""
        self.empty_reads = 0

    async def readinto(self, buffer):
        if self.empty_reads:
            self.empty_reads -= 1
            return None
        part = self.incoming[: min(self.piece, len(buffer))]
        self.incoming = self.incoming[len(part) :]
        buffer[: len(part)] = part
        return len(part)

    def write(self, data):
        self.written += bytes(data)

    async def drain(self):
        pass


class FakePin:
    def __init__(self):
        self.states = []

    def value(self, state):
        self.states.append(state)


class Flash:
    """Files that a test leaves behind are removed: `with Flash("key.json"):`"""

    def __init__(self, *names):
        self._names = names

    def __enter__(self):
        self.__exit__()

    def __exit__(self, *_):
        for name in self._names:
            try:
                os.remove(name)
            except OSError:
                pass


def raises(kind, function, *arguments):
    """The exception of that kind that the call raises."""
    try:
        function(*arguments)
    except kind as error:
        return error
    raise AssertionError("it does not raise " + kind.__name__)


async def raises_later(kind, waiting):
    try:
        await waiting
    except kind as error:
        return error
    raise AssertionError("it does not raise " + kind.__name__)
