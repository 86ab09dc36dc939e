# The Wi-Fi chip: joining takes a moment and may fail, and the address comes last.

import time

import bridge

STA_IF = 0
STAT_IDLE = 0
STAT_CONNECTING = 1
STAT_GOT_IP = 3
STAT_NO_AP_FOUND = -2
STAT_WRONG_PASSWORD = -3
STAT_CONNECT_FAIL = -1

_JOINING_MS = 80


def country(code=None):
    return code


def hostname(name=None):
    return name


class WLAN:
    _active = False
    _asked = None
    _since = 0

    def __init__(self, interface=STA_IF):
        pass

    def active(self, on=None):
        if on is None:
            return WLAN._active
        WLAN._active = bool(on)
        if not on:
            WLAN._asked = None

    def config(self, name=None, **values):
        if name == "mac":
            return bytes(int(part, 16) for part in bridge.mac.split(":"))
        for key in values:
            if key not in ("pm", "hostname"):
                raise ValueError("unknown config param")

    def connect(self, ssid, key=None):
        if not WLAN._active:
            raise OSError(1)  # EPERM
        WLAN._asked = (ssid, key or "")
        WLAN._since = time.ticks_ms()

    def disconnect(self):
        WLAN._asked = None

    def status(self, what=None):
        if what == "rssi":
            return bridge.rssi()
        if WLAN._asked is None:
            return STAT_IDLE
        if time.ticks_diff(time.ticks_ms(), WLAN._since) < _JOINING_MS:
            return STAT_CONNECTING
        return bridge.join(*WLAN._asked)

    def isconnected(self):
        return WLAN._asked is not None and self.status() == STAT_GOT_IP

    def ifconfig(self):
        if self.isconnected():
            return (bridge.address, "255.255.255.0", bridge.address, bridge.address)
        return ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")
