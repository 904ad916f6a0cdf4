"""The command line. stdout is data, stderr progress; every command parses, calls one function, prints."""

from __future__ import annotations

import sys

from flancollect.errors import FlancollectError

INTERRUPTED = 130


def main() -> None:
    """Run the command and exit with its code: see errors.py for what each code means."""
    from flancollect.cli.app import app

    try:
        app()
    except FlancollectError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
