"""A model to train: from a folder or the Hub, or with random weights, with dropout and adapter as a card says."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from finetune.config import ModelSettings
from finetune.library_messages import first_line, quiet
from finetune.models.packed import Model, packable
from finetune.models.t5 import T5
from flancollect.draw import key
from flancollect.errors import UsageError, did_you_mean

DROPOUT = re.compile(r"(^|_)dropout(_rate|_prob|$)|_pdrop$|_dropout$|_dropout_prob$")
"""What transformers' configs call their dropouts; those of classifiers, and of whole layers, are others."""

LORA_TARGETS = ["q", "k", "v", "o", "wi", "wi_0", "wi_1", "wo"]
"""The matrices of own T5 that an adapter is put beside; in models of transformers, all but the head."""


def load_model(
    settings: ModelSettings, tokenizer: PreTrainedTokenizerBase, *, longest: int = 0, seed: int = 0
) -> Model:
    """The model that a run card names, in training mode on the CPU.

    Raises UsageError for a model that does not exist, of an architecture that cannot be packed, or too small for the
    tokenizer.
    """
    config, extras = read_config(settings, tokenizer)
    name = settings.from_ or f"model.init ({config.model_type})"
    dropouts = set_dropout(config, settings.dropout)
    if settings.dropout and not dropouts:
        raise UsageError(f"{name}: this architecture has no dropout; leave out model.dropout")
    positions = getattr(config.get_text_config(), "max_position_embeddings", None)
    if not config.is_encoder_decoder and isinstance(positions, int) and longest > positions:
        raise UsageError(
            f"{name}: has positions for {positions:,} tokens; data.max_input_tokens + max_target_tokens are {longest:,}"
        )
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
    model = packable(inner, name, dropouts, longest=longest)
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
        except Exception as error:  # a folder of a stranger may make its code say anything
            raise UsageError(f"{settings.from_}: no model can be read: {first_line(error)}") from error
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
        default = AutoConfig.for_model(model_type)
        known = {*default.to_dict(), *default.attribute_map, "rope_theta"}
        written = [name for name in settings.init or {} if name not in {"model_type", *extras}]
        unknown = [name for name in written if name not in known and not hasattr(default, name)]
        config = AutoConfig.for_model(model_type, **values)
    except Exception as error:  # whatever transformers' code says of values from a card
        raise UsageError(
            f"model.init: transformers makes no {model_type} of it: {first_line(error)}"
        ) from error
    if unknown:
        hint = did_you_mean(unknown[0], sorted(known), "Keys", 15)
        raise UsageError(f"model.init.{unknown[0]}: a {model_type} has no such key.{hint}")
    return config, extras


def set_dropout(config: Any, dropout: float | None) -> tuple[str, ...]:
    """Set every dropout that a config knows, also in the configs of its parts; their names."""
    names = []
    for name, value in list(vars(config).items()):
        if hasattr(value, "to_dict"):
            names += [f"{name}.{inner}" for inner in set_dropout(value, dropout)]
        elif DROPOUT.search(name) and "classifier" not in name and isinstance(value, int | float):
            names.append(name)
            if dropout is not None:
                setattr(config, name, dropout)
    return tuple(names)


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
    except Exception as error:  # a damaged file of a stranger, and whatever library reads it
        what = first_line(error)
        if "ignore_mismatched_sizes" in str(error):
            what = "its weights have other shapes than its config.json says"
        elif "safetensors" in what:
            what += " (weights are read from safetensors files only, as pickled ones can run code)"
        raise UsageError(f"{name}: no weights can be read: {what}") from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise UsageError(
            f"{name}: lacks {len(missing)} weights of a {config.model_type}, such as {missing[0]}"
        )
    return loaded  # type: ignore[no-any-return]


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
    # GPT-2 keeps its matrices the other way round, in modules of this name.
    turned = any(type(module).__name__ == "Conv1D" for module in inner.modules())
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets, fan_in_fan_out=turned)
    with quiet():
        adapted = get_peft_model(inner, config)
    return replace(model, module=adapted)
