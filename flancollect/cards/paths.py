"""Whether a path stays in its folder: what cards, catalogues and mirrors name must not lead out of it."""

from __future__ import annotations

import os
from pathlib import Path


def is_within(path: Path, folder: Path) -> bool:
    """Whether a path is a folder or lies in it, both followed through links; neither needs to exist."""
    home = os.path.realpath(folder)
    # With the slash behind both, /a/bc does not lie in /a/b; the root alone ends in one already.
    return f"{os.path.realpath(path)}/".startswith(f"{home.rstrip('/')}/")
