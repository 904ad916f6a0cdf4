"""Where one row of a build came from, and the same text made again from its source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from flancollect.artifacts import Manifest
from flancollect.building.task_source import TaskSource
from flancollect.cards.benchmark_card import BenchmarkCard
from flancollect.cards.mixture_card import MixtureCard
from flancollect.dataset.reader import read_manifest, shard_tables
from flancollect.errors import CheckError, UsageError
from flancollect.planning.plan import BuildPlan, TaskPlan
from flancollect.planning.prepare import BuildRequest, prepare
from flancollect.render.normalise import Row, document_exemplars
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
    options: list[str]
    answer: str
    exemplar_source: str | None
    exemplars: list[int]
    fields: Mapping[str, Any]
    inputs: str
    targets: str
    rendered_again: bool

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, in the order of the fields."""
        return asdict(self)


def why(out: Path, row: int, wanted: BuildRequest) -> Trace:
    """Trace one row (0-based, in the order of `load_from_disk`) back to its source and render it again.

    Of `wanted` only catalogues, access and lock count; the rest is the build's own recipe. Raises UsageError
    for a row that is not there, CheckError when task, template or source row are gone or have changed.
    """
    manifest = read_manifest(out)
    stored = _stored_row(out, manifest, row)
    plan = _plan_again(manifest, stored, wanted)
    task = _task_plan(plan, stored)
    source = TaskSource(plan=task, seed=plan.seed, shots=plan.shots, access=wanted.access)
    made_from, prompts = _render_again(plan, source, stored)
    template = prompts[0].pick.template if prompts else None
    provenance = stored["provenance"]
    return Trace(
        row=row,
        task=stored["task_name"],
        card=f"{task.task.file}:{task.task.lines.get('task', 1)}",
        source=task.source_key,
        revision=task.lock.revision,
        variant=stored["template_type"],
        template=stored["template_id"],
        template_at=f"{template.file}:{template.line}" if template else "",
        fields=made_from.fields,
        inputs=stored["inputs"],
        targets=stored["targets"],
        rendered_again=[(p.inputs, p.targets) for p in prompts] == [(stored["inputs"], stored["targets"])],
        **provenance,
    )


def _stored_row(out: Path, manifest: Manifest, row: int) -> dict[str, Any]:
    if not 0 <= row < manifest.rows:
        raise UsageError(f"{out}: no row {row}; rows are 0..{manifest.rows - 1}")
    for table in shard_tables(out, manifest, list(manifest.columns)):
        if row < table.num_rows:
            stored: dict[str, Any] = table.slice(row, 1).to_pylist()[0]
            return stored
        row -= table.num_rows
    raise CheckError(
        f"{out}: the shards hold fewer rows than the manifest says; `flancollect verify` says more"
    )


def _plan_again(manifest: Manifest, stored: Mapping[str, Any], wanted: BuildRequest) -> BuildPlan:
    recipe = manifest.recipe
    card = (
        MixtureCard.model_validate(recipe["mixture"])
        if "mixture" in recipe
        else BenchmarkCard.model_validate(recipe["benchmark"])
    )
    settings = replace(
        wanted, name=manifest.mixture, seed=manifest.seed, rows=None, only=(stored["task_name"],)
    )
    return prepare(settings, card=card)[1]


def _task_plan(plan: BuildPlan, stored: Mapping[str, Any]) -> TaskPlan:
    for task in plan.tasks:
        if task.name == stored["task_name"]:
            return task
    reasons = "; ".join(skip.reason for skip in plan.skipped) or "it is not in the catalogue"
    raise CheckError(f"task {stored['task_name']} cannot be read again: {reasons}")


def _render_again(plan: BuildPlan, source: TaskSource, stored: Mapping[str, Any]) -> tuple[Row, list[Prompt]]:
    provenance = stored["provenance"]
    family = source.plan.task.family
    template = next((w for w in family.templates if w.id == stored["template_id"]), None)
    if template is None:
        raise CheckError(f"template {stored['template_id']} is not in the catalogue any more")
    for kind in ("option", "shot", "dialog"):
        style = provenance[f"{kind}_style"]
        if style is not None and style not in plan.styles.names(f"{kind}s"):
            raise CheckError(f"{kind} style {style} is not in the catalogue any more")
    row = _read_one(source, provenance["split"], provenance["source_row"])
    pick = Pick(
        template=template,
        option_style=provenance["option_style"],
        dialog_style=provenance["dialog_style"],
        shot_style=provenance["shot_style"],
        exemplars=tuple(_exemplars(source, provenance)),
    )
    store = ExampleStore(family, plan.styles)
    return row, render_prompts([(row, pick)], store, plan.styles, plan.shots.max_input_bytes, Counter())


def _exemplars(source: TaskSource, provenance: Mapping[str, Any]) -> Sequence[Row]:
    numbers, lender = provenance["exemplars"], source.lender()
    if provenance["exemplar_source"] == "card":
        table = lender.table(lender.plan.pool.name)
        own = {row.id: row for row in document_exemplars(lender.plan.task, table.doc, Counter())}
        return [own[number] for number in numbers if number in own]
    return [_read_one(lender, lender.plan.pool.name, number) for number in numbers]


def _read_one(source: TaskSource, split: str, number: int) -> Row:
    lost: Counter[str] = Counter()
    rows = source.read(split, np.array([number], dtype=np.int64), lost)
    if not rows:
        raise CheckError(
            f"{source.plan.source_key}: row {number} of {split} is unusable now: {', '.join(lost)}"
        )
    return rows[0]
