"""Checkpoints: a folder per saved step, whole or absent, from which training goes on as if it had not stopped.

Weights and optimizer states are safetensors, written by torch.distributed.checkpoint's storage for Hugging Face
files: every rank writes its shards, and any number of ranks reads them. Nothing is pickled. `checkpoint.json`, last,
has the step and the SHA-256 of every file.

Of the data nothing is saved, and no generator's state: batches and dropout are functions of the step.
"""

from __future__ import annotations

import re
import shutil
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from torch import Tensor, nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_loader import load as load_sharded
from torch.distributed.checkpoint.state_dict_saver import save as save_sharded
from torch.optim import Optimizer

from finetune.distributed import World
from finetune.library_messages import first_line
from finetune.optim import state_items
from flancollect.artifacts import Artifact, file_sha256, read_artifact, write_artifact
from flancollect.errors import CheckError, FlancollectError

FOLDER = "checkpoints"
RECORD = "checkpoint.json"
UNFINISHED = ".unfinished-"


class Progressed(Artifact):
    """How far a run is: steps and target tokens, the lowest validation loss and its step, and validations since."""

    step: Annotated[int, Field(ge=0)] = 0
    target_tokens: Annotated[int, Field(ge=0)] = 0
    best_loss: Annotated[float | None, Field(allow_inf_nan=False)] = None
    best_step: Annotated[int, Field(ge=0)] = 0
    without_gain: Annotated[int, Field(ge=0)] = 0


class CheckpointRecord(Artifact):
    """checkpoint.json: how far the run was, numbers of optimizer states by weight, and the SHA-256 of every file."""

    format: Literal[1] = 1
    progressed: Progressed
    numbers: dict[str, dict[str, float]]
    files: Annotated[dict[str, str], Field(min_length=1)]


def checkpoints(out: Path) -> list[tuple[int, Path]]:
    """The finished checkpoints of a run folder, by step; other folders beside them are none of ours."""
    records = (out / FOLDER).glob(f"step-*/{RECORD}")
    matches = [(re.fullmatch(r"step-(\d{8})", record.parent.name), record.parent) for record in records]
    return sorted((int(match[1]), folder) for match, folder in matches if match)


def folder_of(out: Path, step: int) -> Path:
    """The folder of the checkpoint of a step."""
    return out / FOLDER / f"step-{step:08d}"


def save(
    out: Path,
    module: nn.Module,
    optimizers: list[Optimizer],
    progressed: Progressed,
    place: World,
    *,
    keep: int,
) -> Path:
    """Write a checkpoint, and remove those that are neither among the last `keep` nor the best.

    All ranks call it together. Raises FlancollectError for a full disk; earlier checkpoints are untouched then.
    """
    folder = folder_of(out, progressed.step)
    unfinished = out / FOLDER / f"{UNFINISHED}{progressed.step:08d}"
    try:
        if place.first:
            for stale in (out / FOLDER).glob(f"{UNFINISHED}*"):
                shutil.rmtree(stale)
            unfinished.mkdir(parents=True)
        place.wait()
        tensors, numbers = _state(module, optimizers)
        _quietly(
            lambda: save_sharded(
                tensors,
                storage_writer=HuggingFaceStorageWriter(str(unfinished), save_distributed=True),
                no_dist=place.ranks == 1,
            )
        )
        place.wait()
        if place.first:
            files = {file.name: file_sha256(file) for file in sorted(unfinished.glob("*.safetensors"))}
            # The record comes last, and the folder gets its name after it: a folder of that name is whole.
            record = CheckpointRecord(progressed=progressed, numbers=numbers, files=files)
            write_artifact(unfinished / RECORD, record)
            shutil.rmtree(folder, ignore_errors=True)
            unfinished.rename(folder)
            _remove_old(out, progressed, keep)
        place.wait()
    except (OSError, CheckpointException) as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        last = checkpoints(out)
        safe = (
            f"the checkpoint of step {last[-1][0]} is whole" if last else "no checkpoint was written before"
        )
        raise FlancollectError(
            f"{folder}: cannot be written: {_reason(error)}; {safe}: make room and run the same command again"
        ) from error
    return folder


