"""Repositories, their commits, trees, branches and tags, as the Hub's JSON interface tells and makes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qs, quote, unquote

import yaml

from tests.hub.server import Answer, Request, json_answer, refusal
from tests.hub.store import POINTER_BYTES, Commit, File, Repo, new_repo


def whoami(request: Request) -> Answer:
    if request.user is None:
        return refusal(401, message="Invalid username or password.")
    orgs = [{"name": org, "type": "org"} for org in request.user.orgs]
    return json_answer({"type": "user", "name": request.user.name, "orgs": orgs})


def may_write(request: Request, name: str) -> bool:
    """Whether the namespace is one of the user's; without users every one is."""
    if not request.hub.users:
        return True
    return request.user is not None and name.partition("/")[0] in request.user.namespaces


def create(request: Request) -> Answer:
    asked = request.json()
    owner = asked.get("organization") or (request.user.name if request.user else "")
    name = f"{owner}/{asked['name']}"
    if request.hub.users and request.user is None:
        return refusal(401, message="Invalid username or password.")
    if not may_write(request, name):
        return refusal(403, message=f'You don\'t have the rights to create a dataset under "{owner}"')
    url = f"{request.hub.endpoint}/datasets/{name}"
    if name in request.hub.repos:
        return json_answer({"error": "You already created this dataset repo", "url": url}, 409)
    private = asked.get("visibility") == "private"
    request.hub.repos[name] = new_repo(name, private=private)
    return json_answer({"url": url, "name": name, "private": private})


def validate_yaml(request: Request) -> Answer:
    """Refuse a card whose front matter is no YAML mapping."""
    content = request.json()["content"]
    if not content.startswith("---\n"):
        return json_answer({"errors": [], "warnings": []})
    try:
        found = yaml.safe_load(content.split("\n---\n")[0])
    except yaml.YAMLError as problem:
        return json_answer({"errors": [{"message": str(problem)}], "warnings": []}, 400)
    errors = [] if isinstance(found, dict) else [{"message": "front matter is no mapping"}]
    return json_answer({"errors": errors, "warnings": []}, 400 if errors else 200)


def found(repo: Repo, rest: str) -> tuple[Commit, str] | Answer:
    """The commit that `revision/path` (quoted) names, and the path; or that there is none."""
    revision, _, path = rest.partition("/")
    commit = repo.resolve(unquote(revision) or "main")
    if commit is None:
        return refusal(404, "RevisionNotFound", f"Invalid rev id: {unquote(revision)}")
    return commit, unquote(path)


def info(request: Request, repo: Repo, rest: str) -> Answer:
    at = found(repo, rest)
    if isinstance(at, Answer):
        return at
    siblings = [{"rfilename": path} for path in at[0].files]
    known = {"_id": "0", "id": repo.id, "sha": at[0].sha, "private": repo.private, "tags": [], "gated": False}
    return json_answer({**known, "siblings": siblings})


def tree(request: Request, repo: Repo, rest: str) -> Answer:
    at = found(repo, rest)
    if isinstance(at, Answer):
        return at
    commit, folder = at
    deep = request.query.get("recursive", ["false"])[0].lower() == "true"
    listed = entries(commit.files, folder, deep=deep)
    if folder and not listed:
        return refusal(404, "EntryNotFound", f"{folder} does not exist")
    start = int(request.query.get("cursor", ["0"])[0])
    end = start + request.hub.page_entries
    headers = {}
    if end < len(listed):
        query = f"recursive={deep}&cursor={end}"
        headers["Link"] = f'<{request.hub.endpoint}{request.path}?{query}>; rel="next"'
    return json_answer(listed[start:end], headers=headers)


def paths_info(request: Request, repo: Repo, rest: str) -> Answer:
    at = found(repo, rest)
    if isinstance(at, Answer):
        return at
    form = request.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
    asked = parse_qs(request.body.decode()).get("paths", []) if form else json.loads(request.body)["paths"]
    folders = {folder for path in at[0].files for folder in _folders(path)}
    listed = [entry(path, at[0].files[path]) for path in asked if path in at[0].files]
    return json_answer([*listed, *(_folder(path) for path in asked if path in folders)])


def refs(request: Request, repo: Repo, rest: str) -> Answer:
    def told(kind: str, known: Mapping[str, str]) -> list[dict[str, str]]:
        return [
            {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": sha} for name, sha in known.items()
        ]

    branches = {name: sha for name, sha in repo.branches.items() if not name.startswith("refs/")}
    return json_answer({"branches": told("heads", branches), "converts": [], "tags": told("tags", repo.tags)})


def commits(request: Request, repo: Repo, rest: str) -> Answer:
    told = [
        {"id": c.sha, "title": c.title, "message": "", "date": "2026-01-01T00:00:00.000Z", "authors": []}
        for c in repo.history(unquote(rest))
    ]
    return json_answer(told)


def tag(request: Request, repo: Repo, rest: str) -> Answer:
    name, commit = request.json()["tag"], repo.resolve(unquote(rest))
    if commit is None:
        return refusal(404, "RevisionNotFound")
    if name in repo.tags:
        return refusal(409, message=f"Tag {name} already exists")
    repo.tags[name] = commit.sha
    return json_answer({})


def branch(request: Request, repo: Repo, rest: str) -> Answer:
    name = unquote(rest)
    if name in repo.branches:
        return refusal(409, message=f"Reference {name} already exists")
    start = repo.resolve(request.json().get("startingPoint", "main"))
    if start is None:
        return refusal(404, "RevisionNotFound")
    repo.branches[name] = start.sha
    return json_answer({})


def entry(path: str, file: File) -> dict[str, object]:
    """A file as trees list it."""
    told: dict[str, object] = {"type": "file", "oid": file.blob, "size": len(file.content), "path": path}
    if file.large:
        told["lfs"] = {"oid": file.sha256, "size": len(file.content), "pointerSize": POINTER_BYTES}
    return told


def entries(files: Mapping[str, File], folder: str, *, deep: bool) -> list[dict[str, object]]:
    """Entries of a folder: its folders once each, and its files; `deep`: those of its folders too."""
    prefix = f"{folder}/" if folder else ""
    inside = sorted(path for path in files if path.startswith(prefix))
    below = {path: _folders(path.removeprefix(prefix)) for path in inside}
    folders = sorted({prefix + name for names in below.values() for name in (names if deep else names[:1])})
    shown = [path for path in inside if deep or not below[path]]
    return [*map(_folder, folders), *(entry(path, files[path]) for path in shown)]


def _folders(path: str) -> list[str]:
    """The folders above a path, the outermost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]


def _folder(path: str) -> dict[str, object]:
    return {"type": "directory", "oid": "0" * 40, "size": 0, "path": path}


def quoted(path: str) -> str:
    """A path for an address."""
    return quote(path, safe="/")
