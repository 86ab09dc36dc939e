# What the server can ask of the board, one row in a table each.

from camproxy import device_config, protocol, store

CONFIG_FILE = "device.json"

HEAD, LIGHT = "X=%d°, Y=%d°", ("off", "on")


class Commands:
    """`answer(message)` carries a message out and gives what to send back, or None. It never fails."""

    def __init__(self, head, light, keys, journal):
        self._head = head
        self._light = light
        self._keys = keys
        self._journal = journal
        #: Messages of a type that is not known here.
        self.ignored = 0
        #: Whether the connection came over TLS, or with a key that did not.
        self.may_take_key = False
        #: What is to be done once the answer has gone out: "restart", "reconnect" or nothing.
        self.afterwards = None

    def answer(self, message):
        kind, id = message["type"], protocol.id_of(message)
        handler = self.HANDLERS.get(kind)
        if handler is None:
            self.ignored += 1
            return None
        try:
            return handler(self, message, id)
        except protocol.Malformed as error:
            return protocol.ack(kind, id, error=error.why)
        except OSError as error:
            return protocol.ack(kind, id, error="the flash cannot be written: %s" % error)

    def _servo(self, message, id):
        return protocol.ack("servo", id, detail=HEAD % self._head.aim(protocol.angles(message)))

    def _lamp(self, message, id):
        state = message.get("state")
        if type(state) is not bool:
            raise protocol.Malformed("state must be true or false")
        self._light.set(state)
        return protocol.ack("light", id, detail=LIGHT[state])

    def _get_position(self, message, id):
        return protocol.position(self._head.pose(), id)

    def _ping(self, message, id):
        return protocol.pong(id)

    def _config(self, message, id):
        error = self.configure(message.get("config"))
        return protocol.ack("config", id, error=error)

    def configure(self, sent):
        """Take it and keep it; what is wrong with it, or None. Nothing moves: limits hold from the next command on."""
        try:
            fresh = device_config.changed(self._head.config, sent)
        except device_config.BadConfig as error:
            return str(error)
        if fresh != self._head.config:  # flash wears out
            store.save(CONFIG_FILE, fresh)
            self._head.config = fresh
        return None

    def _welcome(self, message, id):
        error = self.configure(message.get("config", {}))
        if error:
            self._journal.warning("the configuration is not taken: " + error)
        return None

    def _key(self, message, id):
        """The server rotates the key. One that could be read on its way is not taken."""
        key = message.get("api_key")
        if not isinstance(key, str) or not 20 <= len(key) <= 100:
            raise protocol.Malformed("no key")
        if not self.may_take_key:
            raise protocol.Malformed("a key is only taken over TLS")
        self._keys.rotate(key)
        self.afterwards = "reconnect"
        return protocol.ack("key", id)

    def _restart_board(self, message, id):
        self.afterwards = "restart"
        return protocol.ack("restart", id)

    def _sleep(self, message, id):
        return protocol.ack("sleep", id, error="a head does not sleep: it has to hear commands")

    def _capture(self, message, id):
        return protocol.ack("capture", id, error="this board has no camera")

    HANDLERS = {
        "servo": _servo,
        "light": _lamp,
        "get_position": _get_position,
        "ping": _ping,
        "config": _config,
        "welcome": _welcome,
        "key": _key,
        "restart": _restart_board,
        "sleep": _sleep,
        "capture": _capture,
    }


def kept_config():
    """What the server said last, or the defaults."""
    try:
        return device_config.changed(device_config.default(), store.load(CONFIG_FILE) or {})
    except device_config.BadConfig:
        return device_config.default()
