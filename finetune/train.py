"""The training loop: one for every model, one process or many.

A run is a function of its card, its build and the versions of torch and this package: the batch of a step, the
dropout and the learning rate are functions of the step, so that a run that was stopped goes on as if it had not been.
"""

from __future__ import annotations

import json
import math
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from finetune import checkpoint, flops
from finetune.attention import moved
from finetune.batches import Batch, Batches
from finetune.config import RunCard, TrainedTokenizer
from finetune.data import Groups, RunData, card_tokenizer, open_training_build, reading_summary, run_data
from finetune.distributed import World, shard, world
from finetune.export import export_model
from finetune.library_messages import first_line
from finetune.memory import memory_plan
from finetune.models.load import load_model
from finetune.models.packed import Model
from finetune.optim import learning_rate_factor, make_optimizers, set_learning_rate
from finetune.report import ExampleLosses, Lines, Metrics, draw_curves, last_loss, tracker
from finetune.run_folder import described, run_folder
from finetune.sharded import whole
from flancollect.artifacts import write_atomically
from flancollect.dataset.disk_errors import disk_errors
from flancollect.draw import key
from flancollect.errors import FlancollectError, UsageError

REFUSED = "not_finite.json"
BY_SIGNAL = "stopped by a signal; the same command goes on from here"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """How a run ended. `stopped` says why it ended before its last step, if it did."""

    out: Path
    model: Path | None
    step: int
    loss: float
    best_loss: float | None
    best_step: int
    target_tokens: int
    tokens_per_s: float
    stopped: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: folders as text."""
        return {
            **asdict(self),
            "out": str(self.out),
            "model": None if self.model is None else str(self.model),
        }


def train(card: RunCard, out: Path, *, cache: Path, overwrite: bool = False) -> TrainResult:
    """Train as the card says, into a run folder; go on where the folder's run was stopped.

    Raises UsageError for a folder of another run (unless `overwrite`), a model or settings that do not fit; CheckError
    for a damaged build or checkpoint; FlancollectError for a full disk, or losses that are not finite.
    """
    build = open_training_build(card.data.build)
    with (
        world() as place,
        run_folder(out, place) as folder,
        disk_errors(out, "the last checkpoint is whole"),
    ):
        # Nothing of the folder changes before all that the run needs is there.
        tokenizer = folder.tokenizer(card, build) or card_tokenizer(card, build)
        longest = card.data.max_input_tokens + card.data.max_target_tokens
        model = load_model(card.model, tokenizer, longest=longest, seed=card.schedule.seed)
        data = run_data(
            card,
            build,
            tokenizer,
            encoder_decoder=model.encoder_decoder,
            cache=cache,
            ranks=place.ranks,
        )
        if place.ranks > 1 and not model.several_processes:
            raise UsageError(f"{model.config.model_type}: cannot be spread over processes; run it in one")
        identity = described(card, build, data.validation_build, data.encoder.fingerprint)
        if place.first:
            folder.claim(identity, overwrite=overwrite)
            if isinstance(card.model.tokenizer, TrainedTokenizer):
                folder.save_tokenizer(tokenizer)
        place.wait()
        return _Run(card, out, place, model, data).run()


class _Run:
    """A run in a folder that is locked for it."""

    def __init__(self, card: RunCard, out: Path, place: World, model: Model, data: RunData) -> None:
        self.card, self.out, self.place, self.model, self.data = card, out, place, model, data
        self.groups, self.sizes = Groups(data.build), flops.sizes_of(model)
        if place.first:
            for line in memory_plan(model, card, place.ranks, place.device):
                print(line, file=sys.stderr)
        # Optimizers hold on to the weights that they are made with, so they come after moving and spreading these.
        model.module.to(place.device)
        shard(model.module, place, precision=card.model.precision)
        self.optimizers = make_optimizers(model.module, card.optimizer, ranks=place.ranks)
        self.progressed = checkpoint.Progressed()
        # The last checkpoint that is whole; a folder without its record was never finished, and is not listed.
        saved = checkpoint.checkpoints(out)
        if saved:
            self.progressed = checkpoint.load(saved[-1][1], model.module, self.optimizers, place)
        # Of the rows since the last regular checkpoint.
        self.example_losses: list[npt.NDArray[np.float64]] = [np.zeros((0, 4))]
        self.loss, self.tokens, self.flops = math.nan, 0, 0.0
        self.target_tokens = self.progressed.target_tokens
        self.metrics: Metrics | None = None
        self.lines: Lines | None = None
        if place.first:
            trackers = [tracker(name, out, card.finetune) for name in card.saving.track]
            self.metrics = Metrics(out, self.progressed.step, trackers)
            regular = self.progressed.step // card.saving.every * card.saving.every
            if self.progressed.step < card.schedule.steps:
                self.example_losses = [self.metrics.resume_losses(regular)]
            self.lines = Lines(card.schedule.steps, self.progressed.step)

    def run(self) -> TrainResult:
        """From the last checkpoint to the end."""
        card, first_step, began = self.card, self.progressed.step, time.perf_counter()
        try:
            stopped = self._steps(began)
        except torch.OutOfMemoryError as error:
            raise FlancollectError(
                f"out of memory: {first_line(error)} Halve data.micro_rows ({card.data.micro_rows}) or "
                "data.row_tokens, or set model.recompute: true; the run goes on from its last checkpoint"
            ) from error
        finally:
            if self.metrics is not None:
                self.metrics.close()
            if self.lines is not None:
                self.lines.close()
        seconds = time.perf_counter() - began
        loss = self.loss
        if self.progressed.step > first_step:
            self._write_reading()
        else:
            loss = last_loss(self.out)  # the run was done before
        # Who is stopped from outside goes on later: the model is written at the end of a run.
        folder = None if stopped == BY_SIGNAL else self._export(loss)
        if folder is not None:
            draw_curves(self.out)
        return TrainResult(
            out=self.out,
            model=folder,
            step=self.progressed.step,
            loss=loss,
            best_loss=self.progressed.best_loss,
            best_step=self.progressed.best_step,
            target_tokens=self.progressed.target_tokens,
            tokens_per_s=self.tokens / seconds if seconds else 0.0,
            stopped=stopped,
        )

    def _steps(self, began: float) -> str | None:
        """All steps that remain; why they ended early, if they did."""
        card, saving = self.card, self.card.saving
        if self._without_gain():
            return self._without_gain()  # it stopped early before
        with (
            _stop_signal() as stop_signal,
            _ahead(self._arranged, self.progressed.step, card.schedule.steps) as batches,
        ):
            for step in range(self.progressed.step, card.schedule.steps):
                arranged = batches(step)
                norm, tokens = self._step(step, arranged)
                self.tokens += tokens
                self.target_tokens += arranged.target_tokens
                self._say(step, arranged, norm, tokens, time.perf_counter() - began)
                # One rank may be told to stop and another not yet: all ask, or those left would wait for ever.
                (signals,) = self.place.sum([float(stop_signal())])
                last = step + 1 == card.schedule.steps
                regular = last or (step + 1) % saving.every == 0
                if not regular and not signals:
                    continue
                losses = self._gathered_losses()
                if regular:
                    self._look(step + 1, losses)
                self._save(step + 1, losses)
                if last:
                    break
                if signals:
                    return BY_SIGNAL
                if self._without_gain():
                    return self._without_gain()
        return None

    def _without_gain(self) -> str | None:
        """Why to stop early; None where there is no reason to."""
        patience = self.card.saving.patience
        if patience is None or self.progressed.without_gain < patience:
            return None
        return f"the validation loss has not fallen {patience} times in a row"

    def _say(self, step: int, arranged: _Arranged, norm: float, tokens: int, seconds: float) -> None:
        """A line of metrics.jsonl, and one on the terminal."""
        if self.metrics is None or self.lines is None:
            return
        self.metrics.log(
            step + 1,
            {
                "loss": self.loss,
                "learning_rate": self.optimizers[0].param_groups[0]["lr"],
                "gradient_norm": norm,
                "tokens": tokens,
                "target_tokens": arranged.target_tokens,
                "seconds": round(seconds, 3),
            },
        )
        mfu = flops.utilisation(self.flops, seconds, self.place)
        self.lines.step(step + 1, self.loss, self.tokens / seconds, mfu)

    def _arranged(self, step: int) -> _Arranged:
        """The batches of a step for this rank, laid out for the model."""
        batches = self.data.training
        parts = [
            batches.batch(step, micro, self.place.rank) for micro in range(batches.settings.micro_batches)
        ]
        inputs = [self.model.arrange(batch) for batch in parts]
        return _Arranged(parts, inputs, batches.target_tokens(step))

    def _step(self, step: int, arranged: _Arranged) -> tuple[float, int]:
        """One update: `self.loss` is the loss per target token over all ranks. Gradient norm, tokens of all ranks."""
        card, place = self.card, self.place
        set_learning_rate(self.optimizers, learning_rate_factor(step, card.schedule))
        by_batch: list[tuple[Batch, Tensor]] = []
        for micro, (batch, inputs) in enumerate(zip(arranged.batches, arranged.inputs, strict=True)):
            # Dropout is a function of the step too. Keys have 64 bits, seeds of torch 63.
            torch.manual_seed(key(card.schedule.seed, "dropout", step, micro, place.rank) >> 1)
            with _precision(card, place):
                losses = self.model.losses(self.model.module, moved(inputs, place.device))
            # FSDP takes the mean of the ranks' gradients, and the loss is per target token of all of them.
            torch.autograd.backward(losses.sum() * (place.ranks / arranged.target_tokens))
            by_batch.append((batch, losses.detach()))
            self.flops += flops.training_flops(self.sizes, batch)
        norm = float(whole(nn.utils.clip_grad_norm_(self.model.module.parameters(), card.optimizer.clip)))
        examples = np.concatenate([_by_example(step + 1, batch, losses) for batch, losses in by_batch])
        # In float64: the sum over ranks must not hang on how many there are by more than their own rounding.
        own_tokens = sum(len(batch.ids) for batch in arranged.batches)
        total, tokens = place.sum([float(examples[:, 2].sum()), float(own_tokens)])
        self.loss = total / arranged.target_tokens
        if not math.isfinite(self.loss) or not math.isfinite(norm):
            self._refuse(step, norm, examples)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.example_losses.append(examples)
        return norm, int(tokens)

    def _refuse(self, step: int, norm: float, examples: npt.NDArray[np.float64]) -> None:
        """Write down the rows of a step whose loss or gradient is not finite, and stop before the update."""
        losses = ExampleLosses.of(self.place.gather(examples))
        rows = [
            {"row": int(row), "loss": str(loss), "target_tokens": int(tokens)}
            for row, loss, tokens in zip(losses.rows, losses.losses, losses.tokens, strict=True)
        ]
        if self.place.first:
            text = json.dumps(
                {"step": step + 1, "loss": str(self.loss), "gradient_norm": str(norm), "rows": rows}, indent=1
            )
            write_atomically(self.out / REFUSED, text.encode())
        raise FlancollectError(
            f"step {step + 1}: the loss ({self.loss}) or the gradient ({norm}) is not finite; weights were not "
            f"changed. Its rows are in {self.out / REFUSED}; a lower optimizer.learning_rate or a warm-up is the "
            "usual cure"
        )

    def _gathered_losses(self) -> ExampleLosses:
        """Those of the rows of all ranks since the last regular checkpoint."""
        losses = ExampleLosses.of(self.place.gather(np.concatenate(self.example_losses)))
        self.example_losses = [np.zeros((0, 4))]
        return losses

    def _look(self, step: int, losses: ExampleLosses) -> None:
        """At a regular checkpoint: note losses by task, and validate."""
        if self.metrics is not None:
            tasks, variants = self.groups.of(losses.rows)
            by_variant = losses.by(self.groups.variants, variants)
            self.metrics.log(step, {"tasks": losses.by(self.groups.tasks, tasks), "variants": by_variant})
        if self.data.validation is None:
            return
        loss, by_task = self._validate(step, self.data.validation)
        best = self.progressed.best_loss
        # A loss that is no number is no gain, also as the first.
        if math.isfinite(loss) and (best is None or loss < best):
            update = {"best_loss": loss, "best_step": step, "without_gain": 0}
        else:
            update = {"without_gain": self.progressed.without_gain + 1}
        self.progressed = self.progressed.model_copy(update=update)
        if self.metrics is not None and self.lines is not None:
            self.metrics.log(step, {"validation_loss": loss, "validation": by_task})
            self.lines.say(f"step {step}: validation loss {loss:.4f}")

    def _save(self, step: int, losses: ExampleLosses) -> None:
        """Write a checkpoint and the losses of rows; the run that goes on after a signal takes those up again."""
        update = {"step": step, "target_tokens": self.target_tokens}
        self.progressed = self.progressed.model_copy(update=update)
        if self.metrics is not None:
            self.metrics.write_losses(step, losses)
        checkpoint.save(
            self.out,
            self.model.module,
            self.optimizers,
            self.progressed,
            self.place,
            keep=self.card.saving.keep,
        )

    def _validate(self, step: int, batches: Batches) -> tuple[float, dict[str, Any]]:
        """The loss per target token of all validation rows, and by task; every rank takes its share."""
        groups, parts = Groups(self.data.validation_build), [np.zeros((0, 4))]
        number = 0
        self.model.module.eval()
        with torch.no_grad():
            while batches.epoch_of(number) == 0:
                # Every rank runs every forward pass, as FSDP wants; ranks behind the end repeat the last row.
                mine = number + self.place.rank
                counts = batches.epoch_of(mine) == 0
                batch = batches.rows([mine if counts else number])
                with _precision(self.card, self.place):
                    inputs = moved(self.model.arrange(batch), self.place.device)
                    losses = self.model.losses(self.model.module, inputs)
                if counts:
                    parts.append(_by_example(step, batch, losses))
                number += self.place.ranks
        self.model.module.train()
        examples = ExampleLosses.of(self.place.gather(np.concatenate(parts)))
        by_task = examples.by(groups.tasks, groups.of(examples.rows)[0])
        return float(examples.losses.sum() / examples.tokens.sum()), by_task

    def _export(self, loss: float) -> Path | None:
        """OUT/model: the best weights by validation, else the last ones."""
        if self.progressed.best_loss is not None and self.progressed.best_step != self.progressed.step:
            best = checkpoint.folder_of(self.out, self.progressed.best_step)
            checkpoint.load_weights(best, self.model.module, self.place)
        state: dict[str, Tensor] = {}
        for name, weight in self.model.module.state_dict().items():
            # Put together on all ranks, as that takes all of them, and held by the first alone.
            tensor = whole(weight.detach())
            if self.place.first:
                state[name] = tensor.cpu()
        if not self.place.first:
            return None
        summary = {
            "encoder_decoder": self.model.encoder_decoder,
            "step": self.progressed.step,
            "target_tokens": self.progressed.target_tokens,
            "loss": loss,
            "best_loss": self.progressed.best_loss,
            "best_step": self.progressed.best_step,
        }
        return export_model(
            self.out,
            model=self.model,
            state=state,
            tokenizer=self.data.encoder.tokenizer,
            card=self.card,
            manifest=self.data.build.manifest,
            summary=summary,
        )

    def _write_reading(self) -> None:
        """data.json: what was read of the build, and what of it was cut or fell away, by task."""
        if not self.place.first:
            return
        write_atomically(
            self.out / "data.json",
            (
                json.dumps(reading_summary(self.data.training, self.groups), indent=1, ensure_ascii=False)
                + "\n"
            ).encode(),
        )


@dataclass(frozen=True, slots=True)
class _Arranged:
    batches: list[Batch]
    inputs: list[Any]
    target_tokens: int


def _by_example(step: int, batch: Batch, losses: Tensor) -> npt.NDArray[np.float64]:
    """[E, 4]: step, row number, summed loss and target tokens of a batch's examples."""
    counts = batch.target_lengths
    summed = np.add.reduceat(losses.double().cpu().numpy(), np.cumsum(counts) - counts)
    return np.column_stack([np.full(len(counts), step), batch.rows, summed, counts]).astype(np.float64)


