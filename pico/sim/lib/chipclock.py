# The chip's clock begins in 2021 whenever it is switched on, until somebody sets it.

import time

_host_time = time.time
_host_gmtime = time.gmtime
_off = 1609459200 - int(_host_time())


def set(seconds):
    """Seconds since 1970."""
    global _off
    _off = seconds - int(_host_time())


def set_by_host():
    set(int(_host_time()))


def now():
    return int(_host_time()) + _off


def gmtime(seconds=None):
    return _host_gmtime(now() if seconds is None else seconds)


time.time = now
time.gmtime = time.localtime = gmtime
