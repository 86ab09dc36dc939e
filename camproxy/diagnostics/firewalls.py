"""Firewalls of this machine: which there are, whether they are on, and whether a port gets through."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from camproxy.diagnostics import firewall_rules
from camproxy.diagnostics.findings import Check, Failed, Finding, NotChecked, Verdict, carry_out
from camproxy.diagnostics.firewall_rules import Chain, Ruling, judge

#: Daemons live where a user's PATH does not always look.
PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


@dataclass(frozen=True)
class Firewall:
    """`read` makes rules of what `ask` prints, None when it is off. One that `manages` is the only one to be asked."""

    name: str
    ask: tuple[str, ...]
    read: Callable[[str], list[Chain] | None]
    #: How to open a port.
    allow: str
    manages: bool = False
    #: The exit code of `ask` when it is off, if it has one of its own for that.
    off: int = 0


FIREWALLS = (
    Firewall("ufw", ("ufw", "status", "verbose"), firewall_rules.of_ufw, "sudo ufw allow {port}/tcp", manages=True),
    Firewall(
        "firewalld",
        ("firewall-cmd", "--list-all"),
        firewall_rules.of_firewalld,
        "sudo firewall-cmd --permanent --add-port={port}/tcp && sudo firewall-cmd --reload",
        manages=True,
        off=252,
    ),
    Firewall(
        "nftables",
        ("nft", "-j", "list", "ruleset"),
        firewall_rules.of_nftables,
        "In /etc/nftables.conf, in the chain of the input hook: tcp dport {port} accept",
    ),
    Firewall(
        "iptables",
        ("iptables", "-S"),
        firewall_rules.of_iptables,
        "sudo iptables -I INPUT -p tcp --dport {port} -j ACCEPT, and keep it: sudo netfilter-persistent save",
    ),
    Firewall(
        "Windows",
        (
            "cmd",
            "/c",
            "netsh advfirewall show currentprofile & netsh advfirewall firewall show rule name=CamProxy & exit 0",
        ),
        firewall_rules.of_netsh,
        'netsh advfirewall firewall add rule name="CamProxy" dir=in action=allow protocol=TCP localport={port}',
    ),
)


def look(port: int) -> Iterator[Finding]:
    """A finding for each firewall that is installed. Whether it is the provider's that blocks, no machine can see."""
    found = [firewall for firewall in FIREWALLS if shutil.which(firewall.ask[0], path=PATH)]
    if not found:
        yield Finding("Firewall", Verdict.PASS, "none of those that we know is installed here")
    managed_by = ""
    for firewall in found:
        if managed_by:
            yield Finding(f"Firewall {firewall.name}", Verdict.NOT_CHECKED, f"its rules are made by {managed_by}")
            continue
        (finding,) = carry_out([(f"Firewall {firewall.name}", check_of(firewall, port))])
        yield finding
        if firewall.manages and finding.verdict != Verdict.NOT_CHECKED and finding.said != OFF:
            managed_by = firewall.name


OFF = "it is off"


def check_of(firewall: Firewall, port: int) -> Check:
    def check() -> str:
        said = answer_of(firewall)
        chains = None if said is None else firewall.read(said)
        if chains is None:
            return OFF
        ruling = judge(chains, port)
        if ruling is Ruling.CLOSED:
            raise Failed(f"it {ruling.value} at port {port}", firewall.allow.format(port=port), stops=False)
        return f"it {ruling.value} at port {port}"

    return check


def answer_of(firewall: Firewall) -> str | None:
    """What it prints; None when it says that it is off. Raises NotChecked."""
    program = shutil.which(firewall.ask[0], path=PATH)
    assert program, "it was found a moment ago"
    try:
        done = subprocess.run(
            [program, *firewall.ask[1:]],
            env=os.environ | {"PATH": PATH, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotChecked(f"{firewall.ask[0]} does not answer ({error})") from None
    if done.returncode == 0:
        return done.stdout
    if done.returncode == firewall.off:
        return None
    if hasattr(os, "geteuid") and os.geteuid():
        raise NotChecked("it answers only to root", "Run this with sudo.")
    raise NotChecked(f"{firewall.ask[0]} says: {((done.stderr or done.stdout).strip() or 'nothing').splitlines()[-1]}")
