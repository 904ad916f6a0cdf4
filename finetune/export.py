"""The trained model as a folder that transformers opens, with a card that says what it was trained on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import PreTrainedTokenizerBase

from finetune.config import RunCard
from finetune.models.load import Model, to_transformers
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
            adapter.save_pretrained(out / "adapter")
            merged = adapter.merge_and_unload()
            model = Model(
                module=merged,
                config=model.config,
                encoder_decoder=model.encoder_decoder,
                arrange=model.arrange,
                losses=model.losses,
            )
            state = dict(merged.state_dict())
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
    """README.md of the model: license from the data, the recipe's hashes, the run card and how it ended."""
    origin = card.model.from_ or f"random weights ({(card.model.init or {}).get('model_type')})"
    metadata = [
        "---",
        "library_name: transformers",
        f"pipeline_tag: {'text2text-generation' if summary['encoder_decoder'] else 'text-generation'}",
        *([f"base_model: {json.dumps(card.model.from_)}"] if card.model.from_ else []),
        f"license: {json.dumps(manifest.license if manifest.license != 'unknown' else 'other')}",
        "tags: [flancollect, instruction-tuning]",
        "---",
    ]
    settings = json.dumps(
        card.model_dump(mode="json", by_alias=True, exclude_none=True), indent=1, ensure_ascii=False
    )
    return "\n".join(
        [
            *metadata,
            "",
            f"# {card.finetune}",
            "",
            f"Finetuned from {origin} on the mixture `{manifest.mixture}` by flancollect {manifest.flancollect}.",
            "",
            "| what | value |",
            "|---|---|",
            f"| data: content hash | `{manifest.content_hash}` |",
            f"| data: recipe hash | `{manifest.recipe_hash}` |",
            f"| data: rows | {manifest.rows:,} |",
            f"| license of the data | {manifest.license}: {manifest.license_reason} |",
            f"| steps | {summary['step']:,} |",
            f"| target tokens learnt | {summary['target_tokens']:,} |",
            f"| loss per target token at the end | {summary['loss']:.4f} |",
            *(
                [f"| lowest validation loss | {summary['best_loss']:.4f} (step {summary['best_step']:,}) |"]
                if summary.get("best_loss") is not None
                else []
            ),
            "",
            "The license of the weights that training began with goes on top of that of the data.",
            "",
            "## Run card",
            "",
            "```json",
            settings,
            "```",
            "",
        ]
    )
