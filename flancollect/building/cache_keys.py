"""A job's cache key: a hash of all that its rows depend on, and of nothing else. Its file is named by it.

A key has two parts: what every row of the job depends on, and what only some do (how many rows, which
templates). A file whose name fits is the job, done; one of which only the first part fits is a previous run of
it, with rows that may still be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

import pyarrow as pa

from flancollect.artifacts import BuildKind, fingerprint
from flancollect.cards.entries import Task
from flancollect.cards.family import Template
from flancollect.cards.mixture_card import Shots
from flancollect.cards.splits import SplitSlice
from flancollect.cards.styles import Styles
from flancollect.dataset.schemas import schema_of
from flancollect.jinja.evaluate import RENDER_VERSION
from flancollect.planning.plan import BuildPlan
from flancollect.planning.task_plan import Job, TaskPlan
from flancollect.sources.table import SourceAccess

SUFFIX = ".rows"
_PART_DIGITS = 32
"""Hex digits of each part of a key: 128 bits, so that no two jobs ever share one."""

_NOT_RENDERED = {
    "source",
    "templates",
    "rows",
    "license",
    "citation",
    "reason",
    "substitute",
    "original_rows",
    "note",
    "lint",
}
"""Keys of a card that no row depends on, or that are hashed as what they stand for."""

_NOT_IN_MIXTURES = {"metric", "cluster", "languages", "subject"}
"""Keys of a card that only the questions of a benchmark hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSettings:
    """What all tasks of one build share. `work` is the folder of the jobs' files."""

    kind: BuildKind
    seed: int
    max_repeat: int
    shots: Shots
    styles: Styles
    access: SourceAccess
    work: Path

    @property
    def schema(self) -> pa.Schema:
        """The columns of the build's rows."""
        return schema_of(self.kind)

    @property
    def scoring(self) -> bool:
        """Whether rows are questions, with what scoring needs."""
        return self.kind == "benchmark"


def render_settings(plan: BuildPlan, access: SourceAccess, work: Path) -> RenderSettings:
    """The settings that a plan's tasks share."""
    recipe = plan.recipe
    return RenderSettings(
        kind=recipe.kind,
        seed=recipe.seed,
        max_repeat=recipe.max_repeat,
        shots=recipe.shots,
        styles=plan.styles,
        access=access,
        work=work,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFile:
    """Where a job's rows are or will be, and the files of previous runs of the job."""

    path: Path
    previous: tuple[Path, ...] = ()


JobFiles = Mapping[tuple[str, str], JobFile]
"""The files of a plan's jobs by task and variant."""


def job_files(plan: BuildPlan, settings: RenderSettings) -> dict[tuple[str, str], JobFile]:
    """The file of every job of a plan. Equal names mean equal rows, on any machine."""
    styles = _styles_hashes(settings.styles)
    by_first_part: dict[str, list[Path]] = {}
    for path in sorted(settings.work.glob(f"*{SUFFIX}")):
        by_first_part.setdefault(path.name[:_PART_DIGITS], []).append(path)
    # A key such as 1f0c…-9ad2…: after one template is edited, the job's key is 1f0c…-77e1…, and the file with the
    # same first half is its previous run. Its rows in other templates are copied (`reuse.py`).
    files = {}
    for task in plan.tasks:
        card = fingerprint(rendered_keys(task.task, scoring=settings.scoring))
        for job in task.jobs:
            first = fingerprint(_every_row(task, job, settings, card, styles[_styles_used(task, job)]))
            name = f"{first[:_PART_DIGITS]}-{fingerprint(_some_rows(job, settings))[:_PART_DIGITS]}{SUFFIX}"
            previous = [path for path in by_first_part.get(first[:_PART_DIGITS], ()) if path.name != name]
            files[task.name, job.variant.name] = JobFile(path=settings.work / name, previous=tuple(previous))
    return files


def delete_unused(work: Path, used: Iterable[Path]) -> None:
    """Delete the jobs' files that are not among those used."""
    for path in set(work.glob(f"*{SUFFIX}")) - set(used):
        path.unlink()


@cache
def template_hash(template: Template) -> str:
    """A hash of all that a template makes of a row."""
    return fingerprint([template.intro, template.input, template.target, template.shows_options])


def styles_for(plan: TaskPlan, styles: Styles) -> Styles:
    """The styles of a build as one task's picks see them: dialog styles only where a field holds turns."""
    has_turns = "turns" in plan.task.family.needs.values()
    return styles if has_turns else Styles(options=styles.options, shots=styles.shots)


def _some_rows(job: Job, settings: RenderSettings) -> dict[str, object]:
    """What only some rows of a job depend on."""
    return {
        "quota": job.quota,
        # A second use of a row is drawn apart from the first, so the first stays when a second is added.
        "max_repeat": settings.max_repeat,
        "templates": [[template.id, template_hash(template)] for template in job.templates],
    }


def _every_row(
    plan: TaskPlan, job: Job, settings: RenderSettings, card: str, styles: str
) -> dict[str, object]:
    """Everything that the text of a row depends on, but for its own template."""
    few_shot = job.variant.few_shot
    exemplars = plan.exemplar_source if few_shot else None
    return {
        "render_version": RENDER_VERSION,
        # A benchmark's rows have a column more than the same rows in a mixture.
        "columns": settings.schema.names,
        "seed": settings.seed,
        "card": card,
        "source": [plan.source_key, plan.lock.revision],
        "split": _slice(plan.split),
        "pool": _slice(plan.pool) if few_shot else None,
        "exemplar_source": exemplars
        and [
            exemplars.source_key,
            exemplars.lock.revision,
            rendered_keys(exemplars.task, scoring=settings.scoring),
        ],
        "hold_out": [_slice(hold_out) for hold_out in plan.hold_out],
        "needs": dict(plan.task.family.needs),
        "options": plan.task.family.options,
        "variant": job.variant.name,
        "shots": settings.shots.model_dump() if few_shot else None,
        "styles": styles,
    }


def rendered_keys(task: Task, *, scoring: bool) -> dict[str, object]:
    """All of a card that its rows depend on; with `scoring`, also what their questions hold."""
    exclude = _NOT_RENDERED if scoring else _NOT_RENDERED | _NOT_IN_MIXTURES
    return task.card.model_dump(mode="json", exclude=exclude)


def _slice(split: SplitSlice) -> list[str | None]:
    return [split.name, split.start, split.stop]


def _styles_used(plan: TaskPlan, job: Job) -> tuple[bool, ...]:
    """Whether rows of a job depend on the styles of options, of shots, of dialogs."""
    lists_options = job.variant.options and any(template.shows_options for template in job.templates)
    return lists_options, job.variant.few_shot, "turns" in plan.task.family.needs.values()


def _styles_hashes(styles: Styles) -> dict[tuple[bool, ...], str]:
    """A hash of the styles that rows depend on, for every answer of `_styles_used`."""
    # Some 4,000 jobs ask for one of eight combinations: each is hashed once.
    kinds = [
        {name: style.model_dump() for name, style in kind.items()}
        for kind in (styles.options, styles.shots, styles.dialogs)
    ]
    return {
        used: fingerprint([kind if is_used else {} for kind, is_used in zip(kinds, used, strict=True)])
        for used in product((True, False), repeat=3)
    }
