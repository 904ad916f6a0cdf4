"""The Typer application: which command lives in which module."""

from __future__ import annotations

from typing import Annotated

import typer

from flancollect.cli import build, cards, export, importers, inspect, plan, publish

app = typer.Typer(
    name="flancollect",
    help="Exact, reproducible, traceable instruction-tuning mixtures from declarative task cards.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from flancollect.artifacts import __version__

        print(f"flancollect {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Exact, reproducible, traceable instruction-tuning mixtures from declarative task cards."""


app.add_typer(cards.app, name="cards")
for command in (
    build.build,
    plan.plan,
    build.lock,
    inspect.preview,
    inspect.why,
    inspect.stats,
    inspect.verify,
    inspect.diff,
    export.export,
    publish.publish,
    publish.pull,
):
    app.command()(command)
app.command("import")(importers.import_)
