"""The command line. stdout is data, stderr progress; every command parses, calls one function, prints."""

from __future__ import annotations

import sys

from flancollect.cli.terminal import visible_output
from flancollect.errors import FlancollectError

INTERRUPTED = 130


def main() -> None:
    """Run the command and exit with its code: see errors.py for what each code means."""
    with visible_output():
        _run()


def _run() -> None:
    try:
        from flancollect.cli.app import app

        app()
    except FlancollectError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _say_interrupted()
        sys.exit(INTERRUPTED)
    except SystemExit as end:  # typer makes one of an interrupt, and says nothing
        if end.code == INTERRUPTED:
            _say_interrupted()
        raise


def _say_interrupted() -> None:
    print("interrupted; run the same command again to go on", file=sys.stderr)
