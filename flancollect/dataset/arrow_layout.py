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

    The last two of ["ab", null, "c"] are a slice with the offsets [2, 2, 3] into "abc", and a mask that begins at
    its second bit. Tidied they have the offsets [0, 0, 1] into "c", and the mask 0b10: null, then valid.
    """
    kind, nulls = array.type, array.null_count
    if nulls == 0 and pa.types.is_list(kind):
        offsets = _offsets(array)
        values = array.values.slice(offsets[0], offsets[-1] - offsets[0])
        return pa.ListArray.from_arrays(pa.array(offsets - offsets[0]), tidy(values), type=kind)
    if nulls == 0 and pa.types.is_struct(kind):
        return pa.StructArray.from_arrays([tidy(child) for child in array.flatten()], fields=list(kind))
    if not (pa.types.is_string(kind) or pa.types.is_integer(kind)):
        raise TypeError(f"no layout for {kind} with {nulls} nulls")
    mask = pa.py_buffer(np.packbits(_valid(array), bitorder="little")) if nulls else None
    # What lies in memory under a null is nobody's value, and would still be written to a file.
    filled = array.fill_null("" if pa.types.is_string(kind) else 0) if nulls else array
    if pa.types.is_integer(kind):
        values = np.ascontiguousarray(filled.to_numpy(zero_copy_only=False))
        return pa.Array.from_buffers(kind, len(array), [mask, pa.py_buffer(values)], nulls)
    offsets, data = _offsets(filled), filled.buffers()[2]
    text = data.slice(offsets[0], offsets[-1] - offsets[0]) if data is not None else pa.py_buffer(b"")
    return pa.Array.from_buffers(kind, len(array), [mask, pa.py_buffer(offsets - offsets[0]), text], nulls)


def begins_at_start(array: pa.Array) -> bool:
    """Whether a text, number or list without nulls begins where its buffers do, as what a builder made does.

    Only spare bytes at the end tell it from a tidy one.
    """
    if array.offset or array.null_count:
        return False
    if pa.types.is_integer(array.type):
        return True
    first_is_0 = not len(array) or not memoryview(array.buffers()[1])[:4].cast("i")[0]
    return first_is_0 and (not pa.types.is_list(array.type) or begins_at_start(array.values))


def streams(array: pa.Array) -> list[npt.NDArray[np.generic]]:
    """The bytes that say all of a tidy array, as one stream per leaf buffer.

    The streams of two arrays, joined pairwise, are the streams of the joined arrays: lengths stand in for
    offsets, and one byte per value for null bits. [["a", "bc"], ["d"]] gives the lists' lengths [2, 1], the texts'
    null flags [1, 1, 1] and lengths [1, 2, 1], and the bytes "abcd".
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


def stream_count(kind: pa.DataType) -> int:
    """How many streams an array of a type has."""
    if pa.types.is_struct(kind):
        return sum(stream_count(field.type) for field in kind)
    if pa.types.is_list(kind):
        return 1 + stream_count(kind.value_type)
    return 3 if pa.types.is_string(kind) else 2


def _valid(array: pa.Array) -> npt.NDArray[np.uint8]:
    """One byte per value, 0 for a null."""
    # Most columns have no nulls; to look at each value of them would take as long as to hash the text.
    if array.null_count == 0:
        return np.ones(len(array), dtype=np.uint8)
    valid: npt.NDArray[np.bool_] = array.is_valid().to_numpy(zero_copy_only=False)
    return valid.view(np.uint8)


def _offsets(array: pa.Array) -> npt.NDArray[np.int32]:
    """The len + 1 offsets of a string or list array into its values."""
    if len(array) == 0:
        return np.zeros(1, dtype=np.int32)
    return np.frombuffer(array.buffers()[1], dtype=np.int32)[array.offset : array.offset + len(array) + 1]
