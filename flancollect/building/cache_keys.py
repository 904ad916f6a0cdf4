"""A job's cache key: a hash of all that its rows depend on, and of nothing else. Its file is named by it.

A key has two parts: what every row of the job depends on, and what only some do (how many rows, which
templates). A file whose name fits is the job, done; one of which only the first part fits is a previous run of
it, with rows that may still be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flancollect.artifacts import fingerprint
from flancollect.building.settings import RenderSettings
from flancollect.cards.entries import Task
from flancollect.cards.family import Template
from flancollect.cards.splits import SplitSlice
from flancollect.cards.task_card import RenderedAnswer, TextAnswer
from flancollect.jinja.evaluate import RENDER_VERSION
from flancollect.planning.plan import BuildPlan
from flancollect.planning.task_plan import Job, TaskPlan

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
    "original_few_shot_rows",
    "original_inverted",
    "differs",
    "split_answers",
    "lint",
}
"""Keys of a card that no row depends on, or that are hashed as what they stand for."""

_NOT_IN_MIXTURES = {"metric", "cluster", "languages", "subject"}
"""Keys of a card that only the questions of a benchmark hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFile:
    """Where a job's rows are or will be, and the files of previous runs of the job."""

    path: Path
    previous: tuple[Path, ...] = ()


JobFiles = Mapping[tuple[str, str], JobFile]
"""The files of a plan's jobs by task and variant."""


def job_files(plan: BuildPlan, hasher: KeyHasher) -> dict[tuple[str, str], JobFile]:
    """The file of every job of a plan. Equal names mean equal rows, on any machine."""
    work = hasher.settings.work
    by_first_part: dict[str, list[Path]] = {}
    for path in sorted(work.glob(f"*{SUFFIX}")):
        by_first_part.setdefault(path.name[:_PART_DIGITS], []).append(path)
    # A key such as 1f0c…-9ad2…: after one template is edited, the job's key is 1f0c…-77e1…, and the file with the
    # same first half is its previous run. Its rows in other templates are copied (`reuse.py`).
    files = {}
    for task in plan.tasks:
        for job in task.active_jobs:
            first, rest = hasher.key(task, job)
            path = work / f"{first}-{rest}{SUFFIX}"
            previous = tuple(old for old in by_first_part.get(first, ()) if old != path)
            files[task.name, job.variant.name] = JobFile(path=path, previous=previous)
    return files


def every_row_key(file: JobFile) -> str:
    """The part of a job's key that all of its rows depend on, however many they are."""
    return file.path.stem[:_PART_DIGITS]


def twin_of(task: TaskPlan, job: Job) -> Job | None:
    """Of zs_noopt the zs_opt job of the same task, and so on, where some prompt may come out the same in both."""
    free_text = isinstance(task.task.card.answer, TextAnswer | RenderedAnswer)
    if job.variant.options or not (
        free_text or any(not template.shows_options for template in job.templates)
    ):
        return None
    return next((twin for twin in task.active_jobs if twin.variant.name == job.variant.twin), None)


def delete_unused(work: Path, used: Iterable[Path]) -> None:
    """Delete the jobs' files that are not among those used."""
    for path in set(work.glob(f"*{SUFFIX}")) - set(used):
        path.unlink()


@cache
def template_hash(template: Template) -> str:
    """A hash of all that a template makes of a row."""
    return fingerprint([template.intro, template.input, template.target, template.shows_options])


def rendered_keys(task: Task, *, scoring: bool) -> dict[str, object]:
    """All of a card that its rows depend on; with `scoring`, also what their questions hold."""
    exclude = _NOT_RENDERED if scoring else _NOT_RENDERED | _NOT_IN_MIXTURES
    if task.card.draws_as is None:
        # Then the task's own name keys what is drawn, and that is hashed: no key is another one for it.
        exclude = exclude | {"draws_as"}
    return task.card.model_dump(mode="json", exclude=exclude)


