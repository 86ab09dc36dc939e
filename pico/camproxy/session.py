# One connection to the server, from the first message to the end.

import asyncio
import gc
import json
import time

from camproxy import clock, protocol
from camproxy.ws import Closed

#: The server pings every 4 seconds. After so long without a sign of it we ask, and then we give it up. Milliseconds.
ASK_AFTER_MS, SILENT_AFTER_MS = 8000, 15000
WELCOME_WITHIN_MS = 10000
TELL_EVERY_MS = 200
LOOK_EVERY_MS = 200


class Session:
    """`parts` are those of the application: head, commands, journal, wifi, vitals (a function)."""

    def __init__(self, ws, parts, heartbeat_ms=10000):
        self._ws = ws
        self._heartbeat_ms = heartbeat_ms
        self._parts = parts
        self._heard_at = time.ticks_ms()
        self._welcomed = False
        self._pose = None
        self._over = asyncio.Event()
        self._outcome = None

    async def run(self, reset_reason, progress, welcomed):
        """Serve it. Gives "restart" or "reconnect" when the server wants that.

        Calls `progress` whenever something is heard, `welcomed` once the server has let us in. Raises Closed, EOFError,
        OSError.
        """

        def heard():
            self._heard_at = time.ticks_ms()
            progress()

        self._ws.heard = heard
        await self._send(protocol.connect(self._parts.head.pose(), reset_reason, clock.now()))
        work = [asyncio.create_task(self._end(part)) for part in (self._listen(welcomed), self._tell(), self._watch())]
        try:
            await self._over.wait()
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)  # all are over before the stream is closed
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    async def _end(self, part):
        """Whichever part ends first ends the session."""
        try:
            outcome = await part
        except Exception as error:
            outcome = error
        if not self._over.is_set():
            self._outcome = outcome
            self._over.set()

    async def _watch(self):
        """Ask a server that says nothing, and give up one that goes on saying nothing. Raises Closed, OSError."""
        asked = False
        begun = time.ticks_ms()
        while True:
            await asyncio.sleep_ms(LOOK_EVERY_MS)
            if not self._parts.wifi.joined:
                raise Closed(1006, "no Wi-Fi any more")
            now = time.ticks_ms()
            silence = time.ticks_diff(now, self._heard_at)
            if silence < ASK_AFTER_MS:
                asked = False
            elif not asked:  # also when it was we who stood still, and what it has said waits to be read
                asked = True
                await self._ws.ping()
            elif silence > SILENT_AFTER_MS:
                raise Closed(1006, "no sign of the server for %d seconds" % (SILENT_AFTER_MS // 1000))
            if not self._welcomed and time.ticks_diff(now, begun) > WELCOME_WITHIN_MS:
                raise Closed(1006, "the server has not said welcome")

    async def _listen(self, welcomed):
        """Obey, until the server wants a restart or a new connection."""
        commands = self._parts.commands
        while True:
            data = await self._ws.receive()
            try:
                message = protocol.read(data)
            except protocol.Malformed as error:
                self._parts.journal.warning("the server sent what is no message: " + error.why)
                await self._send(protocol.ack("unknown", error.id, error=error.why))
                continue
            answer = commands.answer(message)
            if message["type"] == "welcome" and not self._welcomed:
                self._welcomed = True
                welcomed(message)
            if answer:
                await self._send(answer)
            if commands.afterwards:
                wanted, commands.afterwards = commands.afterwards, None
                return wanted

    async def _tell(self):
        """What the server has not asked for: where the head is, how the board is, what it has to say."""
        beaten = None
        while True:
            await asyncio.sleep_ms(TELL_EVERY_MS)
            if not self._welcomed:
                continue
            pose = self._parts.head.pose()
            if pose != self._pose:
                await self._send(protocol.position(pose))
                self._pose = pose
            line = self._parts.journal.take()
            if line:
                await self._send(protocol.log(*line))
            now = time.ticks_ms()
            if beaten is None or time.ticks_diff(now, beaten) >= self._heartbeat_ms:
                beaten = now
                gc.collect()
                await self._send(protocol.heartbeat(**self._parts.vitals()))

    async def _send(self, message):
        await self._ws.send(json.dumps(message))
