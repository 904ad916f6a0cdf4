"""Training on a GPU: `python -m tests.performance.gpu [--size t5-large] [--steps 20]`; with --tiny on any machine.

Useful tokens per second, the share of the GPU's peak that they are (MFU: 6 operations per weight and token, causal
attention counted half, no embeddings, nothing for padding or recomputing) and the highest memory, for T5 and
decoder-only models with random weights, on packed rows of lengths such as those of flan2022. Beside our loop:
transformers' Trainer on padded batches of the same examples and on our packed ones, and TRL's SFTTrainer where it is
installed. Needs torch, transformers, accelerate and what reading a build needs, nothing else; no network.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, Trainer, TrainingArguments

from finetune import flops, hf_collator
from finetune.attention import moved
from finetune.batches import Batch, as_batch
from finetune.config import OptimizerSettings
from finetune.distributed import World
from finetune.examples import Examples
from finetune.library_messages import quiet
from finetune.models.packed import Model, as_model
from finetune.optim import make_optimizers
from finetune.packing import pack

WARMUP = 3  # steps before the clock starts: kernels are chosen and memory is laid out


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A model and how it is trained: `rows` packed rows of `row_tokens` at a time."""

    config: dict[str, Any]
    encoder_decoder: bool
    optimizer: str
    rows: int
    row_tokens: int
    recompute: bool = False


def t5(width: int, inner: int, layers: int, heads: int) -> dict[str, Any]:
    """T5 v1.1 as on the Hub."""
    return {
        "model_type": "t5", "vocab_size": 32128, "d_model": width, "d_kv": 64, "d_ff": inner, "num_layers": layers,
        "num_heads": heads, "feed_forward_proj": "gated-gelu", "dropout_rate": 0.05, "decoder_start_token_id": 0,
    }  # fmt: skip


def decoder(width: int, inner: int, layers: int, heads: int, vocabulary: int) -> dict[str, Any]:
    """A Llama with a key-value head for four queries."""
    return {
        "model_type": "llama", "vocab_size": vocabulary, "hidden_size": width, "intermediate_size": inner,
        "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": max(1, heads // 4),
        "max_position_embeddings": 8192, "tie_word_embeddings": vocabulary < 100_000,
    }  # fmt: skip


SIZES = {
    "t5-large": Size(
        config=t5(1024, 2816, 24, 16), encoder_decoder=True, optimizer="adafactor", rows=8, row_tokens=2048
    ),
    "t5-xl": Size(
        config=t5(2048, 5120, 24, 32),
        encoder_decoder=True,
        optimizer="adafactor",
        rows=8,
        row_tokens=2048,
        recompute=True,
    ),
    "1b": Size(
        config=decoder(2048, 8192, 16, 32, 49152),
        encoder_decoder=False,
        optimizer="adamw",
        rows=4,
        row_tokens=4096,
    ),
    "8b": Size(
        config=decoder(4096, 14336, 32, 32, 128256),
        encoder_decoder=False,
        optimizer="adafactor",
        rows=4,
        row_tokens=4096,
        recompute=True,
    ),
}
TINY = {
    "t5-tiny": Size(
        config=t5(64, 128, 2, 2), encoder_decoder=True, optimizer="adafactor", rows=2, row_tokens=512
    ),
    "decoder-tiny": Size(
        config=decoder(64, 128, 2, 4, 500), encoder_decoder=False, optimizer="adamw", rows=2, row_tokens=512
    ),
}


def main() -> None:
    """Every size, every contestant; one line each."""
    parser = argparse.ArgumentParser(prog="python -m tests.performance.gpu", description=__doc__)
    parser.add_argument("--size", choices=[*SIZES], action="append", help="which; all when none is named")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument(
        "--tiny", action="store_true", help="models of a few weights, to see that the script runs"
    )
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu" and not arguments.tiny:
        parser.error("no GPU here; --tiny runs on a CPU, and says nothing of speed")
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}")
    for size_name, size in (TINY if arguments.tiny else SIZES).items():
        if arguments.size and size_name not in arguments.size:
            continue
        batches = flan_like(size, arguments.steps + WARMUP)
        contestants: dict[str, Callable[..., float]] = {
            "flancollect": ours,
            "Trainer, padded": trainer_padded,
            "Trainer, our packed batches": trainer_packed,
        }
        if (
            not size.encoder_decoder
            and importlib.util.find_spec("trl")
            and importlib.util.find_spec("datasets")
        ):
            contestants["TRL SFTTrainer, packed"] = trl_packed
        for contestant, run in contestants.items():
            print(line(size_name, contestant, run, size, batches, device), flush=True)


