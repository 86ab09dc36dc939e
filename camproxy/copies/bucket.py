"""A bucket that copies are kept in, at Amazon or at anybody who speaks S3.

Files of more than one PART go up in parts; which of them are there already, the bucket knows, so that an upload that
was cut off goes on where it was.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from camproxy.copies.target import CHUNK, CopyFailed, Pace, Refused, Source, Stopped
from camproxy.recording.hours import is_folder, read_path
from camproxy.recording.manifest import NAME

#: Bytes of a part. S3 takes ten thousand of them, of at least 5 MiB.
PART = 8 << 20
MARKER = ".camproxy-copy"


@dataclass(frozen=True)
class Bucket:
    """Where it is and what opens it. What is empty, boto3 looks for where it always does (AWS_ACCESS_KEY_ID, …)."""

    name: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""
    key: str = ""
    secret: str = field(default="", repr=False)


@dataclass(frozen=True)
class Piece:
    """A part of a file: its own hashes, as S3 writes them."""

    offset: int
    size: int
    sha256: str
    md5: str


class BucketTarget:
    """A Target. boto3's client is made when it is first needed."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.shown = "/".join(filter(None, ["s3:/", bucket.name, bucket.prefix]))
        self._made: Any = None

    @property
    def _s3(self) -> Any:
        if self._made is None:
            known = self._bucket
            self._made = boto3.client(
                "s3",
                endpoint_url=known.endpoint or None,
                region_name=known.region or None,
                aws_access_key_id=known.key or None,
                aws_secret_access_key=known.secret or None,
                config=Config(
                    connect_timeout=5,
                    read_timeout=30,
                    retries={"total_max_attempts": 1},  # the copier tries again, and says so
                    # Each body has its SHA-256 in a header that is signed. boto3's own CRC32 in a trailer is not
                    # understood by every server that speaks S3.
                    request_checksum_calculation="when_required",
                    response_checksum_validation="when_required",
                    s3={"payload_signing_enabled": False} | ({"addressing_style": "path"} if known.endpoint else {}),
                ),
            )
        return self._made

    def _key(self, path: str) -> str:
        return "/".join(filter(None, [self._bucket.prefix, path]))

    def _about(self, path: str) -> dict[str, str]:
        return {"Bucket": self._bucket.name, "Key": self._key(path)}

    def prepare(self, used: bool) -> None:
        with self._in_words():
            there = self._head(MARKER)
            if there is None and used:
                raise CopyFailed(f"{self._key(MARKER)} is missing in {self.shown}. If it has to be new, put one there")
            if there is None:
                self._put_whole(MARKER, b"CamProxy keeps copies of recordings here.\n")

    def manifest(self, folder: str) -> bytes:
        try:
            with self.open(f"{folder}/{NAME}") as file:
                return file.read()
        except FileNotFoundError:
            return b""

    def publish(self, folder: str, content: bytes) -> None:
        with self._in_words():
            self._put_whole(f"{folder}/{NAME}", content)

    def put(self, source: Source) -> None:
        with source.open() as original, self._in_words(source.pace):
            pieces = list(_pieces(source, original))
            there = self._head(source.path)
            if there is not None:
                if self._is(there, source, pieces):
                    return
                if there["Metadata"].get("sha256") != source.sha256:
                    raise Refused(f"{source.path} is in {self.shown} already, but is another file, and is left alone")
            about = {"ChecksumAlgorithm": "SHA256", "Metadata": {"sha256": source.sha256}, "ContentType": "video/mp4"}
            if len(pieces) == 1:
                self._s3.put_object(
                    **self._about(source.path),
                    **about,
                    Body=_Body(original, pieces[0], source.pace),
                    ContentLength=pieces[0].size,
                    ChecksumSHA256=pieces[0].sha256,
                )
            else:
                self._put_in_pieces(source, original, pieces, about)
            there = self._head(source.path)
            if there is None or not self._is(there, source, pieces):
                raise CopyFailed(f"{source.path} is not what was sent to {self.shown}")

    def _put_in_pieces(self, source: Source, original: BinaryIO, pieces: list[Piece], about: dict[str, Any]) -> None:
        key = self._about(source.path)
        upload, there = self._unfinished(source.path)
        if upload is None:
            upload = self._s3.create_multipart_upload(**key, **about)["UploadId"]
        parts = []
        for number, piece in enumerate(pieces, 1):
            known = there.get(number)
            if known is None or not _matches(known, piece):
                known = self._s3.upload_part(
                    **key,
                    UploadId=upload,
                    PartNumber=number,
                    Body=_Body(original, piece, source.pace),
                    ContentLength=piece.size,
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=piece.sha256,
                )
            parts.append({"PartNumber": number, "ETag": known["ETag"], "ChecksumSHA256": piece.sha256})
        self._s3.complete_multipart_upload(**key, UploadId=upload, MultipartUpload={"Parts": parts})

    def _unfinished(self, path: str) -> tuple[str | None, dict[int, Any]]:
        """An upload that was cut off, and its parts that are there."""
        for upload in self._uploads(path):
            pages = self._s3.get_paginator("list_parts").paginate(**self._about(path), UploadId=upload)
            return upload, {part["PartNumber"]: part for page in pages for part in page.get("Parts", ())}
        return None, {}

    def _uploads(self, path: str) -> list[str]:
        key = self._key(path)
        pages = self._s3.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket.name, Prefix=key)
        return [upload["UploadId"] for page in pages for upload in page.get("Uploads", ()) if upload["Key"] == key]

    def abandon(self, path: str) -> None:
        with self._in_words():
            for upload in self._uploads(path):
                self._s3.abort_multipart_upload(**self._about(path), UploadId=upload)

    def names(self) -> Iterator[tuple[str, int]]:
        prefix = self._key("").rstrip("/")
        prefix = f"{prefix}/" if prefix else ""
        with self._in_words():
            for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket.name, Prefix=prefix):
                for item in page.get("Contents", ()):
                    name = item["Key"].removeprefix(prefix)
                    folder, _, rest = name.partition("/")
                    if read_path(name) or (is_folder(folder) and rest == NAME):
                        yield name, item["Size"]

    def open(self, path: str) -> BinaryIO:
        with self._in_words():
            try:
                body = self._s3.get_object(**self._about(path))["Body"]
            except ClientError as error:
                if _is_absent(error):
                    raise FileNotFoundError(path) from None
                raise
        return io.BufferedReader(_Reading(body, self), CHUNK)

    def remove(self, path: str) -> None:
        with self._in_words():
            self._s3.delete_object(**self._about(path))

    def close(self) -> None:
        if self._made is not None:
            self._made.close()
            self._made = None

    def _put_whole(self, path: str, content: bytes) -> None:
        checksum = _base64(hashlib.sha256(content).digest())
        self._s3.put_object(**self._about(path), Body=content, ChecksumAlgorithm="SHA256", ChecksumSHA256=checksum)

    def _head(self, path: str) -> Any:
        try:
            return self._s3.head_object(**self._about(path), ChecksumMode="ENABLED")
        except ClientError as error:
            if _is_absent(error):
                return None
            raise

    def _is(self, there: dict[str, Any], source: Source, pieces: list[Piece]) -> bool:
        """Whether the object is that file: by the hash that the bucket has of it, or else by reading it."""
        if there["ContentLength"] != source.size:
            return False
        if "ChecksumSHA256" in there:
            # Of an object in parts it is the hash of their hashes.
            return str(there["ChecksumSHA256"]).partition("-")[0] == _checksum(pieces)
        digest = hashlib.sha256()
        with self.open(source.path) as file:
            while chunk := file.read(CHUNK):
                source.pace.take(len(chunk))
                digest.update(chunk)
        return digest.hexdigest() == source.sha256

    @contextmanager
    def _in_words(self, pace: Pace | None = None) -> Iterator[None]:
        """What boto3 says, as CopyFailed; what it says of a body that refused to go on, as Stopped."""
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            if pace and pace.stopping.is_set():
                raise Stopped from None
            raise CopyFailed(f"{self.shown}: {error}") from None


