"""A small read-only Hub on the loopback device: as much of its HTTP interface as the real clients ask for.

`Hub.repos` maps a dataset id to its commits, oldest first; each commit maps paths to bytes. `main` is the
newest. `Hub.log` holds (method, path, bytes sent) of every request.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

API = re.compile(r"^/api/datasets/(?P<id>[^/]+/[^/]+)(?:/(?P<verb>revision|tree|paths-info)/(?P<rest>.*))?$")
RESOLVE = re.compile(r"^/datasets/(?P<id>[^/]+/[^/]+)/resolve/(?P<rest>.*)$")


@dataclass(kw_only=True)
class Hub:
    """What the server serves, and what it was asked."""

    repos: dict[str, dict[str, Mapping[str, bytes]]] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    endpoint: str = ""
    log: list[tuple[str, str, int]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def sent(self, suffix: str) -> int:
        """Bytes of bodies sent for paths that end so."""
        return sum(size for _, path, size in self.log if path.endswith(suffix))


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve a hub for the length of a `with` block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.hub.tokens.add(self.headers.get("Authorization", ""))
        path = unquote(urlsplit(self.path).path)
        if match := API.match(path):
            self._api(match["id"], match["verb"], match["rest"] or "", body)
        elif match := RESOLVE.match(path):
            self._resolve(match["id"], match["rest"])
        else:
            self._send(404, b"{}")

    def _commit(self, repo: str, rest: str) -> tuple[str, Mapping[str, bytes], str] | None:
        """The commit that the head of `rest` names, its files, and the path after it; None once answered."""
        commits = self.hub.repos.get(repo)
        if commits is None:
            return self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if repo in self.hub.gated and rest.partition("/")[2]:
            return self._send(403, b"{}", {"X-Error-Code": "GatedRepo"})
        revision, _, path = rest.partition("/")
        sha = list(commits)[-1] if revision in ("", "main") else revision
        if sha not in commits:
            return self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        return sha, commits[sha], path

    def _api(self, repo: str, verb: str | None, rest: str, body: bytes) -> None:
        found = self._commit(repo, rest)
        if found is None:
            return
        sha, files, path = found
        if verb == "tree":
            self._json(_tree(files, path))
        elif verb == "paths-info":
            asked = json.loads(body)["paths"]
            self._json([entry for entry in _tree(files, "", deep=True) if entry["path"] in asked])
        else:
            siblings = [{"rfilename": name} for name in files]
            self._json(
                {"_id": "0", "id": repo, "sha": sha, "siblings": siblings, "tags": [], "private": False}
            )

    def _resolve(self, repo: str, rest: str) -> None:
        found = self._commit(repo, rest)
        if found is None:
            return
        sha, files, path = found
        if path not in files:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": sha})
            return
        content = files[path]
        headers = {"ETag": f'"{_oid(content)}"', "X-Repo-Commit": sha, "Accept-Ranges": "bytes"}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            self._send(200, content, headers)
            return
        start, end = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
        headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        self._send(206, content[start : end + 1], headers)

    def _json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.hub.log.append((self.command, urlsplit(self.path).path, len(body) * (self.command != "HEAD")))


def _oid(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


def _tree(files: Mapping[str, bytes], folder: str, *, deep: bool = False) -> list[dict[str, object]]:
    """Entries of a folder: its files, and its folders once each."""
    prefix = f"{folder}/" if folder else ""
    entries: dict[str, dict[str, object]] = {}
    for path, content in files.items():
        if path.startswith(prefix):
            name, slash, _ = path.removeprefix(prefix).partition("/")
            if slash and not deep:
                entries[name] = {"type": "directory", "oid": "0" * 40, "size": 0, "path": prefix + name}
            else:
                entries[path] = {"type": "file", "oid": _oid(content), "size": len(content), "path": path}
    return list(entries.values())
