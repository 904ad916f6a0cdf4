"""What a run would see: packed rows with their segments and masks, decoded, and whose tokens are learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from finetune.batches import Batch
from finetune.config import RunCard
from finetune.data import Groups, card_tokenizer, open_training_build, reading_summary, run_data
from finetune.models.load import read_config
from finetune.tokenizer import TextEncoder

MOST_TASKS = 12


def preview_run(card: RunCard, *, cache: Path, rows: int) -> None:
    """Print the first packed rows of a run, and the share of target tokens of each task among 50 of them.

    Raises as `train` does for cards, builds and tokenizers; no weights are read.
    """
    build = open_training_build(card.data.build)
    tokenizer = card_tokenizer(card, build)
    config, _ = read_config(card.model, tokenizer)
    data = run_data(card, build, tokenizer, encoder_decoder=bool(config.is_encoder_decoder), cache=cache)
    batches, groups = data.training, Groups(build)
    for number in range(rows):
        print(f"packed row {number}")
        print("\n".join(row_lines(batches.rows([number]), data.encoder, groups, batches.settings.capacity)))
    # Enough rows to see shares, few enough to make tokens of the first windows alone.
    count = min(50, max(1, len(build) // 2000 + rows))
    shares = np.zeros(len(groups.tasks))
    for number in range(count):
        batch = batches.rows([number])
        np.add.at(shares, groups.of(batch.rows)[0], batch.target_lengths)
    print(f"target tokens by task, of {int(shares.sum()):,} in {count} packed rows:")
    for task in np.argsort(-shares, kind="stable")[:MOST_TASKS]:
        if shares[task]:
            print(f"  {shares[task] / shares.sum():6.1%}  {_short(groups.tasks[task])}")
    if np.count_nonzero(shares) > MOST_TASKS:
        print(f"  and {np.count_nonzero(shares) - MOST_TASKS} further tasks")
    summary = reading_summary(batches, groups)
    print(
        f"{summary['rows']:,} rows read: {summary['packed_tokens']:,} tokens in packed rows of which "
        f"{summary['empty_slots']:.1%} is empty; inputs cut: {sum(summary['inputs_cut'].values())}"
    )
    for reason, counts in summary["dropped"].items():
        print(f"dropped: {sum(counts.values())} rows: {reason}")


def row_lines(batch: Batch, encoder: TextEncoder, groups: Groups, capacity: int) -> list[str]:
    """A packed row for people: each example's place, task, and text, the learnt part behind `=>`."""
    tasks, variants = groups.of(batch.rows)
    targets = int(batch.target_lengths.sum())
    lines = [
        f"  {len(batch.rows)} examples, {len(batch.ids)} tokens (room for {capacity}), {targets} learnt; each token "
        "sees its own example alone"
    ]
    for number, (row, task, variant) in enumerate(zip(batch.rows, tasks, variants, strict=True)):
        start, end = batch.starts[number], batch.starts[number + 1]
        middle = end - batch.target_lengths[number]
        decode: Any = encoder.tokenizer.decode
        text, learnt = decode(batch.ids[start:middle].tolist()), decode(batch.ids[middle:end].tolist())
        lines.append(
            f"  [{start}:{middle}:{end}] row {row} {_short(groups.tasks[task])} {groups.variants[variant]}: "
            f"{_short(text)} => {_short(learnt)}"
        )
    return lines


def _short(text: str) -> str:
    """One line of at most 200 characters, with what a terminal would obey written out, as Python does."""
    line = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
    return line if len(line) <= 200 else f"{line[:100]} ... {line[-90:]}"
