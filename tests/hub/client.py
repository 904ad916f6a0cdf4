"""Publishing and pulling as a user of a loopback Hub, in this process or in one of its own."""

from __future__ import annotations

import logging
import multiprocessing
import queue
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from huggingface_hub import constants

from flancollect.artifacts import Manifest
from flancollect.dataset.reader import WORK_FOLDER
from flancollect.hub.publish import Published, PublishOptions, publish
from flancollect.hub.pull import Pulled, PullOptions, pull
from tests.builds import build, small_jobs
from tests.hub.server import Hub, serving
from tests.hub.store import User

REPO = "org/small"
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

    def publish(self, out: Path, repo: str = REPO, **options: object) -> Published:
        return publish(out, repo, PublishOptions(**options), self.said.append)  # type: ignore[arg-type]

    def pull(self, out: Path, repo: str = REPO, **options: object) -> Pulled:
        return pull(repo, out, PullOptions(**options), self.said.append)  # type: ignore[arg-type]

    def start_publish(self, out: Path) -> BaseProcess:
        return self._start(_publish, out)

    def start_pull(self, out: Path) -> BaseProcess:
        return self._start(_pull, out)

    def _start(self, run: Callable[[str, Path], None], folder: Path) -> BaseProcess:
        process = _FRESH.Process(target=run, args=(self.hub.endpoint, folder))
        process.start()
        return process

    def kill_at(self, moment: int, start: Callable[[Path], BaseProcess], folder: Path) -> None:
        """Start in a process of its own and kill it (-9) when the Hub comes to its `moment`-th event.

        Each request is two events: it has arrived, and it is carried out but not yet answered.
        """
        started: queue.SimpleQueue[BaseProcess] = queue.SimpleQueue()
        seen: list[str] = []

        def watch(stage: str, path: str) -> None:
            seen.append(stage)
            if len(seen) == moment:
                started.get().kill()

        self.hub.watcher = watch
        process = start(folder)
        started.put(process)
        process.join(60)
        self.hub.watcher = _unwatched
        assert process.exitcode == -signal.SIGKILL


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
        # The client reads HF_ENDPOINT when it is imported, which in this process it was long ago.
        patch.setattr(constants, "ENDPOINT", endpoint)
        patch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            f"{endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
        )
        patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        patch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
        patch.setattr(time, "sleep", lambda seconds: sleep(seconds * PACE))
        if token is None:
            patch.delenv("HF_TOKEN", raising=False)
        else:
            patch.setenv("HF_TOKEN", token)
        yield patch


def _publish(endpoint: str, out: Path) -> None:
    with logged_in(endpoint, out):
        publish(out, REPO, say=_unsaid)


def _pull(endpoint: str, out: Path) -> None:
    with logged_in(endpoint, out):
        pull(REPO, out, say=_unsaid)


def _unsaid(line: str) -> None:
    """Say nothing."""


def _unwatched(stage: str, path: str) -> None:
    """See nothing."""


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


def export_in(out: Path) -> Path:
    """Where in a build folder lies what it is published as."""
    return out / WORK_FOLDER / "publish"


def exported(out: Path) -> dict[str, bytes]:
    """The files that a build is published as."""
    return files_of(export_in(out))


def on_hub(hub: Hub, repo: str = REPO, revision: str = "main") -> dict[str, bytes]:
    """What a repository holds, but for what the Hub itself put there."""
    return {
        path: content for path, content in hub.repos[repo].files(revision).items() if path != ".gitattributes"
    }


def puts(hub: Hub) -> int:
    """Bytes of large files that were sent."""
    return sum(asked.up for asked in hub.asked("PUT", "/"))


def changed(out: Path, text: str = "Changed: ") -> Manifest:
    """Build `small_jobs` again with one job of three changed."""
    jobs = small_jobs()
    rows = jobs["rte", "zs_opt"]
    inputs = [f"{text}{value}" for value in rows["inputs"].to_pylist()]
    jobs["rte", "zs_opt"] = rows.set_column(rows.schema.get_field_index("inputs"), "inputs", [inputs])
    return build(out, jobs)
