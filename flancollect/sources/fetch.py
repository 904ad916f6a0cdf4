"""One download of one remote file into an open temporary file, resumed where the connection broke.

http and https use the standard library; other schemes use fsspec with whatever backend is installed.
"""

from __future__ import annotations

import http.client
import re
import socket
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from functools import partial
from typing import IO, Any
from urllib.parse import quote

from flancollect.artifacts import __version__
from flancollect.errors import SourceError
from flancollect.sources.decode import CHUNK_BYTES
from flancollect.sources.hub_errors import HubCall, hub_failure
from flancollect.sources.retry import TRANSIENT_STATUSES, Failure, connection_failure, retry_after_s
from flancollect.sources.table import SourceAccess
from flancollect.sources.urls import host_of, redact

_REASONS = {
    401: "access is forbidden (401): it needs credentials; download it and map the URL in mirror.yaml",
    403: "access is forbidden (403); download it and map the URL in mirror.yaml",
    404: "no such file (404)",
    410: "no such file any more (410)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What a server calls one version of a file, to ask later whether it changed."""

    etag: str = ""
    modified: str = ""


class _BrokenError(Exception):
    """The connection ended before the file did."""


def fetch_http(url: str, access: SourceAccess, into: IO[bytes], old: Version) -> Version | None:
    """Download a URL; None when the server says that the `old` version still holds.

    Raises:
        SourceError: not found, forbidden, unreachable, or larger than `access.max_file_bytes`.
    """
    # The version whose first bytes `into` holds, once an attempt has broken off: the next asks for the rest.
    partial_version = Version()
    # Spaces and letters of other scripts must travel percent-encoded; all else stays as it is written.
    quoted = quote(url, safe="%/:=&?~#+!$,;'@()*[]")

    def attempt() -> Version | None:
        nonlocal partial_version
        offset = into.tell() if partial_version != Version() else into.seek(0)
        headers = _request_headers(old, partial_version, offset)
        request = urllib.request.Request(quoted, headers=headers)  # noqa: S310 (scheme is checked)
        try:
            response = urllib.request.urlopen(request, timeout=access.timeout_s)  # noqa: S310 (the same)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 304:
                return None
            raise
        with response:
            access.breaker.record_answer(host_of(url))  # it is alive, whether or not the body comes whole
            partial_version = Version(
                etag=response.headers.get("ETag", ""), modified=response.headers.get("Last-Modified", "")
            )
            # 200 in place of 206: the server knows no ranges, or If-Range found another version by now.
            if response.status != 206:
                into.seek(0)
                into.truncate()
            elif not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
                partial_version = Version()
                raise _BrokenError("the server sent another part of the file than was asked for")
            length = response.headers.get("Content-Length") or ""
            _copy(url, access, response, into, into.tell() + int(length) if length.isdigit() else None)
        return partial_version

    return access.with_retries(attempt, _http_failure, label=redact(url), host=host_of(url))


def fetch_other(url: str, access: SourceAccess, into: IO[bytes], old: Version) -> Version | None:
    """Download a URL of any other scheme through fsspec; None when `old` still holds."""

    def attempt() -> Version | None:
        import fsspec  # noqa: PLC0415 (slow to import)

        system, path = fsspec.core.url_to_fs(url)
        info = system.info(path)
        # Backends name the mark of a file's version each in its own way; fsspec's default is of no use.
        names = ("blob_id", "ETag", "etag", "mtime", "LastModified", "last_modified", "updated")
        version = Version(etag="; ".join(f"{name}={info[name]}" for name in names if info.get(name)))
        if version.etag and version == old:
            return None
        into.seek(0)
        into.truncate()
        with system.open(path, "rb") as remote:
            _copy(url, access, remote, into)
        return version

    return access.with_retries(attempt, partial(_backend_failure, url), label=redact(url), host=host_of(url))


def _request_headers(old: Version, partial_version: Version, offset: int) -> dict[str, str]:
    """Ask for the rest of a version from `offset` on, or for the whole unless it is still the old one."""
    headers = {"User-Agent": f"flancollect/{__version__}", "Accept-Encoding": "identity"}
    # A weak mark (W/) promises equal meaning, not equal bytes, so no server may resume by it (RFC 9110, 13.1.5).
    etag = partial_version.etag if not partial_version.etag.startswith("W/") else ""
    if offset and (etag or partial_version.modified):
        return {**headers, "Range": f"bytes={offset}-", "If-Range": etag or partial_version.modified}
    if old.etag:
        headers["If-None-Match"] = old.etag
    elif old.modified:
        headers["If-Modified-Since"] = old.modified
    return headers


def _copy(
    url: str, access: SourceAccess, remote: Any, into: IO[bytes], expected_end: int | None = None
) -> None:
    """Append a readable's bytes, within the bound for one file and up to `expected_end` where that is known."""
    too_large = SourceError(
        f"{redact(url)}: larger than the bound of {access.max_file_bytes:,} bytes for one file"
    )
    if expected_end is not None and expected_end > access.max_file_bytes:
        raise too_large
    while chunk := remote.read(CHUNK_BYTES):
        try:
            into.write(chunk)
        except OSError as error:
            raise SourceError(f"the cache cannot be written: {error.strerror}") from error
        if into.tell() > access.max_file_bytes:
            raise too_large
    if expected_end is not None and into.tell() < expected_end:
        raise _BrokenError(f"the connection broke after {into.tell():,} of {expected_end:,} bytes")


def _http_failure(error: Exception) -> Failure:
    """What an error of urllib means."""
    if isinstance(error, urllib.error.HTTPError):
        return Failure(
            reason=_REASONS.get(error.code, f"the server answers {error.code} {error.reason}"),
            transient=error.code in TRANSIENT_STATUSES,
            retry_after_s=retry_after_s(error.headers),
        )
    if isinstance(error, urllib.error.URLError):
        return connection_failure(error.reason if isinstance(error.reason, Exception) else error)
    # A timeout while the body is read is an OSError too, and says as much of the host as one at its start.
    if isinstance(error, TimeoutError):
        return connection_failure(error)
    if isinstance(error, (OSError, http.client.HTTPException, _BrokenError)):
        return Failure(reason=str(error) or type(error).__name__, transient=True)
    return Failure(reason=f"{type(error).__name__}: {error}")


def _backend_failure(url: str, error: Exception) -> Failure:
    """What an error of an fsspec backend means. Its text stays out: it may hold keys."""
    if isinstance(error, ImportError):
        return Failure(reason=f"reading it needs a package that is not installed: {error}")
    if isinstance(error, FileNotFoundError):
        return Failure(reason="no such file")
    if url.lower().startswith("hf://"):
        failure = _hub_file_failure(url, error)
        if failure is not None:
            return failure
    if isinstance(error, PermissionError):
        return Failure(reason="access is forbidden: check the credentials in the environment")
    if isinstance(error, (TimeoutError, ConnectionError, socket.gaierror)):
        return connection_failure(error)
    return Failure(reason=f"the backend reports {type(error).__name__}", transient=True)


def _hub_file_failure(url: str, error: Exception) -> Failure | None:
    """What an error of the Hub's client means for `hf://datasets/<org>/<name>[@revision]/<path>`."""
    from huggingface_hub import constants, get_token  # noqa: PLC0415 (slow to import)

    repository = re.match(r"hf://((?:datasets/|spaces/)?[^/]+/[^/@]+)", url, re.IGNORECASE)
    page = f"{constants.ENDPOINT}/{repository[1]}" if repository else url
    failure = hub_failure(error, HubCall(page=page, token=get_token()))
    return replace(failure, error=SourceError) if failure is not None else None
