"""`flancollect finetune`, and `python -m finetune` on a machine that only trains: parses, calls, prints."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

CACHE = Path("~/.cache/flancollect")


def finetune(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run card (YAML), or a preset by name.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="The run folder; a stopped run in it goes on.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="DIR", help="The build to train on: data.build of the card."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another value for a key; may be repeated."),
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show packed rows and what is learnt of them; train nothing.")
    ] = False,
    rows: Annotated[int, typer.Option("-n", min=1, help="How many packed rows --preview shows.")] = 1,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace another run in the folder.")
    ] = False,
    cache: Annotated[
        Path,
        typer.Option("--cache", metavar="DIR", envvar="FLANCOLLECT_CACHE", help="Where tokens are kept."),
    ] = CACHE,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train a model on a build. Stopped, it goes on from its last checkpoint, to the same weights."""
    from flancollect.errors import UsageError

    try:
        from finetune.config import load_run
        from finetune.preview import preview_run
        from finetune.train import train
    except ModuleNotFoundError as error:
        raise UsageError(
            f"finetune needs {error.name}, which is not installed: pip install 'flancollect[finetune]'"
        ) from error

    card = load_run(run, [*([f"data.build={_quoted(data)}"] if data is not None else []), *(settings or [])])
    if preview:
        preview_run(card, cache=cache.expanduser(), rows=rows)
        return
    if out is None:
        raise UsageError("--out DIR: name the run folder")
    result = train(card, out, cache=cache.expanduser(), overwrite=overwrite)
    if os.environ.get("RANK", "0") != "0":
        return  # the first process prints for all
    if json:
        from flancollect.artifacts import canonical_json

        print(canonical_json(result.as_dict()))
        return
    print(f"{card.finetune}: {result.step} steps, loss {result.loss:.4f} per target token")
    if result.best_loss is not None:
        print(f"lowest validation loss {result.best_loss:.4f}, at step {result.best_step}")
    if result.stopped is not None:
        print(result.stopped)
    if result.model is not None:
        print(f"model in {result.model}; curves, metrics.jsonl and losses by row in {result.out}")


def _quoted(text: str) -> str:
    """A folder's name as a YAML text."""
    return "'" + text.replace("'", "''") + "'"
