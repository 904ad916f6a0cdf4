"""Training on real rows: our loop beside Hugging Face's Trainer and TRL's SFTTrainer, on CPU, float32, one thread.

All start from the same weights and see the same examples once. Trainer runs on padded batches of the examples of our
steps (its losses must be ours), grouped by length, and on our packed batches through `finetune.hf_collator`; SFTTrainer
on rows that it packs itself. Time is that of whole `train()` calls: reading, batches, saving the model at the end.
The rows are those of flan2022 where the optional folder of real data is there, else those of starter-full.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.conftest import SHARED
from tests.performance.measure import Timing

ROWS = 1200
MAX_INPUT, MAX_TARGET = 896, 128
LONGEST = MAX_INPUT + MAX_TARGET
VOCABULARY = 4096
BATCH_ROWS = 8  # packed rows of LONGEST tokens in a step
STEPS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Processor seconds, useful tokens, and the loss of each step."""

    seconds: float
    tokens: int
    losses: list[float]


def training() -> Iterator[Timing]:
    """Both kinds of model, every contestant."""
    os.environ.update(TOKENIZERS_PARALLELISM="false", RAYON_NUM_THREADS="1", HF_HUB_OFFLINE="1")
    warnings.filterwarnings("ignore")
    import torch
    import transformers

    torch.set_num_threads(1)
    logging: Any = transformers.logging
    logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as folder:
        yield from _case("decoder-only", Path(folder), _causal_folder, encoder_decoder=False)
        yield from _case("T5", Path(folder), _t5_folder, encoder_decoder=True)


def _case(
    case: str, folder: Path, make_model: Callable[[Path, Any], None], *, encoder_decoder: bool
) -> Iterator[Timing]:
    build = _build(folder)
    model_folder = folder / ("t5" if encoder_decoder else "causal")
    card = _card(build, model_folder, encoder_decoder=encoder_decoder)
    make_model(model_folder, build)
    contestants = {
        "flancollect": _ours,
        "Trainer, padded, our steps": _trainer_padded,
        "Trainer, grouped by length": _trainer_grouped,
        "Trainer, our packed batches": _trainer_packed,
    }
    if not encoder_decoder:
        contestants["TRL SFTTrainer, packed"] = _trl_packed
    outcomes = {}
    for name, run in contestants.items():
        print(f"  {case}: {name} ...", file=sys.stderr, flush=True)
        try:
            outcomes[name] = run(card, folder, encoder_decoder=encoder_decoder)
        except ImportError as error:
            print(f"  {name}: left out, {error.name} is not installed", file=sys.stderr)
            continue
        outcome = outcomes[name]
        print(
            f"    {outcome.seconds:.1f} CPU-s, {outcome.tokens / outcome.seconds:,.0f} useful tokens per CPU-s, "
            f"mean loss {sum(outcome.losses) / len(outcome.losses):.4f}",
            file=sys.stderr,
        )
    ours = outcomes["flancollect"]
    for name in ("Trainer, padded, our steps", "Trainer, our packed batches"):
        worst = max(abs(a - b) for a, b in zip(ours.losses, outcomes[name].losses, strict=True))
        print(f"  {case}: {name}: losses differ from ours by at most {worst:.1e}", file=sys.stderr)
        if worst > 1e-3:
            raise AssertionError(f"{name}: losses are not ours")
    for name, outcome in outcomes.items():
        per_token = outcome.seconds / outcome.tokens * 1e6
        yield Timing(
            bench="training",
            case=f"{case}, per useful token",
            contestant=name,
            rows=outcome.tokens,
            median_us=per_token,
            low_us=per_token,
            high_us=per_token,
            ratio=per_token / (ours.seconds / ours.tokens * 1e6),
            equal=name in {"flancollect", "Trainer, padded, our steps", "Trainer, our packed batches"},
        )


def _build(folder: Path) -> Path:
    import flancollect as fc

    out = folder / "build"
    if not out.exists():
        if SHARED.is_dir():
            access = fc.SourceAccess(mirror=fc.load_mirror(SHARED / "mirror.yaml"))
            request = fc.BuildRequest("flan2022", rows=ROWS, access=access)
        else:
            request = fc.BuildRequest("starter-full", rows=ROWS)
        fc.build(request, out, fc.BuildOptions(workers=1))
    return out


def _card(build: Path, model: Path, *, encoder_decoder: bool) -> Any:
    from finetune.config import RunCard

    return RunCard.model_validate(
        {
            "finetune": "bench",
            "model": {"from": str(model)},
            "data": {
                "build": str(build), "max_input_tokens": MAX_INPUT, "max_target_tokens": MAX_TARGET,
                "row_tokens": LONGEST, "batch_rows": BATCH_ROWS, "micro_rows": BATCH_ROWS,
            },
            "optimizer": {"name": "adamw", "learning_rate": 1e-3},
            "schedule": {"steps": STEPS},
            "saving": {"every": 1000},
        }
    )  # fmt: skip


