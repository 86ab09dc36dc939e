"""Production: one gthread worker for each instance, threads after the client limit.

More workers would break Socket.IO, whose clients must find their own worker again, and each would pull every camera.
"""

import logging
import sys

from camproxy import occupancy, schema, serving, watchdog
from camproxy.errors import CannotStart
from camproxy.logs import start_logging
from camproxy.settings import load
from camproxy.worker import Worker

try:
    settings = load()
    if settings.async_mode == "eventlet":
        raise CannotStart("gunicorn serves no eventlet any more. Start it with: python app.py")
    start_logging(settings)
    # Held by this process and by every worker that it makes.
    occupancy.occupy(settings.data_dir)
    schema.check(settings.database)
    certificate = settings.certificate()
    listener = serving.bind(settings)
except CannotStart as error:
    sys.exit(f"CamProxy cannot start: {error}")

watchdog.take_notify_socket()
log = logging.getLogger("camproxy")
if serving.bound[1] != settings.port:
    log.warning("port %s is busy, taking %s", settings.port, serving.bound[1])

bind = f"fd://{listener.fileno()}"
workers = 1
worker_class = "camproxy.worker.Worker"  # gthread, with a clean end
# A Socket.IO client holds one thread for its WebSocket, or one while it polls.
threads = settings.max_clients + serving.SPARE_THREADS
worker_connections = threads + 200
Worker.body_bytes = settings.message_bytes
Worker.connections_per_address = settings.connections_per_address
Worker.trusted_proxies = settings.trusted_proxies
Worker.certificate = certificate
# One worker for months: a stuck request must not end it, but a stuck worker must.
timeout = 60
graceful_timeout = 6
keepalive = 5
logger_class = "camproxy.worker.WorkerLog"
control_socket_disable = True
proc_name = "camproxy"
# Limits before parsing.
limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190


def on_starting(server):
    if server.cfg.workers != 1:
        sys.exit("CamProxy cannot start: it is one worker for each instance; run more instances for more cameras.")
    if server.cfg.is_ssl:
        sys.exit("CamProxy cannot start: set TLS, TLS_CERTIFICATE and TLS_KEY in place of gunicorn's options.")
    if server.cfg.bind != [bind]:
        sys.exit("CamProxy cannot start: it listens where HOST and PORT say; leave out gunicorn's --bind.")


def nworkers_changed(server, new, _old):
    if new != 1:  # SIGTTIN asks for one more
        server._num_workers = 1


def post_worker_init(worker):
    log.info("CamProxy is at %s", serving.address())
    if certificate:
        log.info("the certificate's SHA-256 fingerprint is %s", certificate.fingerprint)