def load(folder: Path, module: nn.Module, optimizers: list[Optimizer], place: World) -> Progressed:
    """Read a checkpoint into the model and its optimizers, in place; how far the run was.

    Raises CheckError for a checkpoint that is damaged or of another model.
    """
    record = _read(folder, _state(module, optimizers)[0], place)
    for name, state in state_items(optimizers, module):
        for field, value in record.numbers.get(name, {}).items():
            if isinstance(state.get(field), Tensor):
                state[field].fill_(value)
            else:
                # Adafactor counts its steps in a whole number.
                state[field] = int(value)
    return record.progressed


def load_weights(folder: Path, module: nn.Module, place: World) -> None:
    """Read the weights of a checkpoint alone, in place. Raises CheckError for a checkpoint that is damaged or gone."""
    _read(folder, _state(module, [])[0], place)


def _read(folder: Path, tensors: dict[str, Tensor], place: World) -> CheckpointRecord:
    """Read the files of a checkpoint into tensors of the same names, after every file was hashed."""
    record = _verified_record(folder)
    try:
        _quietly(
            lambda: load_sharded(
                tensors, storage_reader=HuggingFaceStorageReader(str(folder)), no_dist=place.ranks == 1
            )
        )
    except (RuntimeError, ValueError, KeyError, CheckpointException) as error:
        raise CheckError(f"{folder}: is not of this model: {_reason(error)}") from error
    return record


def _verified_record(folder: Path) -> CheckpointRecord:
    """checkpoint.json, after every file was hashed. Raises CheckError where one is not as it was written."""
    advice = f"Delete {folder} and run again: training goes on from the checkpoint before"
    record = read_artifact(folder / RECORD, CheckpointRecord, CheckError)
    if folder_of(folder.parent.parent, record.progressed.step) != folder:
        raise CheckError(
            f"{folder / RECORD}: is of step {record.progressed.step}, not of its folder. {advice}"
        )
    # All files, and no others: torch reads what lies there, not what the record names.
    names = {file.name for file in folder.iterdir()} - {RECORD}
    if names != set(record.files):
        raise CheckError(
            f"{folder}: has not the files that {RECORD} names ({', '.join(record.files)}). {advice}"
        )
    for name, digest in record.files.items():
        if file_sha256(folder / name) != digest:
            raise CheckError(
                f"{folder / name}: is damaged: its bytes are not those that {RECORD} names. {advice}"
            )
    return record


def _reason(error: BaseException) -> str:
    """What went wrong, of an error that torch may have wrapped together with those of all ranks."""
    inner = next(iter(error.failures.values()))[0] if isinstance(error, CheckpointException) else error
    return getattr(inner, "strerror", None) or first_line(inner)


def _state(
    module: nn.Module, optimizers: list[Optimizer]
) -> tuple[dict[str, Tensor], dict[str, dict[str, float]]]:
    """Tensors by name, and what is a number: counts of steps, which files of tensors have no need of."""
    tensors = {f"weights.{name}": weight.detach() for name, weight in module.named_parameters()}
    numbers: dict[str, dict[str, float]] = {}
    for name, state in state_items(optimizers, module):
        for field, value in state.items():
            if isinstance(value, Tensor) and value.ndim:
                tensors[f"optimizer.{name}.{field}"] = value
            else:
                numbers.setdefault(name, {})[field] = float(value)
    return tensors, numbers


def _remove_old(out: Path, progressed: Progressed, keep: int) -> None:
    for step, folder in checkpoints(out)[:-keep]:
        if step != progressed.best_step or progressed.best_loss is None:
            shutil.rmtree(folder)


def _quietly(call: Any) -> None:
    with warnings.catch_warnings():
        # One process needs no process group, which torch warns of.
        warnings.simplefilter("ignore")
        call()
