# The head: two servos, their limits, and where they stand. servo1 is pan, servo2 is tilt.

import time

from camproxy import store

POSE_FILE = "pose.json"
#: Where a head is believed to point that has never been moved.
MIDDLE = 90_000
#: Flash wears out: a pose is kept only after the head has rested for so long. Milliseconds.
KEEP_AFTER_MS = 3000
TICK_MS = 20
#: A loop that was held up must not make up for it with a leap. Milliseconds.
LONGEST_TICK_MS = 60

AXES = ("servo1", "servo2")


class Head:
    """Angles are whole degrees from 0 to 180, as the server knows them; a trim is added on the way to the servo.

    Nothing but a command moves it: not a start, not a connection, not a configuration.
    """

    def __init__(self, servos, config):
        """`servos` are made at the positions that `kept_positions` gives."""
        self._servos = servos
        self.config = config
        self._rested_ms = 0
        self._kept = [servo.position for servo in servos]

    def aim(self, angles):
        """Begin to go there, within the limits; None leaves an axis alone. The angles that it goes to."""
        self._rested_ms = 0
        for axis, servo, angle in zip(AXES, self._servos, angles):
            if angle is not None:
                within = max(self.config[axis + "_min"], min(self.config[axis + "_max"], angle))
                servo.aim((within + self.config[axis + "_trim"]) * 1000)
        return self._angles([servo.target for servo in self._servos])

    def pose(self):
        """Where it points now: (servo1, servo2)."""
        return self._angles([servo.position for servo in self._servos])

    def _angles(self, positions):
        return tuple(
            max(0, min(180, (position + 500) // 1000 - self.config[axis + "_trim"]))
            for axis, position in zip(AXES, positions)
        )

    @property
    def moving(self):
        return any(servo.moving for servo in self._servos)

    def tick(self, elapsed_ms):
        elapsed_ms = min(elapsed_ms, LONGEST_TICK_MS)
        if self.moving:
            for servo in self._servos:
                servo.tick(elapsed_ms, self.config["speed"])
            return
        before = self._rested_ms
        self._rested_ms = min(before + elapsed_ms, 1 << 29)
        if before < KEEP_AFTER_MS <= self._rested_ms:
            self.keep()
        rest = self.config["detach_seconds"] * 1000
        if rest and self._rested_ms >= rest:
            for servo in self._servos:
                if servo.attached:
                    servo.detach()

    def keep(self):
        """Remember the pose beyond a power cut, so that the first pulse after it is where the servo stands."""
        positions = [servo.position for servo in self._servos]
        if positions != self._kept:
            self._kept = positions
            try:
                store.save(POSE_FILE, positions)
            except OSError:
                pass  # a full flash must not stop the head; the next start is less gentle

    async def run(self, progress):
        """Move, for ever. `progress` is told that it does."""
        import asyncio

        before = time.ticks_ms()
        while True:
            await asyncio.sleep_ms(TICK_MS)
            now = time.ticks_ms()
            self.tick(time.ticks_diff(now, before))
            before = now
            progress()


def kept_positions():
    """Of each servo, in thousandths of a degree."""
    kept = store.load(POSE_FILE)
    if isinstance(kept, list) and len(kept) == 2 and all(type(each) is int and 0 <= each <= 180_000 for each in kept):
        return kept
    return [MIDDLE, MIDDLE]