def _tokenizer(build: Path) -> Any:
    from finetune.config import TrainedTokenizer
    from finetune.data import trained_tokenizer
    from flancollect.dataset.reader import open_build

    return trained_tokenizer(TrainedTokenizer(vocabulary=VOCABULARY), open_build(build))


def _causal_folder(folder: Path, build: Path) -> None:
    import torch
    import transformers

    from finetune.tokenizer import save_tokenizer

    torch.manual_seed(0)
    config = transformers.Qwen3Config(
        vocab_size=VOCABULARY, hidden_size=256, intermediate_size=672, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=4, head_dim=64, max_position_embeddings=8192, tie_word_embeddings=True, pad_token_id=0,
        bos_token_id=None, eos_token_id=1,
    )  # fmt: skip
    transformers.Qwen3ForCausalLM(config).save_pretrained(folder)
    save_tokenizer(_tokenizer(build), folder)


def _t5_folder(folder: Path, build: Path) -> None:
    import torch
    import transformers

    from finetune.tokenizer import save_tokenizer

    torch.manual_seed(0)
    make_config: Any = transformers.T5Config
    config = make_config(
        vocab_size=VOCABULARY, d_model=256, d_kv=64, num_heads=4, d_ff=1024, num_layers=3,
        feed_forward_proj="gated-gelu", dropout_rate=0.0, decoder_start_token_id=0, pad_token_id=0, eos_token_id=1,
    )  # fmt: skip
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder)
    save_tokenizer(_tokenizer(build), folder)


def _ours(card: Any, folder: Path, *, encoder_decoder: bool) -> Outcome:
    from finetune.train import train

    out = folder / f"ours-{encoder_decoder}"
    # Tokens are there already, as they are for the others.
    _batches(card, folder, encoder_decoder=encoder_decoder)
    began = time.process_time()
    train(card, out, cache=folder / "cache")
    seconds = time.process_time() - began
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    steps = [line for line in lines if "learning_rate" in line]
    return Outcome(
        seconds=seconds, tokens=sum(line["tokens"] for line in steps), losses=[line["loss"] for line in steps]
    )


def _batches(card: Any, folder: Path, *, encoder_decoder: bool) -> list[Any]:
    """The examples of our steps: a list of (input, target) tokens each."""
    from finetune.hf_collator import packed_rows
    from finetune.tokenizer import load_tokenizer

    rows, _ = packed_rows(
        card, load_tokenizer(card.model.from_), encoder_decoder=encoder_decoder, cache=folder / "cache"
    )
    steps = []
    for step in range(card.schedule.steps):
        batch = rows.batches.batch(step, 0)
        ends = batch.starts[1:] - batch.target_lengths
        steps.append(
            [
                (batch.ids[a:b].tolist(), batch.ids[b:c].tolist())
                for a, b, c in zip(batch.starts[:-1], ends, batch.starts[1:], strict=True)
            ]
        )
    return steps


def _model(card: Any, *, encoder_decoder: bool) -> Any:
    import transformers

    kind = transformers.AutoModelForSeq2SeqLM if encoder_decoder else transformers.AutoModelForCausalLM
    return kind.from_pretrained(card.model.from_)


def _arguments(folder: Path, batch: int, **more: Any) -> dict[str, Any]:
    """What makes Trainer do what our loop does: AdamW of the same betas, a constant rate, clipping."""
    from finetune.optim import BETAS

    return {
        "output_dir": str(folder / "hf"), "per_device_train_batch_size": batch, "learning_rate": 1e-3,
        "lr_scheduler_type": "constant", "optim": "adamw_torch_fused", "adam_beta1": BETAS[0], "adam_beta2": BETAS[1],
        "weight_decay": 0.0, "max_grad_norm": 1.0, "num_train_epochs": 1, "use_cpu": True, "report_to": [],
        "logging_steps": 1, "save_strategy": "no", "disable_tqdm": True, "dataloader_num_workers": 0,
        "remove_unused_columns": False, **more,
    }  # fmt: skip


