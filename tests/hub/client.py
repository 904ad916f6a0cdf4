"""Publishing and pulling as a user of a loopback Hub, in this process or in one of its own."""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from huggingface_hub import constants

from flancollect.publish import Published, PublishOptions, publish
from flancollect.pull import Pulled, PullOptions, pull
from tests.hub.server import Hub, serving
from tests.hub.store import User

TOKEN = "hf_secretsecretsecret"
ALICE = User(name="alice", orgs=("org",))
PACE = 0.002  # how much shorter waits are than they say

_FRESH = multiprocessing.get_context("forkserver")
_FRESH.set_forkserver_preload(["tests.hub.client", "huggingface_hub.hf_api", "pandas"])  # what takes long


@dataclass(frozen=True)
class Client:
    """One user of one Hub. `said` are the lines that publish and pull gave while waiting."""

    hub: Hub
    said: list[str] = field(default_factory=list)

    def publish(self, build: Path, repo: str = "org/small", **options: object) -> Published:
        return publish(build, PublishOptions(repo=repo, **options), self.said.append)  # type: ignore[arg-type]

    def pull(self, out: Path, repo: str = "org/small", **options: object) -> Pulled:
        return pull(PullOptions(repo=repo, out=out, **options), self.said.append)  # type: ignore[arg-type]

    def start_publish(self, build: Path, repo: str) -> BaseProcess:
        """Publish in a process of its own, to be killed."""
        process = _FRESH.Process(target=_publish, args=(self.hub.endpoint, build, repo))
        process.start()
        return process

    def start_pull(self, out: Path, repo: str) -> BaseProcess:
        process = _FRESH.Process(target=_pull, args=(self.hub.endpoint, out, repo))
        process.start()
        return process


@contextmanager
def at_a_new_hub(home: Path) -> Iterator[Client]:
    """Alice at a new, empty Hub."""
    with serving(Hub(users={TOKEN: ALICE})) as hub, logged_in(hub.endpoint, home):
        yield Client(hub)


@contextmanager
def logged_in(endpoint: str, home: Path, token: str | None = TOKEN) -> Iterator[pytest.MonkeyPatch]:
    """The environment of a user: which Hub, which token; no Xet, no settings of this machine, short waits."""
    sleep = time.sleep
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", endpoint)
        patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        patch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
        patch.setattr(time, "sleep", lambda seconds: sleep(seconds * PACE))
        if token is None:
            patch.delenv("HF_TOKEN", raising=False)
        else:
            patch.setenv("HF_TOKEN", token)
        yield patch


def _publish(endpoint: str, build: Path, repo: str) -> None:
    with logged_in(endpoint, build / "home"):
        publish(build, PublishOptions(repo=repo), _nothing)


def _pull(endpoint: str, out: Path, repo: str) -> None:
    with logged_in(endpoint, out / "home"):
        pull(PullOptions(repo=repo, out=out), _nothing)


def _nothing(line: str) -> None:
    """Say nothing."""


def texts_of(error: BaseException | None) -> str:
    """All that an exception and those behind it say and hold."""
    told = []
    while error is not None:
        told += [str(error), repr(error), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return "\n".join(told)


def everything_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Capture what every library logs, down to the last detail."""
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, logger=name)


def files_of(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, but for what a run leaves for the next."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not {".work", ".export"} & set(path.relative_to(folder).parts)
    }
