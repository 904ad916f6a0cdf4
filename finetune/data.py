"""What a run reads: the build, its rows in windows, the rows kept for validation, and whose rows they are."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from transformers import PreTrainedTokenizerBase

from finetune.batches import Batches, PackSettings
from finetune.config import RunCard, TrainedTokenizer
from finetune.token_cache import CHUNK_ROWS, TokenCache
from finetune.tokenizer import TextEncoder, load_tokenizer, text_encoder, train_tokenizer
from flancollect.dataset.reader import Build, open_build
from flancollect.draw import Ints, key, permutation
from flancollect.errors import UsageError

TOKENIZER_ROWS = 8000  # rows that a tokenizer is trained on


@dataclass(frozen=True, slots=True, kw_only=True)
class RunData:
    """The batches to train on and to validate on (None: no validation), their builds, and how text becomes tokens."""

    build: Build
    encoder: TextEncoder
    training: Batches
    validation: Batches | None
    validation_build: Build


def open_training_build(folder: str | None) -> Build:
    """The build to train on. Raises UsageError for none, or an empty one."""
    if folder is None:
        raise UsageError(
            "data.build: name the folder of a `flancollect build`, in the run card or by --data DIR"
        )
    build = open_build(Path(folder).expanduser())
    if build.manifest.kind != "mixture":
        raise UsageError(
            f"{folder}: is a benchmark: its questions are asked, not trained on. Build a mixture"
        )
    if not len(build):
        raise UsageError(f"{folder}: the build has no rows; there is nothing to train on")
    return build


def card_tokenizer(card: RunCard, build: Build) -> PreTrainedTokenizerBase:
    """The tokenizer that a card names, its base model's, or one trained on the build's first rows."""
    named = card.model.tokenizer
    if isinstance(named, TrainedTokenizer):
        return trained_tokenizer(named, build)
    return load_tokenizer(str(named or card.model.from_))


def trained_tokenizer(settings: TrainedTokenizer, build: Build) -> PreTrainedTokenizerBase:
    """A tokenizer trained on a build's first rows."""
    table = build.take(np.arange(min(TOKENIZER_ROWS, len(build))), columns=["inputs", "targets"])
    texts = (
        f"{source}\n{target}"
        for source, target in zip(table["inputs"].to_pylist(), table["targets"].to_pylist(), strict=True)
    )
    return train_tokenizer(texts, vocabulary=settings.vocabulary, single_digits=settings.single_digits)


def run_data(
    card: RunCard,
    build: Build,
    tokenizer: PreTrainedTokenizerBase,
    *,
    encoder_decoder: bool,
    cache: Path,
    ranks: int = 1,
) -> RunData:
    """Windows and batches of a run. Raises UsageError for settings that do not fit each other."""
    settings = card.data
    encoder = text_encoder(tokenizer, encoder_decoder=encoder_decoder, separator=settings.separator)
    pack = pack_settings(card, encoder, encoder_decoder=encoder_decoder, ranks=ranks)
    tokens = TokenCache(build, encoder, cache)
    is_validation = np.zeros(len(build), dtype=bool)
    validation_build, validation = build, None
    if isinstance(settings.validation, str):
        validation_build = open_training_build(settings.validation)
        validation_tokens = TokenCache(validation_build, encoder, cache)
        validation = Batches(validation_tokens, [validation_tokens.windows()], pack, shuffled=False)
    elif settings.validation:
        if settings.validation >= len(build):
            raise UsageError(f"data.validation {settings.validation}: the build has {len(build)} rows in all")
        # Whole chunks of the build, which is shuffled, in a keyed order, and a part of the last: the same rows for any
        # seed of the run, so that runs compare, and tokens of few chunks are made for them.
        windows = tokens.windows()
        in_order = [windows[number] for number in permutation(key("validation"), len(windows))]
        is_validation[np.concatenate(in_order)[: settings.validation]] = True
        # In the order of the build, so that reading them goes through the shards once.
        rows = np.flatnonzero(is_validation)
        validation = Batches(tokens, [_windows(rows)], pack, shuffled=False)
    stages = [
        [window[~is_validation[window]] for window in stage]
        for stage in _stages(build, tokens, settings.order)
    ]
    training = Batches(tokens, stages, pack, shuffled=settings.order != "short_to_long")
    return RunData(
        build=build,
        encoder=encoder,
        training=training,
        validation=validation,
        validation_build=validation_build,
    )


