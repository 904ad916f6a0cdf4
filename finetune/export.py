"""The trained model as a folder that transformers opens, with a card that says what it was trained on."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import PreTrainedTokenizerBase

from finetune.config import RunCard
from finetune.models.packed import Model
from finetune.models.save import merged_state, to_transformers
from flancollect.artifacts import Manifest
from flancollect.errors import FlancollectError

MODEL = "model"


def export_model(
    out: Path,
    *,
    model: Model,
    state: dict[str, Tensor],
    tokenizer: PreTrainedTokenizerBase,
    card: RunCard,
    manifest: Manifest,
    summary: dict[str, Any],
) -> Path:
    """Write OUT/model, whole or not at all. Raises FlancollectError for a full disk."""
    folder, unfinished = out / MODEL, out / f".{MODEL}.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir()
        if card.model.lora is not None:
            adapter: Any = model.module
            adapter.save_pretrained(out / "adapter", state_dict=state)
            state = merged_state(model, state)
        to_transformers(model, state, unfinished, tokenizer)
        (unfinished / "README.md").write_text(model_card(card, manifest, summary), encoding="utf-8")
        # A folder of that name is a whole model, also when the process dies between these lines.
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise FlancollectError(
            f"{folder}: cannot be written: {error.strerror or error}; the checkpoint is whole: make room and run the "
            "same command again"
        ) from error
    return folder


def model_card(card: RunCard, manifest: Manifest, summary: dict[str, Any]) -> str:
    """README.md of the model: license from the data, the recipe's hashes, the run card and how it ended.

    Names come from cards and manifests of strangers, and folders from this machine: nothing of the first is markup,
    and of the second only the last name is told.
    """
    base = _public(card.model.from_)
    origin = base or f"random weights ({(card.model.init or {}).get('model_type')})"
    # The license of a base model goes on top of that of the data, and is not known here.
    license_ = manifest.license if base is None and manifest.license != "unknown" else "other"
    metadata = [
        "---",
        "library_name: transformers",
        f"pipeline_tag: {'text2text-generation' if summary['encoder_decoder'] else 'text-generation'}",
        *([f"base_model: {json.dumps(base)}"] if base is not None else []),
        f"license: {json.dumps(license_)}",
        "tags: [flancollect, instruction-tuning]",
        "---",
    ]
    values = {
        "data: content hash": manifest.content_hash,
        "data: recipe hash": manifest.recipe_hash,
        "data: rows": f"{manifest.rows:,}",
        "license of the data": f"{manifest.license}: {manifest.license_reason}",
        "steps": f"{summary['step']:,}",
        "target tokens learnt": f"{summary['target_tokens']:,}",
        "loss per target token at the end": f"{summary['loss']:.4f}",
    }
    if summary.get("best_loss") is not None:
        values["lowest validation loss"] = f"{summary['best_loss']:.4f} (step {summary['best_step']:,})"
    settings = card.model_dump(mode="json", by_alias=True, exclude_none=True)
    for part, name in (("model", "from"), ("model", "tokenizer"), ("data", "build"), ("data", "validation")):
        if isinstance(settings[part].get(name), str):
            settings[part][name] = _public(settings[part][name])
    text = json.dumps(settings, indent=1, ensure_ascii=False)
    # A fence is closed by as many marks as opened it, so that one more than any in the text cannot be.
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return "\n".join(
        [
            *metadata,
            "",
            f"# {_prose(card.finetune)}",
            "",
            f"Finetuned from {_prose(origin)} on the mixture {_prose(manifest.mixture)} by flancollect "
            f"{_prose(manifest.flancollect)}.",
            "",
            "| what | value |",
            "|---|---|",
            *(f"| {name} | {_prose(value)} |" for name, value in values.items()),
            "",
            "The license of the weights that training began with goes on top of that of the data.",
            "",
            "## Run card",
            "",
            f"{fence}json",
            text,
            fence,
            "",
        ]
    )


def _public(name: str | None) -> str | None:
    """A Hub id as it is; of a folder of this machine its last name."""
    return Path(name).name if name is not None and (Path(name).is_absolute() or Path(name).exists()) else name


def _prose(text: str) -> str:
    """One line of Markdown that shows the text as it is: no link, no markup, no cell's end."""
    return re.sub(r"([\\`*_\[\]<>|#!~&])", r"\\\1", " ".join(text.split()))
