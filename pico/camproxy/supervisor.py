# The watchdog's keeper: it feeds it only while every task has lately got on with its work.

import asyncio
import time

#: The longest that the RP2040's watchdog can be set to. Milliseconds.
WATCHDOG_MS = 8388
LOOK_EVERY_MS = 1000


class Supervisor:
    """`feed` feeds the watchdog. Times are milliseconds of time.ticks_ms, which begins anew after 12 days."""

    def __init__(self, feed, now=time.ticks_ms):
        self._feed = feed
        self._now = now
        self._last = {}
        self._patience = {}
        self._looked = now()
        self.uptime_ms = 0

    def watch(self, task, patience_ms):
        """From now on that task has to report at least so often. Gives the function by which it does."""
        self._patience[task] = patience_ms

        def progress():
            self._last[task] = self._now()

        progress()
        return progress

    def look(self):
        """Feed the watchdog, unless a task is stuck: its name, or None."""
        now = self._now()
        self.uptime_ms += time.ticks_diff(now, self._looked)
        self._looked = now
        for task, patience_ms in self._patience.items():
            if time.ticks_diff(now, self._last[task]) > patience_ms:
                return task
        self._feed()
        return None

    async def run(self):
        told = None
        while True:
            stuck = self.look()
            if stuck != told:
                told = stuck
                if stuck:
                    print("stuck:", stuck, "- the watchdog will restart the board")
            await asyncio.sleep_ms(LOOK_EVERY_MS)
