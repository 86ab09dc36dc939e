"""How the server is served: one gunicorn worker with threads, on the first free port of the range."""

from __future__ import annotations

import importlib
import logging
import os
import socket
import sys
from typing import NoReturn

import click
from flask.cli import ScriptInfo

from camproxy.errors import BadSetting
from camproxy.settings import PROJECT, Settings, load

log = logging.getLogger(__name__)

#: Where the listener was bound, once it is; the worker inherits it from the process that bound it.
bound: tuple[str, int] | None = None
_listener: socket.socket | None = None
_scheme = "http"

#: Threads beyond those that Socket.IO clients hold: for pages, API calls and streams being handed over.
SPARE_THREADS = 16


def bind(settings: Settings) -> socket.socket:
    """A listening socket on the first free port from PORT on. Bound before anything else is started.

    Raises BadSetting with a sentence when there is none.
    """
    global bound, _listener, _scheme
    _scheme = "https" if settings.tls else "http"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    ports = range(settings.port, min(settings.port + settings.port_range, 65536))
    if _listener and bound and bound[0] == settings.host and bound[1] in ports:
        return _listener  # gunicorn reads its configuration again at a SIGHUP
    for port in ports:
        try:
            listener = socket.create_server((settings.host, port), family=family, backlog=512)
        except OSError as error:
            refusal = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            continue
        bound, _listener = (settings.host, port), listener
        return listener
    tried = f"port {ports[0]}" if len(ports) == 1 else f"the ports {ports[0]} to {ports[-1]}"
    raise BadSetting(
        f"{tried} of {settings.host} cannot be used: {refusal}. "
        "Stop the other program, or set HOST, PORT or PORT_RANGE."
    )


def address() -> str:
    """Where a browser on this machine finds the server."""
    assert bound is not None
    host = {"0.0.0.0": "localhost", "::": "localhost"}.get(bound[0], bound[0])
    return f"{_scheme}://{f'[{host}]' if ':' in host else host}:{bound[1]}"


def serve() -> None:
    """Become gunicorn: the same process, the same configuration as `gunicorn -c gunicorn.conf.py app:app`.

    With ASYNC_MODE=eventlet become `camproxy.eventlet_server`.
    """
    os.chdir(PROJECT)
    if os.name == "nt":  # gunicorn needs fork
        serve_by_werkzeug()
    module = ["gunicorn", "-c", "gunicorn.conf.py", "app:app"]
    try:
        if load().async_mode == "eventlet":  # for which gunicorn has no worker any more
            module = ["camproxy.eventlet_server"]
    except BadSetting as error:
        sys.exit(f"CamProxy cannot start: {error}")
    os.execv(sys.executable, [sys.executable, "-m", *module])


def by_flask_command() -> bool:
    """Whether it is Flask's command line that loads the application. `flask run` is refused, with a sentence."""
    context = click.get_current_context(silent=True)
    if context is None or context.find_object(ScriptInfo) is None:
        return False
    if context.info_name == "run":
        # It knows nothing of our port, our lock, our limits, nor of how to stop us.
        sys.exit("CamProxy cannot start: `flask run` does not serve it; use `python app.py` or `make run`.")
    return True


def serve_by_werkzeug() -> NoReturn:
    try:
        settings = load()
        certificate = settings.certificate()
        bind(settings).close()  # Werkzeug binds for itself; this found the port
    except BadSetting as error:
        sys.exit(f"CamProxy cannot start: {error}")
    served = importlib.import_module("app")
    sys.stderr.write(f"CamProxy is at {address()}\n")
    try:
        assert bound is not None
        context = certificate and certificate.context()
        served.app.run(*bound, threaded=True, use_reloader=False, ssl_context=context)
    finally:
        served.app.extensions["camproxy"].runtime.stop()
    sys.exit(0)
