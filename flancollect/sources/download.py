"""Remote files: each is downloaded once into the cache and kept there under the hash of its content.

    cache/files/<sha256>              the content
    cache/locations/<sha256 of URL>   which content a URL had, and the server's mark of that version

A file appears by rename, so it is there whole or not at all, whoever else downloads it at the same time.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flancollect.errors import SourceError
from flancollect.sources.fetch import Version, fetch_http, fetch_other
from flancollect.sources.table import SourceAccess
from flancollect.sources.urls import host_of, redact

# What reads remote files. Other backends of fsspec reach into this machine (file, memory) or into other
# files (zip, simplecache), so a card could name a file outside its catalogue through them.
SCHEMES = (
    "https",
    "http",
    "hf",
    "s3",
    "gs",
    "gcs",
    "az",
    "abfs",
    "abfss",
    "ftp",
    "sftp",
    "hdfs",
    "oss",
    "oci",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntry:
    """A downloaded file: its content's hash and size, and the server's mark of the version."""

    sha256: str
    bytes: int
    version: Version


def downloaded(url: str, access: SourceAccess, *, fresh: bool) -> tuple[Path, str]:
    """The path and SHA-256 of a URL's content.

    A cached file is used as it is; with `fresh` the server is first asked whether it changed, and a server
    that cannot be reached leaves the cached file in use.

    Raises:
        SourceError: not cached and not to be had.
    """
    parts = urlsplit(url)
    if parts.scheme.lower() not in SCHEMES or "::" in url:  # "::" chains backends in fsspec
        raise SourceError(
            f"{redact(url)}: no way to read {parts.scheme}:// locations. Known: {', '.join(SCHEMES)}. "
            f"Any other can be mapped to a folder in mirror.yaml"
        )
    if "@" in parts.netloc:
        raise SourceError(f"{redact(url)}: credentials must not stand in a URL")
    cache = Path(access.cache).expanduser()
    index = cache / "locations" / hashlib.sha256(url.encode()).hexdigest()
    entry = _read_entry(cache, index)
    if entry is None and access.offline:
        raise SourceError(
            f"{redact(url)}: source unavailable: the network is switched off and the cache lacks it"
        )
    if entry is None or (fresh and not access.offline):
        entry = _download(url, access, cache, index, entry)
    return _content_path(cache, entry.sha256), entry.sha256


def _read_entry(cache: Path, index: Path) -> CacheEntry | None:
    """What the cache holds for a URL; an entry that is broken, or whose file is gone or cut off, is none."""
    try:
        fields = json.loads(index.read_bytes())
        version = Version(**fields["version"])
        entry = CacheEntry(sha256=fields["sha256"], bytes=fields["bytes"], version=version)
        size = _content_path(cache, entry.sha256).stat().st_size
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return entry if size == entry.bytes else None


def _content_path(cache: Path, sha256: str) -> Path:
    return cache / "files" / sha256[:2] / sha256


def _download(
    url: str, access: SourceAccess, cache: Path, index: Path, entry: CacheEntry | None
) -> CacheEntry:
    """Download what a URL holds now into the cache; `entry` itself where the server says it is unchanged."""
    old_version = entry.version if entry else Version()
    fetch = fetch_http if urlsplit(url).scheme.lower() in ("http", "https") else fetch_other
    with _temporary_file(cache / "files") as content:
        try:
            version = fetch(url, access, content, old_version)
        except SourceError:
            if entry is not None and access.breaker.open_reason(host_of(url)) is not None:
                return entry
            raise
        if version is None and entry is not None:
            return entry
        # On the disk for good before its name says so: after a crash no name stands over half a file.
        content.flush()
        os.fsync(content.fileno())
        content.seek(0)
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        new = CacheEntry(sha256=sha256, bytes=content.tell(), version=version or Version())
        path = _content_path(cache, sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        Path(content.name).replace(path)
    with _temporary_file(index.parent) as entry_file:
        entry_file.write(json.dumps(asdict(new), sort_keys=True).encode())
        entry_file.flush()
        Path(entry_file.name).replace(index)
    return new


@contextmanager
def _temporary_file(folder: Path) -> Iterator[Any]:
    """A file that is gone afterwards unless it was renamed. A full disk is a SourceError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".", suffix=".tmp", delete=False) as file:
            try:
                yield file
            finally:
                Path(file.name).unlink(missing_ok=True)
    except OSError as error:
        raise SourceError(f"{folder}: the cache cannot be written: {error.strerror or error}") from error
