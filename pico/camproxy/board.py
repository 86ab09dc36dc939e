# The hardware. The only file that knows which pin is what.

import machine

from camproxy import store
from camproxy.blinker import Blinker
from camproxy.head import Head, kept_positions
from camproxy.light import Light
from camproxy.servo import Servo
from camproxy.supervisor import WATCHDOG_MS

REASON_FILE = "reason.json"
#: machine.reset_cause() of the RP2040. It cannot tell a brownout from switching on.
CAUSES = {1: "power_on", 3: "watchdog"}


class Board:
    def __init__(self, pins, config):
        """`pins` are GPIO numbers by name; `config` is the server's, see device_config.py."""
        positions = kept_positions()
        servos = [
            Servo(machine.PWM(machine.Pin(pins[axis])), position)
            for axis, position in zip(("servo1", "servo2"), positions)
        ]
        self.head = Head(servos, config)
        self.light = Light(machine.Pin(pins["light"], machine.Pin.OUT))
        self._thermometer = machine.ADC(4)
        self.reset_reason = reset_reason()

    def temperature(self):
        """Of the chip, in degrees Celsius with one decimal. RP2040 datasheet, section 4.9.5."""
        millivolts = self._thermometer.read_u16() * 3300 // 65535
        tenths = 270 - (millivolts * 1000 - 706000) * 10 // 1721
        return tenths / 10


def blinker():
    """The LED that is on the board."""
    return Blinker(machine.Pin("LED", machine.Pin.OUT))


def watchdog():
    """Gives the function that feeds it. From now on somebody has to."""
    return machine.WDT(timeout=WATCHDOG_MS).feed


def reset_reason():
    """Why the board has started. A restart that was asked for goes by way of the watchdog, so it is kept in a file."""
    asked = store.load(REASON_FILE)
    store.remove(REASON_FILE)
    cause = machine.reset_cause()
    if cause == machine.WDT_RESET and isinstance(asked, str):
        return asked[:40]
    return CAUSES.get(cause, "unknown")


def restart(reason):
    """Start anew. `reason` is one word, for the server."""
    try:
        store.save(REASON_FILE, reason)
    except OSError:
        pass  # then it is called a watchdog's
    machine.reset()
