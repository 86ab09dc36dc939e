# ssl as mbedTLS has it: nothing is believed before the clock is right, and trouble shows at the first write or read.

import binascii
import time

PROTOCOL_TLS_CLIENT = 0
CERT_NONE = 0
CERT_REQUIRED = 2
_NOT_BELIEVED = -0x2700


class SSLContext:
    def __init__(self, protocol):
        self.verify_mode = CERT_REQUIRED
        self._ca = ""

    def load_verify_locations(self, cafile=None, cadata=None):
        if cadata is None or cadata[:1] != b"\x30":
            raise ValueError("invalid cert")  # it takes DER
        self._ca = binascii.b2a_base64(cadata).decode()

    def wrap_socket(self, sock, server_side=False, do_handshake_on_connect=True, server_hostname=None):
        if self.verify_mode == CERT_REQUIRED and time.gmtime()[0] < 2026:
            sock.wire.drop()
            raise OSError(_NOT_BELIEVED, "MBEDTLS_ERR_X509_CERT_VERIFY_FAILED")
        sock.wire.secure(server_hostname, self._ca, self.verify_mode == CERT_REQUIRED)
        return sock
