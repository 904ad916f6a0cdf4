"""Which function answers which path, and who may ask it."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.hub import api, downloads, uploads
from tests.hub.server import Answer, Request, refusal
from tests.hub.store import Repo

READ = {
    "": api.info,
    "revision": api.info,
    "tree": api.tree,
    "paths-info": api.paths_info,
    "refs": api.refs,
    "commits": api.commits,
}
WRITE = {
    "preupload": uploads.preupload,
    "commit": uploads.commit,
    "tag": api.tag,
    "branch": api.branch,
}
PLAIN = {
    "/api/whoami-v2": api.whoami,
    "/api/repos/create": api.create,
    "/api/validate-yaml": api.validate_yaml,
}
Route = Callable[[Request, Repo, str], Answer]

_API = re.compile(r"/api/datasets/(?P<id>[^/]+/[^/]+)(?:/(?P<verb>[a-z-]+)(?:/(?P<rest>.*))?)?")
_RESOLVE = re.compile(r"/datasets/(?P<id>[^/]+/[^/]+)/resolve/(?P<rest>.*)")
_BATCH = re.compile(r"/datasets/(?P<id>[^/]+/[^/]+)\.git/info/lfs/objects/batch")
_LARGE = re.compile(r"/(?P<verb>upload|part|complete|verify|cdn)/(?P<id>[^/]+/[^/]+)/(?P<rest>.*)")


def route(request: Request) -> Answer:
    """The answer to a request."""
    if request.path in PLAIN:
        return PLAIN[request.path](request)
    if match := _BATCH.fullmatch(request.path):
        return _in_repo(request, match["id"], "", uploads.batch, writes=True)
    if match := _LARGE.fullmatch(request.path):  # signed addresses: whoever knows one may use it
        return uploads.LARGE.get(match["verb"], downloads.large)(
            request, request.hub.repos[match["id"]], match["rest"]
        )
    if match := _RESOLVE.fullmatch(request.path):
        return _in_repo(request, match["id"], match["rest"], downloads.resolve)
    match = _API.fullmatch(request.path)
    verb = (match["verb"] or "") if match else None
    if match is None or verb not in READ | WRITE:
        return refusal(404, message=f"no such page: {request.path}")
    return _in_repo(request, match["id"], match["rest"] or "", (READ | WRITE)[verb], writes=verb in WRITE)


def _in_repo(request: Request, name: str, rest: str, answer: Route, *, writes: bool = False) -> Answer:
    repo = request.hub.repos.get(name)
    if repo is None or (repo.private and not api.may_write(request, name)):
        return refusal(401 if request.user is None and request.hub.users else 404, "RepoNotFound")
    if writes and request.hub.users and request.user is None:
        return refusal(401, message="Invalid username or password.")
    if writes and not api.may_write(request, name):
        return refusal(403, message=f"You don't have the rights to write to {name}")
    if repo.gated and rest.partition("/")[2]:
        return refusal(403, "GatedRepo")
    return answer(request, repo, rest)
