"""`flancollect cards`: check, list, show, schema, sources."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flancollect.cli.check import check, count_by_submix
from flancollect.cli.options import Catalogs, Json, print_json

if TYPE_CHECKING:
    from flancollect.cards.entries import Task
    from flancollect.cards.family import Family

app = typer.Typer(
    help="The catalogue: check it, list it, look at a card, export its schemas.", no_args_is_help=True
)
app.command()(
    check
)  # `cards check` is the one command here that is longer than its options; it has its own file


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
    rows = [_row(task) for task in tasks if submix in (None, task.card.submix)]
    if json:
        print_json(rows)
        return
    # Tabs, as clusters and sources hold spaces; `cut -f1` gives the names.
    columns = ("task", "submix", "family", "cluster", "license", "source")
    for row in rows:
        print("\t".join(str(row[column]) for column in columns))


@app.command()
def show(task: str, catalog: Catalogs = None, json: Json = False) -> None:
    """Show one task as it was resolved: its card, its family's needs and templates; or a family alone."""
    from flancollect.cards.catalog import load_catalog
    from flancollect.errors import UsageError, did_you_mean

    loaded = load_catalog(catalog or [])
    tasks = loaded.tasks
    if task not in tasks and task in loaded.families:
        family = loaded.families[task]
        _print_values({"family": family.name, "file": family.file, **_family_values(family)}, json)
        return
    if task not in tasks:
        raise UsageError(
            f'no task or family "{task}".' + did_you_mean(task, [*tasks, *loaded.families], "Tasks", 6)
        )
    entry = tasks[task]
    # Keys that are not written are left out; those with a default are part of what the card means.
    card = {"file": entry.file, **entry.card.model_dump(mode="json", exclude_none=True)}
    _print_values({**card, **_family_values(entry.family)}, json)


@app.command()
def schema(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write one file per kind of card.")
    ] = None,
) -> None:
    """Export JSON Schemas of all cards, for editors."""
    from flancollect.cards.json_schema import card_schemas, write_schemas

    schemas = card_schemas()
    if out is None:
        print_json(schemas)
        return
    for path in write_schemas(schemas, out):
        print(path)


@app.command()
def sources(catalog: Catalogs = None) -> None:
    """Print the ledger of sources as Markdown: id, status, license, substitute and row counts of every task."""
    from flancollect.cards.catalog import load_catalog
    from flancollect.cards.ledger import ledger

    print(ledger(load_catalog(catalog or [])), end="")


def _family_values(family: Family) -> dict[str, object]:
    """What a family needs of a card, and its templates."""
    return {
        "needs": dict(family.needs),
        "options": family.options,
        "example": dict(family.example),
        "template_ids": [
            f"{template.direction}/{template.name}" + (" (held out)" if template.hold_out else "")
            for template in family.templates
        ],
    }


def _print_values(values: Mapping[str, object], json: bool) -> None:
    if json:
        print_json(dict(values))
        return
    for name, value in values.items():
        print(f"{name}: {', '.join(value) if name == 'template_ids' and isinstance(value, list) else value}")


def _row(task: Task) -> dict[str, object]:
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
