# The time of day. The board has no battery: it begins in 2021, when no certificate was valid yet.

import time

from camproxy import store

FILE = "time.json"
#: The clock is right if it is past this.
FIRST_YEAR = 2026
#: Kept in flash at most so often. Seconds.
KEEP_EVERY = 86400


def is_set():
    return time.gmtime()[0] >= FIRST_YEAR


def set_by_network(servers, journal):
    """Ask the time servers one after the other, then what is kept. Whether the clock is set. Takes seconds."""
    import ntptime

    for server in servers:
        ntptime.host = server
        try:
            ntptime.settime()
        except (OSError, OverflowError):
            continue
        if is_set():
            return True
    kept = store.load(FILE)
    if isinstance(kept, str) and set_by_text(kept):
        journal.warning("no time server answers; going by the time that the server said last, " + kept)
        return True
    return False


def set_by_text(text):
    """From `2026-11-21T10:00:00…` in UTC. Whether it was one."""
    try:
        year, month, day = (int(part) for part in text[:10].split("-"))
        hour, minute, second = (int(part) for part in text[11:19].split(":"))
    except ValueError:
        return False
    if not (FIRST_YEAR <= year < 2100 and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60):
        return False
    import machine

    machine.RTC().datetime((year, month, day, 0, hour, minute, min(second, 59), 0))
    return True


def keep(text):
    """What the server says it is, for a start at which no time server answers. TLS has proved who says so."""
    kept = store.load(FILE)
    if isinstance(text, str) and len(text) <= 40 and (not isinstance(kept, str) or text[:10] != kept[:10]):
        store.save(FILE, text)


def now():
    """ISO 8601, UTC."""
    return "%04d-%02d-%02dT%02d:%02d:%02dZ" % time.gmtime()[:6]
