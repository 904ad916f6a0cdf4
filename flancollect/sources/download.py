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
from typing import IO, Any
from urllib.parse import urlsplit

from flancollect.errors import SourceError
from flancollect.sources.decode import CHUNK_BYTES
from flancollect.sources.fetch import Version, fetch_http, fetch_other
from flancollect.sources.reach import host_of, shown
from flancollect.sources.table import SourceAccess

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
class Kept:
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
    _refuse_odd(url)
    cache = access.cache.expanduser()
    index = cache / "locations" / hashlib.sha256(url.encode()).hexdigest()
    kept = _kept(cache, index)
    if kept is None and access.offline:
        raise SourceError(
            f"{shown(url)}: source unavailable: the network is switched off and the cache lacks it"
        )
    if kept is None or (fresh and not access.offline):
        kept = _renewed(url, access, cache, index, kept)
    return _path(cache, kept.sha256), kept.sha256


def _refuse_odd(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme.lower() not in SCHEMES or "::" in url:
        raise SourceError(
            f"{shown(url)}: no way to read {parts.scheme}:// locations. Known: {', '.join(SCHEMES)}. "
            f"Any other can be mapped to a folder in mirror.yaml"
        )
    if "@" in parts.netloc:
        raise SourceError(f"{shown(url)}: credentials must not stand in a URL")


def _renewed(url: str, access: SourceAccess, cache: Path, index: Path, kept: Kept | None) -> Kept:
    old = kept.version if kept else Version()
    with _temporary(cache / "files") as partial:
        fetch = fetch_http if urlsplit(url).scheme.lower() in ("http", "https") else fetch_other
        try:
            version = fetch(url, access, partial, old)
        except SourceError:
            if kept is not None and access.reach.reason_dead(host_of(url)) is not None:
                return kept
            raise
        if version is None and kept is not None:
            return kept
        new = Kept(sha256=_sealed(partial), bytes=partial.tell(), version=version or Version())
        _rename(partial, _path(cache, new.sha256))
    with _temporary(index.parent) as entry:
        entry.write(json.dumps(asdict(new), sort_keys=True).encode())
        entry.flush()
        _rename(entry, index)
    return new


def _sealed(file: IO[bytes]) -> str:
    """The SHA-256 of a written file, which is on the disk for good after this."""
    file.flush()
    os.fsync(file.fileno())
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def _temporary(folder: Path) -> Iterator[Any]:
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


def _rename(file: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Path(file.name).replace(path)


def _path(cache: Path, sha256: str) -> Path:
    return cache / "files" / sha256[:2] / sha256


def _kept(cache: Path, index: Path) -> Kept | None:
    """What the cache holds for a URL; an entry that is broken, or whose file is gone or cut, is none."""
    try:
        entry = json.loads(index.read_bytes())
        kept = Kept(sha256=entry["sha256"], bytes=entry["bytes"], version=Version(**entry["version"]))
        whole = _path(cache, kept.sha256).stat().st_size == kept.bytes
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return kept if whole else None
