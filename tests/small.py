"""The small private catalogue of tests/data, and the command line over it alone.

`python -m tests.small ARGUMENTS` is `flancollect ARGUMENTS` without the embedded collection, so that a
command takes a second. With KILL_AT_RENAME=n in the environment the process kills itself, as kill -9 does,
just before its n-th renaming of a file (KILL_WITH=SIGINT: as Ctrl-C does); with FILE_BYTES=n it can write no
file larger than that.
"""

import contextlib
import io
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flancollect.building.build import BuildOptions, BuildResult, build
from flancollect.cards import catalog
from flancollect.cli import main
from flancollect.planning import resolve
from flancollect.planning.request import BuildRequest

REPO = Path(__file__).resolve().parent.parent
CATALOGUE = REPO / "tests" / "data" / "catalogue"
EMPTY = REPO / "tests" / "data" / "empty"


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


@contextlib.contextmanager
def nothing_embedded() -> Iterator[None]:
    """No card but those of `--catalog` folders, and an empty lock."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (catalog, resolve):
            patch.setattr(module, "embedded_root", lambda: EMPTY)
        yield


def request(name: str = "small", catalogue: Path = CATALOGUE, **more: object) -> BuildRequest:
    """What to plan, from the small catalogue."""
    return BuildRequest(name, catalogs=(catalogue,), **more)  # type: ignore[arg-type]


def built(out: Path, what: BuildRequest | None = None, **options: object) -> BuildResult:
    """Build in this process."""
    with nothing_embedded():
        return build(what or request(), out, BuildOptions(**options))  # type: ignore[arg-type]


def command(*arguments: object, catalogue: Path | None = CATALOGUE) -> Ran:
    """Run a command in this process, as the installed script does; progress lines are part of `err`."""
    out, err = io.StringIO(), io.StringIO()
    with (
        nothing_embedded(),
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.setattr(sys, "argv", ["flancollect", *_words(arguments, catalogue)])
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    return Ran(code=int(code), out=out.getvalue(), err=err.getvalue())


def start(*arguments: object, catalogue: Path | None = CATALOGUE, **env: str) -> subprocess.Popen[str]:
    """Start a command in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.small", *_words(arguments, catalogue)],
        cwd=REPO,
        env={**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> Ran:
    """Wait for a started command."""
    out, err = process.communicate(timeout=120)
    return Ran(code=process.returncode, out=out, err=err)


def _words(arguments: tuple[object, ...], catalogue: Path | None) -> list[str]:
    words = list(map(str, arguments))
    if words[0] == "build" and "--workers" not in words:
        words += ["--workers", "1"]  # starting processes takes longer than the work
    return words if catalogue is None else [*words, "--catalog", str(catalogue)]


def _kill_at_rename(number: int) -> None:
    rename, seen = Path.replace, 0

    def replace(self: Path, target: Path) -> Path:
        nonlocal seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.Signals[os.environ.get("KILL_WITH", "SIGKILL")])
        return rename(self, target)

    Path.replace = replace  # type: ignore[method-assign]


if __name__ == "__main__":
    # A shell without job control starts what runs in the background with SIGINT ignored, and so may whoever tests.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if "FILE_BYTES" in os.environ:
        limit = int(os.environ["FILE_BYTES"])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    if "KILL_AT_RENAME" in os.environ:
        _kill_at_rename(int(os.environ["KILL_AT_RENAME"]))
    for module in (catalog, resolve):
        module.embedded_root = lambda: EMPTY
    main()