class _Body(io.RawIOBase):
    """A piece of a file on its way to the bucket, in its pace."""

    def __init__(self, file: BinaryIO, piece: Piece, pace: Pace) -> None:
        self._file, self._piece, self._pace = file, piece, pace
        self._at = 0

    def __len__(self) -> int:
        return self._piece.size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._piece.size}[whence]
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        left = self._piece.size - self._at
        wanted = left if size is None or size < 0 else min(size, left)
        self._pace.take(wanted)
        self._file.seek(self._piece.offset + self._at)
        chunk = self._file.read(wanted)
        self._at += len(chunk)
        return chunk


class _Reading(io.RawIOBase):
    """An object on its way here; what goes wrong on the way is CopyFailed."""

    def __init__(self, body: Any, target: BucketTarget) -> None:
        self._body, self._target = body, target

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._target._in_words():
            chunk = self._body.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        with contextlib.suppress(BotoCoreError):
            self._body.close()
        super().close()


def _pieces(source: Source, original: BinaryIO) -> Iterator[Piece]:
    """What goes up one by one; at least one. Raises Refused when the file is not what was recorded."""
    unhurried = Source(source.file, source.path, source.size, source.sha256, Pace(0, source.pace.stopping))
    at, size = 0, 0
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    for chunk in unhurried.chunks(original):
        sha256.update(chunk)
        md5.update(chunk)
        size += len(chunk)
        if size >= PART:
            yield Piece(at, size, _base64(sha256.digest()), md5.hexdigest())
            at, size = at + size, 0
            sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    if size or at == 0:
        yield Piece(at, size, _base64(sha256.digest()), md5.hexdigest())


def _matches(known: dict[str, Any], piece: Piece) -> bool:
    """Whether a part that is there is that piece. Not every server tells a part's SHA-256; all have an ETag."""
    if known["Size"] != piece.size:
        return False
    if "ChecksumSHA256" in known:
        return bool(known["ChecksumSHA256"] == piece.sha256)
    return str(known["ETag"]).strip('"') == piece.md5


def _checksum(pieces: list[Piece]) -> str:
    if len(pieces) == 1:
        return pieces[0].sha256
    return _base64(hashlib.sha256(b"".join(base64.b64decode(piece.sha256) for piece in pieces)).digest())


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def _is_absent(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey", "NotFound")
