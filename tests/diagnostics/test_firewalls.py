"""What firewalls say of a port: nft and iptables in a network namespace, the others as they printed it."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys

import pytest

from camproxy.diagnostics import firewall_rules
from camproxy.diagnostics.firewall_rules import Ruling, judge
from camproxy.diagnostics.firewalls import PATH
from tests.running import PROJECT

OPEN, SOME, CLOSED = Ruling.OPEN, Ruling.SOME, Ruling.CLOSED

#: ufw 0.36.2
UFW = """\
Status: active
Logging: on (low)
Default: deny (incoming), allow (outgoing), disabled (routed)
New profiles: skip

To                         Action      From
--                         ------      ----
5000/tcp                   ALLOW IN    Anywhere                  \n\
5001/tcp                   ALLOW IN    192.168.1.0/24             # the house
99 on lo                   ALLOW IN    Anywhere                  \n\
5002                       DENY IN     Anywhere                  \n\
80,443/tcp (Nginx Full)    ALLOW IN    Anywhere                  \n\
22/tcp                     LIMIT IN    Anywhere                  \n\
6000:6007/tcp              ALLOW IN    Anywhere                  \n\
53/udp                     ALLOW IN    Anywhere                  \n\
192.168.1.5 7000/tcp       ALLOW IN    Anywhere                  \n\
5000/tcp (v6)              ALLOW IN    Anywhere (v6)             \n\
8443/tcp (v6)              ALLOW IN    Anywhere (v6)             \n\
"""

#: firewalld 1.3.3
FIREWALLD = """\
public
  target: default
  icmp-block-inversion: no
  interfaces: \n\
  sources: \n\
  services: dhcpv6-client https ssh
  ports: 5000/tcp 8000-8010/tcp 53/udp
  protocols: \n\
  forward: yes
  masquerade: no
  forward-ports: \n\
  source-ports: \n\
  icmp-blocks: \n\
  rich rules: \n\
\trule family="ipv4" source address="192.168.1.0/24" port port="5001" protocol="tcp" accept
"""

#: Windows 11, after docs/remote-access.md.
NETSH = """\

Private Profile Settings: \n\
----------------------------------------------------------------------
State                                 ON
Firewall Policy                       BlockInbound,AllowOutbound
LocalFirewallRules                    N/A (GPO-store only)

Rule Name:                            CamProxy
----------------------------------------------------------------------
Enabled:                              Yes
Direction:                            In
Profiles:                             Domain,Private,Public
Grouping:                             \n\
LocalIP:                              Any
RemoteIP:                             Any
Protocol:                             TCP
LocalPort:                            5000
RemotePort:                           Any
Edge traversal:                       No
Action:                               Allow
Ok.
"""


@pytest.mark.parametrize(
    ("port", "ruling"),
    [
        (5000, OPEN),
        (5001, SOME),
        (5002, CLOSED),
        (99, SOME),
        (443, OPEN),
        (22, OPEN),
        (6003, OPEN),
        (6008, CLOSED),
        (53, CLOSED),
        (7000, SOME),
        (8443, CLOSED),
    ],
)
def test_ufw(port: int, ruling: Ruling) -> None:
    chains = firewall_rules.of_ufw(UFW)
    assert chains is not None
    assert judge(chains, port) == ruling


def test_ufw_that_is_off_or_lets_all_in() -> None:
    assert firewall_rules.of_ufw("Status: inactive\n") is None
    chains = firewall_rules.of_ufw(UFW.replace("deny (incoming)", "allow (incoming)"))
    assert chains is not None
    assert (judge(chains, 6008), judge(chains, 5002)) == (OPEN, CLOSED)


@pytest.mark.parametrize(
    ("port", "ruling"),
    [(5000, OPEN), (5001, SOME), (443, OPEN), (22, OPEN), (8010, OPEN), (8011, CLOSED), (53, CLOSED)],
)
def test_firewalld(port: int, ruling: Ruling) -> None:
    assert judge(firewall_rules.of_firewalld(FIREWALLD), port) == ruling
    trusting = firewall_rules.of_firewalld(FIREWALLD.replace("target: default", "target: ACCEPT"))
    assert judge(trusting, port) == OPEN


def test_windows() -> None:
    chains = firewall_rules.of_netsh(NETSH)
    assert chains is not None
    assert (judge(chains, 5000), judge(chains, 5001)) == (OPEN, CLOSED)
    assert firewall_rules.of_netsh(NETSH.replace("  ON\n", "  OFF\n")) is None
    chains = firewall_rules.of_netsh(NETSH.partition("Rule Name")[0] + "\nNo rules match the specified criteria.\n")
    assert chains is not None
    assert judge(chains, 5000) == CLOSED


def in_a_namespace(program: str, setup: str) -> dict[str, list[str]]:
    """What network_diagnostics.py says of the firewall `program` in a network of its own, after `setup`."""
    if not shutil.which(program, path=PATH):
        pytest.skip(f"{program} is not installed")
    alone = ["unshare", "--net", "--map-root-user"]
    if subprocess.run([*alone, "true"], capture_output=True, timeout=10, check=False).returncode:
        pytest.skip("no network namespace can be made here")
    script = f"export PATH={shlex.quote(PATH)}; {setup}\nexec {shlex.quote(sys.executable)} -c {shlex.quote(ASK)}"
    done = subprocess.run(
        [*alone, "sh", "-ec", script],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


#: The verdicts for each firewall, ports one after the other.
ASK = """
import json
from camproxy.diagnostics import firewalls
found = {}
for port in (5000, 5001, 5002, 5003, 5010, 5020):
    for finding in firewalls.look(port):
        found.setdefault(finding.check, []).append(finding.verdict + ": " + finding.said)
