"""A bucket as the place for copies, on moto's server: large files in parts, cut off and gone on with; a server that is
away, or that keeps something else than it was sent."""

from __future__ import annotations

import hashlib
import logging
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from moto.s3.models import s3_backends

from app import create_app
from camproxy.copies import bucket as bucket_module
from camproxy.copies import open_target
from camproxy.copies.bucket import PART, Bucket, BucketTarget
from camproxy.copies.copier import Copier, CopyPolicy
from camproxy.copies.target import CopyFailed, Pace, Refused, Source
from camproxy.copies.verify import verify
from camproxy.settings import read
from tests.copies.archive import FOLDER, Archive
from tests.copies.conftest import S3
from tests.integration.people import wait_until
from tests.running import PROJECT

PATH = f"{FOLDER}/2023-12-01/08.mp4"


@pytest.fixture
def target(bucket: Bucket) -> Iterator[BucketTarget]:
    made = BucketTarget(bucket)
    yield made
    made.close()


@pytest.fixture
def calls(target: BucketTarget) -> Counter[str]:
    """What the bucket is asked for, and how often."""
    counted: Counter[str] = Counter()
    target._s3.meta.events.register("before-call.s3", lambda model, **_: counted.update([model.name]))
    return counted


def source(tmp_path: Path, size: int) -> Source:
    content = os.urandom(size)
    file = tmp_path / "original.mp4"
    file.write_bytes(content)
    return Source(file, PATH, size, hashlib.sha256(content).hexdigest(), Pace())


def content(target: BucketTarget) -> bytes:
    with target.open(PATH) as file:
        return file.read()


def stored(target: BucketTarget) -> Any:
    """The server's own object."""
    (account,) = s3_backends.values()
    buckets = next(backend.buckets for backend in account.values() if backend.buckets)
    return buckets[target._bucket.name].keys[target._key(PATH)]


@pytest.mark.parametrize("size", [0, 1000, PART - 1, PART, PART + 1, 2 * PART])
def test_a_file_of_any_size_is_whole_there(tmp_path: Path, target: BucketTarget, size: int) -> None:
    wanted = source(tmp_path, size)
    target.put(wanted)
    assert content(target) == wanted.file.read_bytes()
    assert list(target.names()) == [(PATH, size)]


UPLOADER = """
import sys
from pathlib import Path
from camproxy.copies.bucket import Bucket, BucketTarget
from camproxy.copies.target import Pace, Source
file, path, sha256, *where = sys.argv[1:]
source = Source(Path(file), path, Path(file).stat().st_size, sha256, Pace(2_500_000))
BucketTarget(Bucket(*where)).put(source)
"""


def test_killed_in_the_middle_it_goes_on_where_it_was(
    tmp_path: Path, bucket: Bucket, target: BucketTarget, calls: Counter[str]
) -> None:
    wanted = source(tmp_path, 2 * PART + 5000)
    where = [bucket.name, bucket.prefix, bucket.endpoint, bucket.region, bucket.key, bucket.secret]
    words = [sys.executable, "-c", UPLOADER, str(wanted.file), PATH, wanted.sha256, *where]
    with subprocess.Popen(words, cwd=PROJECT) as running:
        wait_until(lambda: target._unfinished(PATH)[1], "the first part is there")
        running.send_signal(signal.SIGKILL)
    there = len(target._unfinished(PATH)[1])
    assert list(target.names()) == [], "half a file is no file"
    calls.clear()
    target.put(wanted)
    assert calls["UploadPart"] == 3 - there
    assert calls["CreateMultipartUpload"] == 0
    assert content(target) == wanted.file.read_bytes()
    assert target._uploads(PATH) == []


def test_a_part_that_is_not_ours_is_sent_again(tmp_path: Path, target: BucketTarget, calls: Counter[str]) -> None:
    wanted = source(tmp_path, PART + 5000)
    key = target._about(PATH)
    upload = target._s3.create_multipart_upload(**key, ChecksumAlgorithm="SHA256")["UploadId"]
    target._s3.upload_part(**key, UploadId=upload, PartNumber=1, Body=b"x" * PART)
    calls.clear()
    target.put(wanted)
    assert calls["UploadPart"] == 2
    assert content(target) == wanted.file.read_bytes()


