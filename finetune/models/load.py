"""A model to train: from a folder or the Hub, or with random weights; always checked to keep examples apart."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from finetune.batches import Batch, as_batch
from finetune.config import ModelSettings
from finetune.examples import Examples
from finetune.models.causal import ATTENTION, CausalInputs, causal_losses
from finetune.models.t5 import T5, T5Inputs
from finetune.models.t5gemma2 import T5Gemma2Inputs, t5gemma2_losses
from finetune.tokenizer import save_tokenizer
from flancollect.draw import key
from flancollect.errors import FlancollectError, UsageError

DROPOUTS = (
    "dropout_rate", "attention_dropout", "attn_pdrop", "resid_pdrop", "embd_pdrop", "hidden_dropout", "resid_dropout",
)  # fmt: skip
"""What transformers' configs call their dropouts."""

LORA_TARGETS = ["q", "k", "v", "o", "wi", "wi_0", "wi_1", "wo"]
"""The matrices of own T5 that an adapter is put beside; in models of transformers, all but the head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What is trained, and how it reads a batch.

    `arrange` lays a batch out for the model, on the CPU; `losses` gives the loss of each target token of what was
    laid out. `module` holds the weights; `config` is transformers'. `dropouts` names the settings that model.dropout
    set.
    """

    module: nn.Module
    config: Any
    encoder_decoder: bool
    arrange: Callable[[Batch], Any]
    losses: Callable[[nn.Module, Any], Tensor]
    dropouts: tuple[str, ...] = ()


def load_model(settings: ModelSettings, tokenizer: PreTrainedTokenizerBase, *, seed: int = 0) -> Model:
    """The model that a run card names, in training mode on the CPU.

    Raises UsageError for a model that does not exist, of an architecture that cannot be packed, or too small for the
    tokenizer.
    """
    config, extras = read_config(settings, tokenizer)
    name = settings.from_ or f"model.init ({config.model_type})"
    dropouts = set_dropout(config, settings.dropout)
    if settings.dropout and not dropouts:
        raise UsageError(f"{name}: this architecture has no dropout; leave out model.dropout")
    torch.manual_seed(key(seed, "weights") >> 1)
    with quiet():
        inner = _weights(settings, config, name)
    embedding: Any = inner.get_input_embeddings()
    size = len(embedding.weight)
    if len(tokenizer) > size:
        raise UsageError(
            f"{name}: has embeddings for {size:,} tokens, the tokenizer has {len(tokenizer):,}: they do not belong "
            "together"
        )
    model = as_model(inner, dropouts)
    check_packing(model, name, size)
    if settings.init is not None:
        _begin(inner if model.module is inner else model.module, extras)
    if settings.recompute:
        _recompute(model)
    if settings.lora is not None:
        model = _with_lora(model, settings.lora)
    model.module.train()
    return model


def read_config(settings: ModelSettings, tokenizer: PreTrainedTokenizerBase) -> tuple[Any, dict[str, Any]]:
    """The transformers config of the model, and the keys of `init` that are ours."""
    if settings.from_ is not None:
        try:
            return AutoConfig.from_pretrained(settings.from_, trust_remote_code=False), {}
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(f"{settings.from_}: no model can be read: {_line(error)}") from error
    values = dict(settings.init or {})
    extras: dict[str, Any] = {
        name: values.pop(name) for name in ("embedding_std", "zero_outputs") if name in values
    }
    model_type = values.pop("model_type")
    values.setdefault("vocab_size", len(tokenizer))
    values |= {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
    values.setdefault("bos_token_id", tokenizer.bos_token_id)
    if model_type in {"t5", "mt5"}:
        values.setdefault("decoder_start_token_id", tokenizer.pad_token_id)
    try:
        return AutoConfig.for_model(model_type, **values), extras
    except (ValueError, TypeError) as error:
        raise UsageError(f"model.init: transformers makes no {model_type} of it: {_line(error)}") from error


def set_dropout(config: Any, dropout: float | None) -> tuple[str, ...]:
    """Set every dropout that a config knows; their names."""
    names = tuple(name for name in DROPOUTS if hasattr(config, name))
    if dropout is not None:
        for name in names:
            setattr(config, name, dropout)
    return names


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
        )
    if config.is_encoder_decoder:
        raise UsageError(
            f"{config.model_type}: this encoder-decoder cannot be packed; t5, mt5 and t5gemma2 can, and any "
            "decoder-only model of transformers with its attention interface"
        )
    try:
        inner.set_attn_implementation(ATTENTION)
    except (ValueError, KeyError) as error:
        raise UsageError(f"{config.model_type}: cannot be packed: {_line(error)}") from error
    return Model(
        module=inner,
        config=config,
        encoder_decoder=False,
        arrange=CausalInputs.of,
        losses=causal_losses,
        dropouts=dropouts,
    )


