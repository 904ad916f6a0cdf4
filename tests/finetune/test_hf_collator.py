from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import transformers
from transformers import Trainer, TrainerCallback, TrainingArguments

from finetune import hf_collator
from finetune.models.load import load_model
from finetune.optim import make_optimizers
from finetune.tokenizer import load_tokenizer
from finetune.train import train
from tests.finetune.small import T5_SETTINGS, run_card

SHORT = (
    "schedule={steps: 6, shape: constant, warmup_steps: 0}", "data.batch_rows=2", "model.tokenizer={vocabulary: 400}",
    "optimizer={name: adamw, learning_rate: 0.003}",
)  # fmt: skip


class Losses(TrainerCallback):
    def __init__(self) -> None:
        self.losses: list[float] = []

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any
    ) -> None:
        if logs and "loss" in logs:
            self.losses.append(logs["loss"])


@pytest.mark.parametrize("kind", ["causal", "t5"])
@pytest.mark.filterwarnings("ignore")  # what transformers says of its own use of torch and accelerate
def test_trainer_on_our_batches_has_the_losses_of_our_loop(
    kind: str, small_build: Path, tmp_path: Path
) -> None:
    settings = [*SHORT, *([T5_SETTINGS[0], T5_SETTINGS[1], "model.dropout=0"] if kind == "t5" else [])]
    card = run_card(small_build, *settings)
    train(card, tmp_path / "run", cache=tmp_path / "cache")
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    ours = [line["loss"] for line in lines if "learning_rate" in line]

    tokenizer = load_tokenizer(str(tmp_path / "run" / "tokenizer"))
    start = load_model(card.model, tokenizer, seed=card.schedule.seed)
    model: Any
    if kind == "t5":
        model = transformers.AutoModelForSeq2SeqLM.from_config(start.config)
        model.load_state_dict(start.module.state_dict(), strict=False)
        model = hf_collator.PackedSeq2Seq(model)
    else:
        model = start.module
        model.set_attn_implementation("sdpa")
    rows, collate = hf_collator.packed_rows(
        card, tokenizer, encoder_decoder=kind == "t5", cache=tmp_path / "cache"
    )
    (optimizer,) = make_optimizers(model, card.optimizer)
    losses = Losses()
    arguments = TrainingArguments(
        output_dir=str(tmp_path / "hf"), per_device_train_batch_size=2, max_steps=6, lr_scheduler_type="constant",
        logging_steps=1, save_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True, max_grad_norm=1.0,
        train_sampling_strategy="sequential", remove_unused_columns=False, dataloader_num_workers=0,
    )  # fmt: skip
    trainer = Trainer(
        model,
        arguments,
        train_dataset=rows,
        data_collator=collate,
        callbacks=[losses],
        optimizers=(optimizer, None),
    )
    trainer.train()
    assert losses.losses == pytest.approx(ours, abs=1e-6, rel=1e-6)
