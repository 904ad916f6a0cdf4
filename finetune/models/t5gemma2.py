"""T5Gemma 2 of transformers on flat tokens, by masks over all of them: exact, and quadratic in the batch.

Its encoder and decoder take one additive mask per kind of layer, and positions that begin anew with each example.
The encoder is called apart, because the whole model would hand it masks of another kind, and `use_cache` is off,
because with it the decoder makes its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the name that every reader of torch knows)
from torch import Tensor, nn

from finetune.batches import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class T5Gemma2Inputs:
    """A batch as T5Gemma 2 reads it; N input tokens, M target tokens."""

    input_ids: Tensor  # [N]
    input_positions: Tensor  # [N]
    input_examples: Tensor  # [N]
    decoder_ids: Tensor  # [M]
    decoder_positions: Tensor  # [M]
    decoder_examples: Tensor  # [M]
    labels: Tensor  # [M]

    @classmethod
    def of(cls, batch: Batch, start_token: int) -> T5Gemma2Inputs:
        """Arrange a batch; on the CPU."""
        targets, is_input = batch.target_lengths, ~batch.is_target
        firsts = np.cumsum(targets) - targets
        return cls(
            input_ids=torch.from_numpy(batch.ids[is_input]),
            input_positions=torch.from_numpy(batch.positions[is_input]),
            input_examples=torch.from_numpy(np.repeat(np.arange(len(batch.rows)), batch.lengths - targets)),
            decoder_ids=torch.from_numpy(batch.decoder_ids(start_token)),
            decoder_positions=torch.from_numpy(np.arange(len(batch.labels)) - np.repeat(firsts, targets)),
            decoder_examples=torch.from_numpy(batch.target_examples),
            labels=torch.from_numpy(batch.labels),
        )


def t5gemma2_logits(module: nn.Module, inputs: T5Gemma2Inputs) -> Tensor:
    """[M, V]: the logits of each target token."""
    from transformers.models.t5gemma2.modeling_t5gemma2 import (  # noqa: PLC0415 (imports much)
        sliding_window_mask_function,
    )

    model: Any = module
    encoder_window = model.config.encoder.text_config.sliding_window
    decoder_window = model.config.decoder.sliding_window
    count = len(inputs.input_ids)
    together = inputs.input_examples[:, None] == inputs.input_examples
    places = torch.arange(count, device=inputs.input_ids.device)
    # Whether two tokens are near hangs on their distance alone, which in one example is that of the flat places.
    near = sliding_window_mask_function(encoder_window, is_causal=False)(
        0, 0, places[:, None].expand(count, count), places.expand(count, count)
    )
    dtype = next(module.parameters()).dtype
    memory = model.get_encoder()(
        input_ids=inputs.input_ids[None],
        attention_mask={
            "full_attention": _additive(together, dtype),
            "sliding_attention": _additive(together & near, dtype),
        },
        position_ids=inputs.input_positions[None],
    )
    distance = inputs.decoder_positions[:, None] - inputs.decoder_positions
    causal = (inputs.decoder_examples[:, None] == inputs.decoder_examples) & (distance >= 0)
    crossing = inputs.decoder_examples[:, None] == inputs.input_examples
    logits: Tensor = model(
        encoder_outputs=memory,
        attention_mask={"full_attention": _additive(crossing, dtype)},
        decoder_input_ids=inputs.decoder_ids[None],
        decoder_attention_mask={
            "full_attention": _additive(causal, dtype),
            "sliding_attention": _additive(causal & (distance < decoder_window), dtype),
        },
        decoder_position_ids=inputs.decoder_positions[None],
        use_cache=False,
    ).logits[0]
    return logits


def t5gemma2_losses(module: nn.Module, inputs: T5Gemma2Inputs) -> Tensor:
    """[M]: the loss of each target token."""
    return F.cross_entropy(t5gemma2_logits(module, inputs).float(), inputs.labels, reduction="none")


def _additive(sees: Tensor, dtype: torch.dtype) -> Tensor:
    mask = torch.zeros(sees.shape, dtype=dtype, device=sees.device)
    return mask.masked_fill(~sees, torch.finfo(dtype).min)[None, None]
