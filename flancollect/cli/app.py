"""The Typer application: which command lives in which module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from finetune import command as finetuning
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


def _version(value: bool) -> None:
    # Eager: typer calls it before it looks for a command, which `--version` has none of.
    if value:
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


# Every command by its name, in the order of `--help`. A module imports what a command runs inside the function.
COMMANDS: Mapping[str, Callable[..., None]] = {
    "build": build.build,
    "plan": plan.plan,
    "lock": build.lock,
    "preview": inspect.preview,
    "why": inspect.why,
    "stats": inspect.stats,
    "lint": inspect.lint,
    "verify": inspect.verify,
    "diff": inspect.diff,
    "export": export.export,
    "publish": publish.publish,
    "pull": publish.pull,
    "import": importers.import_,
    "finetune": finetuning.finetune,
}

app.add_typer(cards.app, name="cards")
for name, command in COMMANDS.items():
    app.command(name)(command)
