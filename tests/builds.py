"""Small rendered tables and finished builds for tests of what reads and writes them."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa

from flancollect.artifacts import BuildKind, Coverage, JobRecord, Manifest, PartRows, TaskRows, fingerprint
from flancollect.building.mix import write_shards
from flancollect.dataset.dataset_files import seal
from flancollect.dataset.hashing import content_hash
from flancollect.dataset.job_file import write_rendered
from flancollect.dataset.row_codec import encode
from flancollect.dataset.schemas import BENCHMARK, MIXTURE, RENDERED, columns_of, rendered_schema, schema_of
from flancollect.draw import draws, key

Jobs = Mapping[tuple[str, str], pa.Table]


def rendered_rows(task: str, variant: str, rows: int, text: str = "") -> pa.Table:
    """Rows of one job, in source order; few-shot variants have exemplars, `opt` variants options."""
    order = draws(key("test", task, variant), np.arange(rows, dtype=np.int64))
    return pa.Table.from_pylist(
        [_row(task, variant, i, int(order[i]), text) for i in range(rows)], schema=RENDERED
    )


def _row(task: str, variant: str, i: int, order: int, text: str) -> dict[str, object]:
    few, options = variant.startswith("fs"), "_opt" in variant
    return {
        "order": order,
        "inputs": f"{text}Question {i} of {task}, ünïcode {'x' * (i % 7)}",
        "targets": "" if i % 5 == 4 else f"answer {i}",
        "task_source": "Flan2021",
        "task_name": task,
        "template_type": variant,
        "template_id": f"qa/forward/ask_{i % 3}",
        "provenance": {
            "split": "train",
            "source_row": i,
            "repeat": 0,
            "option_style": "dashes" if options else None,
            "shot_style": ("plain", "numbered")[i % 2] if few else None,
            "dialog_style": None,
            "cut_bytes": 0,
            "exemplar_source": "pool" if few else None,
            "exemplars": [i + 1 + n for n in range(1 + i % 3)] if few else [],
            "exemplar_templates": ["a", "b", "c"][: 1 + i % 3] if few and i % 2 else [],
            "options": ["yes", "no"] if options else [],
            "answer": f"answer {i}",
        },
    }


def question_rows(task: str, variant: str, rows: int, text: str = "") -> pa.Table:
    """`rendered_rows` with a question each; every third one is answered in free text."""
    plain = rendered_rows(task, variant, rows, text).to_pylist()
    return pa.Table.from_pylist(
        [row | {"question": _question(row, i)} for i, row in enumerate(plain)],
        schema=rendered_schema(BENCHMARK),
    )


def _question(row: dict[str, object], i: int) -> dict[str, object]:
    choices = [] if i % 3 == 2 else ["sí", "no", "vielleicht 日本"][: 2 + i % 2]
    return {
        "id": f"{row['task_name']}/test/{i}",
        "choices": choices,
        "labels": ["(A)", "(B)", "(C)"][: len(choices)],
        "answer": i % len(choices) if choices else -1,
        "accepted": [row["targets"], "ünother"][: 1 + i % 2],
        "metric": "accuracy" if choices else "exact_match",
        "cluster": "reading",
        "languages": ["en", "de"][: 1 + i % 2],
        "subject": "" if i % 4 else "anatomy",
        "prompt_sha256": sha256(str(row["inputs"]).encode()).hexdigest(),
    }


def write_job(path: Path, rows: pa.Table) -> JobRecord:
    """Write the file of a job that has these rows."""
    schema = BENCHMARK if "question" in rows.column_names else MIXTURE
    return write_rendered(path, [encode(batch) for batch in rows.to_batches()], {}, {}, schema)


def small_jobs(rows: int = 40) -> dict[tuple[str, str], pa.Table]:
    """Three jobs of two tasks."""
    names = [("boolq", "zs_opt"), ("rte", "fs_noopt"), ("rte", "zs_opt")]
    return {name: rendered_rows(*name, rows) for name in names}


def question_jobs(rows: int = 12) -> dict[tuple[str, str], pa.Table]:
    """Two jobs of two tasks of a benchmark."""
    names = [("mmlu_anatomy", "zs_opt"), ("tydiqa", "fs_noopt")]
    return {name: question_rows(*name, rows) for name in names}


def build(
    out: Path,
    jobs: Jobs,
    *,
    kind: BuildKind = "mixture",
    shard_bytes: int = 3500,
    seed: int = 0,
    revision: str = "1",
) -> Manifest:
    """Write and seal a build of these jobs, as `flancollect build` does."""
    work = out / ".work" / "rendered"
    work.mkdir(parents=True, exist_ok=True)
    files = []
    for (task, variant), table in sorted(jobs.items()):
        path = work / f"{task}.{variant}.rows"
        files.append((path, write_job(path, table)))
    schema = schema_of(kind)
    shards = write_shards(files, out, schema=schema, shard_bytes=shard_bytes)
    rows = sum(shard.rows for shard in shards)
    manifest = Manifest(
        flancollect="0.1.0",
        render_version=1,
        kind=kind,
        mixture="small",
        seed=seed,
        rows_asked=rows + 2,
        rows=rows,
        short=2,
        distinct_rows=rows - 1,
        source_rows=rows - 3,
        parts=[PartRows(part="flan2021", share=1.0, planned=rows + 2, rows=rows)],
        content_hash=content_hash(schema, shards),
        recipe_hash=fingerprint("recipe"),
        catalogue_hash=fingerprint("catalogue"),
        columns=columns_of(schema),
        shards=shards,
        tasks=[
            _task_rows(name, record, revision) for name, (_, record) in zip(sorted(jobs), files, strict=True)
        ],
        coverage=Coverage(planned_tasks=2, built_tasks=2, skipped_tasks=0),
    )
    seal(out, manifest)
    return manifest


def _task_rows(name: tuple[str, str], record: JobRecord, revision: str) -> TaskRows:
    return TaskRows(
        task=name[0],
        submix="flan2021",
        task_source="Flan2021",
        family="qa",
        license="cc-by-4.0",
        metric="exact_match",
        languages=["en"],
        source_key=f"hub:org/{name[0]}",
        revision=revision,
        variant=name[1],
        planned=record.rows + 1,
        rows=record.rows,
        dropped={"too long": 1},
        rows_sha256=record.rows_sha256,
    )
