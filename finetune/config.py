"""Run cards: what to train, on what, and how, in one small YAML file that may extend a preset.

Read as strictly as all other cards: every scalar is text until a field types it, an unknown key is a problem with
file and line. `--set optimizer.learning_rate=1e-4` sets a key as if it stood in the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from flancollect.cards.card import Card, Name
from flancollect.cards.check_model import check_model
from flancollect.cards.strict_yaml import Document, load, parse
from flancollect.errors import CardError, Problem, UsageError, did_you_mean

PRESETS = Path(__file__).parent / "presets"
SETTING = "--set"
NUMBER_LIKE = re.compile(r"[-+.\d_]+")  # what is a count, well written or not, and no folder

Positive = Annotated[int, Field(ge=1)]
Count = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
LearningRate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Order = Literal["shuffled", "short_to_long"]
Stages = Annotated[list[Annotated[list[str], Field(min_length=1)]], Field(min_length=1)]


def _typed(value: object) -> object:
    """Numbers, booleans and null out of their text, at any depth: a transformers config has no schema of ours."""
    if isinstance(value, dict):
        return {name: _typed(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_typed(inner) for inner in value]
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _count_or_text(value: object) -> object:
    if isinstance(value, str) and NUMBER_LIKE.fullmatch(value):
        if not value.isdecimal():
            raise ValueError("a count of rows, or a folder (written ./NAME if it looks like a number)")
        return int(value)
    return value


class TrainedTokenizer(Card):
    """A byte-level BPE trained on the first rows of the build. `single_digits`: each digit is a token."""

    vocabulary: Annotated[int, Field(ge=260, le=65536)]
    single_digits: bool = False


class ModelSettings(Card):
    """Which model. `from` is a local folder or Hub id; `init` a transformers config for random weights.

    `init` takes two keys more: `embedding_std`, and `zero_outputs: true`, by which the projections that end a
    sublayer begin at zero.
    """

    from_: Annotated[str | None, Field(alias="from")] = None
    init: Annotated[dict[str, Any] | None, BeforeValidator(_typed)] = None
    tokenizer: str | TrainedTokenizer | None = None
    precision: Literal["float32", "mixed", "bfloat16"] = "float32"
    dropout: Rate | None = None
    lora: Positive | None = None
    recompute: bool = False

    @model_validator(mode="after")
    def _one_origin(self) -> ModelSettings:
        if (self.from_ is None) == (self.init is None):
            raise ValueError("model needs exactly one of the keys: from, init")
        if self.init is not None and "model_type" not in self.init:
            raise ValueError(
                "model.init needs model_type, as in a transformers config.json: t5, qwen3, llama, ..."
            )
        if self.init is not None and not isinstance(self.init.get("embedding_std", 0.0), int | float):
            raise ValueError("model.init.embedding_std is a number")
        if self.init is not None and self.tokenizer is None:
            raise ValueError(
                "model.init needs model.tokenizer: a folder, a Hub id, or {vocabulary: N} to train one"
            )
        return self


class DataSettings(Card):
    """Which rows, in which order, and how they become batches. Lengths in tokens.

    `validation` is how many rows are kept out of training and looked at when a checkpoint is saved, or the folder of
    another build. `order` may also be stages: lists of task globs, trained on one after the other.
    """

    build: Annotated[str | None, Field(min_length=1)] = None
    validation: Annotated[int | str, BeforeValidator(_count_or_text)] = 0
    order: Order | Stages = "shuffled"
    separator: str | None = None
    max_input_tokens: Positive
    max_target_tokens: Positive
    row_tokens: Positive
    batch_rows: Positive
    micro_rows: Positive = 1

    @model_validator(mode="after")
    def _rows_hold_examples(self) -> DataSettings:
        if self.batch_rows % self.micro_rows:
            raise ValueError(f"batch_rows {self.batch_rows} is no multiple of micro_rows {self.micro_rows}")
        return self


class OptimizerSettings(Card):
    """How weights move. `rest_learning_rate` is for what Muon does not take: embeddings, norms, biases."""

    name: Literal["adafactor", "adamw", "muon"]
    learning_rate: LearningRate
    rest_learning_rate: LearningRate = 3e-3
    weight_decay: Rate = 0.0
    clip: Annotated[float, Field(gt=0)] = 1.0


class ScheduleSettings(Card):
    """How long, and how the learning rate goes: up over `warmup_steps`, down over the last `decay_share`."""

    steps: Positive
    warmup_steps: Count = 0
    shape: Literal["constant", "linear", "cosine"] = "constant"
    decay_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    seed: int = 0


class SavingSettings(Card):
    """When to save and look at the validation rows; how many checkpoints stay, and the best; when to stop early."""

    every: Positive = 1000
    keep: Positive = 2
    patience: Positive | None = None
    track: tuple[Literal["tensorboard", "trackio", "wandb"], ...] = ()


class RunCard(Card):
    """A run as written."""

    finetune: Name
    extends: str | None = None
    model: ModelSettings
    data: DataSettings
    optimizer: OptimizerSettings
    schedule: ScheduleSettings
    saving: SavingSettings = SavingSettings()

    @model_validator(mode="after")
    def _parts_fit(self) -> RunCard:
        if self.saving.patience is not None and self.data.validation == 0:
            raise ValueError(
                "saving.patience waits for the validation loss to fall: it needs data.validation"
            )
        if self.optimizer.name == "muon" and self.model.lora is not None:
            raise ValueError("optimizer.name muon has no use for an adapter's thin matrices: take adamw")
        if (
            self.model.precision == "bfloat16"
            and self.optimizer.name != "adafactor"
            and self.model.lora is None
        ):
            raise ValueError(
                f"model.precision bfloat16 rounds the small steps of {self.optimizer.name} away: take mixed, or "
                "adafactor, which rounds at random"
            )
        return self


def preset_names() -> list[str]:
    """The presets, by name."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def load_run(name: str, settings: Sequence[str] = ()) -> RunCard:
    """A run card by file or preset name, with `key=value` settings on top.

    Raises CardError with every problem at its file and line, UsageError where there is no such card.
    """
    path = _path_of(name)
    document = load(path, str(path) if path.parent != PRESETS else f"preset {name}")
    value, documents = _extended(document, path)
    if path.parent != PRESETS:
        value = _beside(value, path.parent.resolve())
    problems: list[Problem] = []
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise UsageError(
                f"{SETTING} {setting}: write it as key=value, such as {SETTING} schedule.steps=100"
            )
        try:
            # Read as YAML, so that lists and mappings can be given as in a file.
            parsed: Any = parse(f"value: {text}", SETTING).value
            if len(parsed) > 1:
                raise UsageError(f"{SETTING} {setting}: one key at a time")
            value = merged(value, _nested(key.strip().split("."), parsed["value"]))
        except CardError as error:
            problems += [Problem(f"{SETTING} {setting}", 0, problem.what) for problem in error.problems]
    card, violations = check_model(RunCard, value, document)
    for violation in violations:
        problems.append(_at_home(violation, documents, settings))
    if problems or card is None:
        raise CardError(problems)
    return card


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two card values as one: what `above` says goes, mappings key by key."""
    out = dict(below)
    # Whoever names another origin of the model does not want the one below it as well.
    for key, other in (("from", "init"), ("init", "from")):
        if key in above and above[key] is not None and key not in below and other in below:
            del out[other]
    for key, value in above.items():
        # A config of another architecture has other keys.
        if key == "init" and isinstance(value, Mapping) and "model_type" in value:
            out[key] = value
            continue
        deeper = isinstance(value, Mapping) and isinstance(below.get(key), Mapping)
        out[key] = merged(below[key], value) if deeper else value
    return out


def _path_of(name: str) -> Path:
    path = Path(name)
    if path.suffix in {".yaml", ".yml"} or path.is_file():
        if not path.is_file():
            raise UsageError(
                f"{path}: no such run card.{did_you_mean(path.stem, preset_names(), 'Presets', 40)}"
            )
        return path
    if name not in preset_names():
        raise UsageError(
            f"{name}: neither a file nor a preset.{did_you_mean(name, preset_names(), 'Presets', 40)}"
        )
    return PRESETS / f"{name}.yaml"


def _extended(document: Document, path: Path) -> tuple[dict[str, Any], list[Document]]:
    """The card's value over that of the preset it extends, which may extend one, too."""
    value, documents = document.value, [document]
    if not isinstance(value, dict):
        raise CardError([Problem(document.file, 1, "a run card is a mapping of keys to values")])
    own_base = value.get("extends")
    chain = {path.stem if path.parent == PRESETS else ""}
    while (base := value.get("extends")) is not None:
        if not isinstance(base, str) or base not in preset_names() or base in chain:
            hint = did_you_mean(str(base), preset_names(), "Presets", 40)
            raise CardError([documents[-1].problem(("extends",), f"extends: no preset {base}.{hint}")])
        chain.add(base)
        documents.append(load(PRESETS / f"{base}.yaml", f"preset {base}"))
        below: Any = documents[-1].value
        value = merged(below, {key: inner for key, inner in value.items() if key != "extends"})
        value["extends"] = below.get("extends")
    return {**value, "extends": own_base}, documents


