"""Uploads: which way a file goes, large files by the LFS protocol in one or several parts, and commits."""

from __future__ import annotations

import base64
import hashlib
import json
from urllib.parse import unquote

from tests.hub.server import Answer, Request, json_answer, refusal
from tests.hub.store import AbsentError, ConflictError, Repo, is_large


def preupload(request: Request, repo: Repo, rest: str) -> Answer:
    commit = repo.resolve(unquote(rest))
    if commit is None:
        return refusal(404, "RevisionNotFound")
    files = [
        {
            "path": file["path"],
            "uploadMode": "lfs" if is_large(file["path"], file["size"]) else "regular",
            "shouldIgnore": False,
            "oid": commit.files[file["path"]].oid if file["path"] in commit.files else None,
        }
        for file in request.json()["files"]
    ]
    return json_answer({"files": files})


def batch(request: Request, repo: Repo, rest: str) -> Answer:
    objects = [
        _instructions(request, repo, asked["oid"], asked["size"]) for asked in request.json()["objects"]
    ]
    return json_answer({"transfer": "basic", "objects": objects})


def _instructions(request: Request, repo: Repo, oid: str, size: int) -> dict[str, object]:
    """How to upload a large file; nothing when it is there."""
    if oid in repo.objects:
        return {"oid": oid, "size": size}
    base, parts = request.hub.endpoint, -(-size // request.hub.part_bytes)
    upload: dict[str, object] = {"href": f"{base}/upload/{repo.id}/{oid}?signature=hush"}
    if parts > 1:
        urls = {f"{n:05d}": f"{base}/part/{repo.id}/{oid}/{n}?signature=hush" for n in range(1, parts + 1)}
        header = {"chunk_size": str(request.hub.part_bytes), **urls}
        upload = {"href": f"{base}/complete/{repo.id}/{oid}", "header": header}
    verify = {"href": f"{base}/verify/{repo.id}/{oid}"}
    return {"oid": oid, "size": size, "actions": {"upload": upload, "verify": verify}}


def put_whole(request: Request, repo: Repo, oid: str) -> Answer:
    return _keep(repo, oid, request.body)


def put_part(request: Request, repo: Repo, rest: str) -> Answer:
    request.hub.uploading[rest] = request.body
    return Answer(headers={"ETag": f'"{hashlib.md5(request.body).hexdigest()}"'})


def complete(request: Request, repo: Repo, oid: str) -> Answer:
    numbers = [part["partNumber"] for part in request.json()["parts"]]
    return _keep(repo, oid, b"".join(request.hub.uploading[f"{oid}/{number}"] for number in numbers))


def _keep(repo: Repo, oid: str, content: bytes) -> Answer:
    if hashlib.sha256(content).hexdigest() != oid:
        return refusal(400, message="the content is not what its name says")
    repo.objects[oid] = content
    return Answer()


def verify(request: Request, repo: Repo, oid: str) -> Answer:
    there = len(repo.objects.get(oid, b"")) == request.json()["size"]
    return Answer() if there else refusal(404, message="not uploaded")


LARGE = {"upload": put_whole, "part": put_part, "complete": complete, "verify": verify}


def commit(request: Request, repo: Repo, rest: str) -> Answer:
    lines = [json.loads(line) for line in request.body.splitlines() if line]
    header = lines[0]["value"]
    operations = [(line["key"], _decoded(line["value"])) for line in lines[1:]]
    branch = unquote(rest)
    if branch not in repo.branches:
        return refusal(404, "RevisionNotFound")
    try:
        made = repo.add(branch, header["summary"], operations, header.get("parentCommit"))
    except ConflictError:
        return refusal(412, message="A commit has happened since. Please refresh and try again.")
    except AbsentError as problem:
        return refusal(400, message=str(problem))
    url = f"{request.hub.endpoint}/datasets/{repo.id}/commit/{made.sha}"
    return json_answer({"success": True, "commitUrl": url, "commitOid": made.sha})


def _decoded(value: dict) -> dict:
    if value.get("encoding") != "base64":
        return value
    return {**value, "content": base64.b64decode(value["content"])}
