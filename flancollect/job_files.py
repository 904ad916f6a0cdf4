"""How a job's file is named: by all that its rows depend on, and by nothing else.

A name has two parts: what every row of the job depends on, and what only some do (how many rows, which
wordings). A file whose name fits is the job, done; one of which only the first part fits is an earlier run of
it, with rows that may still be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flancollect.artifacts import fingerprint
from flancollect.cards.entries import Task
from flancollect.cards.family import Wording
from flancollect.cards.mixture_card import Shots
from flancollect.cards.splits import SplitSlice
from flancollect.cards.styles import StyleSet
from flancollect.plan import BuildPlan, Job, TaskPlan
from flancollect.render.compile import RENDER_VERSION
from flancollect.sources.table import Access

SUFFIX = ".rows"
_PART = 32
"""Hex digits of each part of a name: 128 bits, so that no two jobs ever share one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What all tasks of one build share. `work` is the folder of the jobs' files."""

    seed: int
    max_repeat: int
    shots: Shots
    styles: StyleSet
    access: Access
    work: Path


def settings_of(plan: BuildPlan, access: Access, work: Path) -> Settings:
    """The settings that a plan's tasks share."""
    return Settings(
        seed=plan.seed,
        max_repeat=plan.max_repeat,
        shots=plan.shots,
        styles=plan.styles,
        access=access,
        work=work,
    )


def job_path(plan: TaskPlan, job: Job, settings: Settings) -> Path:
    """The file of a job's rows."""
    return settings.work / (job_name(plan, job, settings) + SUFFIX)


def job_name(plan: TaskPlan, job: Job, settings: Settings) -> str:
    """The name of a job: hashes of what every row depends on, and of the rest."""
    rest = {
        "quota": job.quota,
        "max_repeat": settings.max_repeat,
        "wordings": [[wording.id, wording_hash(wording)] for wording in job.wordings],
    }
    return f"{_rows_part(plan, job, settings)[:_PART]}-{fingerprint(rest)[:_PART]}"


def earlier_files(work: Path) -> dict[str, list[Path]]:
    """The jobs' files that are there, by the first part of their names."""
    found: dict[str, list[Path]] = {}
    for path in sorted(work.glob(f"*{SUFFIX}")):
        found.setdefault(path.name[:_PART], []).append(path)
    return found


def earlier_runs(path: Path, there: Mapping[str, Sequence[Path]]) -> list[Path]:
    """The files of other runs of a job, which differ in how many rows they hold or in their wordings."""
    return [other for other in there.get(path.name[:_PART], ()) if other != path]


def delete_unused(work: Path, used: Iterable[Path]) -> None:
    """Delete the jobs' files that are not among those used."""
    for path in set(work.glob(f"*{SUFFIX}")) - set(used):
        path.unlink()


def wording_hash(wording: Wording) -> str:
    """A hash of all that a wording makes of a row."""
    return fingerprint([wording.intro, wording.input, wording.target, wording.shows_options])


def styles_for(plan: TaskPlan, styles: StyleSet) -> StyleSet:
    """The styles of a build as one task's picks see them: dialog styles only where a field holds turns."""
    has_turns = "turns" in plan.task.family.needs.values()
    return styles if has_turns else StyleSet(options=styles.options, shots=styles.shots)


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


def _rows_part(plan: TaskPlan, job: Job, settings: Settings) -> str:
    """Everything that the text of a row depends on, but for its own wording."""
    styles, few_shot = _styles_used(plan, job, settings.styles), job.variant.few_shot
    return fingerprint(
        {
            "render_version": RENDER_VERSION,
            "seed": settings.seed,
            "card": _meaning(plan.task),
            "source": [plan.source_key, plan.lock.revision],
            "split": _slice_of(plan.split),
            "pool": _slice_of(plan.pool) if few_shot else None,
            "lender": _lender(plan) if few_shot else None,
            "held_out": [_slice_of(slice_) for slice_ in plan.held_out],
            "needs": dict(plan.task.family.needs),
            "options": plan.task.family.options,
            "variant": job.variant.name,
            "shots": settings.shots.model_dump() if few_shot else None,
            "styles": {
                kind: {name: style.model_dump() for name, style in getattr(styles, kind).items()}
                for kind in ("options", "shots", "dialogs")
            },
        }
    )


def _meaning(task: Task) -> dict[str, object]:
    """All of a card that its rows depend on."""
    return task.card.model_dump(mode="json", exclude=_SAID_ABOUT)


def _lender(plan: TaskPlan) -> list[object] | None:
    if plan.lender is None:
        return None
    return [plan.lender.source_key, plan.lender.lock.revision, _meaning(plan.lender.task)]


def _slice_of(slice_: SplitSlice) -> list[str | None]:
    return [slice_.name, slice_.start, slice_.stop]


def _styles_used(plan: TaskPlan, job: Job, styles: StyleSet) -> StyleSet:
    lists_options = job.variant.options and any(w.shows_options for w in job.wordings)
    seen = styles_for(plan, styles)
    return StyleSet(
        options=seen.options if lists_options else {},
        shots=seen.shots if job.variant.few_shot else {},
        dialogs=seen.dialogs,
    )
