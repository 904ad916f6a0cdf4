"""Where one row of a build came from, and the same text made again from its source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from flancollect.artifacts import PathLike
from flancollect.building.settings import render_settings
from flancollect.building.task_source import TaskSource
from flancollect.dataset.reader import MANIFEST, Build, open_build
from flancollect.errors import CheckError
from flancollect.planning.plan import BuildPlan, plan_again
from flancollect.planning.recipe import Recipe
from flancollect.planning.request import BuildRequest
from flancollect.planning.task_plan import TaskPlan
from flancollect.render.normalise import Row
from flancollect.render.picks import Pick
from flancollect.render.prompts import ExampleStore, Prompt, render_prompts


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """All that is known of one row. `rendered_again` is whether its text came out the same."""

    row: int
    task: str
    card: str
    source: str
    revision: str
    split: str
    source_row: int
    repeat: int
    variant: str
    template: str
    template_at: str
    option_style: str | None
    shot_style: str | None
    dialog_style: str | None
    cut_bytes: int
    options: list[str]
    answer: str
    exemplar_source: str | None
    exemplars: list[int]
    exemplar_templates: list[str]
    fields: Mapping[str, Any]
    inputs: str
    targets: str
    rendered_again: bool

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, in the order of the fields."""
        return asdict(self)


ANY_REQUEST = BuildRequest("")


def why(build: PathLike | Build, row: int, request: BuildRequest = ANY_REQUEST) -> Trace:
    """Trace one row (0-based, in the order of `load_from_disk`) back to its source and render it again.

    Of the request only catalogues, access and lock count; the rest is the build's own recipe. Raises UsageError
    for a row that is not there, CheckError when task, template or source row are gone or have changed.
    """
    opened = open_build(build)
    stored = opened.row(row)
    try:
        recipe = Recipe.model_validate(opened.manifest.recipe)
    except ValidationError as error:
        raise CheckError(f"{opened.path}: {MANIFEST} holds no recipe of this version: {error}") from error
    plan = plan_again(recipe, stored["task_name"], request)
    task = _task_plan(plan, stored["task_name"])
    source = TaskSource(task, render_settings(plan, request.access, Path()))
    source_row, prompts = _render_again(plan, source, stored)
    template = prompts[0].pick.template if prompts else None
    return Trace(
        row=row,
        task=stored["task_name"],
        card=f"{task.task.file}:{task.task.lines.get('task', 1)}",
        source=task.source_key,
        revision=task.lock.revision,
        variant=stored["template_type"],
        template=stored["template_id"],
        template_at=f"{template.file}:{template.line}" if template else "",
        fields=source_row.fields,
        inputs=stored["inputs"],
        targets=stored["targets"],
        rendered_again=[(p.inputs, p.targets) for p in prompts] == [(stored["inputs"], stored["targets"])],
        **stored["provenance"],
    )


def _task_plan(plan: BuildPlan, name: str) -> TaskPlan:
    for task in plan.tasks:
        if task.name == name:
            return task
    reasons = "; ".join(skip.reason for skip in plan.skipped) or "it is not in the catalogue"
    raise CheckError(
        f"task {name} cannot be read again: {reasons} (a build of a mirror is read again with the same --mirror)"
    )


def _render_again(plan: BuildPlan, source: TaskSource, stored: Mapping[str, Any]) -> tuple[Row, list[Prompt]]:
    """The source row, and the prompt that its recorded decisions make of it; none where it falls away now."""
    provenance = stored["provenance"]
    family = source.plan.task.family
    templates = {template.id: template for template in family.templates}
    for template_id in (stored["template_id"], *provenance["exemplar_templates"]):
        if template_id not in templates:
            raise CheckError(f"template {template_id} is not in the catalogue any more")
    template = templates[stored["template_id"]]
    for kind in ("option", "shot", "dialog"):
        style = provenance[f"{kind}_style"]
        if style is not None and style not in plan.styles.names(f"{kind}s"):
            raise CheckError(f"{kind} style {style} is not in the catalogue any more")
    row = _read_row(source, provenance["split"], provenance["source_row"])
    exemplars = tuple(_exemplars(source, provenance))
    apart = tuple(templates[template_id] for template_id in provenance["exemplar_templates"])
    pick = Pick(
        template=template,
        option_style=provenance["option_style"],
        dialog_style=provenance["dialog_style"],
        shot_style=provenance["shot_style"],
        exemplars=exemplars,
        exemplar_templates=apart or (template,) * len(exemplars),
        exemplar_source=provenance["exemplar_source"] or "pool",
    )
    # The very renderer that built the row, on decisions that were recorded and not drawn again: if the text differs,
    # card, template, style or source has changed since.
    store = ExampleStore(family, plan.styles)
    shots, limits = plan.recipe.shots, plan.recipe.limits
    return row, render_prompts([(row, pick)], store, shots, limits, Counter())


def _exemplars(source: TaskSource, provenance: Mapping[str, Any]) -> Sequence[Row]:
    """The rows that were shown, from wherever their numbers count."""
    numbers, pool_source = provenance["exemplars"], source.exemplar_source()
    split = pool_source.plan.pool.name
    if provenance["exemplar_source"] == "card":
        rows = pool_source.worked_examples()
        by_number = {row.id: row for row in rows}
        for number in numbers:
            if number not in by_number:
                key = pool_source.plan.source_key
                raise CheckError(f"{key}: worked example {number} is not in the document any more")
        return [by_number[number] for number in numbers]
    return [_read_row(pool_source, split, number) for number in numbers]


def _read_row(source: TaskSource, split: str, number: int) -> Row:
    dropped: Counter[str] = Counter()
    rows = source.read(split, np.array([number], dtype=np.int64), dropped)
    if not rows:
        raise CheckError(
            f"{source.plan.source_key}: row {number} of {split} is unusable now: {', '.join(dropped)}"
        )
    return rows[0]
