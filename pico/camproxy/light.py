# The lamp: on or off.


class Light:
    def __init__(self, pin):
        self._pin = pin
        self.on = False
        pin.value(0)

    def set(self, on):
        self.on = on
        self._pin.value(1 if on else 0)
