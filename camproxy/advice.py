"""What is wrong with a board, in one plain sentence, and what to do about it.

All the rules are in one table, RULES. Nothing here looks at a clock, a database or a request: who asks brings what is
known, and gets message keys and their values, to be told in the reader's language.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from statistics import fmean

from camproxy.errors import N_
from camproxy.reset_reasons import Reset, reset_of

DAY = 86_400.0


class Severity(IntEnum):
    """By their weight; `name.lower()` is what programs are told."""

    INFO = 1
    WARNING = 2
    ERROR = 3


@dataclass(frozen=True)
class Vitals:
    """What is known of a board. Whatever is unknown stays at its default; then no rule speaks of it.

    Times are seconds since 1970, memory is in bytes, signals are in dBm, temperatures in degrees Celsius. Histories are
    in order, the oldest first, and `largest_block` begins with the last start. `resets` are the starts of the last day
    at least; who keeps no list of them has the last `reset_reason` and the `uptime` in seconds. The board counts the
    frames that it has sent and skipped, the server those that it has received, whole and bad.
    """

    now: float
    kind: str
    online: bool = True
    sleeps: bool = False
    silent_for: float | None = None
    resets: tuple[tuple[float, str | int], ...] = ()
    reset_reason: str | int | None = None
    uptime: float | None = None
    free_heap: int | None = None
    largest_block: tuple[tuple[float, int], ...] = ()
    rssi: int | None = None
    rssi_average: float | None = None
    temperature: float | None = None
    frames_received: int = 0
    frames_sent: int = 0
    frames_skipped: int = 0
    bad_frames: int = 0
    firmware: str = ""
    firmware_known: str = ""
    drops_in_the_last_hour: int = 0
    clock_off: float | None = None

    @property
    def starts_of_a_day(self) -> list[Reset]:
        """Why it started, each time within the last 24 hours."""
        known = self.resets
        if not known and self.reset_reason is not None:
            known = ((self.now - (self.uptime or 0), self.reset_reason),)
        return [reset_of(reason, self.kind) for at, reason in known if at > self.now - DAY]


@dataclass(frozen=True)
class Advice:
    """`sentence` and `remedy` are message keys; `values` fill the sentence's %(name)s."""

    code: str
    severity: Severity
    sentence: str
    remedy: str
    values: Mapping[str, object] = field(default_factory=dict)

    def told(self, translate: Callable[[str], str] = str) -> tuple[str, str]:
        """Sentence and remedy for a person. `translate` is gettext in the reader's language."""
        return translate(self.sentence) % self.values, translate(self.remedy)


#: The values of the sentence when the rule applies, else None.
Finding = Mapping[str, object] | None


@dataclass(frozen=True)
class Rule:
    code: str
    severity: Severity
    finds: Callable[[Vitals], Finding]
    sentence: str
    remedy: str


def advise(vitals: Vitals) -> list[Advice]:
    """The worst first; nothing for a board that is well."""
    found = [
        Advice(rule.code, rule.severity, rule.sentence, rule.remedy, values)
        for rule in RULES
        if (values := rule.finds(vitals)) is not None
    ]
    return sorted(found, key=lambda advice: -advice.severity)


# What rules look for


def restarts(*kinds: Reset, least: int, most: int | None = None, on: str = "") -> Callable[[Vitals], Finding]:
    """So many restarts of these kinds within a day, of boards of kind `on` only, if it is given."""

    def finds(vitals: Vitals) -> Finding:
        count = sum(reset in kinds for reset in vitals.starts_of_a_day)
        fits = count >= least and (most is None or count <= most) and on in ("", vitals.kind)
        return {"count": count} if fits else None

    return finds


def signal(above: float, below: float) -> Callable[[Vitals], Finding]:
    """The average tells more than the last value, which is a hand's that went by."""

    def finds(vitals: Vitals) -> Finding:
        rssi = vitals.rssi if vitals.rssi_average is None else vitals.rssi_average
        return {"rssi": round(rssi)} if rssi is not None and above <= rssi < below else None

    return finds


def heat(above: float, most: float) -> Callable[[Vitals], Finding]:
    def finds(vitals: Vitals) -> Finding:
        found = vitals.temperature
        return {"celsius": round(found)} if found is not None and above < found <= most else None

    return finds


def low_heap(vitals: Vitals) -> Finding:
    """Where a camera board itself begins to leave out pictures, by all free memory or by the largest piece of it."""
    if vitals.kind != "esp32cam":
        return None  # others need no room for a picture
    last_block = vitals.largest_block[-1][1] if vitals.largest_block else None
    known = [amount for amount in (vitals.free_heap, last_block) if amount is not None]
    return {"bytes": min(known)} if known and min(known) < HEAP_NEEDED else None


def shrinking_block(vitals: Vitals) -> Finding:
    """Each third of the history is lower than the one before, the last by 30 % at least: a leak, or fragments."""
    amounts = [amount for _, amount in vitals.largest_block]
    third = len(amounts) // 3
    if third < 2:
        return None
    first, middle, last = fmean(amounts[:third]), fmean(amounts[third:-third]), fmean(amounts[-third:])
    falls = first > middle > last and last <= 0.7 * first
    return {"before": round(first), "after": round(last)} if falls else None


def share(part: int, whole: int, least: int, above: float) -> Finding:
    """More than that share of the whole, and `least` at all, since of three pictures one is soon a third."""
    if part < least or part <= above * whole:
        return None
    return {"percent": round(100 * part / whole)}


def silence(sleeps: bool) -> Callable[[Vitals], Finding]:
    def finds(vitals: Vitals) -> Finding:
        silent = vitals.silent_for
        if vitals.online or silent is None or silent <= DAY or vitals.sleeps != sleeps:
            return None
        return {"hours": round(silent / 3600)}

    return finds


