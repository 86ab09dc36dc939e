"""Why a board started: many words and numbers for few facts."""

from __future__ import annotations

import re
from enum import StrEnum


class Reset(StrEnum):
    """What the server makes of it."""

    POWER_ON = "power_on"
    EXTERNAL = "external"
    SOFTWARE = "software"
    PANIC = "panic"
    WATCHDOG = "watchdog"
    DEEP_SLEEP = "deep_sleep"
    BROWNOUT = "brownout"
    UNKNOWN = "unknown"


#: For each ESP-IDF's numbers (esp_reset_reason_t in esp_system.h), and the words that are in use for them. ESP-IDF's
#: names are ESP_RST_POWERON and so on, MicroPython's PWRON_RESET and so on; case, `ESP_RST_`, `_RESET`, blanks and
#: underscores do not matter.
ESP_IDF: dict[Reset, dict[int, tuple[str, ...]]] = {
    Reset.UNKNOWN: {0: ("unknown",), 13: ("efuse",)},
    Reset.POWER_ON: {1: ("poweron", "pwron", "power")},
    Reset.EXTERNAL: {2: ("ext", "external", "hard", "pin", "button"), 10: ("sdio",), 11: ("usb",), 12: ("jtag",)},
    Reset.SOFTWARE: {3: ("sw", "software", "soft", "restart")},
    Reset.PANIC: {4: ("panic", "exception", "crash"), 15: ("cpulockup", "lockup")},
    Reset.WATCHDOG: {5: ("intwdt",), 6: ("taskwdt",), 7: ("wdt", "watchdog", "otherwdt")},
    Reset.DEEP_SLEEP: {8: ("deepsleep", "sleep", "wake")},
    Reset.BROWNOUT: {9: ("brownout", "brown"), 14: ("pwrglitch", "powerglitch")},
}
#: The numbers of MicroPython's machine.reset_cause(): 1 and 3 on the RP2 (ports/rp2/modmachine.c), the others on ports
#: that know more. machine.reset() goes by way of the watchdog there, so that a 3 may have been asked for.
MICROPYTHON = {
    1: Reset.POWER_ON,
    2: Reset.EXTERNAL,
    3: Reset.WATCHDOG,
    4: Reset.DEEP_SLEEP,
    5: Reset.SOFTWARE,
}

_BY_NUMBER = {number: reset for reset, words in ESP_IDF.items() for number in words}
_BY_WORD = {word: reset for reset, words in ESP_IDF.items() for some in words.values() for word in some}
_AROUND = re.compile(r"^esp_rst_|[_ -]?reset$")
_BETWEEN = re.compile(r"[^a-z0-9]")


def reset_of(reason: str | int | None, kind: str) -> Reset:
    """What a board of that kind ("esp32cam" or "pico") means; UNKNOWN for what nobody knows."""
    word = _BETWEEN.sub("", _AROUND.sub("", str(reason).strip().lower()))
    if word.isascii() and word.isdigit():
        return (MICROPYTHON if kind == "pico" else _BY_NUMBER).get(int(word[:4]), Reset.UNKNOWN)
    return _BY_WORD.get(word, Reset.UNKNOWN)
