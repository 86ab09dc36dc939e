"""Sites: nginx with a certificate of its own, and a server behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.proxy import NGINX, OPENSSL, Certificate, Nginx, make_certificate
from tests.running import Person, RunningServer

MakeSite = Callable[..., Nginx]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    if not NGINX or not OPENSSL:
        pytest.skip("nginx and openssl are not installed")
    return make_certificate(tmp_path_factory.mktemp("tls"))


def start(directory: Path, certificate: Certificate, **settings: Any) -> Nginx:
    server = RunningServer(directory / "data", **{"TRUSTED_PROXIES": "127.0.0.1"} | settings)
    try:
        return Nginx(directory / "nginx", server, certificate)
    except BaseException:
        server.stop()
        raise


@pytest.fixture(scope="module")
def site(certificate: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """One with the demo camera, shared by the tests of a module."""
    running = start(tmp_path_factory.mktemp("site"), certificate)
    yield running
    running.stop()


@pytest.fixture
def make_site(certificate: Certificate, tmp_path: Path) -> Iterator[MakeSite]:
    """Starts one with settings of its own: `make_site(LOGIN_LIMIT="5 per minute")`. Once a test."""
    running: list[Nginx] = []

    def make(**settings: Any) -> Nginx:
        running.append(start(tmp_path, certificate, **settings))
        return running[-1]

    yield make
    for one in running:
        one.stop()


@pytest.fixture
def admin(site: Nginx) -> Iterator[Person]:
    with site.person() as person:
        yield person