def old_firmware(vitals: Vitals) -> Finding:
    its, known = version_of(vitals.firmware), version_of(vitals.firmware_known)
    return {"version": vitals.firmware, "known": vitals.firmware_known} if its and known and its < known else None


def version_of(text: str) -> tuple[int, ...]:
    """(1, 4) for "v1.4.0", "1.4" and "1.4-rc1"; empty for what is none."""
    found = re.match(r"v?(\d{1,6}(?:\.\d{1,6}){0,3})", text)
    numbers = [int(number) for number in found[1].split(".")] if found else []
    while numbers and numbers[-1] == 0 and len(numbers) > 1:
        numbers.pop()
    return tuple(numbers)


def wrong_clock(vitals: Vitals) -> Finding:
    off = vitals.clock_off
    return {"minutes": round(abs(off) / 60)} if off is not None and abs(off) > 300 else None


HEAP_NEEDED = 25_000

POWER = N_(
    "Use a 5 V supply with 2 A, a short cable, and a capacitor of 470 µF or more between 5 V and GND. Give servos a "
    "supply of their own."
)
CRASHED = N_("The firmware crashed or hung and was restarted (in the last 24 hours: %(count)s).")
UPDATE = N_("Update the firmware. If it goes on, report it together with the board's log.")
SAGGED = N_("The supply voltage sagged so far that the board restarted (in the last 24 hours: %(count)s).")
CLOSER = N_(
    "Move the board or the access point closer, set the jumper if there is an external antenna, or choose another "
    "channel."
)
COOLER = N_("Give it air or a heat sink, keep it out of the sun, or choose a lower frame rate.")
FEWER_BYTES = N_("Choose a smaller frame size or a higher quality number, which compresses more.")

#: Waking from deep sleep is in none of them: that is what a board on a battery does all day.
RULES: tuple[Rule, ...] = (
    Rule("brownouts", Severity.ERROR, restarts(Reset.BROWNOUT, least=3), SAGGED, POWER),
    Rule("brownout", Severity.WARNING, restarts(Reset.BROWNOUT, least=1, most=2), SAGGED, POWER),
    Rule("low_heap", Severity.ERROR, low_heap,
         N_("Only %(bytes)s bytes of memory are free in one piece, so the board leaves out pictures."), FEWER_BYTES),
    Rule("very_weak_signal", Severity.ERROR, signal(-200, -85),
         N_("The Wi-Fi signal is too weak (%(rssi)s dBm)."), CLOSER),
    Rule("too_hot", Severity.ERROR, heat(85, 1000), N_("The board is too hot (%(celsius)s °C)."), COOLER),
    # A Pico that was told to restart says that it was its watchdog.
    Rule("crashes", Severity.ERROR, restarts(Reset.PANIC, Reset.WATCHDOG, least=3, on="esp32cam"), CRASHED, UPDATE),
    Rule("crash", Severity.WARNING, restarts(Reset.PANIC, Reset.WATCHDOG, least=1, most=2, on="esp32cam"),
         CRASHED, UPDATE),
    Rule("crash", Severity.WARNING, restarts(Reset.PANIC, Reset.WATCHDOG, least=3, on="pico"), CRASHED, UPDATE),
    Rule("power_lost", Severity.WARNING, restarts(Reset.POWER_ON, least=3),
         N_("The board was without power several times (in the last 24 hours: %(count)s)."),
         N_("Look for a loose plug, a worn cable or a switched socket.")),
    Rule("flapping", Severity.WARNING,
         lambda vitals: {"count": n} if (n := vitals.drops_in_the_last_hour) >= 5 else None,
         N_("The connection breaks again and again (in the last hour: %(count)s)."),
         N_("Check its Wi-Fi signal and its power supply; the access point's log may say more.")),
    Rule("silent", Severity.WARNING, silence(sleeps=False),
         N_("No sign of life for %(hours)s hours."),
         N_("See whether it is switched on, and within reach of its Wi-Fi.")),
    Rule("weak_signal", Severity.WARNING, signal(-85, -75), N_("The Wi-Fi signal is weak (%(rssi)s dBm)."), CLOSER),
    Rule("shrinking_memory", Severity.WARNING, shrinking_block,
         N_("The largest free piece of memory shrinks: from %(before)s to %(after)s bytes."), FEWER_BYTES),
    Rule("bad_frames", Severity.WARNING,
         lambda vitals: share(vitals.bad_frames, vitals.bad_frames + vitals.frames_received, 20, 0.02),
         N_("Many pictures arrive damaged (%(percent)s %%)."),
         N_("Push the camera's ribbon cable in again, check the power supply, and lower the camera's clock (XCLK).")),
    Rule("skipped_frames", Severity.WARNING,
         lambda vitals: share(vitals.frames_skipped, vitals.frames_skipped + vitals.frames_sent, 50, 0.1),
         N_("The board leaves out many pictures (%(percent)s %%)."),
         N_("Choose a lower frame rate or a smaller frame size, and check its Wi-Fi signal.")),
    Rule("hot", Severity.WARNING, heat(70, 85), N_("The board is hot (%(celsius)s °C)."), COOLER),
    Rule("wrong_clock", Severity.WARNING, wrong_clock,
         N_("Its clock is wrong by %(minutes)s minutes, so it cannot check certificates."),
         N_("Let it reach a time server (UDP port 123).")),
    Rule("asleep", Severity.INFO, silence(sleeps=True),
         N_("It sleeps, and was not heard of for %(hours)s hours."),
         N_("If something should have woken it, check its battery.")),
    Rule("old_firmware", Severity.INFO, old_firmware,
         N_("Its firmware is %(version)s; there is %(known)s."),
         N_("Update it when it suits you.")),
)  # fmt: skip