def check_packing(model: Model, name: str, vocabulary: int) -> None:
    """Raise UsageError where the losses of an example depend on the others in its batch.

    Tried on three short examples, together and one by one: architectures with a memory of another kind than
    attention, or with attention of their own, let examples see each other without a word.
    """
    lengths = [(5, 2), (9, 4), (3, 3)]
    # 7 + 13 + 6 tokens; any token does, as it is only compared with itself.
    tokens = np.random.default_rng(0).integers(0, vocabulary, 26).astype(np.uint32)
    inputs, targets = (np.array(side, dtype=np.int64) for side in zip(*lengths, strict=True))
    examples = Examples(
        rows=np.arange(3),
        tokens=tokens,
        starts=np.cumsum(inputs + targets) - (inputs + targets),
        inputs=inputs,
        targets=targets,
    )
    training = model.module.training
    model.module.eval()
    try:
        with torch.no_grad():
            together = model.losses(model.module, model.arrange(as_batch(examples, np.arange(3))))
            # A batch has its longest example first: 13, 7 and 6 tokens.
            alone = torch.cat(
                [
                    model.losses(model.module, model.arrange(as_batch(examples, np.array([n]))))
                    for n in (1, 0, 2)
                ]
            )
    except (NotImplementedError, TypeError) as error:
        raise UsageError(f"{name}: cannot be packed: {_line(error)}") from error
    finally:
        model.module.train(training)
    # Kernels add in another order for another batch: some 1e-6 apart in float32, 1e-2 in bfloat16.
    tolerance = 1e-4 if together.dtype == next(model.module.parameters()).dtype else 3e-2
    worst = (together - alone).abs().max().item()
    if not worst <= tolerance * max(1.0, alone.abs().max().item()):
        raise UsageError(
            f"{name}: examples of a batch see each other (a loss differs by {worst:.2g}): this architecture "
            "remembers by something else than the attention that transformers lets us replace"
        )


def to_transformers(
    model: Model, state: dict[str, Tensor], folder: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    """Write a folder that transformers opens: config, safetensors in shards, tokenizer."""
    with quiet():
        _save_weights(model, state, folder)
    save_tokenizer(tokenizer, folder)


def _save_weights(model: Model, state: dict[str, Tensor], folder: Path) -> None:
    from accelerate import init_empty_weights  # noqa: PLC0415 (imports much)

    if model.config.model_type in {"t5", "mt5"}:
        outer: Any
        kind: Any = AutoModelForSeq2SeqLM
        with init_empty_weights():
            outer = kind.from_config(model.config)
        tied = "lm_head.weight" not in state
        state = {
            **state,
            **({"lm_head.weight": state["shared.weight"]} if tied else {}),
            "encoder.embed_tokens.weight": state["shared.weight"],
            "decoder.embed_tokens.weight": state["shared.weight"],
        }
        if not tied:
            outer.lm_head.weight = nn.Parameter(state["lm_head.weight"], requires_grad=False)
        outer.load_state_dict(state, assign=True)
        if tied:
            outer.tie_weights()
        outer.save_pretrained(folder)
    else:
        outer = model.module
        implementation = outer.config._attn_implementation
        try:
            outer.config._attn_implementation = "sdpa"
            outer.save_pretrained(folder, state_dict=state)
        finally:
            outer.config._attn_implementation = implementation


@contextmanager
def quiet() -> Iterator[None]:
    """Without the bars and hints of transformers, which speak of its own code to whoever only trains."""
    logging: Any = transformers_logging
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logging.set_verbosity(verbosity)
        logging.enable_progress_bar()


def _weights(settings: ModelSettings, config: Any, name: str) -> PreTrainedModel:
    kind: Any = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    dtype = torch.bfloat16 if settings.precision == "bfloat16" else torch.float32
    try:
        if settings.from_ is None:
            model: PreTrainedModel = kind.from_config(config, dtype=dtype)
            return model
        # Pickled weights could run code: safetensors alone.
        loaded, report = kind.from_pretrained(
            settings.from_,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UsageError(f"{name}: no weights can be read: {_line(error)}") from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise UsageError(
            f"{name}: lacks {len(missing)} weights of a {config.model_type}, such as {missing[0]}"
        )
    return loaded  # type: ignore[no-any-return]


def _start_token(config: Any) -> int:
    for holder in (config, getattr(config, "decoder", None)):
        for name in ("decoder_start_token_id", "bos_token_id"):
            if getattr(holder, name, None) is not None:
                return int(getattr(holder, name))
    raise UsageError(f"{config.model_type}: its config has no decoder_start_token_id and no bos_token_id")


def _begin(module: nn.Module, extras: dict[str, Any]) -> None:
    """Random weights by our keys: small models learn several times as fast from them."""
    with torch.no_grad():
        if extras.get("embedding_std") is not None:
            for inner in module.modules():
                if isinstance(inner, nn.Embedding):
                    inner.weight.normal_(std=float(extras["embedding_std"]))
        if extras.get("zero_outputs"):
            for name, weight in module.named_parameters():
                if name.endswith(("o_proj.weight", "down_proj.weight", ".o.weight", ".wo.weight")):
                    weight.zero_()


def _recompute(model: Model) -> None:
    if isinstance(model.module, T5):
        model.module.recompute = True
    else:
        # Renamed in transformers 5.2x; the old name warns there.
        module: Any = model.module
        enable = getattr(module, "activation_checkpointing_enable", module.gradient_checkpointing_enable)
        enable({"use_reentrant": False})


def _with_lora(model: Model, rank: int) -> Model:
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415 (an optional part)

    targets: Any = LORA_TARGETS if isinstance(model.module, T5) else "all-linear"
    inner: Any = model.module
    with quiet():
        adapted = get_peft_model(inner, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets))
    return Model(
        module=adapted,
        config=model.config,
        encoder_decoder=model.encoder_decoder,
        arrange=model.arrange,
        losses=model.losses,
        dropouts=model.dropouts,
    )


def _line(error: Exception) -> str:
    if isinstance(error, FlancollectError):
        return str(error)
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
