"""Whether files of one split agree on their columns: how values are stored may differ, what they are may not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from flancollect.sources.values import is_bytes, is_list, is_text


@dataclass(frozen=True, slots=True, kw_only=True)
class FileColumns:
    """The columns of one file; `name` is the file's in messages. Those in `without_values` hold nulls alone."""

    name: str
    schema: pa.Schema
    without_values: frozenset[str] = frozenset()


def joint_schema(files: Sequence[FileColumns]) -> pa.Schema:
    """All columns of some files in the order of the first that has them, each of a type that holds values, if any."""
    fields: dict[str, pa.Field] = {}
    for file in files:
        for field in file.schema:
            if field.name not in fields or pa.types.is_null(fields[field.name].type):
                fields[field.name] = field
    return pa.schema(fields.values())


def unlike_columns(files: Sequence[FileColumns]) -> dict[str, str]:
    """The columns that cannot be read as one, each with what is wrong, naming two files that disagree."""
    wrong: dict[str, str] = {}
    first: dict[str, tuple[str, pa.DataType]] = {}
    for file in files:
        for field in file.schema:
            kind = pa.null() if field.name in file.without_values else field.type
            name, type_before = first.get(field.name, ("", pa.null()))
            if not alike(type_before, kind):
                message = (
                    f'{file.name}: column "{field.name}" is {field.type}, but {type_before} in {name}: '
                    "the files of a split must agree on the columns that a card reads; "
                    + _cure(type_before, field.type)
                )
                wrong.setdefault(field.name, message)
            elif field.name not in first or pa.types.is_null(type_before):
                first[field.name] = (file.name, kind)
    for file in files:
        for column in first.keys() - set(file.schema.names) - wrong.keys():
            names = ", ".join(file.schema.names)
            wrong[column] = (
                f'{file.name}: no column "{column}", which {first[column][0]} has. Columns: {names}'
            )
    return wrong


def _cure(one: pa.DataType, other: pa.DataType) -> str:
    if {_family(_bare(one)), _family(_bare(other))} == {"whole number", "number"}:
        # pandas has no null among whole numbers, and writes 1.0 where one is missing.
        return "write them anew with one type, of pandas with `Int64` for whole numbers with holes"
    return "write them anew with one type, or give each file a card of its own"


def alike(one: pa.DataType, other: pa.DataType) -> bool:
    """Whether values of two types are the same kind of thing to a card: text, a whole number, a list of such."""
    one, other = _bare(one), _bare(other)
    if pa.types.is_null(one) or pa.types.is_null(other):
        return True
    if is_list(one) and is_list(other):
        return alike(one.value_type, other.value_type)
    if pa.types.is_map(one) and pa.types.is_map(other):
        return alike(one.key_type, other.key_type) and alike(one.item_type, other.item_type)
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        # Each row has the keys of its own file, as rows of JSON have theirs.
        types: Mapping[str, pa.DataType] = {field.name: field.type for field in one}
        return all(alike(types[field.name], field.type) for field in other if field.name in types)
    return one.equals(other) or (_family(one) == _family(other) != "")


def _bare(kind: pa.DataType) -> pa.DataType:
    """The type of the values, without how they are encoded."""
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        return _bare(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType) and kind != pa.uuid():
        return _bare(kind.storage_type)
    return kind


def _family(kind: pa.DataType) -> str:
    """What a type holds, whatever its width or unit; empty for types that are like themselves alone."""
    types = pa.types
    families = {
        "text": is_text(kind) or is_bytes(kind),
        "whole number": types.is_integer(kind),
        "number": types.is_floating(kind),
        "date": types.is_date(kind),
        "time of day": types.is_time(kind),
        "duration": types.is_duration(kind),
    }
    if types.is_timestamp(kind):
        return f"time in {kind.tz}"
    # 3.80 and 3.8 are different texts, so numbers of other scales are another kind of thing.
    if types.is_decimal(kind):
        return f"decimal of scale {kind.scale}"
    return next((name for name, is_one in families.items() if is_one), "")
