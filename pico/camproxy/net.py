# Wi-Fi and connections.

import asyncio
import binascii
import gc

import network

#: No power saving: it would hold commands back for a tenth of a second and more. As pimoroni's and Raspberry Pi's own.
PM_NONE = 0xA11140
JOIN_WITHIN_MS = 20000
LOOK_EVERY_MS = 100
#: Seconds in which a server has to accept a connection.
DIAL_WITHIN = 8

WHY_NOT = {
    -3: "the password is wrong",
    -2: "the network is not there",
    -1: "the access point refuses",
}


class NoNetwork(Exception):
    """Says why."""


class NotBelieved(Exception):
    """TLS has failed: who answers is not the server whose certificate we have, or the time is wrong."""


class Wifi:
    def __init__(self, ssid, password, country=None, progress=lambda: None):
        if country:
            network.country(country)
        self._ssid = ssid
        self._password = password
        self._progress = progress
        self._wlan = network.WLAN(network.STA_IF)

    async def join(self):
        """Come to have an address. Raises NoNetwork."""
        if self._wlan.isconnected():
            return
        self._wlan.active(True)
        self._wlan.config(pm=PM_NONE)
        self._wlan.connect(self._ssid, self._password)
        for _ in range(JOIN_WITHIN_MS // LOOK_EVERY_MS):
            self._progress()
            await asyncio.sleep_ms(LOOK_EVERY_MS)
            if self._wlan.isconnected():
                return
            if self._wlan.status() < 0:
                break
        why = WHY_NOT.get(self._wlan.status(), "there is no answer")
        self._wlan.disconnect()
        self._wlan.active(False)  # the chip is sometimes stuck; this brings it back
        raise NoNetwork("no Wi-Fi: " + why)

    @property
    def joined(self):
        return self._wlan.isconnected()

    @property
    def address(self):
        return self._wlan.ifconfig()[0]

    @property
    def gateway(self):
        return self._wlan.ifconfig()[2]

    @property
    def rssi(self):
        """dBm, or None."""
        try:
            return self._wlan.status("rssi")
        except (OSError, ValueError):
            return None  # just now not joined

    @property
    def mac(self):
        found = binascii.hexlify(self._wlan.config("mac"), ":").decode()
        return found.upper()


def trust(file):
    """A TLS context that believes the certificate in that file, PEM or DER, and nothing else.

    Raises NotBelieved when there is no such thing.
    """
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        with open(file, "rb") as opened:
            context.load_verify_locations(cadata=der(opened.read()))
    except (OSError, ValueError):
        raise NotBelieved("%s is missing, or is no certificate" % file) from None
    return context


def der(certificate):
    """The bytes of a certificate; of a chain, the first."""
    begin, end = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    if begin not in certificate:
        return certificate
    return binascii.a2b_base64(certificate.split(begin, 1)[1].split(end, 1)[0].strip())


class Dialler:
    """Connections to the server. `context` is None for plain TCP."""

    def __init__(self, wifi, context, certified_name=None):
        self._wifi = wifi
        self._context = context
        self._certified_name = certified_name
        self.encrypted = context is not None

    async def dial(self, host, port):
        """A stream, to be ended with close() and wait_closed(). Raises NoNetwork, NotBelieved, OSError."""
        if not self._wifi.joined:
            raise NoNetwork("no Wi-Fi any more")  # a name's look-up would hang, perhaps for ever
        gc.collect()  # TLS wants two large pieces; and a socket that nobody could close is closed now
        try:
            if self._context:
                name = self._certified_name or host
                dialling = asyncio.open_connection(host, port, ssl=self._context, server_hostname=name)
            else:
                dialling = asyncio.open_connection(host, port)
            stream, _ = await asyncio.wait_for(dialling, DIAL_WITHIN)
        except asyncio.TimeoutError:
            raise OSError(110) from None  # ETIMEDOUT
        except (OSError, ValueError) as error:
            raise believable(error) from None
        return stream


def believable(error):
    """NotBelieved for what mbedTLS says, whose numbers are negative; anything else as it is."""
    if isinstance(error, ValueError) or error.errno is not None and error.errno < -2:
        return NotBelieved("the server's certificate is not believed, or TLS fails (%s)" % error)
    return error


async def close(stream):
    """close() alone closes nothing."""
    stream.close()
    try:
        await stream.wait_closed()
    except OSError:
        pass  # it is gone