def line(
    size_name: str,
    contestant: str,
    run: Callable[..., float],
    size: Size,
    batches: Sequence[Batch],
    device: torch.device,
) -> str:
    """What one contestant makes of it, or why it makes nothing."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        torch.manual_seed(0)
        model = new_model(size, device)
        sizes = flops.sizes_of(model)
        operations = sum(flops.training_flops(sizes, batch) for batch in batches[WARMUP:])
        seconds = run(size, model, batches, device)
    except torch.OutOfMemoryError:
        return f"{size_name} | {contestant} | out of memory"
    tokens = sum(len(batch.ids) for batch in batches[WARMUP:])
    share = flops.utilisation(operations, seconds, World(device=device))
    memory = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else float("nan")
    mfu = f"{share:.1%}" if share is not None else "unknown"
    return f"{size_name} | {contestant} | {tokens / seconds:,.0f} tokens/s | MFU {mfu} | {memory:.1f} GiB"


def flan_like(size: Size, steps: int) -> list[Batch]:
    """Batches of packed rows; lengths as those of flan2022: inputs of 150 tokens in the median, targets of 10."""
    random = np.random.default_rng(0)
    count = 40 * steps * size.rows * size.row_tokens // 8192
    inputs = np.clip(random.lognormal(5.0, 1.0, count), 20, size.row_tokens * 3 // 4).astype(np.int64)
    targets = np.clip(random.lognormal(2.3, 1.2, count), 1, size.row_tokens // 8).astype(np.int64)
    lengths = inputs if size.encoder_decoder else inputs + targets
    tokens = random.integers(3, size.config["vocab_size"], int((inputs + targets).sum())).astype(np.uint32)
    examples = Examples.end_to_end(rows=np.arange(count), tokens=tokens, inputs=inputs, targets=targets)
    rows = pack(
        lengths,
        targets,
        capacity=size.row_tokens,
        target_capacity=size.row_tokens // 4 if size.encoder_decoder else size.row_tokens,
    )
    random.shuffle(rows)
    parts = [rows[first : first + size.rows] for first in range(0, len(rows), size.rows)]
    return [as_batch(examples, np.concatenate(part)) for part in parts[:steps]]


def new_model(size: Size, device: torch.device) -> Model:
    """Random weights in bfloat16 on the device; in float32 on a CPU."""
    values = dict(size.config)
    config = AutoConfig.for_model(values.pop("model_type"), **values)
    kind: Any = AutoModelForSeq2SeqLM if size.encoder_decoder else AutoModelForCausalLM
    with quiet(), device:
        inner = kind.from_config(config, dtype=torch.bfloat16 if device.type == "cuda" else torch.float32)
    model = as_model(inner)
    model.module.train()
    return model


def optimizers_of(size: Size, model: Any) -> list[Any]:
    """The optimizer of the size, at a rate that changes little."""
    settings = OptimizerSettings.model_validate({"name": size.optimizer, "learning_rate": 1e-5})
    return list(make_optimizers(model, settings))


def ours(size: Size, model: Model, batches: Sequence[Batch], device: torch.device) -> float:
    """Seconds of the steps of our loop after the first few."""
    module: Any = model.module
    if size.recompute and size.encoder_decoder:
        module.recompute = True
    elif size.recompute:
        module.activation_checkpointing_enable({"use_reentrant": False})
    optimizers = optimizers_of(size, module)
    began = 0.0
    for number, batch in enumerate(batches):
        if number == WARMUP:
            began = now(device)
        losses = model.losses(module, moved(model.arrange(batch), device))
        torch.autograd.backward(losses.sum() / len(batch.target_positions))
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    return now(device) - began


def trainer_padded(size: Size, model: Model, batches: Sequence[Batch], device: torch.device) -> float:
    """Trainer on the examples of each of our batches, padded to the longest."""
    return _trainer(size, _theirs(size, model, device), [[batch] for batch in batches], _padded(size), device)


def trainer_packed(size: Size, model: Model, batches: Sequence[Batch], device: torch.device) -> float:
    """Trainer on our packed rows."""
    inner = _theirs(size, model, device)
    collate = hf_collator.seq2seq_batch if size.encoder_decoder else hf_collator.causal_batch
    wrapped = hf_collator.PackedSeq2Seq(inner) if size.encoder_decoder else inner
    return _trainer(size, wrapped, [[batch] for batch in batches], collate, device)


def trl_packed(size: Size, model: Model, batches: Sequence[Batch], device: torch.device) -> float:
    """SFTTrainer, which packs the same examples itself."""
    trl: Any = importlib.import_module("trl")
    datasets: Any = importlib.import_module("datasets")
    rows = []
    for batch in batches:
        for number, length in enumerate(batch.lengths):
            ids = batch.ids[batch.starts[number] : batch.starts[number + 1]].tolist()
            learnt = int(batch.target_lengths[number])
            rows.append({"input_ids": ids, "completion_mask": [0] * (int(length) - learnt) + [1] * learnt})
    inner = _theirs(size, model, device)
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(folder, size, device, batch=size.rows)
        settings.pop("remove_unused_columns")
        arguments = trl.SFTConfig(
            **settings, max_length=size.row_tokens, packing=True, completion_only_loss=True
        )
        tokenizer = _any_tokenizer()
        trainer = trl.SFTTrainer(
            model=inner,
            args=arguments,
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=tokenizer,
        )
        began = now(device)
        trainer.train()
        # It has no warm-up of its own: all steps are timed, and scaled to those that the others time.
        return (now(device) - began) * (len(batches) - WARMUP) / len(batches)


def now(device: torch.device) -> float:
    """The time when all that was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def _theirs(size: Size, model: Model, device: torch.device) -> Any:
    """The same architecture as transformers runs it, with flash attention where it has it: sdpa chooses."""
    if not size.encoder_decoder:
        module: Any = model.module
        module.set_attn_implementation("sdpa")
        return module
    kind: Any = AutoModelForSeq2SeqLM
    del model
    with quiet(), device:
        return kind.from_config(
            AutoConfig.for_model(**size.config),
            dtype=torch.bfloat16 if device.type == "cuda" else torch.float32,
        )


