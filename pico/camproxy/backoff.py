# How long to wait before the next attempt to connect.

#: A connection that held for so long was a good one. Milliseconds.
HELD_MS = 10000
#: The pause grows to so many times the first one.
LONGEST = 6


class Backoff:
    """min(step × (attempt + 1), 6 × step), with 20 % of jitter: after a power cut not all boards come at once.

    It is reset only by a connection that has held, so that a board that is let in and thrown out again backs off too.
    """

    def __init__(self, step_ms, random):
        """`random(n)` gives a number from 0 to n - 1."""
        self._step_ms = step_ms
        self._random = random
        self.attempts = 0

    def next_ms(self):
        self.attempts += 1
        pause = self._step_ms * min(self.attempts, LONGEST)
        return pause * (80 + self._random(41)) // 100

    def held(self, for_ms):
        if for_ms >= HELD_MS:
            self.attempts = 0
