"""An S3 server, and both kinds of places for copies."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from camproxy.copies.bucket import Bucket, BucketTarget
from camproxy.copies.directory import DirectoryTarget
from camproxy.copies.target import Target
from tests.copies.archive import Archive

_numbers = itertools.count(1)


class S3:
    """moto's server. What is in it stays when it stops."""

    key, secret, region = "AKIATESTTESTTEST", "a secret of the tests", "eu-central-1"

    def __init__(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()
        self.port = self._server.get_host_and_port()[1]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self._server.start()

    def new_bucket(self) -> Bucket:
        bucket = Bucket(f"bucket-{next(_numbers)}", "cameras/home", self.endpoint, self.region, self.key, self.secret)
        target = BucketTarget(bucket)
        target._s3.create_bucket(Bucket=bucket.name, CreateBucketConfiguration={"LocationConstraint": self.region})
        target.close()
        return bucket


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    running = S3()
    yield running
    running.stop()


@pytest.fixture
def bucket(s3: S3) -> Bucket:
    return s3.new_bucket()


@pytest.fixture(params=["directory", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Target]:
    """An empty place for copies."""
    target: Any
    if request.param == "directory":
        (tmp_path / "place").mkdir()
        target = DirectoryTarget(tmp_path / "place")
    else:
        target = BucketTarget(request.getfixturevalue("bucket"))
    yield target
    target.close()


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive(tmp_path / "home") as made:
        yield made
