# What whoever set the board up has written into config.json. config.example.json has it all.

FILE = "config.json"


class BadSettings(Exception):
    """A sentence for whoever wrote the file."""


class Settings:
    """`host` None: the server is looked for by mDNS. `ca` None: without TLS. `token` None: wait to be approved."""

    def __init__(self, given):
        """Raises BadSettings."""
        if not isinstance(given, dict):
            raise BadSettings("config.json is missing, or is no JSON: copy config.example.json and fill it in")
        wifi, server = _part(given, "wifi"), _part(given, "server")
        self.ssid = _text(wifi, "ssid", 32)
        if not self.ssid:
            raise BadSettings("wifi.ssid: which network?")
        self.password = _text(wifi, "password", 63) or ""
        self.country = _text(wifi, "country", 2)
        link = _link(_text(given, "pairing", 600))
        self.token = link.get("token")
        self.host = _text(server, "host", 120) or link.get("host")
        self.port = _number(server, "port", 1, 65535, link.get("port", 5000))
        self.ca = _text(server, "certificate", 60)
        #: The name, or the address, that the server's certificate has to be for.
        self.certified_name = _text(server, "certified_name", 120)
        encrypted = server.get("encrypted")
        if encrypted is None:
            encrypted = link.get("tls")
        if not self.ca and encrypted is not False:
            raise BadSettings(
                "server: name the file with the server's certificate ('certificate'), or, in a network that you trust "
                "with everything, say 'encrypted': false"
            )
        if encrypted is False:
            self.ca = None
        self.name = _text(given, "name", 40)
        self.ntp = _text(given, "ntp", 120) or "pool.ntp.org"
        self.watchdog = given.get("watchdog", True) is not False
        self.reconnect_ms = int(1000 * _number(server, "reconnect_seconds", 0.01, 60, 5))
        self.heartbeat_ms = int(1000 * _number(server, "heartbeat_seconds", 0.1, 60, 10))
        pins = _part(given, "pins")
        self.pins = {name: _number(pins, name, 0, 28, default) for name, default in PINS}
        if len(set(self.pins.values())) < len(PINS):
            raise BadSettings("pins: one pin cannot be two things")


PINS = (("servo1", 16), ("servo2", 17), ("light", 15))


def _part(given, name):
    found = given.get(name, {})
    if not isinstance(found, dict):
        raise BadSettings("%s must be an object, as in config.example.json" % name)
    return found


def _text(part, name, longest):
    found = part.get(name)
    if found is None or isinstance(found, str) and len(found) <= longest:
        return found or None
    raise BadSettings("%s must be a text of at most %d characters" % (name, longest))


def _number(part, name, least, most, default):
    found = part.get(name, default)
    if type(found) not in (int, float) or not least <= found <= most:
        raise BadSettings("%s must be a number from %s to %s" % (name, least, most))
    return found


def _link(text):
    """What the server's pairing page shows: camproxy://host:port/?kind=pico&token=…&tls=1, or only the token."""
    if not text:
        return {}
    if not text.startswith("camproxy://"):
        return {"token": text}
    try:
        place, query = text[len("camproxy://") :].split("/?", 1)
        host, port = place.rsplit(":", 1)
        fields = dict(field.split("=", 1) for field in query.split("&"))
        kind = fields.get("kind", "pico")
        found = {"host": host.strip("[]"), "port": int(port), "token": fields["token"], "tls": fields["tls"] == "1"}
    except (ValueError, KeyError):
        raise BadSettings("pairing: that is no link of a pairing page; copy all of it") from None
    if kind != "pico":
        raise BadSettings("pairing: that link is for another kind of board")
    return found
