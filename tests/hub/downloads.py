"""Downloads: files by revision and path, whole or by range; large ones from another address, as on the Hub."""

from __future__ import annotations

import re

from tests.hub.api import found, quoted
from tests.hub.server import Answer, Request, refusal
from tests.hub.store import Repo


def resolve(request: Request, repo: Repo, rest: str) -> Answer:
    at = found(repo, rest)
    if isinstance(at, Answer):
        return at
    commit, path = at
    headers = {"X-Repo-Commit": commit.sha, "Accept-Ranges": "bytes"}
    if path not in commit.files:
        return Answer(status=404, headers={**headers, "X-Error-Code": "EntryNotFound"})
    file = commit.files[path]
    if not file.large:
        return _content(request, file.content, {**headers, "ETag": f'"{file.oid}"'})
    headers |= {
        "X-Linked-Etag": f'"{file.oid}"',
        "X-Linked-Size": str(len(file.content)),
        "Location": f"{_elsewhere(request)}/cdn/{repo.id}/{file.oid}/{quoted(path)}?signature=hush",
    }
    return Answer(status=302, headers=headers)


def large(request: Request, repo: Repo, rest: str) -> Answer:
    oid = rest.partition("/")[0]
    if oid not in repo.objects:
        return refusal(404)
    return _content(request, repo.objects[oid], {"ETag": f'"{oid}"', "Accept-Ranges": "bytes"})


def _elsewhere(request: Request) -> str:
    """The same server under another name: clients must not take their token there."""
    return request.hub.endpoint.replace("127.0.0.1", "localhost")


def _content(request: Request, content: bytes, headers: dict[str, str]) -> Answer:
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
    if asked is None:
        return Answer(body=content, headers=headers)
    start, end = int(asked[1]), min(int(asked[2] or len(content)), len(content) - 1)
    if start > end:
        return Answer(status=416, headers={**headers, "Content-Range": f"bytes */{len(content)}"})
    told = {**headers, "Content-Range": f"bytes {start}-{end}/{len(content)}"}
    return Answer(status=206, body=content[start : end + 1], headers=told)
