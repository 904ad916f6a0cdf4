"""`python -m finetune RUN --data DIR --out DIR`: `flancollect finetune` where only its own needs are installed."""

from __future__ import annotations

import sys

import typer

from finetune.command import finetune
from flancollect.errors import FlancollectError


def main() -> None:
    """Run the command and exit with its code."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(finetune)
    try:
        app()
    except FlancollectError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
