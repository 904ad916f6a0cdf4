"""The HTTP side: reads requests, counts bytes, lets faults happen, sends what the routes answer."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.hub.faults import Fault, Faults
from tests.hub.store import Repo, User
from tests.loopback import listening


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: what, how it was answered (0: not at all), bytes of its bodies, whose token came along."""

    method: str
    path: str
    status: int
    up: int
    down: int
    token: str


@dataclass(kw_only=True)
class Hub:
    """What the server serves, how it fails, and what it was asked.

    With `users` (by token) writing is for them only, and an unknown token is refused; without, all may do all.
    `watcher` is called with "arrived" and "done" and the path, before and after each request is carried out.
    """

    repos: dict[str, Repo] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    faults: Sequence[Fault] = ()
    seed: int = 0
    part_bytes: int = 1 << 40
    page_entries: int = 1000
    watcher: Callable[[str, str], None] = lambda stage, path: None
    endpoint: str = ""
    log: list[Asked] = field(default_factory=list)
    uploading: dict[str, bytes] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.plan = Faults(self.faults, self.seed)

    def fail(self, *faults: Fault, seed: int = 0) -> None:
        """Fail in these ways from now on; none: work again."""
        self.plan = Faults(faults, seed)

    def sent(self, suffix: str) -> int:
        """Bytes of bodies sent for paths that end so."""
        return sum(asked.down for asked in self.log if asked.path.endswith(suffix))

    def received(self, prefix: str = "") -> int:
        """Bytes of bodies received on paths that begin so."""
        return sum(asked.up for asked in self.log if asked.path.startswith(prefix))

    def asked(self, method: str, part: str) -> list[Asked]:
        """The requests of a method whose path contains `part`."""
        return [asked for asked in self.log if asked.method == method and part in asked.path]

    @property
    def tokens(self) -> set[str]:
        """Every Authorization header that came."""
        return {asked.token for asked in self.log}


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve a hub for the length of a `with` block."""
    with listening(_Handler, hub=hub) as hub.endpoint:
        yield hub


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a route sees. `path` is as it was sent: quoted, without the query."""

    hub: Hub
    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    user: User | None

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a route answers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer of JSON."""
    return Answer(
        status=status,
        body=json.dumps(value).encode(),
        headers={"Content-Type": "application/json", **(headers or {})},
    )


def refusal(status: int, code: str = "", message: str = "") -> Answer:
    """An error, said as the Hub says it: in headers and in the body."""
    headers = {"X-Error-Code": code, "X-Error-Message": message}
    return json_answer(
        {"error": message or code}, status, {name: text for name, text in headers.items() if text}
    )


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"
    timeout = 30
    wbufsize = 1 << 16  # head and body in one packet
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""

    def do_HEAD(self) -> None:
        self._answer()

    do_GET = do_POST = do_PUT = do_HEAD  # noqa: N815

    def _answer(self) -> None:
        from tests.hub.routes import route  # noqa: PLC0415 (routes need Request and Answer)

        split = urlsplit(self.path)
        fault = self.hub.plan.of(self.command, split.path)
        if fault is not None and fault.kind == "cut upload":
            self._hang_up(0)
            return
        request = self._request(split.path, split.query)
        if fault is not None and fault.kind == "status":
            self._send(request, Answer(status=fault.status, body=b"{}", headers=fault.headers))
            return
        self.hub.watcher("arrived", request.path)
        with self.hub.lock:
            answer = self._refused() or route(request)
        self.hub.watcher("done", request.path)
        if fault is not None and fault.kind == "lost answer":
            self._hang_up(len(request.body))
        else:
            self._send(request, answer, whole=fault is None)

    def _request(self, path: str, query: str) -> Request:
        return Request(
            hub=self.hub,
            method=self.command,
            path=path,
            query=parse_qs(query),
            headers=self.headers,
            body=self._body(),
            user=self.hub.users.get(self._token()),
        )

    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _refused(self) -> Answer | None:
        if self._token() and self.hub.users and self._token() not in self.hub.users:
            return refusal(401, message="Invalid credentials in Authorization header")
        return None

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))
        chunks = []
        while size := int(self.rfile.readline().strip() or b"0", 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _send(self, request: Request, answer: Answer, *, whole: bool = True) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in answer.headers:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        body = b"" if self.command == "HEAD" else answer.body
        sent = body if whole else body[: len(body) // 2]
        self.wfile.write(sent)
        self._log(answer.status, len(request.body), len(sent))
        if not whole:
            self._hang_up(0, logged=True)

    def _hang_up(self, up: int, *, logged: bool = False) -> None:
        """Close without an answer, as a lost connection looks to the client."""
        if not logged:
            self._log(0, up, 0)
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    def _log(self, status: int, up: int, down: int) -> None:
        path, token = urlsplit(self.path).path, self.headers.get("Authorization", "")
        self.hub.log.append(
            Asked(method=self.command, path=path, status=status, up=up, down=down, token=token)
        )