def pack_settings(
    card: RunCard, encoder: TextEncoder, *, encoder_decoder: bool, ranks: int = 1
) -> PackSettings:
    """How examples are packed. Raises UsageError where a packed row cannot hold an example, or ranks do not divide."""
    settings = card.data
    longest = settings.max_input_tokens + (0 if encoder_decoder else settings.max_target_tokens)
    if longest > settings.row_tokens:
        what = "max_input_tokens" if encoder_decoder else "max_input_tokens + max_target_tokens"
        raise UsageError(
            f"data.row_tokens {settings.row_tokens}: cannot hold an example of {what} = {longest} tokens"
        )
    if settings.batch_rows % (settings.micro_rows * ranks):
        raise UsageError(
            f"data.batch_rows {settings.batch_rows}: is no multiple of micro_rows {settings.micro_rows} times "
            f"{ranks} processes"
        )
    # An encoder-decoder's rows are bounded by their inputs; targets, a tenth of the tokens of Flan, by a quarter.
    target_capacity = max(settings.max_target_tokens, settings.row_tokens // 4)
    return PackSettings(
        inputs_only=encoder_decoder,
        capacity=settings.row_tokens,
        target_capacity=target_capacity if encoder_decoder else settings.row_tokens,
        max_input=settings.max_input_tokens,
        max_target=settings.max_target_tokens,
        before_input=encoder.before_input,
        batch_rows=settings.batch_rows,
        micro_rows=settings.micro_rows,
        ranks=ranks,
        seed=card.schedule.seed,
    )


class Groups:
    """Which task and variant each row of a build is of."""

    def __init__(self, build: Build) -> None:
        self._build = build
        entries = build.manifest.tasks
        self.tasks = sorted({entry.task for entry in entries})
        self.variants = sorted({entry.variant for entry in entries})
        self._task_numbers = {task: number for number, task in enumerate(self.tasks)}
        self._variant_numbers = {variant: number for number, variant in enumerate(self.variants)}

    def of(self, rows: Ints) -> tuple[Ints, Ints]:
        """The numbers of task and variant of some rows."""
        table = self._build.take(rows, columns=["task_name", "template_type"])
        tasks = [self._task_numbers[name] for name in table["task_name"].to_pylist()]
        variants = [self._variant_numbers[name] for name in table["template_type"].to_pylist()]
        return np.array(tasks, dtype=np.int64), np.array(variants, dtype=np.int64)

    def counts(self, rows: Iterable[Ints]) -> dict[str, int]:
        """How many of some rows each task has; tasks without any are left out."""
        parts = [part for part in rows if len(part)]
        if not parts:
            return {}
        tasks, _ = self.of(np.concatenate(parts))
        counts = np.bincount(tasks, minlength=len(self.tasks))
        return {task: int(count) for task, count in zip(self.tasks, counts, strict=True) if count}


def reading_summary(batches: Batches, groups: Groups) -> dict[str, Any]:
    """What was read so far, each row once: counts, how full packed rows are, and cut and dropped rows by task."""
    reading = batches.reading
    dropped = {
        reason: groups.counts(parts) for reason, parts in reading.dropped_rows.items() if any(map(len, parts))
    }
    return {
        "rows": reading.rows,
        "packed_tokens": reading.tokens,
        "target_tokens": reading.target_tokens,
        "empty_slots": round(1 - reading.tokens / max(1, reading.slots), 4),
        "inputs_cut": groups.counts(reading.cut_rows),
        "dropped": dropped,
    }


def _windows(rows: Ints) -> list[Ints]:
    return [rows[first : first + CHUNK_ROWS] for first in range(0, len(rows), CHUNK_ROWS)]


def _stages(build: Build, tokens: TokenCache, order: Any) -> Sequence[Sequence[Ints]]:
    if order == "shuffled":
        # The build is shuffled already: its chunks, in another order each epoch, are as good as its rows, and tokens
        # are made of those chunks alone that a run comes to.
        return [tokens.windows()]
    if order == "short_to_long":
        bytes_of = [
            pc.add(pc.binary_length(batch["inputs"]), pc.binary_length(batch["targets"])).to_numpy()
            for batch in build.batches(["inputs", "targets"])
        ]
        return [_windows(np.argsort(np.concatenate(bytes_of), kind="stable"))]
    names = np.concatenate(
        [np.array(batch["task_name"].to_pylist(), dtype=object) for batch in build.batches(["task_name"])]
    )
    tasks = sorted(set(names))
    stages = []
    for number, globs in enumerate(order):
        matching = [task for task in tasks if any(fnmatch.fnmatchcase(task, glob) for glob in globs)]
        if not matching:
            raise UsageError(
                f"data.order: stage {number + 1}: no task of the build matches {', '.join(globs)}"
            )
        stages.append(_windows(np.flatnonzero(np.isin(names, matching))))
    return stages
