"""Locations that cards name, to files on this machine and what they hold.

A location is a URL (mirrored or downloaded) or a path inside the catalogue folder that holds the card.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path, PurePosixPath

from flancollect.artifacts import file_sha256
from flancollect.cards.paths import is_within
from flancollect.errors import SourceError, did_you_mean
from flancollect.sources.decode import LocalFile, packing_of
from flancollect.sources.download import downloaded
from flancollect.sources.mirror import mirrored_url
from flancollect.sources.table import SourceAccess
from flancollect.sources.urls import redact

LARGE_FILE_BYTES = 8_000_000  # hashed in some 5 ms
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://|^file:", re.IGNORECASE)


def locate(location: str, root: Path, access: SourceAccess, *, fresh: bool) -> LocalFile:
    """The file that a location names, on this machine. `fresh` asks a server whether its file changed.

    Raises:
        SourceError: not there, not to be had, or outside the catalogue.
    """
    path = mirrored_url(access.mirror, location) if access.mirror else None
    digest = ""
    if path is None and _is_remote(location):
        path, digest = downloaded(location, access, fresh=fresh)
    elif path is None:
        path = _path_in_catalogue(location, root)
    return LocalFile(
        name=redact(location),
        path=path,
        sha256=digest or digest_of(path, access),
        packing=packing_of(location),
        max_bytes=access.max_file_bytes,
    )


def location_waits(location: str, root: Path, access: SourceAccess) -> bool:
    """Whether locating a file asks a server, or reads a large file to hash it."""
    try:
        path = mirrored_url(access.mirror, location) if access.mirror else None
    except SourceError:
        return False  # describing it fails at once, and says why
    if path is None and _is_remote(location):
        return not access.offline
    return is_large(path or root / location)


def is_large(path: Path) -> bool:
    """Whether hashing a file takes long enough for a thread of its own."""
    try:
        return path.stat().st_size >= LARGE_FILE_BYTES
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return False


def digest_of(path: Path, access: SourceAccess) -> str:
    """The SHA-256 of a file, computed once while its size and time stay the same."""
    try:
        stat = path.stat()
        identity = (str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns)
        return access.digests.digest(identity, partial(file_sha256, path))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror}") from error


def _is_remote(location: str) -> bool:
    return _SCHEME.match(location) is not None and not location.lower().startswith("file:")


def _path_in_catalogue(location: str, root: Path) -> Path:
    """A path inside the catalogue folder, also when followed through links."""
    names_no_path = location.lower().startswith("file:") or "\0" in location
    path = root / location
    if names_no_path or PurePosixPath(location).is_absolute() or not is_within(path, root):
        raise SourceError(
            f"path leaves the catalogue: {location}: put the data inside it, or map a prefix to its folder in "
            f"mirror.yaml"
        )
    if not path.is_file():
        neighbors = path.parent.iterdir() if path.parent.is_dir() else ()
        names = sorted(neighbor.name for neighbor in neighbors if neighbor.is_file())
        raise SourceError(
            f"{location}: no such file in {root}.{did_you_mean(path.name, names, 'Files there')}"
        )
    return path
