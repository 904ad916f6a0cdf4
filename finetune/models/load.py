"""A model to train: from a folder or the Hub, or with random weights; always checked to keep examples apart."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
from finetune.models.causal import ATTENTION, CausalInputs, attended_windows, causal_losses
from finetune.models.t5 import T5, T5Inputs
from finetune.models.t5gemma2 import T5Gemma2Inputs, t5gemma2_losses
from finetune.tokenizer import save_tokenizer
from flancollect.draw import key
from flancollect.errors import FlancollectError, UsageError, did_you_mean

DROPOUT = re.compile(r"(^|_)dropout(_rate|_prob|$)|_pdrop$|_dropout$|_dropout_prob$")
"""What transformers' configs call their dropouts; those of classifiers, and of whole layers, are others."""

WINDOW = re.compile(r"(^|_)(window|chunk)(_size)?$")
"""What they call the tokens that a token sees, where those are not all."""

LORA_TARGETS = ["q", "k", "v", "o", "wi", "wi_0", "wi_1", "wo"]
"""The matrices of own T5 that an adapter is put beside; in models of transformers, all but the head."""


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
        default = AutoConfig.for_model(model_type)
        known = {*default.to_dict(), *default.attribute_map, "rope_theta"}
        written = [name for name in settings.init or {} if name not in {"model_type", *extras}]
        unknown = [name for name in written if name not in known and not hasattr(default, name)]
        config = AutoConfig.for_model(model_type, **values)
    except Exception as error:  # whatever transformers' code says of values from a card
        raise UsageError(f"model.init: transformers makes no {model_type} of it: {_line(error)}") from error
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