class KeyHasher:
    """Hashes jobs of one plan and its corrections to cache keys; what many of them share is hashed once.

    A corrected plan has other quotas and doubles: what every row of a job depends on stays.
    """

    def __init__(self, settings: RenderSettings) -> None:
        self.settings = settings
        self._first_parts: dict[tuple[str, str], str] = {}
        self._hold_out = fingerprint(settings.hold_out.dependencies())
        self._cards: dict[str, str] = {}
        self._styles: dict[tuple[bool, ...], str] = {}

    def key(self, task: TaskPlan, job: Job) -> tuple[str, str]:
        """What every row of the job depends on, and what only some do, as hex digits."""
        twin = twin_of(task, job) if self.settings.dedup else None
        some_rows = {
            "dedup": self.settings.dedup,
            "doubles": job.doubles,
            # A row that came out as its twin's row did gives way to another, so the twin's rows decide.
            "twin": twin and self.key(task, twin),
            "quota": job.quota,
            "inverted_inputs": job.variant.inverted and self.settings.limits.targets_per_inverted_input,
            # A second use of a row is drawn apart from the first, so the first stays when a second is added.
            "max_repeat": self.settings.max_repeat,
            "templates": _templates(job),
        }
        name = (task.name, job.variant.name)
        if name not in self._first_parts:
            self._first_parts[name] = fingerprint(self._every_row(task, job))[:_PART_DIGITS]
        return self._first_parts[name], fingerprint(some_rows)[:_PART_DIGITS]

    def _every_row(self, task: TaskPlan, job: Job) -> dict[str, object]:
        """Everything that the text of a row depends on, but for its own template."""
        settings, few_shot = self.settings, job.variant.few_shot
        exemplars = task.exemplar_source if few_shot else None
        if task.name not in self._cards:
            self._cards[task.name] = fingerprint(rendered_keys(task.task, scoring=settings.scoring))
        return {
            "render_version": RENDER_VERSION,
            # A benchmark's rows have a column more than the same rows in a mixture.
            "columns": settings.schema.names,
            "seed": settings.seed,
            "card": self._cards[task.name],
            "source": [task.source_key, task.lock.revision],
            "split": _slice(task.split),
            "pool": _slice(task.pool) if few_shot else None,
            "exemplar_source": exemplars
            and [
                exemplars.source_key,
                exemplars.lock.revision,
                rendered_keys(exemplars.task, scoring=settings.scoring),
            ],
            "published": task.published_source
            and [
                task.published_source.source_key,
                task.published_source.lock.revision,
                rendered_keys(task.published_source.task, scoring=False),
            ],
            "hold_out": self._hold_out,
            "needs": dict(task.task.family.needs),
            "long": settings.limits.too_long == "shorten" and task.task.family.long,
            "options": task.task.family.options,
            "variant": job.variant.name,
            "shots": settings.shots.model_dump() if few_shot else None,
            # Exemplars in templates of their own depend on all of them.
            "exemplar_templates": few_shot and settings.shots.templates != "same" and _templates(job),
            "limits": settings.limits.model_dump(exclude={"targets_per_inverted_input"}),
            "styles": self._styles_hash(task, job),
        }

    def _styles_hash(self, task: TaskPlan, job: Job) -> str:
        """A hash of the styles that rows of the job depend on: of options, of shots, of dialogs."""
        used = (
            job.variant.options and any(template.shows_options for template in job.templates),
            job.variant.few_shot,
            "turns" in task.task.family.needs.values(),
        )
        if used not in self._styles:
            styles = self.settings.styles
            kinds = zip((styles.options, styles.shots, styles.dialogs), used, strict=True)
            self._styles[used] = fingerprint(
                [
                    {name: style.model_dump() for name, style in kind.items()} if is_used else {}
                    for kind, is_used in kinds
                ]
            )
        return self._styles[used]


def _templates(job: Job) -> list[list[str]]:
    return [[template.id, template_hash(template)] for template in job.templates]


def _slice(split: SplitSlice) -> list[str | None]:
    return [split.name, split.start, split.stop]
