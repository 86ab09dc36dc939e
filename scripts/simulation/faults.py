"""Faults: what can be made to befall the simulated boards."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """`camera` and `pico` are the lines that their simulators understand; None where there is no such thing."""

    name: str
    what: str
    camera: str | None = None
    pico: str | None = None


#: Without power there is nobody to be told anything: these are done to the process.
POWER_OFF, POWER_ON = "power off", "power on"

FAULTS = (
    Fault(POWER_OFF, "the power is cut", POWER_OFF, POWER_OFF),
    Fault(POWER_ON, "the power is back", POWER_ON, POWER_ON),
    Fault("brownout", "the power breaks down for a moment", "!brownout", "brownout"),
    Fault("hang", "the program hangs, until the watchdog ends it", "!hang", "hang"),
    Fault("wifi off", "the Wi-Fi goes", "!wifi 0", "wifi off"),
    Fault("wifi on", "the Wi-Fi is back", "!wifi 1", "wifi on"),
    Fault("drop", "its connection is cut", "!drop", "drop"),
    Fault("silent", "its connection goes silent", "!silent 60", "silent"),
    Fault("slow", "its line takes no more than 30 KB a second", "!slow 30000"),
    Fault("fast", "its line is as fast as it was", "!slow 0"),
    Fault("heap low", "its memory gets short", "!heap 20000", "heap 9000"),
    Fault("heap ok", "its memory is free again", "!heap 120000", "heap"),
    Fault("corrupt", "20 pictures are garbage; for the Pico, what the server says is", "!garbage 20", "garbage"),
    Fault("truncated", "20 pictures are cut off in the middle", "!truncate 20"),
    Fault("blind", "the sensor gives no pictures any more", "!blind 1000000"),
    Fault("seeing", "the sensor gives pictures again", "!blind 0"),
    Fault("motion", "something moves before the PIR", "!pir 1"),
    Fault("still", "nothing moves any more", "!pir 0"),
    Fault("servo stuck", "the servos are told where to go, and do not move", None, "servo stuck"),
    Fault("servo free", "the servos move again", None, "servo free"),
)
BOARDS = ("camera", "pico")


def read_fault(text: str) -> tuple[str, Fault]:
    """`camera wifi off` → ("camera", …). Raises ValueError, with a sentence for whoever typed it."""
    board, _, name = " ".join(text.lower().split()).partition(" ")
    if board not in BOARDS:
        raise ValueError("Say first to which board it happens: camera or pico. `help` lists what there is.")
    for fault in FAULTS:
        if fault.name == name:
            if getattr(fault, board) is None:
                raise ValueError(f"`{name}` cannot happen to the {board}.")
            return board, fault
    raise ValueError(f"There is no fault `{name}`. `help` lists what there is.")


def listed() -> str:
    rows = []
    for fault in FAULTS:
        whose = " or ".join(board for board in BOARDS if getattr(fault, board))
        rows.append(f"  {whose:<15} {fault.name:<12} {fault.what}")
    return "\n".join(rows)