def packable(inner: PreTrainedModel, name: str, dropouts: tuple[str, ...] = (), *, longest: int = 0) -> Model:
    """`as_model`, tried: packed batches give what transformers' own code gives of each example alone.

    Raises UsageError where they do not, or where examples of `longest` tokens would be longer than a window that
    cannot be seen to be kept.
    """
    embedding: Any = inner.get_input_embeddings()
    vocabulary = min(len(embedding.weight), 2**31)
    try:
        expected = _own_losses(inner, _trial(vocabulary, [1]))
        attended_windows.clear()
        model = as_model(inner, dropouts)
        check_packing(model, name, vocabulary)
        losses = _losses_of(model, _trial(vocabulary, [1]))
    except FlancollectError:
        raise
    except Exception as error:  # any architecture, with code of its own
        raise UsageError(f"{name}: cannot be packed: {_line(error)}") from error
    if not _near(losses, expected, model):
        worst = (losses - expected).abs().max().item()
        raise UsageError(
            f"{name}: its losses are not those of transformers (one differs by {worst:.2g}): it has positions or an "
            "attention of its own, and cannot be packed"
        )
    text_config = inner.config.get_text_config()
    for key_, window in vars(text_config).items():
        # bool is an int, and no window.
        is_window = WINDOW.search(key_) and isinstance(window, int) and not isinstance(window, bool)
        if (
            is_window
            and 0 < window < longest
            and window not in attended_windows
            and not model.encoder_decoder
        ):
            raise UsageError(
                f"{name}: attends within {key_} = {window} tokens in a way that packing cannot keep; examples may "
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
    together = _losses_of(model, _trial(vocabulary, [0, 1, 2]))
    # A batch has its longest example first: 46, 7 and 6 tokens.
    alone = torch.cat([_losses_of(model, _trial(vocabulary, [number])) for number in (1, 0, 2)])
    if not _near(together, alone, model):
        worst = (together - alone).abs().max().item()
        raise UsageError(
            f"{name}: examples of a batch see each other (a loss differs by {worst:.2g}): this architecture "
            "remembers by something else than the attention that transformers lets us replace"
        )


def _trial(vocabulary: int, numbers: Sequence[int]) -> Batch:
    """Some of three examples, of 5 + 2, 33 + 13 and 3 + 3 random tokens; any do, compared with themselves."""
    inputs, targets = np.array([5, 33, 3]), np.array([2, 13, 3])
    starts = np.cumsum(inputs + targets) - (inputs + targets)
    # Not the first tokens: padding among them means something to some architectures.
    tokens = np.random.default_rng(0).integers(min(10, vocabulary // 2), vocabulary, 59).astype(np.uint32)
    examples = Examples(rows=np.arange(3), tokens=tokens, starts=starts, inputs=inputs, targets=targets)
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
    ids = torch.from_numpy(batch.ids)
    first = int(batch.target_positions[0])
    labels = ids[first:]
    with torch.no_grad():
        if model.config.is_encoder_decoder:
            read = torch.cat([torch.tensor([_start_token(model.config)]), labels[:-1]])
            logits = model(input_ids=ids[None, :first], decoder_input_ids=read[None], use_cache=False).logits[
                0
            ]
        else:
            logits = model(input_ids=ids[None], use_cache=False).logits[0, first - 1 : -1]
    model.train(training)
    return torch.nn.functional.cross_entropy(logits.float(), labels, reduction="none")


def _near(losses: Tensor, expected: Tensor, model: Model) -> bool:
    # Kernels add in another order for another batch: some 1e-6 apart in float32, 1e-2 in bfloat16.
    tolerance = 1e-4 if next(model.module.parameters()).dtype == torch.float32 else 3e-2
    return bool((losses - expected).abs().max() <= tolerance * max(1.0, expected.abs().max().item()))


def to_transformers(
    model: Model, state: dict[str, Tensor], folder: Path, tokenizer: PreTrainedTokenizerBase
) -> None:
    """Write a folder that transformers opens: config, safetensors in shards, tokenizer."""
    with quiet():
        _save_weights(model, state, folder)
    save_tokenizer(tokenizer, folder)


def _save_weights(model: Model, state: dict[str, Tensor], folder: Path) -> None:
    """By transformers' class, filled with `state` and nothing else: its names, shards and config."""
    from accelerate import init_empty_weights  # noqa: PLC0415 (imports much)

    config = copy.deepcopy(model.config)
    config._attn_implementation = None  # which would be named in the folder
    kind: Any = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    with init_empty_weights():
        outer = kind.from_config(config)
    if "lm_head.weight" in state and "shared.weight" in state:
        # A T5 with a head of its own, which transformers ties when it makes the model.
        outer.lm_head.weight = nn.Parameter(state["lm_head.weight"], requires_grad=False)
    outer.load_state_dict(state, assign=True, strict=False)
    if not ("lm_head.weight" in state and "shared.weight" in state):
        outer.tie_weights()
    else:
        outer.encoder.embed_tokens.weight = outer.decoder.embed_tokens.weight = outer.shared.weight
    empty = [name for name, weight in outer.named_parameters() if weight.is_meta]
    if empty:
        raise FlancollectError(
            f"{folder}: the model lacks {len(empty)} weights, such as {empty[0]}; nothing is saved"
        )
    outer.save_pretrained(folder)


def merged_state(model: Model, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights without an adapter: each matrix plus what its adapter adds, under the name that it had before.

    `state` is that of the adapted module, gathered; equal to peft's own merging, and needs no module in one piece.
    """
    prefix, base = "base_model.model.", ".base_layer"
    out = {}
    layers: dict[str, Any] = dict(model.module.named_modules())
    for name, weight in state.items():
        if ".lora_" in name:
            continue
        plain = name.removeprefix(prefix).replace(base, "")
        out[plain] = weight
        if name.endswith(f"{base}.weight"):
            layer = name.removesuffix(f"{base}.weight")
            a, b = state[f"{layer}.lora_A.default.weight"], state[f"{layer}.lora_B.default.weight"]
            delta = (b.float() @ a.float()) * layers[layer].scaling["default"]
            # GPT-2 keeps its matrices the other way round.
            delta = delta.T if layers[layer].fan_in_fan_out else delta
            out[plain] = (weight.float() + delta).to(weight.dtype)
    return out


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
    except Exception as error:  # a damaged file of a stranger, and whatever library reads it
        what = _line(error)
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
    # GPT-2 keeps its matrices the other way round, in modules of this name.
    turned = any(type(module).__name__ == "Conv1D" for module in inner.modules())
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets, fan_in_fan_out=turned)
    with quiet():
        adapted = get_peft_model(inner, config)
    return replace(model, module=adapted)


def _line(error: Exception) -> str:
    if isinstance(error, FlancollectError):
        return str(error)
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
