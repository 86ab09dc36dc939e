# The application: which parts there are, how they are joined, and the loop that connects, for ever.

import asyncio
import gc
import random
import sys
import time

from camproxy import VERSION, blinker, board, clock, http, mdns, net, protocol, store
from camproxy.backoff import Backoff
from camproxy.commands import Commands, kept_config
from camproxy.journal import Journal
from camproxy.keys import Keys
from camproxy.reader import Reader
from camproxy.session import Session
from camproxy.settings import FILE, BadSettings, Settings
from camproxy.supervisor import Supervisor
from camproxy.ws import LARGEST, Closed, Refused, WebSocket

#: Close codes by which the server says that it does not want us. docs/protocol.md, "Devices".
REFUSALS = (4001, 4003, 4009)
NOT_AUTHORIZED = 4001
#: Seconds until the server has answered, TLS on a slow chip included.
OPEN_WITHIN = 20
#: How often a board asks whether its code has been approved. Milliseconds.
ASK_APPROVAL_MS = 4000
#: Below so much free memory something leaks; a restart is better than what comes. Bytes.
LOW_HEAP = 12000
#: So many heartbeats with little memory, one after the other.
LOW_BEATS = 3
#: Longest silence of a task until the watchdog bites. Milliseconds.
HEAD_PATIENCE_MS, NET_PATIENCE_MS = 3000, 60000
#: The collector comes by after so much has been used, so that the heap does not crumble. Bytes.
COLLECT_AFTER = 2048


