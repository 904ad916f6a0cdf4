"""`flancollect cards`: check, list, show, schema, sources."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from flancollect.cli.check import check, count_by_submix
from flancollect.cli.options import Catalogs, Json, print_json

app = typer.Typer(
    help="The catalogue: check it, list it, look at a card, export its schemas.", no_args_is_help=True
)


app.command()(check)


@app.command("list")
def list_(
    submix: Annotated[str | None, typer.Option("--submix", help="Only this submix.")] = None,
    catalog: Catalogs = None,
    json: Json = False,
) -> None:
    """List the tasks."""
    from flancollect.cards.catalog import load_catalog
    from flancollect.errors import UsageError, did_you_mean

    tasks = load_catalog(catalog or []).tasks.values()
    submixes = count_by_submix(tasks)
    if submix is not None and submix not in submixes:
        raise UsageError(f'--submix: no submix "{submix}".' + did_you_mean(submix, submixes, "Submixes"))
    listed = [_row(task) for task in tasks if submix in (None, task.card.submix)]
    if json:
        print_json(listed)
        return
    for row in listed:
        print(
            "\t".join(str(row[name]) for name in ("task", "submix", "family", "cluster", "license", "source"))
        )


@app.command()
def show(task: str, catalog: Catalogs = None, json: Json = False) -> None:
    """Show one task as it was resolved: its card, its family's needs and templates."""
    from flancollect.cards.catalog import load_catalog
    from flancollect.errors import UsageError, did_you_mean

    tasks = load_catalog(catalog or []).tasks
    if task not in tasks:
        raise UsageError(f'no task "{task}".' + did_you_mean(task, tasks, "Tasks", 6))
    found = tasks[task]
    card = {"file": found.file, **found.card.model_dump(mode="json", exclude_none=True)}
    templates = [
        f"{w.direction}/{w.name}" + (" (held out)" if w.hold_out else "") for w in found.family.templates
    ]
    if json:
        print_json({**card, "template_ids": templates})
        return
    for name, value in card.items():
        print(f"{name}: {value}")
    print("template_ids: " + ", ".join(templates))


@app.command()
def schema(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write one file per kind of card.")
    ] = None,
) -> None:
    """Export JSON Schemas of all cards, for editors."""
    from flancollect.cards.json_schema import card_schemas

    schemas = card_schemas()
    if out is None:
        print_json(schemas)
        return
    from flancollect.cards.json_schema import write_schemas

    for path in write_schemas(schemas, out):
        print(path)


@app.command()
def sources(catalog: Catalogs = None) -> None:
    """Print the ledger of sources as Markdown: id, status, license, substitute and row counts of every task."""
    from flancollect.cards.catalog import load_catalog
    from flancollect.cards.ledger import ledger

    print(ledger(load_catalog(catalog or [])), end="")


def _row(task: Any) -> dict[str, object]:
    from flancollect.planning.resolve import source_keys

    card = task.card
    return {
        "task": card.task,
        "submix": card.submix,
        "family": card.family,
        "source": source_keys([task])[card.task],
        "license": card.license,
        "languages": card.languages,
        "cluster": card.cluster,
        "metric": card.metric,
        "rows": card.rows,
        "file": task.file,
    }