def _nested(keys: list[str], value: Any) -> dict[str, Any]:
    for key in reversed(keys):
        value = {key: value}
    return value  # type: ignore[no-any-return]


def _at_home(problem: Problem, documents: list[Document], settings: Sequence[str]) -> Problem:
    """A problem where its key is written: in a setting, the card, or the preset below it."""
    place = (
        problem.what.removeprefix('unknown key "').removeprefix('missing key "').split(":")[0].split('"')[0]
    )
    for setting in settings:
        if setting.partition("=")[0] == place:
            return Problem(f"{SETTING} {setting}", 0, problem.what)
    path = tuple(place.split("."))
    for document in documents:
        if path in document.lines:
            return document.problem(path, problem.what)
    return problem


def _beside(value: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The card's folders as its own folder names them, whatever the working directory.

    Of models and tokenizers these are `./x` and `../x`, as `org/name` is on the Hub; builds are always folders.
    """
    out = {**value}
    for part, names in (("data", ("build", "validation")), ("model", ("from", "tokenizer"))):
        if isinstance(out.get(part), dict):
            out[part] = {**out[part]}
        for name in names:
            text: Any = out[part].get(name) if isinstance(out.get(part), dict) else None
            is_folder = isinstance(text, str) and (
                text.startswith(("./", "../"))
                or (part == "data" and text and not NUMBER_LIKE.fullmatch(text))
            )
            if is_folder:
                out[part][name] = str(folder / Path(text).expanduser())
    return out
