"""Fixtures that many tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.fakes import FakeEsp32Cam
from tests.postgres import Cluster, programs
from tests.running import Person, RunningServer

#: An example takes as long as the machine lets it.
settings.register_profile(
    "patient",
    settings.get_profile(settings.get_current_profile_name()),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")

MakeServer = Callable[..., RunningServer]
Database = Callable[[], dict[str, str]]

#: These take a minute and more. They begin first, so that no worker is left alone with one in the end.
LONGEST = ("tests/integration/test_soak.py", "tests/web/test_openapi.py", "tests/deploy/test_install.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Stable: else the order stays. Makefile's --no-loadscope-reorder keeps it among workers.
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(scope="session", autouse=True)
def _no_settings_of_this_machine() -> Iterator[None]:
    """A developer's .env must not change what is tested, here or in the servers that tests start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ENV_FILE", os.devnull)
        patch.setenv("MDNS", "false")  # nor may the tests be heard in the network around it
        yield


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What works on a database works on SQLite; what is marked `both_databases` a second time on PostgreSQL."""
    if "database" in metafunc.fixturenames:
        both = metafunc.definition.get_closest_marker("both_databases") is not None
        databases = [pytest.param("sqlite", id=pytest.HIDDEN_PARAM), *(["postgresql"] if both else [])]
        metafunc.parametrize("database", databases, indirect=True, scope="module")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """A PostgreSQL of the tests' own."""
    if programs() is None:
        pytest.skip("PostgreSQL is not installed")
    cluster = Cluster()
    yield cluster
    cluster.remove()


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest) -> Database:
    """Makes a fresh database each time it is called; the settings for it."""
    if request.param == "sqlite":
        return dict
    cluster: Cluster = request.getfixturevalue("postgresql")
    return lambda: {"DATABASE_URL": cluster.new_database()}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, database: Database) -> Iterator[RunningServer]:
    """A real server with the demo camera, shared by the tests of a module."""
    running = RunningServer(tmp_path_factory.mktemp("data"), **database())
    yield running
    running.stop()


@pytest.fixture(scope="module")
def admin(server: RunningServer) -> Iterator[Person]:
    """Its admin, logged in, for all tests of a module."""
    with server.person() as admin:
        yield admin


@pytest.fixture
def make_server(tmp_path: Path, database: Database) -> Iterator[MakeServer]:
    """Starts servers with settings of their own: `make_server(PORT=5001)`."""
    running: list[RunningServer] = []
    databases: dict[Path, dict[str, str]] = {}

    def make(**options: Any) -> RunningServer:
        data_dir = options.pop("data_dir", tmp_path / f"data{len(running)}")
        if data_dir not in databases:
            databases[data_dir] = database()
        running.append(RunningServer(data_dir, **databases[data_dir] | options))
        return running[-1]

    yield make
    for one in running:
        one.stop()


@pytest.fixture
def board() -> Iterator[FakeEsp32Cam]:
    """A fake ESP32-CAM that speaks the card's pull protocol."""
    with FakeEsp32Cam() as fake:
        yield fake
