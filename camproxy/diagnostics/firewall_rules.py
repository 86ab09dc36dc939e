"""What firewalls' programs print, in one form: an input policy and rules in order.

It knows ports and nothing more. A rule that depends on something else (an address, an interface) is one for some, not
for all; one for connections that exist already, or for other protocols than TCP, is left away.
"""

from __future__ import annotations

import json
import re
import shlex
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

#: None: all of them.
Ports = tuple[range, ...] | None
#: Chains that lead to one another in circles are no rules of a kernel; of a broken answer, perhaps.
DEEPEST = 16


@dataclass(frozen=True)
class Rule:
    accepts: bool
    ports: Ports = None
    for_some: bool = False


@dataclass(frozen=True)
class Chain:
    """What a new TCP connection from outside has to pass."""

    accepts: bool
    rules: tuple[Rule, ...] = ()


class Ruling(Enum):
    OPEN = "lets everybody in"
    SOME = "lets some in, not all"
    CLOSED = "lets nobody in"


def judge(chains: Iterable[Chain], port: int) -> Ruling:
    """What becomes of a new connection to `port` that has to pass all of them."""
    rulings = {judge_one(chain, port) for chain in chains}
    return next((worst for worst in (Ruling.CLOSED, Ruling.SOME) if worst in rulings), Ruling.OPEN)


def judge_one(chain: Chain, port: int) -> Ruling:
    named = False
    for rule in chain.rules:
        if rule.ports is not None and not any(port in ports for ports in rule.ports):
            continue
        if not rule.for_some:
            accepts = rule.accepts
            break
        # One for some that names no port is mostly for the loopback or for a local service.
        named = named or (rule.accepts and rule.ports is not None)
    else:
        accepts = chain.accepts
    return Ruling.OPEN if accepts else Ruling.SOME if named else Ruling.CLOSED


def ports_of(text: str) -> tuple[range, ...]:
    """`5000`, `80,443`, `5000:5010` or `5000-5010`."""
    found = []
    for part in text.split(","):
        first, _, last = part.replace(":", "-").partition("-")
        found.append(range(int(first), int(last or first) + 1))
    return tuple(found)


# ufw status verbose

UFW_RULE = re.compile(r"(?P<to>\S.*?)\s{2,}(?P<action>ALLOW|LIMIT|DENY|REJECT)(?: IN)?\s+(?P<source>\S.*?)\s*(?:#.*)?")
UFW_PORTS = re.compile(r"(?:^|(?<=\s))(\d[\d,:]*)(?:/(tcp|udp))?(?=\s|$)")


def of_ufw(text: str) -> list[Chain] | None:
    if "Status: active" not in text:
        return None
    rules = []
    for line in text.splitlines():
        found = UFW_RULE.fullmatch(line)
        if not found or "(v6)" in found["to"]:
            continue
        ports = UFW_PORTS.search(found["to"])
        if ports and ports[2] == "udp":
            continue
        # What is left beside the ports and the name of a profile is an address or an interface.
        rest = re.sub(r"\(.*?\)|Anywhere", "", UFW_PORTS.sub("", found["to"])).strip()
        rules.append(
            Rule(
                found["action"] in ("ALLOW", "LIMIT"),
                ports_of(ports[1]) if ports else None,
                bool(rest) or found["source"] != "Anywhere",
            )
        )
    return [Chain("allow (incoming)" in text, tuple(rules))]


# firewall-cmd --list-all


def of_firewalld(text: str) -> list[Chain]:
    """Of the default zone."""
    said = dict(re.findall(r"^ +(target|services|ports): ?(.*)$", text, re.MULTILINE))
    ports = [port for port, _, kind in (word.partition("/") for word in said.get("ports", "").split()) if kind == "tcp"]
    for service in said.get("services", "").split():
        try:
            ports.append(str(socket.getservbyname(service, "tcp")))
        except OSError:
            continue  # one that only firewalld knows
    rules = [Rule(True, ports_of(port)) for port in ports]
    for rest, port, verdict in re.findall(r'^\trule (.*)port port="([\d-]+)" protocol="tcp" (\w+)', text, re.MULTILINE):
        rules.append(Rule(verdict == "accept", ports_of(port), "address" in rest))
    return [Chain(said.get("target") == "ACCEPT", tuple(rules))]


# nft -j list ruleset


def of_nftables(text: str) -> list[Chain]:
    """Those of IPv4. What iptables has put there is left to `of_iptables`, whose modules only iptables can read."""
    base: list[dict[str, Any]] = []
    rules: dict[tuple[str, str, str], list[list[dict[str, Any]]]] = {}
    sets: dict[str, list[Any]] = {}
    for item in json.loads(text)["nftables"]:
        chain, rule = item.get("chain"), item.get("rule")
        if named := item.get("set"):
            sets["@" + named["name"]] = named.get("elem", [])
        if chain and chain.get("hook") == "input" and chain["family"] in ("ip", "inet") and chain["name"] != "INPUT":
            base.append(chain)
        elif rule:
            rules.setdefault((rule["family"], rule["table"], rule["chain"]), []).append(rule["expr"])

    def flat(family: str, table: str, name: str, depth: int = 0) -> Iterator[Rule]:
        for expressions in rules.get((family, table, name), []) if depth < DEEPEST else []:
            for target, rule in read_nft_rule(expressions, sets):
                yield from within(rule, flat(family, table, target, depth + 1)) if target else (rule,)

    return [
        Chain(chain.get("policy") != "drop", tuple(flat(chain["family"], chain["table"], chain["name"])))
        for chain in base
    ]