def _precision(card: RunCard, place: World) -> Any:
    if card.model.precision == "mixed":
        return torch.autocast(place.device.type, torch.bfloat16)
    return nullcontext()


@contextmanager
def _ahead(make: Any, first: int, end: int) -> Iterator[Any]:
    """A function that gives step after step, each made by a thread while the one before is trained on."""
    with ThreadPoolExecutor(1) as pool:
        pending: dict[int, Future[_Arranged]] = {first: pool.submit(make, first)} if first < end else {}

        def take(step: int) -> _Arranged:
            arranged = pending.pop(step).result()
            # One step ahead is enough to hide tokenising, and makes no tokens that a run of few steps does not read.
            if step + 1 < end:
                pending[step + 1] = pool.submit(make, step + 1)
            return arranged

        try:
            yield take
        finally:
            for future in pending.values():
                future.cancel()


@contextmanager
def _stop_signal() -> Iterator[Any]:
    """A function that says whether SIGTERM came: the step is finished and saved first."""
    flag = [False]

    def note(*_: Any) -> None:
        flag[0] = True

    try:
        before = signal.signal(signal.SIGTERM, note)
    except ValueError:  # not in the main thread
        yield lambda: False
        return
    try:
        yield lambda: flag[0]
    finally:
        signal.signal(signal.SIGTERM, before)