print(json.dumps(found))
"""

NFT = """
table inet filter {
    set doors { type inet_service; elements = { 5002, 5003 } }
    chain services {
        tcp dport 5000 counter accept
        ip saddr 192.168.1.0/24 tcp dport 5001 accept
        udp dport 5020 accept
    }
    chain input {
        type filter hook input priority 0; policy drop;
        ct state vmap { established : accept, related : accept, invalid : drop }
        iifname lo accept
        meta l4proto icmp accept
        tcp dport 5003 drop
        jump services
        tcp dport @doors accept
        tcp dport 5010-5015 ct state new accept
        log prefix "dropped "
    }
}
"""


def test_nftables() -> None:
    said = in_a_namespace("nft", f"nft -f - <<'end'\n{NFT}\nend")["Firewall nftables"]
    assert said == [
        "pass: it lets everybody in at port 5000",
        "pass: it lets some in, not all at port 5001",
        "pass: it lets everybody in at port 5002",
        "fail: it lets nobody in at port 5003",
        "pass: it lets everybody in at port 5010",
        "fail: it lets nobody in at port 5020",
    ]


def test_nftables_of_two_chains_and_a_map() -> None:
    setup = """nft -f - <<'end'
        table ip first {
            chain a {
                type filter hook input priority -5; policy accept;
                tcp dport { 5000, 5010-5012 } drop
            }
        }
        table inet second {
            chain b {
                type filter hook input priority 0; policy drop;
                tcp dport vmap { 5000 : accept, 5001 : accept, 5002 : drop, 5003 : accept, 5010 : accept }
            }
        }\nend"""
    said = in_a_namespace("nft", setup)["Firewall nftables"]
    assert [verdict.partition(":")[0] for verdict in said] == ["fail", "pass", "fail", "pass", "fail", "fail"]


def test_iptables() -> None:
    setup = """
        iptables -P INPUT DROP
        iptables -N DOORS
        iptables -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        iptables -A INPUT -i lo -j ACCEPT
        iptables -A INPUT -p icmp -j ACCEPT
        iptables -A INPUT -p tcp -m tcp --tcp-flags FIN,SYN FIN,SYN -j DROP
        iptables -A INPUT -p tcp --dport 5003 -j REJECT
        iptables -A INPUT -p tcp -m comment --comment "our doors" -j DOORS
        iptables -A DOORS -p tcp -m multiport --dports 5000,5003,5010:5015 -m conntrack --ctstate NEW -j ACCEPT
        iptables -A DOORS -s 192.168.1.0/24 -p tcp --dport 5001 -j ACCEPT
        iptables -A DOORS ! -i eth0 -p tcp --dport 5002 -j ACCEPT
        iptables -A INPUT -p udp --dport 5020 -j ACCEPT
    """
    found = in_a_namespace("iptables", setup)
    assert [verdict.partition(":")[0] for verdict in found["Firewall iptables"]] == [
        *("pass", "pass", "pass", "fail", "pass", "fail")
    ]
    assert "some in" in found["Firewall iptables"][1]
    assert "some in" in found["Firewall iptables"][2]
    # What iptables has put into nftables is judged once, by whom can read it.
    assert all(verdict.startswith("pass") for verdict in found.get("Firewall nftables", []))


def test_no_rules_at_all() -> None:
    found = in_a_namespace("iptables", "")
    assert found["Firewall iptables"] == [
        f"pass: it lets everybody in at port {port}" for port in (5000, 5001, 5002, 5003, 5010, 5020)
    ]