def _timed(trainer: Any, folder: Path, tokens: int) -> Outcome:
    from transformers import TrainerCallback

    losses: list[float] = []

    class Losses(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "loss" in logs:
                losses.append(float(logs["loss"]))

    trainer.add_callback(Losses())
    began = time.process_time()
    trainer.train()
    trainer.save_model(str(folder / "hf-model"))
    return Outcome(seconds=time.process_time() - began, tokens=tokens, losses=losses)


def _features(steps: list[Any], *, encoder_decoder: bool) -> list[list[dict[str, Any]]]:
    if encoder_decoder:
        return [
            [{"input_ids": a, "attention_mask": [1] * len(a), "labels": b, "length": len(a)} for a, b in step]
            for step in steps
        ]
    return [
        [
            {
                "input_ids": a + b,
                "attention_mask": [1] * len(a + b),
                "labels": [-100] * len(a) + b,
                "length": len(a + b),
            }
            for a, b in step
        ]
        for step in steps
    ]


def _padding(card: Any, *, encoder_decoder: bool) -> Callable[[Any], Any]:
    from transformers import DataCollatorForSeq2Seq

    from finetune.tokenizer import load_tokenizer

    model = _model(card, encoder_decoder=True) if encoder_decoder else None
    collate = DataCollatorForSeq2Seq(load_tokenizer(card.model.from_), model=model, label_pad_token_id=-100)
    names = ("input_ids", "attention_mask", "labels")

    def pad(features: Any) -> Any:
        return collate([{name: feature[name] for name in names} for feature in features])

    return pad


def _tokens(steps: list[Any]) -> int:
    return sum(len(a) + len(b) for step in steps for a, b in step)


def _trainer_padded(card: Any, folder: Path, *, encoder_decoder: bool) -> Outcome:
    from transformers import Trainer, TrainingArguments

    steps = _batches(card, folder, encoder_decoder=encoder_decoder)
    pad = _padding(card, encoder_decoder=encoder_decoder)
    arguments = TrainingArguments(**_arguments(folder, 1, train_sampling_strategy="sequential"))
    trainer = Trainer(
        _model(card, encoder_decoder=encoder_decoder),
        arguments,
        train_dataset=_features(steps, encoder_decoder=encoder_decoder),
        data_collator=lambda batch: pad(batch[0]),
    )
    return _timed(trainer, folder, _tokens(steps))


def _trainer_grouped(card: Any, folder: Path, *, encoder_decoder: bool) -> Outcome:
    from datasets import Dataset
    from transformers import Trainer, TrainingArguments

    steps = _batches(card, folder, encoder_decoder=encoder_decoder)
    rows = [row for step in _features(steps, encoder_decoder=encoder_decoder) for row in step]
    arguments = TrainingArguments(
        **_arguments(
            folder,
            round(len(rows) / len(steps)),
            train_sampling_strategy="group_by_length",
            length_column_name="length",
        )
    )
    trainer = Trainer(
        _model(card, encoder_decoder=encoder_decoder),
        arguments,
        train_dataset=Dataset.from_list(rows),
        data_collator=_padding(card, encoder_decoder=encoder_decoder),
    )
    return _timed(trainer, folder, _tokens(steps))


def _trainer_packed(card: Any, folder: Path, *, encoder_decoder: bool) -> Outcome:
    from transformers import Trainer, TrainingArguments

    from finetune import hf_collator
    from finetune.tokenizer import load_tokenizer

    tokenizer = load_tokenizer(card.model.from_)
    rows, collate = hf_collator.packed_rows(
        card, tokenizer, encoder_decoder=encoder_decoder, cache=folder / "cache"
    )
    model = _model(card, encoder_decoder=encoder_decoder)
    trainer = Trainer(
        hf_collator.PackedSeq2Seq(model) if encoder_decoder else model,
        TrainingArguments(**_arguments(folder, card.data.batch_rows, train_sampling_strategy="sequential")),
        train_dataset=rows,
        data_collator=collate,
    )
    return _timed(trainer, folder, _tokens(_batches(card, folder, encoder_decoder=encoder_decoder)))


def _trl_packed(card: Any, folder: Path, *, encoder_decoder: bool) -> Outcome:
    from datasets import Dataset

    trl: Any = import_module("trl")

    from finetune.tokenizer import load_tokenizer

    steps = _batches(card, folder, encoder_decoder=encoder_decoder)
    rows = [
        {"input_ids": a + b, "completion_mask": [0] * len(a) + [1] * len(b)}
        for step in steps
        for a, b in step
    ]
    # One packed row at a time: SFTTrainer joins the rows of a batch into one, and attention without a kernel for GPUs
    # then costs the square of all of them.
    arguments = _arguments(folder, 1, gradient_accumulation_steps=BATCH_ROWS)
    arguments["remove_unused_columns"] = True
    trainer = trl.SFTTrainer(
        model=_model(card, encoder_decoder=False),
        args=trl.SFTConfig(**arguments, max_length=LONGEST, packing=True, completion_only_loss=True),
        train_dataset=Dataset.from_list(rows),
        processing_class=load_tokenizer(card.model.from_),
    )
    return _timed(trainer, folder, _tokens(steps))