class App:
    def __init__(self, settings, led):
        self.settings = settings
        self.led = led
        self.journal = Journal()
        self.keys = Keys()
        self.board = board.Board(settings.pins, kept_config())
        self.head = self.board.head
        self.commands = Commands(self.head, self.board.light, self.keys, self.journal)
        self.supervisor = Supervisor(board.watchdog() if settings.watchdog else lambda: None)
        self.progress = self.supervisor.watch("connection", NET_PATIENCE_MS)
        self.wifi = net.Wifi(settings.ssid, settings.password, settings.country, self.progress)
        self.announcer = mdns.Announcer(self.wifi.mac, settings.name)
        self.backoff = Backoff(settings.reconnect_ms, random.randrange)
        self._dialler = None
        self._token = settings.token
        self._nonce = None
        self._low_beats = 0
        # Made once, before anything crumbles the heap.
        self._incoming = bytearray(1024)
        self._message = bytearray(LARGEST)

    async def run(self):
        asyncio.create_task(self.led.run())
        asyncio.create_task(self.head.run(self.supervisor.watch("head", HEAD_PATIENCE_MS)))
        asyncio.create_task(self.supervisor.run())
        asyncio.create_task(self.announcer.run(self.wifi))
        self.journal.info("CamProxy Pico %s, %s, started by %s" % (VERSION, self.wifi.mac, self.board.reset_reason))
        while True:
            await self.wait(await self.attempt())

    async def wait(self, milliseconds):
        while milliseconds > 0:
            self.progress()
            await asyncio.sleep_ms(min(milliseconds, 1000))
            milliseconds -= 1000

    async def attempt(self):
        """Get on by one step: a whole connection, or what hinders it. The pause until the next, in milliseconds."""
        self.progress()
        try:
            if not self.wifi.joined:
                self.led.code = blinker.JOINING
                await self.wifi.join()
            if self.led.code in (blinker.JOINING, blinker.ONLINE):
                self.led.code = blinker.CONNECTING  # what was wrong is shown until something else is
            dialler = self.dialler()
            host, port = await self.server()
            if self.wants_to_enrol():
                return await self.enrol(dialler, host, port)
            return await self.connection(dialler, host, port)
        except net.NoNetwork as error:
            self.led.code = blinker.JOINING
            self.journal.warning(str(error))
        except net.NotBelieved as error:
            self.led.code = blinker.NOT_BELIEVED
            self.journal.warning(str(error))
        except NoServer:
            self.journal.warning("no CamProxy in this network; name server.host in config.json if it is elsewhere")
        except http.BadAnswer as error:
            self.journal.warning(str(error))
        except EOFError:
            self.journal.warning("the server has closed the connection")
        except OSError as error:
            self.led.code = blinker.CONNECTING
            self.journal.warning("cannot connect: %s" % error)
        except Exception as error:  # a fault of ours must not leave a head that nobody can reach
            sys.print_exception(error)
            self.journal.say("error", "a fault in the firmware: %r" % error)
        return self.backoff.next_ms()

    def dialler(self):
        """Raises NotBelieved when TLS cannot be had yet."""
        if self._dialler is None:
            context = None
            if self.settings.ca:
                servers = (self.settings.ntp, self.wifi.gateway)
                if not clock.is_set() and not clock.set_by_network(servers, self.journal):
                    raise net.NotBelieved("the time is not known: no time server answers, and no certificate holds now")
                context = net.trust(self.settings.ca)
            self._dialler = net.Dialler(self.wifi, context, self.settings.certified_name)
        return self._dialler

    async def server(self):
        """(host, port). Raises NoServer."""
        if self.settings.host:
            return self.settings.host, self.settings.port
        found = await mdns.find_server(self.wifi.address, self.progress)
        if found is None:
            raise NoServer()
        return found

    # Enrolment

    def wants_to_enrol(self):
        """Without a key; or when somebody has written a new token into config.json."""
        self.announcer.paired = self.keys.current is not None
        return self.keys.current is None or self._token is not None and not self.keys.came_by(self._token)

    async def enrol(self, dialler, host, port):
        """Ask once; the pause until the next step."""
        from camproxy import enrol  # needed once in a board's life

        self.led.code = blinker.PAIRING
        token = self._token
        if token is None:
            token = enrol.code()
            print("to pair this board, approve it on the server: %s, code %s" % (self.wifi.mac, token))
        self._nonce = self._nonce or enrol.nonce()
        asked = protocol.registration(token, self.wifi.mac, self.settings.name, self._nonce)
        try:
            answer = await enrol.register(dialler, host, port, asked, self._incoming)
            self.keys.enrolled(answer, token, dialler.encrypted)
        except enrol.NotLetIn as error:
            if self._token is not None:
                self.journal.warning("the server does not let us in: %s" % error)
                if not error.final:
                    return self.backoff.next_ms()
                self._token = self._nonce = None  # from now on the code, or the key that there is
                return 0
            return ASK_APPROVAL_MS
        except ValueError as error:
            self.journal.warning(str(error))
            return self.backoff.next_ms()
        store.remove(enrol.CODE_FILE)
        self._nonce = None
        self.journal.info("enrolled")
        self.backoff.attempts = 0
        return 0

    # A connection

    async def connection(self, dialler, host, port):
        """From dialling to its end; the pause until the next."""
        stream = await dialler.dial(host, port)
        begun = time.ticks_ms()
        try:
            ws = WebSocket(Reader(stream, self._incoming), stream, self._message)
            headers = (("Authorization", "Bearer %s" % self.keys.current),)
            await asyncio.wait_for(ws.open("%s:%d" % (host, port), self.keys.path, headers), OPEN_WITHIN)
            self.commands.may_take_key = dialler.encrypted or self.keys.unencrypted
            session = Session(ws, self, self.settings.heartbeat_ms)
            wanted = await session.run(self.board.reset_reason, self.progress, self.welcomed)
            await ws.close()
        except Closed as error:
            return self.closed(error)
        except Refused as error:
            self.journal.warning("the server answers %d" % error.status)
            return self.backoff.next_ms()
        except asyncio.TimeoutError:
            raise OSError(110) from None
        except (OSError, ValueError) as error:
            raise net.believable(error) from None
        finally:
            self.backoff.held(time.ticks_diff(time.ticks_ms(), begun))
            await net.close(stream)
        if wanted == "restart":
            self.restart("restart")
        return 0

    def welcomed(self, message):
        self.led.code = blinker.ONLINE
        print("connected, as device", message.get("device_id"))
        self.keys.accepted()
        if self.settings.ca:
            clock.keep(message.get("server_time"))

    def closed(self, error):
        """The server has ended the connection; the pause until the next."""
        self.led.code = blinker.CONNECTING
        if error.code in REFUSALS:
            self.led.code = blinker.REFUSED
            if error.code == NOT_AUTHORIZED and self.keys.refused():
                self.journal.warning("the server does not know the new key; going back to the one before")
                return 0
        self.journal.warning("the server has ended the connection: %d %s" % (error.code, error.reason))
        return self.backoff.next_ms()

    # How it is

    def vitals(self):
        """For a heartbeat. With little memory for too long, the board starts anew."""
        free = gc.mem_free()
        self._low_beats = self._low_beats + 1 if free < LOW_HEAP else 0
        if self._low_beats == 1:
            self.journal.warning("only %d bytes of memory are free" % free)
        elif self._low_beats >= LOW_BEATS:
            self.restart("low_heap")
        return {
            "uptime_ms": self.supervisor.uptime_ms,
            "free_heap": free,
            "rssi": self.wifi.rssi,
            "temperature": self.board.temperature(),
            "reset_reason": self.board.reset_reason,
            "ignored": self.commands.ignored,
        }

    def restart(self, reason):
        self.head.keep()
        board.restart(reason)


class NoServer(Exception):
    """None was found."""


async def main():
    gc.threshold(COLLECT_AFTER)
    gc.collect()  # what the imports have left
    await asyncio.sleep_ms(0)
    led = board.blinker()
    try:
        settings = Settings(store.load(FILE))
    except BadSettings as error:
        print("config.json:", error)
        led.code = blinker.BAD_CONFIG
        await led.run()  # until somebody has mended it and switches the board on again
        return
    await App(settings, led).run()
