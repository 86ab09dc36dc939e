"""Each rule speaks at its threshold and not before it, the worst comes first, and everybody can read it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po

from camproxy.advice import DAY, RULES, Advice, Severity, Vitals, advise, version_of
from camproxy.reset_reasons import Reset, reset_of

NOW = 1_795_000_000.0
HEALTHY = Vitals(
    now=NOW,
    kind="esp32cam",
    silent_for=2.0,
    resets=((NOW - 9 * 3600, "poweron"), (NOW - 8 * 3600, "software")),
    reset_reason="software",
    uptime=8 * 3600.0,
    free_heap=96_000,
    largest_block=tuple((NOW - 600 + 60 * number, 64_000 + number % 2 * 2000) for number in range(10)),
    rssi=-58,
    rssi_average=-60.0,
    temperature=48.0,
    frames_received=100_000,
    frames_sent=100_000,
    frames_skipped=40,
    bad_frames=12,
    firmware="1.4.0",
    firmware_known="1.4.0",
    drops_in_the_last_hour=1,
    clock_off=0.4,
)


def codes(**changes: Any) -> list[str]:
    return [advice.code for advice in advise(replace(HEALTHY, **changes))]


def resets(reason: str | int, count: int, ago: float = 3600.0) -> tuple[tuple[float, str | int], ...]:
    return tuple((NOW - ago, reason) for _ in range(count))


def blocks(*amounts: int) -> tuple[tuple[float, int], ...]:
    return tuple((NOW - 60 * (len(amounts) - number), amount) for number, amount in enumerate(amounts))


def test_of_a_board_that_is_well_there_is_nothing_to_say() -> None:
    assert advise(HEALTHY) == []


@pytest.mark.parametrize("kind", ["esp32cam", "pico"])
def test_of_a_board_of_which_nothing_is_known_there_is_nothing_to_say(kind: str) -> None:
    assert advise(Vitals(now=NOW, kind=kind)) == []


@pytest.mark.parametrize(
    ("code", "just_not", "just"),
    [
        ("brownout", {"resets": ()}, {"resets": resets("brownout", 1)}),
        ("brownout", {"resets": resets("brownout", 1, DAY)}, {"resets": resets("brownout", 1, DAY - 1)}),
        ("brownout", {"resets": resets("brownout", 3)}, {"resets": resets("brownout", 2)}),
        ("brownouts", {"resets": resets("brownout", 2)}, {"resets": resets("brownout", 3)}),
        ("crash", {"resets": ()}, {"resets": resets("task_wdt", 1)}),
        ("crash", {"resets": resets("panic", 3)}, {"resets": resets("panic", 2)}),
        ("crashes", {"resets": resets("panic", 2)}, {"resets": (*resets("panic", 1), *resets("int_wdt", 2))}),
        ("crash", {"kind": "pico", "resets": resets(3, 2)}, {"kind": "pico", "resets": resets("WDT_RESET", 3)}),
        ("power_lost", {"resets": resets("poweron", 2)}, {"resets": resets("poweron", 3)}),
        ("low_heap", {"free_heap": 25_000}, {"free_heap": 24_999}),
        ("low_heap", {"largest_block": blocks(25_000)}, {"largest_block": blocks(24_999)}),
        ("low_heap", {"free_heap": 24_999, "kind": "pico"}, {"free_heap": 0}),
        (
            "shrinking_memory",
            {"largest_block": blocks(60_000, 60_000, 50_000, 50_000, 42_001, 42_001)},
            {"largest_block": blocks(60_000, 60_000, 50_000, 50_000, 42_000, 42_000)},
        ),
        (
            "shrinking_memory",
            {"largest_block": blocks(60_000, 60_000, 30_000, 30_000, 30_000, 30_000)},
            {"largest_block": blocks(60_000, 60_000, 30_001, 30_000, 30_000, 30_000)},
        ),
        (
            "shrinking_memory",
            {"largest_block": blocks(60_000, 50_000, 40_000, 30_000, 28_000)},
            {"largest_block": blocks(60_000, 50_000, 40_000, 30_000, 28_000, 26_000)},
        ),
        ("weak_signal", {"rssi_average": -75.0}, {"rssi_average": -75.1}),
        ("weak_signal", {"rssi_average": -85.1}, {"rssi_average": -85.0}),
        ("weak_signal", {"rssi": -80}, {"rssi": -80, "rssi_average": None}),
        ("very_weak_signal", {"rssi_average": -85.0}, {"rssi_average": -85.1}),
        ("hot", {"temperature": 70.0}, {"temperature": 70.1}),
        ("hot", {"temperature": 85.1}, {"temperature": 85.0}),
        ("too_hot", {"temperature": 85.0}, {"temperature": 85.1}),
        ("bad_frames", {"frames_received": 10, "bad_frames": 19}, {"frames_received": 10, "bad_frames": 20}),
        ("bad_frames", {"frames_received": 980, "bad_frames": 20}, {"frames_received": 979, "bad_frames": 20}),
        (
            "skipped_frames",
            {"frames_sent": 10, "frames_skipped": 49},
            {"frames_sent": 10, "frames_skipped": 50},
        ),
        (
            "skipped_frames",
            {"frames_sent": 450, "frames_skipped": 50},
            {"frames_sent": 449, "frames_skipped": 50},
        ),
        ("flapping", {"drops_in_the_last_hour": 4}, {"drops_in_the_last_hour": 5}),
        ("silent", {"online": False, "silent_for": DAY}, {"online": False, "silent_for": DAY + 1}),
        ("silent", {"online": True, "silent_for": 2 * DAY}, {"online": False, "silent_for": 2 * DAY}),
        (
            "silent",
            {"online": False, "silent_for": 2 * DAY, "sleeps": True},
            {"online": False, "silent_for": 2 * DAY},
        ),
        (
            "asleep",
            {"online": False, "silent_for": DAY, "sleeps": True},
            {"online": False, "silent_for": DAY + 1, "sleeps": True},
        ),
        ("wrong_clock", {"clock_off": 300.0}, {"clock_off": -301.0}),
        ("old_firmware", {"firmware": "1.4"}, {"firmware": "1.3.9"}),
        ("old_firmware", {"firmware": "1.10.0"}, {"firmware_known": "v1.10.0"}),
        ("old_firmware", {"firmware": "homemade", "firmware_known": "2.0"}, {"firmware_known": "2.0"}),
    ],
)
def test_a_rule_speaks_at_its_threshold(code: str, just_not: dict[str, Any], just: dict[str, Any]) -> None:
    assert code not in codes(**just_not)
    assert code in codes(**just)


def test_every_rule_is_tried_above() -> None:
    (mark,) = test_a_rule_speaks_at_its_threshold.pytestmark  # type: ignore[attr-defined]
    assert {row[0] for row in mark.args[1]} == {rule.code for rule in RULES}


@pytest.mark.parametrize("reason", ["deepsleep", "DEEPSLEEP_RESET", 8, "software", "external"])
def test_waking_and_being_told_to_restart_are_no_trouble(reason: str | int) -> None:
    assert codes(resets=resets(reason, 50)) == []


def test_without_a_list_of_starts_the_last_one_counts() -> None:
    assert codes(resets=(), reset_reason="brownout", uptime=60.0) == ["brownout"]
    assert codes(resets=(), reset_reason="brownout", uptime=DAY + 1) == []
    assert codes(resets=(), reset_reason=9, uptime=None) == ["brownout"]


def test_the_worst_comes_first() -> None:
    found = advise(
        replace(
            HEALTHY,
            firmware="1.0",
            temperature=75.0,
            resets=(*resets("brownout", 4), *resets("panic", 1)),
            drops_in_the_last_hour=30,
        )
    )
    assert [advice.code for advice in found] == [
        "brownouts",
        "crash",
        "flapping",
        "hot",
        "old_firmware",
    ]
    assert [advice.severity for advice in found] == sorted((advice.severity for advice in found), reverse=True)
    assert found[0].severity is Severity.ERROR
    assert found[-1].severity is Severity.INFO


def test_one_trouble_is_told_once() -> None:
    """Two rows about the same thing, one of them for when it is worse, never both speak."""
    for found in (codes(resets=resets("brownout", n)) for n in range(1, 10)):
        assert len(found) == 1
    for found in (codes(rssi_average=float(-rssi)) for rssi in range(76, 120)):
        assert len(found) == 1
    for found in (codes(temperature=float(celsius)) for celsius in range(71, 130)):
        assert len(found) == 1


def test_it_is_told_with_its_figures() -> None:
    (advice,) = advise(replace(HEALTHY, rssi_average=-79.6))
    assert advice.told() == (
        "The Wi-Fi signal is weak (-80 dBm).",
        "Move the board or the access point closer, set the jumper if there is an external antenna, or choose another "
        "channel.",
    )
    (advice,) = advise(replace(HEALTHY, frames_skipped=50_000))
    assert advice.told()[0] == "The board leaves out many pictures (33 %)."


@pytest.mark.parametrize("language", ["de", "fa"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_everybody_can_read_it(rule: Any, language: str) -> None:
    path = Path(__file__).parent.parent / "camproxy" / "translations" / f"{language}.po"
    with path.open("rb") as source:
        catalogue = read_po(source, locale=language)
    texts = {message.id: str(message.string) for message in catalogue}
    assert texts[rule.remedy]
    assert re.findall(r"%\(\w+\)s|%%", texts[rule.sentence]) == re.findall(r"%\(\w+\)s|%%", rule.sentence)
    names = re.findall(r"%\((\w+)\)s", rule.sentence)
    advice = Advice(rule.code, rule.severity, rule.sentence, rule.remedy, dict.fromkeys(names, 42))
    sentence, remedy = advice.told(lambda text: texts[text])
    assert sentence != advice.told()[0]
    assert "%(" not in sentence + remedy
    assert sentence.count("42") == len(names)


@pytest.mark.parametrize(
    ("reason", "kind", "reset"),
    [
        ("ESP_RST_POWERON", "esp32cam", Reset.POWER_ON),
        ("poweron", "esp32cam", Reset.POWER_ON),
        (1, "esp32cam", Reset.POWER_ON),
        ("PWRON_RESET", "pico", Reset.POWER_ON),
        (1, "pico", Reset.POWER_ON),
        ("ESP_RST_BROWNOUT", "esp32cam", Reset.BROWNOUT),
        ("Brownout reset", "esp32cam", Reset.BROWNOUT),
        ("9", "esp32cam", Reset.BROWNOUT),
        ("ESP_RST_PWR_GLITCH", "esp32cam", Reset.BROWNOUT),
        ("task_wdt", "esp32cam", Reset.WATCHDOG),
        ("TASK WDT", "esp32cam", Reset.WATCHDOG),
        ("ESP_RST_INT_WDT", "esp32cam", Reset.WATCHDOG),
        (7, "esp32cam", Reset.WATCHDOG),
        ("WDT_RESET", "pico", Reset.WATCHDOG),
        (3, "pico", Reset.WATCHDOG),
        (3, "esp32cam", Reset.SOFTWARE),
        ("SOFT_RESET", "pico", Reset.SOFTWARE),
        (5, "pico", Reset.SOFTWARE),
        ("ESP_RST_SW", "esp32cam", Reset.SOFTWARE),
        ("panic", "esp32cam", Reset.PANIC),
        ("ESP_RST_CPU_LOCKUP", "esp32cam", Reset.PANIC),
        ("deep-sleep", "esp32cam", Reset.DEEP_SLEEP),
        ("DEEPSLEEP_RESET", "pico", Reset.DEEP_SLEEP),
        (4, "pico", Reset.DEEP_SLEEP),
        ("HARD_RESET", "pico", Reset.EXTERNAL),
        ("external", "esp32cam", Reset.EXTERNAL),
        (11, "esp32cam", Reset.EXTERNAL),
        (0, "esp32cam", Reset.UNKNOWN),
        (99, "esp32cam", Reset.UNKNOWN),
        ("9" * 5000, "esp32cam", Reset.UNKNOWN),
        ("²", "esp32cam", Reset.UNKNOWN),
        ("<script>", "esp32cam", Reset.UNKNOWN),
        ("", "pico", Reset.UNKNOWN),
        (None, "esp32cam", Reset.UNKNOWN),
    ],
)
def test_boards_have_many_words_for_why_they_started(reason: Any, kind: str, reset: Reset) -> None:
    assert reset_of(reason, kind) is reset


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("1.4.0", (1, 4)), ("v1.4", (1, 4)), ("2", (2,)), ("0.0", (0,)), ("1.4.2-rc1", (1, 4, 2)), ("x", ()), ("", ())],
)
def test_versions_are_compared_by_their_numbers(text: str, numbers: tuple[int, ...]) -> None:
    assert version_of(text) == numbers
