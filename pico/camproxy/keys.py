# The key that lets the board in: kept in flash, shown to nobody but the server.

import binascii
import hashlib

from camproxy import store

FILE = "key.json"


class Keys:
    """At most two: the one to show, and the one before it, until the server has accepted the new one."""

    def __init__(self):
        kept = store.load(FILE)
        self._kept = kept if isinstance(kept, dict) and isinstance(kept.get("api_key"), str) else {}

    @property
    def current(self):
        return self._kept.get("api_key")

    @property
    def path(self):
        return self._kept.get("ws_path") or "/ws/pico"

    @property
    def unencrypted(self):
        """Whether it came unencrypted: then a newer one may as well."""
        return bool(self._kept.get("unencrypted"))

    def came_by(self, token):
        """Whether the key was got for that token, which is then used up."""
        return self._kept.get("token") == fingerprint(token)

    def enrolled(self, answer, token, encrypted):
        """Keep what /register has answered. Raises OSError, and ValueError when it is no such answer."""
        key, path = answer.get("api_key"), answer.get("ws_path")
        if not isinstance(key, str) or not 20 <= len(key) <= 100 or not isinstance(path, str) or path[:1] != "/":
            raise ValueError("what the server answered is no key")
        self._keep({"api_key": key, "ws_path": path, "token": fingerprint(token), "unencrypted": not encrypted})

    def rotate(self, key):
        """Show this one from now on. Raises OSError when it cannot be kept."""
        if key != self.current:
            fresh = dict(self._kept)
            fresh["api_key"], fresh["previous"] = key, self.current
            self._keep(fresh)

    def accepted(self):
        """The server has let us in: the key before is of no more use."""
        if "previous" in self._kept:
            fresh = dict(self._kept)
            del fresh["previous"]
            self._keep(fresh)

    def refused(self):
        """The server does not know the key. Whether there is one before it, which is now the current one."""
        previous = self._kept.get("previous")
        if not previous:
            return False
        fresh = dict(self._kept)
        fresh["api_key"] = previous
        del fresh["previous"]
        self._keep(fresh)
        return True

    def _keep(self, fresh):
        store.save(FILE, fresh)
        self._kept = fresh


def fingerprint(token):
    """Enough to know a token again, too little to use it."""
    return binascii.hexlify(hashlib.sha256(token.encode()).digest()[:8]).decode()
