"""A real nginx with the very site file of deploy/, in front of a real server."""

from __future__ import annotations

import getpass
import os
import random
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.integration.people import wait_until
from tests.running import PROJECT, Person, RunningServer

#: Daemons live where a user's PATH does not always look.
DAEMONS = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
NGINX = shutil.which("nginx", path=DAEMONS)
OPENSSL = shutil.which("openssl")

#: As Debian's nginx.conf in all that matters, but in a directory of its own. @ signs as in the site.
AROUND = """
daemon off;
user {user};
worker_processes 2;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 768; }}
http {{
    access_log off;
    tcp_nopush on;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/site.conf;
}}
"""


@dataclass(frozen=True)
class Certificate:
    """For 127.0.0.1, self-signed by the installer's own function."""

    file: Path
    key: Path


def make_certificate(root: Path) -> Certificate:
    script = """
        set -euo pipefail
        say() { :; }
        die() { echo "$*" >&2; exit 1; }
        source deploy/nginx/site.sh
        make_certificate
    """
    made = Certificate(root / "etc/camproxy/tls/certificate.pem", root / "etc/camproxy/tls/key.pem")
    given = {
        "PATH": DAEMONS,
        "root": str(root),
        "name": "camproxy",
        "domain": "127.0.0.1",
        "certificate": "/etc/camproxy/tls/certificate.pem",
        "key": "/etc/camproxy/tls/key.pem",
    }
    subprocess.run(["bash", "-c", script], cwd=PROJECT, env=given, check=True, timeout=30)
    return made


def filled(template: str, **values: object) -> str:
    """A file of deploy/, filled in as install.sh does it."""
    command = ["deploy/fill.sh", f"deploy/{template}", *(f"{name}={value}" for name, value in values.items())]
    return subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True, timeout=30).stdout


class Nginx:
    """Speaks for `server` by TLS on `url`, and sends on from `plain_url`. Stop it with `stop`, which stops both."""

    def __init__(self, directory: Path, server: RunningServer, certificate: Certificate) -> None:
        assert NGINX
        self.server = server
        self.certificate = str(certificate.file)
        self.directory = directory
        self.http_port, self.port = free_port(), free_port()
        self.plain_url = f"http://127.0.0.1:{self.http_port}"
        self.url = f"https://127.0.0.1:{self.port}"
        self.ws_url = f"wss://127.0.0.1:{self.port}"
        directory.mkdir()
        site = filled(
            "nginx/camproxy.conf",
            NAME="camproxy",
            DOMAIN="127.0.0.1",
            HTTP_PORT=self.http_port,
            HTTPS_PORT=self.port,
            AUTHORITY=f"127.0.0.1:{self.port}",
            SOCKET_OPTIONS=" sndbuf=128k",
            PORT=server.port,
            CERTIFICATE=certificate.file,
            KEY=certificate.key,
            MESSAGE_BYTES=65536,
        )
        (directory / "site.conf").write_text(site)
        (directory / "nginx.conf").write_text(AROUND.format(directory=directory, user=getpass.getuser()))
        command = [NGINX, "-e", f"{directory}/error.log", "-p", str(directory), "-c", f"{directory}/nginx.conf"]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            wait_until(self._listens, "nginx listens")
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def _listens(self) -> bool:
        assert self.process.poll() is None, (self.directory / "error.log").read_text()
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        self.server.stop()

    def person(self, username: str = "", password: str = "") -> Person:
        """Somebody who has logged in through nginx; the admin by default."""
        return Person(self, username or self.server.admin_username, password or self.server.admin_password)


def free_port() -> int:
    """Below the range from which the kernel takes ports for connections, and of no other test's server."""
    while True:
        port = random.randint(10_000, 19_999)
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                continue
        try:
            socket.create_server(("", port)).close()
        except OSError:
            continue
        return port
