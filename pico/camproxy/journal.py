# What the board has to say: at once on its USB port, and to the server when there is a connection.

#: Lines that wait for a connection. Older ones give way, and are counted.
ROOM = 12
LONGEST = 200


class Journal:
    def __init__(self, show=print):
        self._show = show
        self._lines = []
        self._lost = 0

    def say(self, level, message):
        """`level` is debug, info, warning or error. Never give it a key or a token."""
        message = message[:LONGEST]
        self._show(level + ":", message)
        if self._lines and self._lines[-1][1] == message:
            return  # once is enough, however often a connection fails
        if len(self._lines) == ROOM:
            self._lines.pop(0)
            self._lost += 1
        self._lines.append((level, message))

    def info(self, message):
        self.say("info", message)

    def warning(self, message):
        self.say("warning", message)

    def take(self):
        """The oldest line as (level, message), or None."""
        if self._lost:
            lost, self._lost = self._lost, 0
            return ("warning", "%d older lines were lost" % lost)
        return self._lines.pop(0) if self._lines else None
