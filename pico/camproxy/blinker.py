# The status LED: how many times it blinks before a pause says what the board is doing. README.md has the same table.

import asyncio

ONLINE = 0  # steadily on
JOINING = 1
CONNECTING = 2
PAIRING = 3
REFUSED = 4
NOT_BELIEVED = 5
BAD_CONFIG = 6

ON_MS, OFF_MS, PAUSE_MS = 150, 250, 1200


def pattern(code):
    """(on, milliseconds) of one round."""
    if code == ONLINE:
        return ((1, 1000),)
    blinks = ((1, ON_MS), (0, OFF_MS)) * code
    return blinks + ((0, PAUSE_MS),)


class Blinker:
    def __init__(self, pin):
        self._pin = pin
        self.code = JOINING

    async def run(self):
        while True:
            code = self.code
            for on, for_ms in pattern(code):
                self._pin.value(on)
                await asyncio.sleep_ms(for_ms)
                if self.code != code:
                    break  # the news first
