"""Copies: what was recorded, a second time, on another disk or in a bucket. A new kind of place is a new row here.

Knows no Flask and no database: what there is to copy, the manifests beside the recordings say.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from camproxy.errors import BadSetting

if TYPE_CHECKING:
    from camproxy.copies.target import Target
    from camproxy.settings import Settings


def open_target(place: str, settings: Settings) -> Target:
    """A directory, or `s3://bucket/prefix` with the settings' endpoint and keys. Asks nobody yet. Raises BadSetting."""
    if not place.startswith("s3://"):
        from camproxy.copies.directory import DirectoryTarget  # works as Linux does, while the server starts anywhere

        return DirectoryTarget(Path(place))
    if importlib.util.find_spec("boto3") is None:
        raise BadSetting("RECORDING_COPY names a bucket, which needs boto3: install what requirements.txt names")
    from camproxy.copies.bucket import Bucket, BucketTarget  # takes 23 MB of memory: only when there is a bucket

    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    return BucketTarget(
        Bucket(
            bucket,
            prefix.strip("/"),
            settings.recording_copy_endpoint,
            settings.recording_copy_region,
            settings.recording_copy_key,
            settings.recording_copy_secret,
        )
    )
