"""Checkup: what is known of a device while it runs, as advice.py wants to have it."""

from __future__ import annotations

from datetime import datetime
from statistics import fmean

from camproxy.advice import Vitals
from camproxy.devices import Beat, Device
from camproxy.frames import FrameHub
from camproxy.messages import Connect

HOUR = 3600.0
#: So many of the last signals make the average.
SIGNALS = 10


def vitals_of(device: Device, now: float, hub: FrameHub | None, firmware: str = "", firmware_known: str = "") -> Vitals:
    """`now` in seconds since 1970; `hub` is that of the camera whose pictures it takes, if it is one's.

    `firmware` is the version that it runs, `firmware_known` the newest that there is for it.
    """
    said = device.vitals()
    beats, starts, last_seen = list(device.beats), device.starts.all(), device.last_seen
    signals = [signal for beat in beats if (signal := getattr(beat.said, "rssi", None)) is not None][-SIGNALS:]
    arrivals = sum(now - at < HOUR for at in tuple(device.arrivals))
    sleeps = bool(device.settings.config.get("sleep")) or device.state == "asleep"
    return Vitals(
        now=now,
        kind=device.settings.kind,
        online=device.online,
        sleeps=sleeps,
        silent_for=None if last_seen is None else now - last_seen,
        resets=tuple((start.at, start.reason) for start in starts if start.reason),
        free_heap=said["free_heap"],
        largest_block=blocks(beats, starts[-1].at if starts else 0.0),
        rssi=said["rssi"],
        rssi_average=fmean(signals) if signals else None,
        temperature=said["temperature"],
        frames_received=hub.received if hub else 0,
        bad_frames=hub.bad.total() if hub else 0,
        frames_sent=said["frames_sent"] or 0,
        frames_skipped=said["frames_skipped"] or 0,
        firmware=firmware,
        firmware_known=firmware_known,
        clock_off=clock_off(beats),
        # One arrival is none too many; a board that sleeps comes and goes by itself.
        drops_in_the_last_hour=0 if sleeps else max(arrivals - 1, 0),
    )


def blocks(beats: list[Beat], since: float) -> tuple[tuple[float, int], ...]:
    """(seconds since 1970, bytes) of the largest free block, since the last start."""
    known = ((beat.at, getattr(beat.said, "largest_block", None)) for beat in beats if beat.at >= since)
    return tuple((at, block) for at, block in known if block is not None)


def clock_off(beats: list[Beat]) -> float | None:
    """By how many seconds its clock was wrong when it came last; None when it did not say what time it is, and where.

    Before it is welcomed no board has the time from us, so this is what its own sources are worth: a time server, or
    what it kept of the last welcome.
    """
    came = next((beat for beat in reversed(beats) if isinstance(beat.said, Connect)), None)
    said = getattr(came.said, "timestamp", None) if came else None
    if came is None or said is None:
        return None
    try:
        time = datetime.fromisoformat(said)
    except ValueError:
        return None
    return time.timestamp() - came.at if time.tzinfo else None  # without a zone it may be any
