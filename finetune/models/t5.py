"""T5 (v1.0, v1.1) and mT5 on flat tokens, with the state-dict names of transformers.

Tokens of all examples lie end to end, [N, d]; only attention is padded, to examples of about the same length. T5's
position bias depends on the distance alone, so that one table of each stack serves every group. Shapes: N input
tokens, M target tokens, H heads, L length of a group.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (the name that every reader of torch knows)
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from finetune.attention import Layout, groups_of
from finetune.batches import Batch
from finetune.loss import token_losses


@dataclass(frozen=True, slots=True, kw_only=True)
class T5Inputs:
    """A batch as T5 reads it."""

    input_ids: Tensor  # [N]
    decoder_ids: Tensor  # [M] the targets, each moved by one behind the start token
    labels: Tensor  # [M]
    encoder: Layout  # of inputs, in groups by their own length
    decoder: Layout  # of targets, in groups by input and target
    memory: Layout  # of inputs, in the groups of the decoder: what its cross-attention reads

    @classmethod
    def of(cls, batch: Batch, start_token: int) -> T5Inputs:
        """Arrange a batch; on the CPU."""
        target_lengths = batch.target_lengths
        input_lengths = batch.lengths - target_lengths
        together = groups_of(batch.lengths)
        return cls(
            input_ids=torch.from_numpy(batch.ids[~batch.is_target]),
            decoder_ids=torch.from_numpy(batch.decoder_ids(start_token)),
            labels=torch.from_numpy(batch.labels),
            encoder=Layout.of(input_lengths, groups_of(input_lengths)),
            decoder=Layout.of(target_lengths, together),
            memory=Layout.of(input_lengths, together),
        )


class Norm(nn.Module):
    """Root mean square norm: T5 scales and does not shift."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """[.., size] to the same."""
        return F.rms_norm(x, self.weight.shape, self.weight.to(x.dtype), self.eps)


class Attention(nn.Module):
    """Self- or cross-attention. T5 does not scale by the root of the head's size: its initialisation does."""

    def __init__(self, config: Any, *, has_bias_table: bool) -> None:
        super().__init__()
        self.heads, self.dropout = config.num_heads, config.dropout_rate
        inner = config.num_heads * config.d_kv
        self.q = nn.Linear(config.d_model, inner, bias=False)
        self.k = nn.Linear(config.d_model, inner, bias=False)
        self.v = nn.Linear(config.d_model, inner, bias=False)
        self.o = nn.Linear(inner, config.d_model, bias=False)
        if has_bias_table:
            self.relative_attention_bias = nn.Embedding(
                config.relative_attention_num_buckets, config.num_heads
            )

    def forward(
        self, x: Tensor, memory: Tensor, reads: Layout, memory_reads: Layout, masks: list[Tensor]
    ) -> Tensor:
        """[N, d] reads `memory`, [S, d]; `masks` are additive, one per group."""
        queries = reads.split(self.q(x).unflatten(-1, (self.heads, -1)))
        keys = memory_reads.split(self.k(memory).unflatten(-1, (self.heads, -1)))
        values = memory_reads.split(self.v(memory).unflatten(-1, (self.heads, -1)))
        dropout = self.dropout if self.training else 0.0
        outputs = [
            F.scaled_dot_product_attention(q, k, v, attn_mask=mask.to(q.dtype), dropout_p=dropout, scale=1.0)
            for q, k, v, mask in zip(queries, keys, values, masks, strict=True)
        ]
        out: Tensor = self.o(reads.join(outputs).flatten(1))
        return out