@pytest.mark.parametrize("size", [5000, PART + 5000])
@pytest.mark.parametrize("has_checksums", [True, False])
def test_a_server_that_keeps_something_else_is_found_out(
    tmp_path: Path, target: BucketTarget, monkeypatch: pytest.MonkeyPatch, size: int, has_checksums: bool
) -> None:
    """By the hash that it says it has, or by reading what it has."""
    wanted = source(tmp_path, size)
    target.put(wanted)
    head = target._s3.head_object

    def without(**asked: Any) -> Any:
        return {name: value for name, value in head(**asked).items() if name != "ChecksumSHA256"}

    if has_checksums:
        stored(target).checksum_value = "A" * 43 + "="
    else:
        monkeypatch.setattr(target._s3, "head_object", without)
        kept = stored(target)
        kept.value = b"x" + wanted.file.read_bytes()[1:]
    with wanted.open() as original:
        pieces = list(bucket_module._pieces(wanted, original))
    assert not target._is(target._head(PATH), wanted, pieces)
    target.put(wanted)
    assert content(target) == wanted.file.read_bytes()
    assert target._is(target._head(PATH), wanted, pieces)


def test_another_object_of_that_name_is_left_alone(tmp_path: Path, target: BucketTarget) -> None:
    target._s3.put_object(**target._about(PATH), Body=b"somebody's own")
    with pytest.raises(Refused, match="left alone"):
        target.put(source(tmp_path, 5000))
    assert content(target) == b"somebody's own"


def test_what_nobody_wants_any_more_is_given_up(archive: Archive, target: BucketTarget) -> None:
    path = archive.record()
    target._s3.create_multipart_upload(**target._about(path))
    archive.remove(path)
    Copier(archive.storage, target, CopyPolicy(archive.root.parent / "recording.copied"), archive.clock).look()
    assert target._uploads(path) == []


def test_other_objects_in_the_bucket_are_nobodys_business(archive: Archive, target: BucketTarget) -> None:
    name = target._bucket.name
    for key in ("other.mp4", f"{FOLDER}/2023-12-01/08.mp4", "cameras/homework/08.mp4", "cameras/home/../../etc/passwd"):
        target._s3.put_object(Bucket=name, Key=key, Body=b"x")
    archive.record()
    copier = Copier(archive.storage, target, CopyPolicy(archive.root.parent / "recording.copied"), archive.clock)
    copier.look()
    (finding,) = verify(target)
    assert (finding.good, finding.whole) == (True, 1)


def test_a_server_that_is_away_is_said_so_and_used_again_when_it_is_back(
    archive: Archive, s3: S3, bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    target = BucketTarget(bucket)
    copier = Copier(archive.storage, target, CopyPolicy(archive.root.parent / "recording.copied"), archive.clock)
    archive.record()
    s3.stop()
    try:
        with pytest.raises(CopyFailed, match="Could not connect"):
            copier.look()
        assert copier.state()["waiting"] == 1
    finally:
        s3.start()
    copier.look()
    (finding,) = verify(target)
    target.close()
    assert (finding.good, finding.whole) == (True, 1)
    assert s3.secret not in caplog.text
    assert s3.secret not in repr(bucket)


def test_a_server_that_says_nothing_does_not_hold_up_a_stop(archive: Archive, bucket: Bucket) -> None:
    archive.record()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = BucketTarget(replace(bucket, endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}"))
        policy = CopyPolicy(archive.root.parent / "recording.copied")
        copier = Copier(archive.storage, target, policy, archive.clock)
        copier.start()
        connection, _ = silent.accept()
        assert connection.recv(1000)
        copier.stop()
        assert copier._thread.is_alive(), "it is not waited for"
        connection.close()
    wait_until(lambda: not copier._thread.is_alive(), "it ends when it may")


def test_a_bucket_that_does_not_exist_is_said_so(target: BucketTarget) -> None:
    other = BucketTarget(replace(target._bucket, name="no-such-bucket"))
    with pytest.raises(CopyFailed, match="bucket does not exist"):
        other.prepare(used=False)
    other.close()


def test_the_settings_name_it_and_keys_may_come_from_the_environment(
    tmp_path: Path, s3: S3, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = f"s3://{bucket.name}/{bucket.prefix}/"
    settings = read(
        {"RECORDING_COPY": place, "RECORDING_COPY_ENDPOINT": s3.endpoint, "RECORDING_COPY_REGION": s3.region}
    )
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret)
    target = open_target(settings.recording_copy, settings)
    target.put(source(tmp_path, 5000))
    assert [name for name, _ in target.names()] == [PATH]
    target.close()
    keyed = read({"RECORDING_COPY_SECRET": s3.secret})
    assert s3.secret in keyed.secrets


def test_boto3_is_loaded_only_for_a_bucket(tmp_path: Path) -> None:
    program = "import sys; from app import create_app; create_app(); sys.exit('boto3' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, env=os.environ | {"DATA_DIR": str(tmp_path)})
    assert done.returncode == 0
    app = create_app({"DATA_DIR": str(tmp_path), "RECORDING_COPY": "s3://some-bucket"})
    assert app.extensions["camproxy"].copier.state()["target"] == "s3://some-bucket"
