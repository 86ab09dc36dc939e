# The chip's peripherals: what they are told goes to the host, line by line.

import json
import time as _time

import bridge
import chipclock
import heap

PWRON_RESET = 1
WDT_RESET = 3


def _say(event, **fields):
    bridge.say(event, json.dumps(fields))


def reset_cause():
    return bridge.cause


def reset():
    bridge.reset()
    bridge.hang()  # nothing comes after it


def unique_id():
    return bytes(int(part, 16) for part in bridge.mac.split(":"))


class Pin:
    OUT = 1
    IN = 0

    def __init__(self, id, mode=-1, value=None):
        self.id = id
        self._value = 0
        if value is not None:
            self.value(value)

    def value(self, value=None):
        if value is None:
            return self._value
        if bool(value) != self._value:
            self._value = bool(value)
            if self.id == "LED":
                _say("led", on=self._value)
            else:
                _say("pin", pin=self.id, on=self._value)
                bridge.light(self._value)

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)


class PWM:
    def __init__(self, pin, freq=0, duty_u16=None, duty_ns=None):
        self._pin = pin
        self._freq = freq
        self._ns = 0
        if duty_ns is not None:
            self.duty_ns(duty_ns)

    def freq(self, freq=None):
        if freq is None:
            return self._freq
        self._freq = freq

    def duty_ns(self, ns=None):
        if ns is None:
            return self._ns
        if not self._freq:
            raise ValueError("freq is not set")
        if not isinstance(ns, int):
            raise TypeError("can't convert to int")
        heap.look()
        if ns != self._ns:
            self._ns = ns
            bridge.servo(self._pin.id, ns)

    def deinit(self):
        self.duty_ns(0)


class ADC:
    CORE_TEMP = 4

    def __init__(self, channel):
        pass

    def read_u16(self):
        return 14076  # 27.6 °C


class WDT:
    def __init__(self, id=0, timeout=5000):
        if not 1 <= timeout <= 8388:
            raise ValueError("timeout exceeds 8388")
        self._timeout = timeout
        self.feed()

    def feed(self):
        bridge.watchdog(self._timeout)


class RTC:
    def datetime(self, when=None):
        if when is None:
            now = _time.gmtime()
            return now[:3] + (now[6],) + now[3:6] + (0,)
        chipclock.set(_time.mktime(when[:3] + when[4:7] + (0, 0)))
