"""A run's folder: whose it is, and that one process group works in it at a time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from finetune import checkpoint
from finetune.config import RunCard
from finetune.distributed import World
from flancollect.artifacts import __version__, write_atomically
from flancollect.dataset.folder_lock import folder_lock, writable
from flancollect.dataset.reader import Build
from flancollect.errors import UsageError

RUN = "run.json"
# What a run may change when it goes on: where it saves, nothing of what it computes.
FREE = ("saving.every", "saving.keep", "saving.patience", "saving.track", "data.build")


def described(card: RunCard, build: Build) -> dict[str, Any]:
    """What makes two runs the same, as run.json has it."""
    return {
        "flancollect": __version__,
        "content_hash": build.content_hash,
        "card": card.model_dump(mode="json", by_alias=True),
    }


@contextmanager
def run_folder(out: Path, card: RunCard, build: Build, place: World, *, overwrite: bool) -> Iterator[None]:
    """Lock a folder for one run. It may be new, empty, or of the same run, which goes on.

    Raises UsageError for anything else, and says what differs; with `overwrite` the other run is deleted.
    """
    if not place.first:
        # The first rank locks and checks for all; the others wait until the folder is theirs.
        place.wait()
        yield
        return
    with writable(out):
        out.mkdir(parents=True, exist_ok=True)
        present = _present(out)
    with folder_lock(out, out, "run") if place.first else nullcontext():
        run = described(card, build)
        if present is None and any(path.name != "lock" for path in out.iterdir()):
            raise UsageError(
                f"--out {out}: holds files that are no run of flancollect; choose an empty folder"
            )
        differences = [] if present is None else _differences(present, run)
        if differences and not overwrite:
            raise UsageError(
                f"--out {out}: holds another run: {'; '.join(differences[:6])}. Choose another folder, or pass "
                "--overwrite to replace it"
            )
        if differences:
            for path in out.iterdir():
                if path.name != "lock":
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
        for stale in (out / checkpoint.FOLDER).glob(f"{checkpoint.UNFINISHED}*"):
            shutil.rmtree(stale)
        write_atomically(
            out / RUN, (json.dumps(run, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
        )
        place.wait()
        yield


def _present(out: Path) -> dict[str, Any] | None:
    try:
        run = json.loads((out / RUN).read_bytes())
        return run if isinstance(run, dict) else None
    except (OSError, ValueError):
        return None


def _differences(present: dict[str, Any], run: dict[str, Any]) -> list[str]:
    """What is another in two runs, key by key: `optimizer.name: adamw there, muon here`."""
    before, now = _flat(present), _flat(run)
    names = sorted(before.keys() | now.keys())
    return [
        f"{name.removeprefix('card.')}: {before.get(name)} there, {now.get(name)} here"
        for name in names
        if before.get(name) != now.get(name) and name.removeprefix("card.") not in FREE
    ]


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix: value}
    out: dict[str, Any] = {}
    for key, inner in value.items():
        out |= _flat(inner, f"{prefix}.{key}" if prefix else key)
    return out
