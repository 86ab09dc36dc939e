# A hobby servo: 500 µs is 0°, 2500 µs is 180°, fifty times a second. It goes where the pulse says as fast as it can, so
# the pulse itself is moved gently, in thousandths of a degree. Whole numbers only: the RP2040 has no floating point.

FREQUENCY = 50
SHORTEST_NS = 500_000
MOST = 180_000

#: Full speed is reached, and left, within so long. Milliseconds.
RAMP_MS = 250
#: The slowest that it goes, or it would creep up to its target. Thousandths of a degree a second.
CREEP = 4000


def pulse_ns(position):
    """2000 µs for 180°: 100/9 ns for a thousandth of a degree."""
    return SHORTEST_NS + position * 100 // 9


class Servo:
    """One axis. `position` is where the pulse stands, in thousandths of a degree.

    A servo without pulses (not attached) is believed to stand where it stood last: it cannot tell.
    """

    def __init__(self, pwm, position):
        """It is not moved: it has no pulses until the first `aim`."""
        self._pwm = pwm
        pwm.freq(FREQUENCY)
        pwm.duty_ns(0)
        self.position = position
        self.target = position
        self.attached = False
        self._velocity = 0  # thousandths of a degree a second

    @property
    def moving(self):
        return self.position != self.target

    def aim(self, target):
        """Begin to go there. The first pulse is for where it stands."""
        self.target = max(0, min(MOST, target))
        if not self.attached:
            self.attached = True
            self._pwm.duty_ns(pulse_ns(self.position))

    def tick(self, elapsed_ms, speed):
        """Go on for that long, at no more than `speed` degrees a second."""
        rest = self.target - self.position
        if not rest:
            return
        self._velocity = self._next_velocity(elapsed_ms, speed * 1000)
        step = abs(self._velocity) * elapsed_ms // 1000
        if self._velocity * rest > 0 and step >= abs(rest):
            self.position, self._velocity = self.target, 0
        else:
            self.position += step if self._velocity > 0 else -step
            self.position = max(0, min(MOST, self.position))
        self._pwm.duty_ns(pulse_ns(self.position))

    def _next_velocity(self, elapsed_ms, fastest):
        """Faster or slower by as much as the ramp allows, so that it comes to rest at the target."""
        rest = self.target - self.position
        towards = 1 if rest > 0 else -1
        change = fastest * elapsed_ms // RAMP_MS
        velocity = self._velocity * towards  # less than 0: it still goes the other way
        # Braking by fastest / RAMP_MS takes v² / 2a.
        if velocity > 0 and velocity * velocity * RAMP_MS // (2000 * fastest) >= abs(rest):
            velocity = max(velocity - change, CREEP)
        else:
            velocity = min(velocity + change, fastest)
        return velocity * towards

    def detach(self):
        """No more pulses: no humming, no current, and no force."""
        self.attached = False
        self._velocity = 0
        self._pwm.duty_ns(0)
