"""One memory layout for equal rows: the same buffers whatever slices, chunks and builders they came from.

Arrow lets equal values lie differently in memory (offsets into larger buffers, bytes under nulls, spare
bits), and writes some of that to files. `tidy` removes the freedom; `streams` gives the bytes to hash.
Only the types of `schemas.py` are known: strings, integers, and lists and structs that are never null.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def tidy_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Equal rows, laid out in the one way; schema metadata is left out."""
    schema = batch.schema.remove_metadata()
    return pa.RecordBatch.from_arrays([tidy(column) for column in batch.columns], schema=schema)


def tidy(array: pa.Array) -> pa.Array:
    """Equal values with minimal buffers: offsets from 0, zeros under nulls, a null mask only if needed.

    Raises TypeError for another type than those of `schemas.py`, or a null list or struct.
    """
    kind = array.type
    if pa.types.is_string(kind):
        return _tidy_strings(array)
    if pa.types.is_integer(kind):
        return _tidy_integers(array)
    if array.null_count == 0 and pa.types.is_list(kind):
        offsets = _offsets(array)
        values = array.values.slice(offsets[0], offsets[-1] - offsets[0])
        return pa.ListArray.from_arrays(pa.array(offsets - offsets[0]), tidy(values), type=kind)
    if array.null_count == 0 and pa.types.is_struct(kind):
        return pa.StructArray.from_arrays([tidy(child) for child in array.flatten()], fields=list(kind))
    raise TypeError(f"no layout for {kind} with {array.null_count} nulls")


def streams(array: pa.Array) -> list[npt.NDArray[np.generic]]:
    """The bytes that say all of a tidy array, as one stream per leaf buffer.

    The streams of two arrays, joined pairwise, are the streams of the joined arrays: lengths stand in for
    offsets, and one byte per value for null bits.
    """
    kind = array.type
    if pa.types.is_struct(kind):
        return [stream for child in array.flatten() for stream in streams(child)]
    if pa.types.is_list(kind):
        return [np.diff(_offsets(array)), *streams(array.values)]
    valid = _valid(array)
    if pa.types.is_string(kind):
        return [valid, np.diff(_offsets(array)), np.frombuffer(array.buffers()[2], dtype=np.uint8)]
    return [valid, np.frombuffer(array.buffers()[1], dtype=kind.to_pandas_dtype())]


def _valid(array: pa.Array) -> npt.NDArray[np.uint8]:
    if array.null_count == 0:
        return np.ones(len(array), dtype=np.uint8)
    valid: npt.NDArray[np.bool_] = array.is_valid().to_numpy(zero_copy_only=False)
    return valid.view(np.uint8)


def stream_count(kind: pa.DataType) -> int:
    """How many streams an array of a type has."""
    if pa.types.is_struct(kind):
        return sum(stream_count(field.type) for field in kind)
    if pa.types.is_list(kind):
        return 1 + stream_count(kind.value_type)
    return 3 if pa.types.is_string(kind) else 2


def _tidy_strings(array: pa.Array) -> pa.Array:
    filled = array.fill_null("") if array.null_count else array
    offsets = _offsets(filled)
    data = filled.buffers()[2]
    text = data.slice(offsets[0], offsets[-1] - offsets[0]) if data is not None else pa.py_buffer(b"")
    buffers = [_null_mask(array), pa.py_buffer(offsets - offsets[0]), text]
    return pa.Array.from_buffers(array.type, len(array), buffers, array.null_count)


def _tidy_integers(array: pa.Array) -> pa.Array:
    filled = array.fill_null(0) if array.null_count else array
    values = np.ascontiguousarray(filled.to_numpy(zero_copy_only=False))
    return pa.Array.from_buffers(
        array.type, len(array), [_null_mask(array), pa.py_buffer(values)], array.null_count
    )


def _null_mask(array: pa.Array) -> pa.Buffer | None:
    if array.null_count == 0:
        return None
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    return pa.py_buffer(np.packbits(valid, bitorder="little"))


def _offsets(array: pa.Array) -> npt.NDArray[np.int32]:
    """The len + 1 offsets of a string or list array into its values."""
    if len(array) == 0:
        return np.zeros(1, dtype=np.int32)
    return np.frombuffer(array.buffers()[1], dtype=np.int32)[array.offset : array.offset + len(array) + 1]
