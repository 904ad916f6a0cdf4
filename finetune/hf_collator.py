"""Our batches in Hugging Face's own Trainer, for people who stay with it.

    card = load_run("qwen3-0.6b", ["data.build=flan"])
    rows, collate = hf_collator.packed_rows(card, tokenizer, encoder_decoder=False, cache=Path("cache"))
    arguments = TrainingArguments(..., per_device_train_batch_size=card.data.batch_rows,
                                  train_sampling_strategy="sequential", remove_unused_columns=False)
    Trainer(model, arguments, train_dataset=rows, data_collator=collate).train()

A decoder-only model gets positions that begin anew with each example, by which transformers keeps them apart; a T5
gets masks of four dimensions, and is wrapped in `PackedSeq2Seq`, as its encoder and its cross-attention need two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerBase
from transformers.modeling_outputs import BaseModelOutput

from finetune.batches import Batch, Batches
from finetune.config import RunCard
from finetune.data import open_training_build, run_data

IGNORED = -100  # what transformers' losses leave out


class PackedRows(Dataset[Batch]):
    """The packed rows of a run, in its order; as many as its steps take."""

    def __init__(self, batches: Batches, steps: int) -> None:
        self.batches, self.steps = batches, steps

    def __len__(self) -> int:
        return self.steps * self.batches.settings.batch_rows

    def __getitem__(self, number: int) -> Batch:
        return self.batches.rows([number])


def packed_rows(
    card: RunCard, tokenizer: PreTrainedTokenizerBase, *, encoder_decoder: bool, cache: Path
) -> tuple[PackedRows, Callable[[Sequence[Batch]], dict[str, Any]]]:
    """The rows of a run card's build as a dataset, and the collator that Trainer needs with it.

    Step s of Trainer sees the examples of step s of `flancollect finetune`, if its batch is data.batch_rows.
    """
    build = open_training_build(card.data.build)
    data = run_data(card, build, tokenizer, encoder_decoder=encoder_decoder, cache=cache)
    return PackedRows(data.training, card.schedule.steps), seq2seq_batch if encoder_decoder else causal_batch


def causal_batch(rows: Sequence[Batch]) -> dict[str, Any]:
    """Packed rows as [B, L] ids, positions and labels; padding is an example of its own that nothing is learnt of.

    It says use_cache=False itself: with the default, transformers lets the examples of a row see each other.
    """
    longest = max(len(row.ids) for row in rows)
    ids = np.zeros((len(rows), longest), dtype=np.int64)
    positions = np.zeros_like(ids)
    labels = np.full_like(ids, IGNORED)
    for number, row in enumerate(rows):
        count = len(row.ids)
        ids[number, :count] = row.ids
        positions[number, :count] = row.positions
        positions[number, count:] = np.arange(longest - count)
        labels[number, row.target_positions] = row.labels
    return {
        "input_ids": torch.from_numpy(ids),
        "position_ids": torch.from_numpy(positions),
        "labels": torch.from_numpy(labels),
        "use_cache": False,
    }


def seq2seq_batch(rows: Sequence[Batch]) -> dict[str, Any]:
    """Packed rows as [B, S] inputs and [B, T] labels, with the example number of each token (-1, -2: padding)."""
    sides = []
    for row in rows:
        is_target = row.is_target
        members = np.repeat(np.arange(len(row.rows)), row.lengths)
        sides.append((row.ids[~is_target], members[~is_target], row.ids[is_target], members[is_target]))
    return {
        "input_ids": padded([side[0] for side in sides], 0),
        "input_examples": padded([side[1] for side in sides], -1),
        "labels": padded([side[2] for side in sides], IGNORED),
        "label_examples": padded([side[3] for side in sides], -2),
    }


class PackedSeq2Seq(nn.Module):
    """A T5 of transformers that reads `seq2seq_batch`: the encoder is called apart, each attention with its mask."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.config = model.config

    def forward(
        self, input_ids: Tensor, input_examples: Tensor, labels: Tensor, label_examples: Tensor
    ) -> dict[str, Tensor]:
        """The loss per target token."""
        dtype = next(self.model.parameters()).dtype
        within = label_examples[:, :, None] == label_examples[:, None]
        causal = within & torch.ones(within.shape[1:], dtype=torch.bool, device=within.device).tril()
        # Labels [a b e | c e] are read as [s a b | s c]: shifted by one, and the start token where an example begins.
        start = self.config.decoder_start_token_id
        previous = torch.nn.functional.pad(labels, (1, 0), value=start)[:, :-1].masked_fill(
            labels == IGNORED, 0
        )
        first = torch.nn.functional.pad(label_examples, (1, 0), value=-3)[:, :-1] != label_examples
        memory = self.model.encoder(
            input_ids=input_ids,
            attention_mask=_mask(input_examples[:, :, None] == input_examples[:, None], dtype),
        )
        logits = self.model(
            encoder_outputs=BaseModelOutput(last_hidden_state=memory[0]),
            attention_mask=_mask(label_examples[:, :, None] == input_examples[:, None], dtype),
            decoder_input_ids=previous.masked_fill(first, start),
            decoder_attention_mask=_mask(causal, dtype),
            use_cache=False,
        ).logits
        loss = torch.nn.functional.cross_entropy(
            logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED
        )
        return {"loss": loss}


def _mask(sees: Tensor, dtype: torch.dtype) -> Tensor:
    """[B, 1, Q, K]: additive."""
    return torch.zeros(sees.shape, dtype=dtype, device=sees.device).masked_fill(
        ~sees, torch.finfo(dtype).min
    )[:, None]


def padded(parts: Sequence[np.ndarray[Any, Any]], padding: int) -> Tensor:
    """[B, L] of arrays of different lengths, filled up behind."""
    longest = max(len(part) for part in parts)
    return torch.from_numpy(
        np.stack([np.pad(part, (0, longest - len(part)), constant_values=padding) for part in parts]).astype(
            np.int64
        )
    )