def _settings(folder: str, size: Size, device: torch.device, batch: int) -> dict[str, Any]:
    return {
        "output_dir": folder, "per_device_train_batch_size": batch, "num_train_epochs": 1, "report_to": [],
        "save_strategy": "no", "logging_strategy": "no", "disable_tqdm": True, "max_grad_norm": 1.0,
        "bf16": device.type == "cuda", "use_cpu": device.type == "cpu", "gradient_checkpointing": size.recompute,
        "remove_unused_columns": False, "dataloader_num_workers": 0, "train_sampling_strategy": "sequential",
    }  # fmt: skip


def _trainer(
    size: Size, model: Any, rows: list[list[Batch]], collate: Callable[..., Any], device: torch.device
) -> float:
    marks: list[float] = []

    def collated(features: list[list[Batch]]) -> Any:
        # Called before each step: the clock starts when the batch after the warm-up is asked for.
        marks.append(now(device))
        return collate([batch for feature in features for batch in feature])

    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model,
            TrainingArguments(**_settings(folder, size, device, batch=1)),
            train_dataset=rows,
            data_collator=collated,
            optimizers=(optimizers_of(size, model)[0], None),
        )
        trainer.train()
        return now(device) - marks[WARMUP]


def _padded(size: Size) -> Callable[[list[Batch]], dict[str, Any]]:
    """The examples of a batch, one per line, padded to the longest."""

    def pad(batches: list[Batch]) -> dict[str, Any]:
        (batch,) = batches
        sequences = np.split(batch.ids, batch.starts[1:-1])
        learnt = batch.target_lengths
        if size.encoder_decoder:
            inputs = [ids[: len(ids) - count] for ids, count in zip(sequences, learnt, strict=True)]
            labels = [ids[len(ids) - count :] for ids, count in zip(sequences, learnt, strict=True)]
        else:
            inputs = sequences
            labels = [
                np.concatenate([np.full(len(ids) - count, hf_collator.IGNORED), ids[len(ids) - count :]])
                for ids, count in zip(sequences, learnt, strict=True)
            ]
        return {
            "input_ids": hf_collator.padded(inputs, 0),
            "attention_mask": hf_collator.padded([np.ones_like(ids) for ids in inputs], 0),
            "labels": hf_collator.padded(labels, hf_collator.IGNORED),
        }

    return pad


def _any_tokenizer() -> Any:
    from finetune.tokenizer import train_tokenizer  # noqa: PLC0415 (TRL alone wants one)

    return train_tokenizer(["a b"], vocabulary=300, single_digits=False)


if __name__ == "__main__":
    main()