def read_nft_rule(expressions: list[dict[str, Any]], sets: Mapping[str, list[Any]]) -> Iterator[tuple[str, Rule]]:
    """A rule, and the chain that it leads to, if it does so. Nothing when it is not for a new TCP connection."""
    ports: Ports = None
    for_some = False
    for expression in expressions:
        ((kind, value),) = expression.items()
        if kind == "match":
            left, right = json.dumps(value["left"]), value["right"]
            words = json.dumps(right)
            if '"dport"' in left and ('"tcp"' in left or '"th"' in left) and value["op"] in ("==", "in"):
                ports = tuple(nft_ports({"set": sets.get(right, [])} if isinstance(right, str) else right))
            elif '"state"' in left and '"ct"' in left:
                if '"new"' not in words:
                    return
            elif '"l4proto"' in left or '"protocol": "ip", "field": "protocol"' in left:
                if '"tcp"' not in words and words != "6":
                    return
            elif re.search('"(udp|icmp|icmpv6|igmp)"', left):
                return
            else:
                for_some = True
        elif kind in ("accept", "drop", "reject"):
            yield "", Rule(kind == "accept", ports, for_some)
        elif kind in ("jump", "goto"):
            yield value["target"], Rule(True, ports, for_some)
        elif kind == "vmap" and '"dport"' in json.dumps(value["key"]) and isinstance(value["data"], dict):
            for key, verdict in value["data"].get("set", []):
                if not {"accept", "drop"}.isdisjoint(verdict):
                    yield "", Rule("accept" in verdict, tuple(nft_ports(key)), for_some)
        elif kind not in ("counter", "log", "comment"):
            for_some = True


def nft_ports(right: Any) -> Iterator[range]:
    if isinstance(right, int):
        yield range(right, right + 1)
    elif isinstance(right, dict) and "range" in right:
        yield range(right["range"][0], right["range"][1] + 1)
    elif isinstance(right, dict) and "set" in right:
        for member in right["set"]:
            yield from nft_ports(member)


def within(leading: Rule, rules: Iterable[Rule]) -> Iterator[Rule]:
    """The rules of a chain that `leading` leads to."""
    for rule in rules:
        for_some = rule.for_some or leading.for_some or (leading.ports is not None and rule.ports is not None)
        yield replace(rule, ports=leading.ports if rule.ports is None else rule.ports, for_some=for_some)


# iptables -S


def of_iptables(text: str) -> list[Chain]:
    accepts = "-P INPUT ACCEPT" in text
    rules: dict[str, list[list[str]]] = {}
    for line in text.splitlines():
        words = shlex.split(line)
        if words[:1] == ["-A"]:
            rules.setdefault(words[1], []).append(words[2:])

    def flat(name: str, depth: int = 0) -> Iterator[Rule]:
        for words in rules.get(name, []) if depth < DEEPEST else []:
            target, rule = read_iptables_rule(words)
            if target in rules:
                yield from within(rule, flat(target, depth + 1))
            elif target in ("ACCEPT", "DROP", "REJECT"):
                yield rule

    return [Chain(accepts, tuple(flat("INPUT")))]


def read_iptables_rule(words: list[str]) -> tuple[str, Rule]:
    """Where it leads to, empty when that is nowhere for a new TCP connection, and what it is about."""
    ports: Ports = None
    for_some = False
    options: list[list[str]] = []
    for word in words:
        if word.startswith("-"):
            options.append([word])
        elif word != "!" and options:
            options[-1].append(word)
    for option, *values in options:
        if option in ("-j", "-g"):  # what comes after it is the target's own
            return values[0], Rule(values[0] == "ACCEPT", ports, for_some or "!" in words)
        if option in ("--dport", "--dports"):
            ports = ports_of(values[0])
        elif (option == "-p" and values[0] not in ("tcp", "all")) or (
            option in ("--ctstate", "--state") and "NEW" not in values[0]
        ):
            break
        elif option not in ("-p", "-m", "--comment", "--ctstate", "--state"):
            for_some = True
    return "", Rule(accepts=False)


# netsh advfirewall show currentprofile, and the rule that docs/remote-access.md makes


def of_netsh(text: str) -> list[Chain] | None:
    if re.search(r"\sOFF\s", text):
        return None
    ports = re.findall(r":\s+(\d[\d,-]*)\s*$", text, re.MULTILINE)
    return [Chain("AllowInbound" in text, tuple(Rule(True, ports_of(port)) for port in ports))]
