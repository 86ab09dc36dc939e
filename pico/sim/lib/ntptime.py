# Asks a time server: the host's clock. With --clock-off none answers.

import bridge
import chipclock

host = "pool.ntp.org"
timeout = 1


def settime():
    if bridge.clock_off or not bridge.wifi_is_up():
        raise OSError(110)
    chipclock.set_by_host()
