"""A real PostgreSQL of the tests' own: in a temporary directory, on a socket there, without a network port."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

#: Debian puts the server's programs where no PATH looks.
PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: float(place.parent.name), reverse=True)
#: It refuses to run as root; the package brings this user.
UNPRIVILEGED = "postgres"


def programs() -> Path | None:
    """Where initdb and pg_ctl are, or None."""
    found = shutil.which("initdb", path=os.pathsep.join([*map(str, PLACES), os.environ.get("PATH", os.defpath)]))
    return Path(found).resolve().parent if found else None


class Cluster:
    """Made and started at once. `remove` stops it and leaves nothing."""

    _numbers = itertools.count(1)

    def __init__(self) -> None:
        found = programs()
        assert found is not None
        self._programs = found
        self._as_user = {"user": UNPRIVILEGED} if os.geteuid() == 0 else {}
        # Not below pytest's directory: a socket's path has 107 characters at most.
        self._home = Path(tempfile.mkdtemp(prefix="camproxy-pg-"))
        if self._as_user:
            shutil.chown(self._home, UNPRIVILEGED)
        else:
            self._home.chmod(0o700)
        self._run("initdb", "--username=camproxy", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        self.start()

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories='{self._home}' -c fsync=off"
        self._run("pg_ctl", "start", "-w", "-l", str(self._home / "log"), "-o", options)

    def runs(self) -> bool:
        return self._run("pg_ctl", "status", check=False) == 0

    def stop(self, mode: str = "fast") -> None:
        """`fast` ends all connections, `immediate` is as if it had crashed."""
        self._run("pg_ctl", "stop", "-w", "-m", mode)

    def new_database(self) -> str:
        """The URL of an empty one."""
        name = f"test{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, database: str) -> str:
        return f"postgresql://camproxy@/{database}?host={self._home}"

    def remove(self) -> None:
        self._run("pg_ctl", "stop", "-m", "immediate", check=False)
        shutil.rmtree(self._home)

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        command = [str(self._programs / program), "-D", str(self._home / "data"), *arguments]
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run(
                command, cwd="/", stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=60, **self._as_user
            )
            said.seek(0)
            assert done.returncode == 0 or not check, said.read()
            return done.returncode
