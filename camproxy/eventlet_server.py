"""ASYNC_MODE=eventlet: the server on green threads, as the design card has it. `python app.py` becomes this.

eventlet replaces the standard library's threads and sockets, which must happen before anything else is imported: so
this is a program of its own. It has no defence against slow connections; nginx in front has.
"""

import eventlet

eventlet.monkey_patch()

import importlib  # noqa: E402
import logging  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
from typing import Any  # noqa: E402

import eventlet.wsgi  # noqa: E402

from camproxy import occupancy, schema, serving  # noqa: E402
from camproxy.errors import BadSetting, CannotStart  # noqa: E402
from camproxy.logs import start_logging  # noqa: E402
from camproxy.settings import load  # noqa: E402

log = logging.getLogger("camproxy")

#: How often it is looked whether a signal has come, which does not wake eventlet. Seconds.
LOOK_EVERY = 0.1
#: How long answers that have begun may take at the end. Seconds.
GRACE = 2.0


def serve() -> None:
    ending: list[int] = []
    for end in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(end, lambda number, _frame: ending.append(number))
    settings = load()
    if settings.tls:
        raise BadSetting("TLS cannot be true with ASYNC_MODE=eventlet: put nginx in front, or use ASYNC_MODE=threading")
    start_logging(settings)
    occupancy.occupy(settings.data_dir)
    schema.check(settings.database)
    listener = serving.bind(settings)
    served: Any = importlib.import_module("app").app
    lasting = settings.max_clients + settings.max_viewers + settings.max_devices
    pool = eventlet.GreenPool(lasting + serving.SPARE_THREADS)
    server = eventlet.spawn(
        eventlet.wsgi.server, listener, served, log_output=False, custom_pool=pool, keepalive=5, debug=False
    )
    log.info("CamProxy is at %s", serving.address())
    while not ending:
        eventlet.sleep(LOOK_EVERY)
    served.extensions["camproxy"].runtime.stop()
    server.kill()
    with eventlet.Timeout(GRACE, False):
        pool.waitall()


if __name__ == "__main__":
    try:
        serve()
    except CannotStart as error:
        sys.exit(f"CamProxy cannot start: {error}")
