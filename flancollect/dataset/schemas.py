"""The Arrow schema of every table between stages, one comment per column.

Tables are checked against these and never cast: a mismatch is a fault of the stage that made the table.
"""

from __future__ import annotations

from typing import TypeAlias

import pyarrow as pa

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
        ("exemplar_source", pa.string()),  # "pool": rows of the task, "card": the card's own; null = no shots
        ("exemplars", pa.list_(pa.int64())),  # numbers in that source, as shown; empty = zero-shot
        ("options", pa.list_(pa.string())),  # option texts in the order shown; empty = none shown
        ("answer", pa.string()),  # the answer's text, before an option style turned it into a label
    ]
)

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

RENDERED = pa.schema(
    [
        ("order", pa.uint64()),  # keyed position in the mixture: rows are shuffled by sorting on it
        *MIXTURE,
    ]
)

# Everything else must be there in every row; lists and structs are never null, only empty.
NULLABLE = frozenset(
    f"provenance.{name}" for name in ("option_style", "shot_style", "dialog_style", "exemplar_source")
)


def columns_of(schema: pa.Schema) -> dict[str, str]:
    """Column name to Arrow type, in column order: what a manifest says of its tables."""
    return {field.name: str(field.type) for field in schema}


def check_schema(rows: Rows, schema: pa.Schema) -> None:
    """Raise FlancollectError naming every missing, extra, misplaced or differently typed column."""
    problems = _differences(rows.schema, schema)
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


def _differences(found: pa.Schema, wanted: pa.Schema) -> list[str]:
    has, wants = columns_of(found), columns_of(wanted)
    problems = [f"no column {name} ({kind})" for name, kind in wants.items() if name not in has]
    problems += [f"unknown column {name} ({kind})" for name, kind in has.items() if name not in wants]
    problems += [
        f"column {name} is {has[name]}, not {kind}"
        for name, kind in wants.items()
        if has.get(name, kind) != kind
    ]
    if not problems and found.names != wanted.names:
        problems.append(f"columns stand as {', '.join(found.names)}, not {', '.join(wanted.names)}")
    return problems


def _nulls(column: pa.Array, path: str) -> list[str]:
    """Dotted paths of the columns and struct fields that hold nulls they may not hold."""
    found = [path] if column.null_count and path not in NULLABLE else []
    if pa.types.is_struct(column.type):
        for field, child in zip(column.type, column.flatten(), strict=True):
            found += _nulls(child, f"{path}.{field.name}")
    elif pa.types.is_list(column.type):
        found += _nulls(column.flatten(), f"{path}[]")
    return found
