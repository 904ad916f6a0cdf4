"""`flancollect publish` and `pull`: to the Hub and back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flancollect.cli.options import Json, print_json

if TYPE_CHECKING:
    from flancollect.hub.publish import Published

MAX_FILES_LISTED = 20

Repo = Annotated[str, typer.Argument(metavar="ORG/NAME", help="A dataset on the Hub.")]


def publish(
    build: Annotated[Path, typer.Argument(metavar="DIR", help="A build folder.")],
    repo: Repo,
    private: Annotated[bool, typer.Option("--private", help="Make a new dataset private.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent; send nothing.")] = False,
    revision: Annotated[
        str, typer.Option("--revision", metavar="BRANCH", help="Made from main if it is not there.")
    ] = "main",
    tag: Annotated[str | None, typer.Option("--tag", help="A tag beside content-HASH.")] = None,
    json: Json = False,
) -> None:
    """Publish a build on the Hub, with card and licenses. Sends only what changed; stopped, it resumes."""
    from dataclasses import asdict

    from flancollect.cli.progress import progress
    from flancollect.hub.publish import PublishOptions
    from flancollect.hub.publish import publish as run

    options = PublishOptions(revision=revision, tag=tag, private=private, dry_run=dry_run)
    with progress() as report:
        done = run(build, repo, options, _say, report)
    if json:
        print_json(asdict(done))
        return
    _print_published(done)


def pull(
    repo: Repo,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The build folder to make.")],
    revision: Annotated[
        str, typer.Option("--revision", help="A branch, a tag such as content-HASH, or a commit.")
    ] = "main",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace another build in the folder.")
    ] = False,
    json: Json = False,
) -> None:
    """Fetch a published mixture as the build folder it was, verified. Stopped, it resumes."""
    from dataclasses import asdict

    from flancollect.cli.progress import progress
    from flancollect.hub.pull import PullOptions
    from flancollect.hub.pull import pull as run

    with progress() as report:
        done = run(repo, out, PullOptions(revision=revision, overwrite=overwrite), _say, report)
    if json:
        print_json({**asdict(done), "out": str(done.out)})  # JSON has no paths
        return
    print(f"{repo}: {done.rows:,} rows in {done.shards} shards, in {out}{' (already there)' * done.reused}")
    print(f"commit {done.commit}")
    print(f"content hash {done.content_hash}")
    # Told, because whoever compares files would wonder; `verify` has compared the rows.
    if not done.same_bytes:
        print("shards hold the same rows in other bytes: another version of Arrow wrote them")


def _say(line: str) -> None:
    # Flushed: whoever waits for a retry reads it before the wait, also through a pipe.
    print(line, file=sys.stderr, flush=True)


def _print_published(done: Published) -> None:
    if done.dry_run:
        _print_would(done)
        return
    print(
        f"{done.repo}: {done.rows:,} rows; {len(done.uploaded)} files sent ({_mb(done)}), "
        f"{len(done.removed)} removed, {done.unchanged} unchanged"
    )
    print(f"commit {done.commit}{'' if done.committed else ' (was there already)'}")
    print(f"tags: {', '.join(done.tags)}")
    print(done.url)


def _print_would(done: Published) -> None:
    """Every file that would be sent or removed, up to a number."""
    # A mixture of many tasks has thousands of files; the counts below say how many in any case.
    lines = [f"would send {name}, {size:,} bytes" for name, size in done.uploaded.items()]
    lines += [f"would remove {name}" for name in done.removed]
    print("\n".join(lines[:MAX_FILES_LISTED]))
    if len(lines) > MAX_FILES_LISTED:
        print(f"... and {len(lines) - MAX_FILES_LISTED} more; --json lists them all")
    novelty = "" if done.commit else " (a new branch or dataset)"
    print(
        f"{done.repo} at {done.revision}{novelty}: {done.rows:,} rows; {len(done.uploaded)} files to send "
        f"({_mb(done)}), {len(done.removed)} to remove, {done.unchanged} unchanged"
    )


def _mb(done: Published) -> str:
    return f"{sum(done.uploaded.values()) / 1e6:,.1f} MB"
