"""The Arrow schema of every table between stages, one comment per column.

Tables are checked against these and never cast: a mismatch is a fault of the stage that made the table.
"""

from __future__ import annotations

from typing import TypeAlias

import pyarrow as pa

from flancollect.artifacts import BuildKind
from flancollect.errors import FlancollectError

Rows: TypeAlias = pa.RecordBatch | pa.Table

PROVENANCE = pa.struct(
    [
        ("split", pa.string()),  # the source's own split that the row is from
        ("source_row", pa.int64()),  # row number in that split, 0-based, before any filter
        ("repeat", pa.int32()),  # which use of the row by this variant; 0 = the first
        ("option_style", pa.string()),  # name of the option style; null where no options are shown
        ("shot_style", pa.string()),  # name of the shot style; null in zero-shot prompts
        ("dialog_style", pa.string()),  # name of the dialog style; null where no field holds turns
        (
            "cut_bytes",
            pa.int32(),
        ),  # bytes that the family's `long` field lost to the mixture's limits; 0 = none
        ("exemplar_source", pa.string()),  # "pool": rows of the task, "card": the card's own; null = no shots
        ("exemplars", pa.list_(pa.int64())),  # numbers in that source, as shown; empty = zero-shot
        ("exemplar_templates", pa.list_(pa.string())),  # `template_id` of each; empty = all in the row's own
        ("options", pa.list_(pa.string())),  # option texts in the order shown; empty = none shown
        ("answer", pa.string()),  # the answer's text, before an option style turned it into a label
    ]
)

QUESTION = pa.struct(
    [
        ("id", pa.string()),  # "task/split/row", such as "mmlu_anatomy/test/17"; equal in every variant
        ("choices", pa.list_(pa.string())),  # all answer texts in order, shown or not; empty for free text
        ("labels", pa.list_(pa.string())),  # what each choice is answered with here; as long as `choices`
        ("answer", pa.int32()),  # position of the right choice, 0-based; -1: none, see below
        ("accepted", pa.list_(pa.string())),  # every right answer, the one of the row itself first
        ("metric", pa.string()),  # how answers are scored: the card's `metric`
        ("cluster", pa.string()),  # the card's `cluster`; "" where it has none
        ("languages", pa.list_(pa.string())),  # the card's `languages`
        ("subject", pa.string()),  # part of the benchmark: a subject, subtask or language; "" where none
        ("prompt_sha256", pa.string()),  # SHA-256 (hex) of `inputs` in UTF-8
    ]
)

# `answer` is -1 where there are no choices, and where the published answer is none of them (three in BIG-Bench Hard).
# The first of `accepted` is what the target says, save where that is a rationale: then it is the answer it ends in.

MIXTURE = pa.schema(
    [
        ("inputs", pa.string()),  # the prompt
        ("targets", pa.string()),  # what the model should say
        ("task_source", pa.string()),  # the collection, as the published submixes name it
        ("task_name", pa.string()),  # the card's `task`
        ("template_type", pa.string()),  # the variant: zs_opt, fs_noopt, ...
        ("template_id", pa.string()),  # "family/forward/name" or "family/inverted/name"
        ("provenance", PROVENANCE),  # how to find and make the row again; never null
    ]
)

BENCHMARK = pa.schema(
    [
        *MIXTURE,
        ("question", QUESTION),  # what scoring needs to know of the row; never null
    ]
)


def schema_of(kind: BuildKind) -> pa.Schema:
    """The columns of a build of this kind, as its manifest names it."""
    return BENCHMARK if kind == "benchmark" else MIXTURE


def rendered_schema(schema: pa.Schema) -> pa.Schema:
    """The columns that a job renders for a build of this schema: the same, behind the row's `order`."""
    return pa.schema(
        [
            ("order", pa.uint64()),  # keyed position in the mixture: rows are shuffled by sorting on it
            *schema,
        ]
    )


RENDERED = rendered_schema(MIXTURE)

# Everything else must be there in every row; lists and structs are never null, only empty.
NULLABLE = frozenset(
    f"provenance.{name}" for name in ("option_style", "shot_style", "dialog_style", "exemplar_source")
)


def columns_of(schema: pa.Schema) -> dict[str, str]:
    """Column name to Arrow type, in column order: what a manifest says of its tables."""
    return {field.name: str(field.type) for field in schema}


def check_schema(rows: Rows, schema: pa.Schema) -> None:
    """Raise FlancollectError naming every missing, extra, misplaced or differently typed column."""
    if rows.schema.equals(schema):
        return
    actual, expected = columns_of(rows.schema), columns_of(schema)
    problems = [f"no column {name} ({kind})" for name, kind in expected.items() if name not in actual]
    problems += [f"unknown column {name} ({kind})" for name, kind in actual.items() if name not in expected]
    problems += [
        f"column {name} is {actual[name]}, not {kind}"
        for name, kind in expected.items()
        if actual.get(name, kind) != kind
    ]
    # Dictionaries hide a repeated column, and are equal in any order; batches are read by position.
    if not problems and rows.schema.names != schema.names:
        problems.append(f"columns stand as {', '.join(rows.schema.names)}, not {', '.join(schema.names)}")
    if problems:
        raise FlancollectError("the table has not the columns it should have: " + "; ".join(problems))


def check_rows(rows: Rows, schema: pa.Schema) -> None:
    """`check_schema`, and no null outside `NULLABLE`."""
    check_schema(rows, schema)
    batches = [rows] if isinstance(rows, pa.RecordBatch) else rows.to_batches()
    nulls = {
        path
        for batch in batches
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
        for path in _nulls(column, name)
    }
    if nulls:
        raise FlancollectError(f"null where every row needs a value: {', '.join(sorted(nulls))}")


def _nulls(column: pa.Array, path: str) -> list[str]:
    """Dotted paths of the columns and struct fields that hold nulls they may not hold."""
    nulls = [path] if column.null_count and path not in NULLABLE else []
    if pa.types.is_struct(column.type):
        # `flatten` gives a struct's own nulls to its children; `field` would hide them.
        for field, child in zip(column.type, column.flatten(), strict=True):
            nulls += _nulls(child, f"{path}.{field.name}")
    elif pa.types.is_list(column.type):
        nulls += _nulls(column.flatten(), f"{path}[]")
    return nulls
