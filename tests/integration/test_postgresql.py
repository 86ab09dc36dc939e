"""What is particular to PostgreSQL: it restarts while the server runs, it is away, it is of another kind."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import requests
from sqlalchemy import make_url

from camproxy import schema
from camproxy.errors import CannotStart
from camproxy.settings import load
from tests.integration.people import issue_token, log_in, wait_until
from tests.integration.test_database_trouble import Watching, refused
from tests.integration.test_serving import refusal
from tests.postgres import Cluster, programs
from tests.running import RunningServer
from tests.test_backup import run

MakeServer = Callable[..., RunningServer]

#: Who is refused is told so within this time. Seconds.
SOON = 5.0


@pytest.fixture
def own_cluster(postgresql: Cluster) -> Iterator[Cluster]:
    """That of all tests, running again afterwards."""
    yield postgresql
    if not postgresql.runs():
        postgresql.start()


def test_it_restarts_while_the_server_runs(make_server: MakeServer, own_cluster: Cluster) -> None:
    server = make_server(DATABASE_URL=own_cluster.new_database())
    with server.person() as admin, Watching(admin) as watching:
        page = admin.listen(transports=["websocket"])
        assert page.call("position_command", {"x": 90, "y": 45})["ok"]
        own_cluster.stop()
        seen, begun = watching.pictures, time.monotonic()
        told = page.call("position_command", {"x": 10, "y": 45})
        assert time.monotonic() - begun < SOON
        assert (told["ok"], told["error"]) == (False, "unavailable")
        answers = [admin.get("/api/cameras"), admin.ask("PATCH", "/api/me", {"step": 5})]
        for answer in answers:
            refused(answer)
        html = admin.get("/", headers={"Accept": "text/html", "Accept-Language": "de"})
        assert html.status_code == 503
        assert "Die Datenbank antwortet" in html.text
        health = admin.get("/health")
        assert (health.status_code, health.json()["status"]) == (503, "unhealthy")
        with requests.Session() as stranger:
            form = stranger.get(f"{server.url}/login", timeout=10)
        assert form.status_code == 200
        assert max(answer.elapsed.total_seconds() for answer in (*answers, html, health, form)) < SOON
        wait_until(lambda: watching.pictures > seen + 20, "pictures go on")
        own_cluster.start()
        assert admin.get("/api/cameras").ok, "at the first attempt"
        assert page.call("position_command", {"x": 20, "y": 45})["ok"]
        assert admin.ask("PATCH", "/api/me", {"step": 5}).ok
        wait_until(lambda: admin.get("/health").json()["status"] == "healthy", "and it says so")
        assert log_in(server, "admin", server.admin_password).status_code == 302
        own_cluster.stop("immediate")
    assert watching.longest < SOON - 1
    assert server.stop() == 0, "without a database too"
    assert "Traceback" not in server.logged, server.logged[server.logged.index("Traceback") - 300 :]


def test_what_only_reads_is_degraded(make_server: MakeServer, postgresql: Cluster) -> None:
    """As a standby that has no primary any more."""
    url = postgresql.new_database()
    server = make_server(DATABASE_URL=url)
    with server.person() as admin:
        _, token = issue_token(admin)
        bearer = {"Authorization": f"Bearer {token}"}
        name = make_url(url).database
        read_only = "ALTER DATABASE {} SET default_transaction_read_only = {}"
        with psycopg.connect(postgresql.url("postgres"), autocommit=True) as connection:
            connection.execute(read_only.format(name, "on"))
            end_connections(connection, name)
            assert requests.get(f"{server.url}/api/cameras", headers=bearer, timeout=10).ok
            refused(admin.ask("PATCH", "/api/me", {"step": 5}))
            assert admin.ask("POST", "/api/cameras/demo/position_command", {"x": 20, "y": 45}).ok
            found = admin.get("/health").json()
            assert found["status"] == "degraded"
            assert "read-only transaction" in found["causes"][0]
            connection.execute(read_only.format(name, "off"))
            end_connections(connection, name)
        assert admin.ask("PATCH", "/api/me", {"step": 5}).ok


def end_connections(connection: psycopg.Connection[tuple[object, ...]], database: str | None) -> None:
    """And wait until they have ended: one that is about to would take a question and not answer it."""
    connection.execute("SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE datname = %s", (database,))


def test_the_commands_that_backup_db_names_do_what_it_says(
    make_server: MakeServer, postgresql: Cluster, tmp_path: Path
) -> None:
    url = postgresql.new_database()
    server = make_server(DATABASE_URL=url)
    path = f"{programs()}{os.pathsep}{os.environ['PATH']}"

    def shell(command: str) -> None:
        subprocess.run(command, shell=True, cwd=tmp_path, env=os.environ | {"PATH": path}, check=True, timeout=60)

    with server.person() as admin:
        said = run(server.data_dir, code=1, DATABASE_URL=url)
        dump, restore = [line for line in said.splitlines() if line.startswith("    ")]
        admin.made("/api/users", {"username": "anna", "password": "eight and more", "role": "viewer"})
        shell(dump)
        admin.made("/api/users", {"username": "ben", "password": "eight and more", "role": "viewer"})
    server.stop()
    shell(restore)
    assert server.execute('SELECT username FROM "user" ORDER BY id') == [("admin",), ("anna",)]
    again = make_server(data_dir=server.data_dir, DATABASE_URL=url)
    assert log_in(again, "anna", "eight and more").status_code == 302


def test_it_is_away_at_start(tmp_path: Path) -> None:
    said = refusal(tmp_path, DATABASE_URL=f"postgresql://anna:hunter22@/cameras?host={tmp_path}")
    assert "the database postgresql+psycopg://anna:***@/cameras" in said
    assert "cannot be used: " in said
    assert "hunter22" not in said


def test_it_is_of_a_newer_release(tmp_path: Path, make_server: MakeServer, postgresql: Cluster) -> None:
    url = postgresql.new_database()
    server = make_server(DATABASE_URL=url)
    server.stop()
    server.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "the database is of a newer release (revision 9999" in refusal(tmp_path, DATABASE_URL=url)


def test_one_that_does_not_know_all_letters(postgresql: Cluster) -> None:
    with psycopg.connect(postgresql.url("postgres"), autocommit=True) as connection:
        connection.execute("CREATE DATABASE plain TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    with pytest.raises(CannotStart, match="does not know all letters"):
        schema.check(load({"DATABASE_URL": postgresql.url("plain")}).database)
