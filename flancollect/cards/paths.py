"""Whether a path stays in its folder: what cards name must not lead out of their catalogue."""

from __future__ import annotations

import os
from pathlib import Path


def is_within(path: Path, folder: Path) -> bool:
    """Whether a path is a folder or lies in it, both followed through links; neither needs to exist."""
    home = os.path.realpath(folder)
    return f"{os.path.realpath(path)}/".startswith(f"{home.rstrip('/')}/")
