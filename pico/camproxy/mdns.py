# mDNS: finds the server in the local network, and tells it that there is a board. Nothing that is heard is proven.

import asyncio
import socket

from camproxy import VERSION, dns, protocol

GROUP, PORT = "224.0.0.251", 5353
SERVER = "_camproxy._tcp.local"
DEVICE = "_camproxy-device._tcp.local"

ASK_TIMES, WAIT_MS, LOOK_EVERY_MS = 3, 1000, 50
#: How long others may remember us, and how often we say it again. Seconds.
TTL, AGAIN_EVERY = 120, 30
LARGEST = 1024


async def find_server(own_address, progress=lambda: None):
    """(address, port) of a CamProxy in this network, or None. Of several addresses, the one that is nearest."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        for _ in range(ASK_TIMES):
            # From a port of our own: then the answer comes to us alone (RFC 6762, section 6.7).
            sock.sendto(dns.question(SERVER, dns.PTR), (GROUP, PORT))
            for _ in range(WAIT_MS // LOOK_EVERY_MS):
                await asyncio.sleep_ms(LOOK_EVERY_MS)
                progress()
                found = server_in(_received(sock), own_address)
                if found:
                    return found
    except OSError:
        pass  # the network has gone
    finally:
        sock.close()
    return None


def server_in(message, own_address):
    """What a server has answered, or None."""
    try:
        response, _, records = dns.read(message or b"")
    except dns.Bad:
        return None
    if not response:
        return None
    instances = [data for of, kind, data in records if kind == dns.PTR and of == SERVER]
    for of, kind, data in records:
        if kind == dns.SRV and of in instances:
            port, target = data
            addresses = [told for of, kind, told in records if kind == dns.A and of == target]
            addresses.sort(key=lambda address: -nearness(address, own_address))
            if addresses and port:
                return addresses[0], port
    return None


def nearness(one, other):
    """How many parts of two addresses are the same, from the left."""
    same = 0
    for mine, yours in zip(one.split("."), other.split(".")):
        if mine != yours:
            break
        same += 1
    return same


def _received(sock):
    """The next datagram, or None."""
    try:
        return sock.recvfrom(LARGEST)[0]
    except OSError:
        return None


class Announcer:
    """Says that there is a board, and answers who asks for boards."""

    def __init__(self, mac, name):
        tail = mac.replace(":", "")[-6:].lower()
        self._instance = "Pico %s.%s" % (tail, DEVICE)
        self._host = "camproxy-pico-%s.local" % tail
        self._mac = mac
        self._name = name or "Pico " + tail
        #: Whether it has a key.
        self.paired = False

    def message(self, address):
        about = (
            ("kind", protocol.KIND),
            ("mac", self._mac),
            ("name", self._name),
            ("version", VERSION),
            ("paired", "1" if self.paired else "0"),
        )
        return dns.answer((
            (DEVICE, dns.PTR, TTL, dns.name(self._instance), False),
            (self._instance, dns.SRV, TTL, dns.service(0, self._host), True),
            (self._instance, dns.TXT, TTL, dns.text(about), True),
            (self._host, dns.A, TTL, bytes(int(part) for part in address.split(".")), True),
        ))

    def is_asked(self, message):
        """Whether it is a question that we can answer."""
        try:
            response, questions, _ = dns.read(message)
        except dns.Bad:
            return False
        ours = (DEVICE, self._instance.lower(), self._host)
        return not response and any(of in ours for of, _ in questions)

    async def run(self, wifi):
        """For ever; whenever there is a network."""
        while True:
            if wifi.joined:
                try:
                    await self._serve(wifi)
                except OSError:
                    pass  # the network has gone, or takes nothing just now
            await asyncio.sleep(2)

    async def _serve(self, wifi):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            address = wifi.address
            _listen(sock, address)
            said, since = None, 0
            while wifi.joined and wifi.address == address:
                asked = False
                heard = _received(sock)
                while heard:
                    asked = asked or self.is_asked(heard)
                    heard = _received(sock)
                message = self.message(address)
                if asked or message != said or since >= AGAIN_EVERY * 1000:
                    sock.sendto(message, (GROUP, PORT))
                    said, since = message, 0
                await asyncio.sleep_ms(250)
                since += 250
        finally:
            sock.close()


def _listen(sock, address):
    """Where questions arrive. The Wi-Fi chip's own mDNS may be there already; then we only speak."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("0.0.0.0", PORT))
        group = bytes(int(part) for part in GROUP.split(".") + address.split("."))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
    except OSError:
        pass
