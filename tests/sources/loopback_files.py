"""A file server on the loopback device whose faults are scripted per path."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.loopback import listening


@dataclass(kw_only=True)
class Files:
    """What is served. `faults[path]` is used up one a request: a status, or the bytes sent before a break.

    A negative fault answers nothing for so many seconds. `ranges` and `etags` say what the server can do.
    """

    content: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[int]] = field(default_factory=dict)
    ranges: bool = True
    etags: bool = True
    url: str = ""
    log: list[tuple[str, int, int]] = field(default_factory=list)
    """(path, status, bytes sent) of each request."""


@contextmanager
def serving(files: Files) -> Iterator[Files]:
    """Serve files for the length of a `with` block."""
    with listening(_Handler, files=files) as files.url:
        yield files


class _Handler(BaseHTTPRequestHandler):
    files: Files

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""

    def do_GET(self) -> None:
        faults = self.files.faults.get(self.path, [])
        fault = faults.pop(0) if faults else 0
        if fault < 0:
            threading.Event().wait(-fault)  # time.sleep may be replaced by the test
        content = self.files.content.get(self.path)
        if fault in range(300, 600) or content is None:
            self._head(fault or 404, 0)
            return
        etag = f'"{hashlib.sha1(content).hexdigest()}"'
        if self.headers.get("If-None-Match") == etag:
            self._head(304, 0)
            return
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        part = self.files.ranges and asked is not None and self.headers.get("If-Range") == etag
        start = int(asked[1]) if part and asked else 0
        body = content[start:]
        headers = {"ETag": etag} if self.files.etags else {}
        if part:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        sent = body[:fault] if fault > 0 else body
        self._head(206 if part else 200, len(body), headers, sent)
        with suppress(BrokenPipeError, ConnectionResetError):  # a client that gave up is part of the game
            self.wfile.write(sent)

    def _head(
        self, status: int, length: int, headers: dict[str, str] | None = None, sent: bytes = b""
    ) -> None:
        self.files.log.append((self.path, status, len(sent)))
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(length))
        self.end_headers()
