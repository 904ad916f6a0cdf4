"""How a job's file is named: by all that its rows depend on, and by nothing else.

A name has two parts: what every row of the job depends on, and what only some do (how many rows, which
templates). A file whose name fits is the job, done; one of which only the first part fits is an earlier run of
it, with rows that may still be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

from flancollect.artifacts import fingerprint
from flancollect.cards.entries import Task
from flancollect.cards.family import Template
from flancollect.cards.mixture_card import Shots
from flancollect.cards.splits import SplitSlice
from flancollect.cards.styles import Styles
from flancollect.jinja.evaluate import RENDER_VERSION
from flancollect.planning.plan import BuildPlan, Job, TaskPlan
from flancollect.sources.table import SourceAccess

SUFFIX = ".rows"
_PART = 32
"""Hex digits of each part of a name: 128 bits, so that no two jobs ever share one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What all tasks of one build share. `work` is the folder of the jobs' files."""

    seed: int
    max_repeat: int
    shots: Shots
    styles: Styles
    access: SourceAccess
    work: Path


def settings_of(plan: BuildPlan, access: SourceAccess, work: Path) -> Settings:
    """The settings that a plan's tasks share."""
    return Settings(
        seed=plan.seed,
        max_repeat=plan.max_repeat,
        shots=plan.shots,
        styles=plan.styles,
        access=access,
        work=work,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFile:
    """Where a job's rows are or will be, and the files of earlier runs of the job."""

    path: Path
    earlier: tuple[Path, ...] = ()


JobFiles = Mapping[tuple[str, str], JobFile]
"""The files of a plan's jobs by task and variant."""


def job_files(plan: BuildPlan, settings: Settings) -> dict[tuple[str, str], JobFile]:
    """The file of every job of a plan. Equal names mean equal rows, on any machine."""
    styles, there = _styles_hashes(settings.styles), _by_first_part(settings.work)
    files = {}
    for task in plan.tasks:
        card = fingerprint(_meaning(task.task))
        for job in task.jobs:
            first = fingerprint(_rows_part(task, job, settings, card, styles[_styles_used(task, job)]))
            name = f"{first[:_PART]}-{fingerprint(_rest(job, settings))[:_PART]}{SUFFIX}"
            earlier = [path for path in there.get(first[:_PART], ()) if path.name != name]
            files[task.name, job.variant.name] = JobFile(path=settings.work / name, earlier=tuple(earlier))
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


# --- inside ------------------------------------------------------------------------------------------------


_SAID_ABOUT = {
    "source",
    "templates",
    "rows",
    "license",
    "citation",
    "metric",
    "reason",
    "substitute",
    "original_rows",
    "note",
    "lint",
}
"""Keys of a card that no row depends on, or that are hashed as what they stand for."""


def _by_first_part(work: Path) -> dict[str, list[Path]]:
    """The files that are there, by the first part of their names."""
    found: dict[str, list[Path]] = {}
    for path in sorted(work.glob(f"*{SUFFIX}")):
        found.setdefault(path.name[:_PART], []).append(path)
    return found


def _rest(job: Job, settings: Settings) -> dict[str, object]:
    """What only some rows of a job depend on."""
    return {
        "quota": job.quota,
        "max_repeat": settings.max_repeat,
        "templates": [[template.id, template_hash(template)] for template in job.templates],
    }


def _rows_part(plan: TaskPlan, job: Job, settings: Settings, card: str, styles: str) -> dict[str, object]:
    """Everything that the text of a row depends on, but for its own template."""
    few_shot = job.variant.few_shot
    return {
        "render_version": RENDER_VERSION,
        "seed": settings.seed,
        "card": card,
        "source": [plan.source_key, plan.lock.revision],
        "split": _slice_of(plan.split),
        "pool": _slice_of(plan.pool) if few_shot else None,
        "lender": _lender(plan) if few_shot else None,
        "hold_out": [_slice_of(slice_) for slice_ in plan.hold_out],
        "needs": dict(plan.task.family.needs),
        "options": plan.task.family.options,
        "variant": job.variant.name,
        "shots": settings.shots.model_dump() if few_shot else None,
        "styles": styles,
    }


def _meaning(task: Task) -> dict[str, object]:
    """All of a card that its rows depend on."""
    return task.card.model_dump(mode="json", exclude=_SAID_ABOUT)


def _lender(plan: TaskPlan) -> list[object] | None:
    if plan.lender is None:
        return None
    return [plan.lender.source_key, plan.lender.lock.revision, _meaning(plan.lender.task)]


def _slice_of(slice_: SplitSlice) -> list[str | None]:
    return [slice_.name, slice_.start, slice_.stop]


def _styles_used(plan: TaskPlan, job: Job) -> tuple[bool, ...]:
    """Whether rows of a job depend on the styles of options, of shots, of dialogs."""
    lists_options = job.variant.options and any(template.shows_options for template in job.templates)
    return lists_options, job.variant.few_shot, "turns" in plan.task.family.needs.values()


def _styles_hashes(styles: Styles) -> dict[tuple[bool, ...], str]:
    """A hash of the styles that rows depend on, for every answer of `_styles_used`."""
    kinds = [
        {name: style.model_dump() for name, style in kind.items()}
        for kind in (styles.options, styles.shots, styles.dialogs)
    ]
    return {
        used: fingerprint([kind if wanted else {} for kind, wanted in zip(kinds, used, strict=True)])
        for used in product((True, False), repeat=3)
    }