class FeedForward(nn.Module):
    """ReLU in v1.0; in v1.1 and mT5 gated GELU, whose gate has a matrix of its own."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.gated = config.is_gated_act
        if config.dense_act_fn not in {"relu", "gelu_new"}:
            raise ValueError(f"T5 with the activation {config.dense_act_fn}; relu and gelu_new are known")
        for name in ("wi_0", "wi_1") if self.gated else ("wi",):
            setattr(self, name, nn.Linear(config.d_model, config.d_ff, bias=False))
        self.wo = nn.Linear(config.d_ff, config.d_model, bias=False)
        self.dropout = nn.Dropout(config.dropout_rate)
        self.activation = config.dense_act_fn

    def forward(self, x: Tensor) -> Tensor:
        """[N, d] to the same."""
        # Modules set by name, which the type checker does not see.
        first: Any = self.wi_0 if self.gated else self.wi
        inner: Tensor = first(x)
        inner = F.relu(inner) if self.activation == "relu" else F.gelu(inner, approximate="tanh")
        if self.gated:
            gate: Any = self.wi_1
            inner = inner * gate(x)
        out: Tensor = self.wo(self.dropout(inner))
        return out


class Sublayer(nn.Module):
    """A norm and what it feeds, under the name that transformers gives it."""

    def __init__(self, name: str, inner: nn.Module, config: Any) -> None:
        super().__init__()
        self.name = name
        self.add_module(name, inner)
        self.layer_norm = Norm(config.d_model, config.layer_norm_epsilon)
        self.dropout = nn.Dropout(config.dropout_rate)

    @property
    def inner(self) -> Any:
        """The attention or feed-forward network."""
        return getattr(self, self.name)


class Block(nn.Module):
    """A layer of a stack: self-attention, in decoders cross-attention, feed-forward."""

    def __init__(self, config: Any, *, is_decoder: bool, first: bool) -> None:
        super().__init__()
        layers = [Sublayer("SelfAttention", Attention(config, has_bias_table=first), config)]
        if is_decoder:
            layers.append(Sublayer("EncDecAttention", Attention(config, has_bias_table=False), config))
        layers.append(Sublayer("DenseReluDense", FeedForward(config), config))
        self.layer = nn.ModuleList(layers)

    def forward(
        self,
        x: Tensor,
        reads: Layout,
        masks: list[Tensor],
        memory: Tensor | None = None,
        memory_reads: Layout | None = None,
        memory_masks: list[Tensor] | None = None,
    ) -> Tensor:
        """[N, d] to the same."""
        layers: Any = self.layer
        attention, *others = layers
        # Norms come before what they feed, and the sum goes past them: pre-norm, as T5 has it.
        normed = attention.layer_norm(x)
        x = x + attention.dropout(attention.inner(normed, normed, reads, reads, masks))
        if memory is not None:
            cross = others[0]
            x = x + cross.dropout(cross.inner(cross.layer_norm(x), memory, reads, memory_reads, memory_masks))
        last = others[-1]
        out: Tensor = x + last.dropout(last.inner(last.layer_norm(x)))
        return out


class Stack(nn.Module):
    """Encoder or decoder."""

    def __init__(self, config: Any, *, is_decoder: bool) -> None:
        super().__init__()
        layers = config.num_decoder_layers if is_decoder else config.num_layers
        self.block = nn.ModuleList(
            Block(config, is_decoder=is_decoder, first=number == 0) for number in range(layers)
        )
        self.final_layer_norm = Norm(config.d_model, config.layer_norm_epsilon)
        self.dropout = nn.Dropout(config.dropout_rate)
        self.is_decoder = is_decoder
        self.buckets, self.max_distance = (
            config.relative_attention_num_buckets,
            config.relative_attention_max_distance,
        )

    def position_bias(self, length: int) -> Tensor:
        """[H, L, L]: what each query adds to its score of each key."""
        first: Any = self.block[0]
        table = first.layer[0].inner.relative_attention_bias
        distances = torch.arange(-(length - 1), length, device=table.weight.device)  # key minus query
        buckets = distance_buckets(distances, self.buckets, self.max_distance, two_sided=not self.is_decoder)
        # For L = 3 the biases of the distances [-2 -1 0 1 2] are unfolded to [-2 -1 0], [-1 0 1], [0 1 2]: those of
        # query 2, 1 and 0. Cheaper, and backwards too, than looking up L * L distances.
        by_distance = table(buckets).T
        bias: Tensor = by_distance.unfold(1, length, 1).flip(1)
        return bias


def distance_buckets(distances: Tensor, buckets: int, max_distance: int, *, two_sided: bool) -> Tensor:
    """The bucket of each distance (key minus query), as mesh_tensorflow's transformer_layers.py numbers them.

    Half of the buckets are for exact distances, the others for wider and wider ranges up to `max_distance`.
    """
    offset = torch.zeros_like(distances)
    if two_sided:
        buckets //= 2
        offset = (distances > 0).long() * buckets
        distances = distances.abs()
    else:
        distances = (-distances).clamp(min=0)
    exact = buckets // 2
    # 32 one-sided buckets and distance 20: 16 + log(20 / 16) / log(128 / 16) * 16 = 17.7, so bucket 17.
    ratio = torch.log(distances.float().clamp(min=1) / exact) / math.log(max_distance / exact)
    wide = (exact + (ratio * (buckets - exact)).long()).clamp(max=buckets - 1)
    return offset + torch.where(distances < exact, distances, wide)


class T5(nn.Module):
    """The model. `config` is transformers' T5Config or MT5Config; `tied` whether the head is the embedding."""

    def __init__(self, config: Any, *, tied: bool) -> None:
        super().__init__()
        self.config, self.tied = config, tied
        self.shared = nn.Embedding(config.vocab_size, config.d_model)
        self.encoder = Stack(config, is_decoder=False)
        self.decoder = Stack(config, is_decoder=True)
        if not tied:
            self.lm_head = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.dropout = nn.Dropout(config.dropout_rate)
        # v1.0 scales what goes into its head; mT5 has no such setting, and does not.
        self.head_scale = config.d_model**-0.5 if getattr(config, "scale_decoder_outputs", False) else 1.0
        self.recompute = False

    def forward(self, inputs: T5Inputs) -> Tensor:
        """[M] the loss of each target token."""
        return token_losses(self.hidden(inputs), self.head_weight, inputs.labels)

    @property
    def head_weight(self) -> Tensor:
        """The matrix of the head, [V, d]."""
        return self.shared.weight if self.tied else self.lm_head.weight

    def logits(self, inputs: T5Inputs) -> Tensor:
        """The logits of each target token, [M, V]."""
        hidden = self.hidden(inputs)
        return F.linear(hidden, self.head_weight.to(hidden.dtype))

    def hidden(self, inputs: T5Inputs) -> Tensor:
        """[M, d]: what the head reads at each target token."""
        memory = self.encode(inputs)
        y = self.dropout(self.shared(inputs.decoder_ids))
        bias = self.decoder.position_bias(max(length for _, length in inputs.decoder.shapes))
        masks = [_causal(bias[:, :length, :length]) for _, length in inputs.decoder.shapes]
        memory_masks = inputs.memory.padding_masks(memory.dtype)
        for block in self.decoder.block:
            y = self._run(block, y, inputs.decoder, masks, memory, inputs.memory, memory_masks)
        y = self.decoder.dropout(self.decoder.final_layer_norm(y))
        out: Tensor = y * self.head_scale
        return out

    def encode(self, inputs: T5Inputs) -> Tensor:
        """[N, d]: what the decoder reads of each input token."""
        x = self.dropout(self.shared(inputs.input_ids))
        bias = self.encoder.position_bias(max(length for _, length in inputs.encoder.shapes))
        masks = [
            bias[:, : padding.shape[-1], : padding.shape[-1]] + padding
            for padding in inputs.encoder.padding_masks(bias.dtype)
        ]
        for block in self.encoder.block:
            x = self._run(block, x, inputs.encoder, masks)
        out: Tensor = self.encoder.dropout(self.encoder.final_layer_norm(x))
        return out

    def _run(self, block: nn.Module, *arguments: Any) -> Tensor:
        if self.recompute and self.training:
            again: Tensor = checkpoint(block, *arguments, use_reentrant=False)
            return again
        out: Tensor = block(*arguments)
        return out


def _causal(bias: Tensor) -> Tensor:
    """[1, H, L, L]: the bias, and nothing of what comes later. Targets are padded behind, where nobody looks."""
    later = torch.ones(bias.shape[-2:], dtype=torch.bool, device=bias.device).triu(1)
    return bias.masked_fill(later, torch.finfo(bias.dtype).min)[None]
