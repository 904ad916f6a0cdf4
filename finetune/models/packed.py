"""What is trained, and that packing does it no harm: models of transformers made to read flat batches, and tried."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from finetune.batches import Batch, as_batch
from finetune.examples import Examples
from finetune.library_messages import first_line
from finetune.models.causal import ATTENTION, CausalInputs, attended_windows, causal_losses
from finetune.models.t5 import T5, T5Inputs
from finetune.models.t5gemma2 import T5Gemma2Inputs, t5gemma2_losses
from flancollect.errors import FlancollectError, UsageError

WINDOW = re.compile(r"(^|_)(window|chunk)(_size)?$")
"""What transformers' configs call the tokens that a token sees, where those are not all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What is trained, and how it reads a batch.

    `arrange` lays a batch out for the model, on the CPU; `losses` gives the loss of each target token of what was
    laid out. `module` holds the weights; `config` is transformers'. `dropouts` names the settings that model.dropout
    set. `several_processes`: whether its weights can be spread over ranks.
    """

    module: nn.Module
    config: Any
    encoder_decoder: bool
    arrange: Callable[[Batch], Any]
    losses: Callable[[nn.Module, Any], Tensor]
    dropouts: tuple[str, ...] = ()
    several_processes: bool = True


def packable(inner: PreTrainedModel, name: str, dropouts: tuple[str, ...] = (), *, longest: int = 0) -> Model:
    """`as_model`, tried: packed batches give what transformers' own code gives of each example alone.

    Raises UsageError where they do not, or where examples of `longest` tokens would be longer than a window that
    cannot be seen to be kept.
    """
    embedding: Any = inner.get_input_embeddings()
    vocabulary = len(embedding.weight)
    try:
        expected = _own_losses(inner, _trial(vocabulary, [1]))
        attended_windows.clear()
        model = as_model(inner, dropouts)
        check_packing(model, name, vocabulary, expected)
    except FlancollectError:
        raise
    except Exception as error:  # any architecture, with code of its own
        raise UsageError(f"{name}: cannot be packed: {first_line(error)}") from error
    text_config = inner.config.get_text_config()
    for setting, window in vars(text_config).items():
        # bool is an int, and no window.
        is_window = WINDOW.search(setting) and isinstance(window, int) and not isinstance(window, bool)
        if (
            is_window
            and 0 < window < longest
            and window not in attended_windows
            and not model.encoder_decoder
        ):
            raise UsageError(
                f"{name}: attends within {setting} = {window} tokens in a way that packing cannot keep; examples may "
                f"have {longest} tokens. Lower data.max_input_tokens"
            )
    return model


def as_model(inner: PreTrainedModel, dropouts: tuple[str, ...] = ()) -> Model:
    """A model of transformers, made to read flat batches; its weights are shared, not copied.

    Raises UsageError for an architecture that cannot be packed.
    """
    config: Any = inner.config
    if config.model_type in {"t5", "mt5"}:
        outer: Any = inner
        own = T5(config, tied=outer.lm_head.weight is outer.shared.weight)
        state = {name: weight for name, weight in inner.state_dict().items() if name in own.state_dict()}
        own.load_state_dict(state, assign=True)
        for weight in own.parameters():
            weight.requires_grad_(True)
        own.train(inner.training)
        return Model(
            module=own,
            config=config,
            encoder_decoder=True,
            arrange=partial(T5Inputs.of, start_token=config.decoder_start_token_id),
            losses=lambda module, inputs: module(inputs),
            dropouts=dropouts,
        )
    if config.model_type == "t5gemma2":
        return Model(
            module=inner,
            config=config,
            encoder_decoder=True,
            arrange=partial(T5Gemma2Inputs.of, start_token=_start_token(config)),
            losses=t5gemma2_losses,
            dropouts=dropouts,
            several_processes=False,
        )
    if config.is_encoder_decoder:
        raise UsageError(
            f"{config.model_type}: this encoder-decoder cannot be packed; t5, mt5 and t5gemma2 can, and any "
            "decoder-only model of transformers with its attention interface"
        )
    try:
        inner.set_attn_implementation(ATTENTION)
    except (ValueError, KeyError) as error:
        raise UsageError(f"{config.model_type}: cannot be packed: {first_line(error)}") from error
    return Model(
        module=inner,
        config=config,
        encoder_decoder=False,
        arrange=CausalInputs.of,
        losses=causal_losses,
        dropouts=dropouts,
    )


def check_packing(model: Model, name: str, vocabulary: int, expected: Tensor | None = None) -> None:
    """Raise UsageError where the losses of an example depend on the others in its batch, or are not `expected`.

    Tried on three short examples, together and one by one: architectures with a memory of another kind than
    attention, or with attention of their own, let examples see each other without a word. `expected` are the losses
    of the longest of them by transformers' own code.
    """
    together = _losses_of(model, _trial(vocabulary, [0, 1, 2]))
    # A batch has its longest example first: 46, 7 and 6 tokens.
    alone = [_losses_of(model, _trial(vocabulary, [number])) for number in (1, 0, 2)]
    if not _near(together, torch.cat(alone), model):
        worst = (together - torch.cat(alone)).abs().max().item()
        raise UsageError(
            f"{name}: examples of a batch see each other (a loss differs by {worst:.2g}): this architecture "
            "remembers by something else than the attention that transformers lets us replace"
        )
    if expected is not None and not _near(alone[0], expected, model):
        worst = (alone[0] - expected).abs().max().item()
        raise UsageError(
            f"{name}: its losses are not those of transformers (one differs by {worst:.2g}): it has positions or an "
            "attention of its own, and cannot be packed"
        )


def _trial(vocabulary: int, numbers: Sequence[int]) -> Batch:
    """Some of three examples, of 5 + 2, 33 + 13 and 3 + 3 random tokens; any do, compared with themselves."""
    inputs, targets = np.array([5, 33, 3]), np.array([2, 13, 3])
    # Not the first tokens: padding among them means something to some architectures.
    tokens = np.random.default_rng(0).integers(min(10, vocabulary // 2), vocabulary, 59).astype(np.uint32)
    examples = Examples.end_to_end(rows=np.arange(3), tokens=tokens, inputs=inputs, targets=targets)
    return as_batch(examples, np.array(numbers))


def _losses_of(model: Model, batch: Batch) -> Tensor:
    training = model.module.training
    model.module.eval()
    with torch.no_grad():
        losses = model.losses(model.module, model.arrange(batch))
    model.module.train(training)
    return losses


def _own_losses(inner: PreTrainedModel, batch: Batch) -> Tensor:
    """The losses of a batch of one example by transformers' own code, as it is loaded."""
    model: Any = inner
    training = model.training
    model.eval()
    ids, labels = torch.from_numpy(batch.ids), torch.from_numpy(batch.labels)
    first = len(ids) - len(labels)
    with torch.no_grad():
        if model.config.is_encoder_decoder:
            read = torch.from_numpy(batch.decoder_ids(_start_token(model.config)))
            outputs = model(input_ids=ids[None, :first], decoder_input_ids=read[None], use_cache=False)
            logits = outputs.logits[0]
        else:
            logits = model(input_ids=ids[None], use_cache=False).logits[0, first - 1 : -1]
    model.train(training)
    return torch.nn.functional.cross_entropy(logits.float(), labels, reduction="none")


def _near(losses: Tensor, expected: Tensor, model: Model) -> bool:
    # Kernels add in another order for another batch: some 1e-6 apart in float32, 1e-2 in bfloat16.
    tolerance = 1e-4 if next(model.module.parameters()).dtype == torch.float32 else 3e-2
    return bool((losses - expected).abs().max() <= tolerance * max(1.0, expected.abs().max().item()))


def _start_token(config: Any) -> int:
    for holder in (config, getattr(config, "decoder", None)):
        for name in ("decoder_start_token_id", "bos_token_id"):
            if getattr(holder, name, None) is not None:
                return int(getattr(holder, name))
    raise UsageError(f"{config.model_type}: its config has no decoder_start_token_id and no bos_token_id")
