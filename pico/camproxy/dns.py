# DNS messages, as far as mDNS needs them (RFC 1035, 6762, 6763).

import struct

A, PTR, TXT, SRV, ANY = 1, 12, 16, 33, 255
IN = 1
#: Of mDNS: this record replaces those that were known.
FLUSH = 0x8000
RESPONSE = 0x8400
#: A name may point back into the message; no honest one does so more often.
MOST_POINTERS = 10


class Bad(Exception):
    """Not a DNS message."""


def name(text):
    """As labels. The first may have dots, before ` ._service`: services are named in words."""
    out = b""
    for label in labels(text):
        encoded = label.encode()
        out += bytes((len(encoded),)) + encoded
    return out + b"\0"


def labels(text):
    at = text.find("._")
    if at > 0:  # an instance of a service
        return [text[:at]] + text[at + 1 :].split(".")
    return text.split(".")


def question(of, kind):
    return struct.pack(">HHHHHH", 0, 0, 1, 0, 0, 0) + name(of) + struct.pack(">HH", kind, IN)


def answer(records):
    """A response with these records: (name, kind, TTL in seconds, data, whether it is the only one of its name)."""
    out = struct.pack(">HHHHHH", 0, RESPONSE, 0, len(records), 0, 0)
    for of, kind, ttl, data, only in records:
        out += name(of) + struct.pack(">HHIH", kind, IN | (FLUSH if only else 0), ttl, len(data)) + data
    return out


def text(pairs):
    """The data of a TXT record."""
    out = b""
    for key, value in pairs:
        pair = ("%s=%s" % (key, value)).encode()[:255]
        out += bytes((len(pair),)) + pair
    return out


def service(port, target):
    """The data of an SRV record."""
    return struct.pack(">HHH", 0, 0, port) + name(target)


def read(message):
    """(whether it is a response, [(name, kind)] asked, [(name, kind, data)] told). Raises Bad.

    Names are in small letters. The data of PTR is a name, of SRV (port, name), of A a text; of others it is left out.
    """
    try:
        _, flags, asked, answers, authorities, more = struct.unpack_from(">HHHHHH", message, 0)
        at = 12
        questions, records = [], []
        for _ in range(asked):
            of, at = _name(message, at)
            questions.append((of, struct.unpack_from(">H", message, at)[0]))
            at += 4
        for _ in range(answers + authorities + more):
            of, at = _name(message, at)
            kind, _, _, length = struct.unpack_from(">HHIH", message, at)
            at += 10
            if at + length > len(message):
                raise Bad()
            if kind == PTR:
                records.append((of, kind, _name(message, at)[0]))
            elif kind == SRV:
                records.append((of, kind, (struct.unpack_from(">H", message, at + 4)[0], _name(message, at + 6)[0])))
            elif kind == A and length == 4:
                records.append((of, kind, "%d.%d.%d.%d" % tuple(message[at : at + 4])))
            at += length
        return bool(flags & 0x8000), questions, records
    except (ValueError, IndexError, UnicodeError):
        raise Bad() from None


def _name(message, at):
    """(the name at that place, the place after it)."""
    found = []
    after = None
    pointers = 0
    while True:
        length = message[at]
        if length & 0xC0 == 0xC0:
            pointers += 1
            if pointers > MOST_POINTERS:
                raise Bad()
            after = after or at + 2
            at = (length & 0x3F) << 8 | message[at + 1]
        elif length > 63:
            raise Bad()
        elif length:
            found.append(str(message[at + 1 : at + 1 + length], "utf-8"))
            at += 1 + length
        else:
            return ".".join(found).lower(), after or at + 1
