"""One download of one remote file into an open temporary file, resumed where the connection broke.

http and https use the standard library; other schemes use fsspec with whatever backend is installed.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import quote

from flancollect.artifacts import __version__
from flancollect.errors import SourceError
from flancollect.sources.decode import CHUNK_BYTES
from flancollect.sources.reach import Failure, host_of, persist, shown
from flancollect.sources.table import SourceAccess

_TEMPORARY = (408, 425, 429, 500, 502, 503, 504)
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
    begun = Version()

    def once() -> Version | None:
        nonlocal begun
        at = into.tell() if begun != Version() else into.seek(0)
        request = urllib.request.Request(_quoted(url), headers=_headers(old, begun, at))  # noqa: S310 (checked)
        try:
            response = urllib.request.urlopen(request, timeout=access.timeout_s)  # noqa: S310 (scheme is checked)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 304:
                return None
            raise
        with response:
            access.reach.answered(host_of(url))
            begun = Version(
                etag=response.headers.get("ETag", ""), modified=response.headers.get("Last-Modified", "")
            )
            if response.status != 206:
                into.seek(0)
                into.truncate()
            elif not response.headers.get("Content-Range", "").startswith(f"bytes {at}-"):
                begun = Version()
                raise _BrokenError("the server sent another part of the file than was asked for")
            _copy(url, access, response, into)
        return begun

    return persist(shown(url), host_of(url), access, once, _judge_http)


def _quoted(url: str) -> str:
    """A URL as it must travel: spaces and letters of other scripts percent-encoded, the rest as written."""
    return quote(url, safe="%/:=&?~#+!$,;'@()*[]")


def _headers(old: Version, begun: Version, at: int) -> dict[str, str]:
    """Ask for the rest of a file that was begun, or for the whole unless it is still the old one."""
    headers = {"User-Agent": f"flancollect/{__version__}", "Accept-Encoding": "identity"}
    mark = begun.etag if not begun.etag.startswith("W/") else ""
    if at and (mark or begun.modified):
        return {**headers, "Range": f"bytes={at}-", "If-Range": mark or begun.modified}
    if old.etag:
        headers["If-None-Match"] = old.etag
    elif old.modified:
        headers["If-Modified-Since"] = old.modified
    return headers


def _copy(url: str, access: SourceAccess, response: http.client.HTTPResponse, into: IO[bytes]) -> None:
    """Append a response's body, and check that it came whole and within the bound."""
    stated = response.headers.get("Content-Length")
    due = into.tell() + int(stated) if stated and stated.isdigit() else None
    _refuse_large(url, access, due or 0)
    while chunk := response.read(CHUNK_BYTES):
        _write(into, chunk)
        _refuse_large(url, access, into.tell())
    if due is not None and into.tell() < due:
        raise _BrokenError(f"the connection broke after {into.tell():,} of {due:,} bytes")


def _write(into: IO[bytes], chunk: bytes) -> None:
    try:
        into.write(chunk)
    except OSError as error:
        raise SourceError(f"the cache cannot be written: {error.strerror}") from error


def _refuse_large(url: str, access: SourceAccess, size: int) -> None:
    if size > access.max_file_bytes:
        raise SourceError(
            f"{shown(url)}: larger than the bound of {access.max_file_bytes:,} bytes for one file"
        )


def _judge_http(error: Exception) -> Failure:
    if isinstance(error, urllib.error.HTTPError):
        wait = error.headers.get("Retry-After", "")
        reason = _REASONS.get(error.code, f"the server answers {error.code} {error.reason}")
        return Failure(
            reason=reason, again=error.code in _TEMPORARY, wait_s=float(wait) if wait.isdigit() else 0.0
        )
    if isinstance(error, urllib.error.URLError):
        return judge_connection(error.reason if isinstance(error.reason, Exception) else error)
    if isinstance(error, TimeoutError):
        return Failure(reason="no answer in time", again=True, dead=True)
    if isinstance(error, (OSError, http.client.HTTPException, _BrokenError)):
        return Failure(reason=str(error) or type(error).__name__, again=True)
    return Failure(reason=f"{type(error).__name__}: {error}")


def judge_connection(error: Exception) -> Failure:
    """Why no connection came about, in plain words."""
    reasons: dict[type[Exception], str] = {
        socket.gaierror: "its name cannot be resolved",
        TimeoutError: "no answer in time",
        ConnectionRefusedError: "the connection is refused",
        ssl.SSLCertVerificationError: "its certificate is not valid",
    }
    for kind, reason in reasons.items():
        if isinstance(error, kind):
            return Failure(reason=reason, again=True, dead=True)
    return Failure(reason=" ".join(str(error).split()) or type(error).__name__, again=True, dead=True)


def fetch_other(url: str, access: SourceAccess, into: IO[bytes], old: Version) -> Version | None:
    """Download a URL of any other scheme through fsspec; None when `old` still holds."""

    def once() -> Version | None:
        system, path = _file_system(url)
        version = Version(etag=_mark(system, path))
        if version.etag and version == old:
            return None
        into.seek(0)
        into.truncate()
        with system.open(path, "rb") as remote:
            for chunk in _pieces(remote):
                _write(into, chunk)
                _refuse_large(url, access, into.tell())
        return version

    return persist(shown(url), host_of(url), access, once, _judge_other)


def _file_system(url: str) -> tuple[Any, str]:
    import fsspec  # noqa: PLC0415 (slow to import)

    options = {"endpoint": os.environ.get("HF_ENDPOINT")} if url.startswith("hf://") else {}
    system, path = fsspec.core.url_to_fs(url, **options)
    return system, path


def _mark(system: Any, path: str) -> str:
    """A backend's mark of a file's version; empty where it has none (fsspec's default is of no use)."""
    info = system.info(path)
    known = ("blob_id", "ETag", "etag", "mtime", "LastModified", "last_modified", "updated")
    return "; ".join(f"{name}={info[name]}" for name in known if info.get(name))


def _pieces(remote: Any) -> Iterator[bytes]:
    return iter(lambda: remote.read(CHUNK_BYTES), b"")


def _judge_other(error: Exception) -> Failure:
    if isinstance(error, ImportError):
        return Failure(reason=f"reading it needs a package that is not installed: {error}")
    if isinstance(error, FileNotFoundError):
        return Failure(reason="no such file")
    if isinstance(error, PermissionError):
        return Failure(reason="access is forbidden: check the credentials in the environment")
    if isinstance(error, (TimeoutError, ConnectionError, socket.gaierror)):
        return judge_connection(error)
    return Failure(reason=f"the backend reports {type(error).__name__}", again=True)
