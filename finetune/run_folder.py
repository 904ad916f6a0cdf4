"""A run's folder: whose it is, and that one process group works in it at a time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from finetune import checkpoint
from finetune.config import RunCard, TrainedTokenizer
from finetune.distributed import World
from finetune.tokenizer import load_tokenizer, save_tokenizer
from flancollect.artifacts import __version__, write_atomically
from flancollect.dataset.folder_lock import folder_lock, writable
from flancollect.dataset.reader import Build
from flancollect.errors import UsageError

RUN = "run.json"
TOKENIZER = "tokenizer"
LOCK = "lock"
# All that a run writes, run.json last: while it is there, what else is there is known to be ours.
OURS = (
    "checkpoints", "losses", "model", "adapter", "tokenizer", "tensorboard", "wandb", "metrics.jsonl", "data.json",
    "curves.png", "not_finite.json", ".model.unfinished", ".tokenizer.unfinished", RUN,
)  # fmt: skip
# What a run may change when it goes on: where it saves and where its data lies, nothing of what it computes.
FREE = ("saving.every", "saving.keep", "saving.patience", "saving.track", "data.build")


def described(card: RunCard, build: Build, validation: Build, tokenizer: str) -> dict[str, Any]:
    """What makes two runs the same, as run.json has it; `tokenizer` is the fingerprint of its encoder."""
    return {
        "flancollect": __version__,
        "content_hash": build.content_hash,
        "validation_hash": validation.content_hash,
        "tokenizer": tokenizer,
        "card": card.model_dump(mode="json", by_alias=True),
    }


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder that is locked for this run, and not yet changed for it."""

    out: Path

    def tokenizer(self, card: RunCard, build: Build) -> PreTrainedTokenizerBase | None:
        """The tokenizer that the same run trained before; None where it trained none."""
        if not isinstance(card.model.tokenizer, TrainedTokenizer):
            return None
        present = _present(self.out) or {}
        same = (
            present.get("content_hash") == build.content_hash
            and present.get("card", {}).get("model", {}).get("tokenizer")
            == card.model_dump(mode="json", by_alias=True)["model"]["tokenizer"]
        )
        return load_tokenizer(str(self.out / TOKENIZER)) if same and (self.out / TOKENIZER).is_dir() else None

    def claim(self, identity: dict[str, Any], *, overwrite: bool) -> None:
        """Make the folder that of this run. It may be empty, of the same run, or of one that has no checkpoint.

        Raises UsageError for anything else, and says what differs; with `overwrite`, what another run wrote is
        deleted, and nothing else.
        """
        out = self.out
        present, foreign = _present(out), _foreign(out)
        if present is None and (out / RUN).exists() and not overwrite:
            raise UsageError(f"{out / RUN}: cannot be read; --overwrite replaces the run in {out}")
        if foreign and (present is None or overwrite):
            raise UsageError(
                f"--out {out}: holds files that are no run of flancollect ({', '.join(foreign[:5])}); choose an "
                "empty folder"
            )
        differences = _differences(present, identity) if present is not None else []
        if differences and checkpoint.checkpoints(out) and not overwrite:
            raise UsageError(
                f"--out {out}: holds another run: {'; '.join(differences[:6])}. Choose another folder, or pass "
                "--overwrite to replace it"
            )
        with writable(out):
            if differences or present is None:
                for name in OURS:
                    _delete(out / name)
            for stale in (*out.glob(".*.tmp"), *(out / checkpoint.FOLDER).glob(f"{checkpoint.UNFINISHED}*")):
                _delete(stale)
            text = json.dumps(identity, indent=1, sort_keys=True, ensure_ascii=False)
            write_atomically(out / RUN, (text + "\n").encode())

    def save_tokenizer(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Save the run's own tokenizer, whole or not at all."""
        folder, unfinished = self.out / TOKENIZER, self.out / f".{TOKENIZER}.unfinished"
        if folder.is_dir():
            return
        _delete(unfinished)
        save_tokenizer(tokenizer, unfinished)
        unfinished.rename(folder)


@contextmanager
def run_folder(out: Path, place: World) -> Iterator[RunFolder]:
    """Make a folder and lock it, for the first rank and so for all. Raises UsageError where that cannot be."""
    if not place.first:
        # The first rank locks and claims for all; the others wait for that before they touch anything.
        yield RunFolder(out)
        return
    with writable(out):
        out.mkdir(parents=True, exist_ok=True)
    with folder_lock(out, out, "run"):
        yield RunFolder(out)


def _present(out: Path) -> dict[str, Any] | None:
    """run.json; None where there is none, or it is none of ours."""
    try:
        run = json.loads((out / RUN).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return run if isinstance(run, dict) and {"flancollect", "content_hash", "card"} <= run.keys() else None


def _foreign(out: Path) -> list[str]:
    """What lies in the folder and no run wrote."""
    names = (path.name for path in out.iterdir())
    return sorted(
        name
        for name in names
        if name not in {*OURS, LOCK} and not (name.startswith(".") and name.endswith(".tmp"))
    )


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


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
