"""The token cache: rows of a build as tokens, in files of 2,000 rows that are made when a run first reads them.

A file is named by the hashes of its shard and of the tokenizer, so it is right or absent; limits come later, so that
runs of other limits share it. Its own checksum finds what was damaged on the disk.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from itertools import pairwise
from pathlib import Path
from threading import Lock

import numpy as np
import pyarrow as pa

from finetune.examples import Examples, joined
from finetune.tokenizer import TextEncoder
from flancollect.artifacts import file_sha256, fingerprint, write_atomically
from flancollect.dataset.disk_errors import disk_errors
from flancollect.dataset.reader import Build
from flancollect.draw import Ints
from flancollect.errors import CheckError

CHUNK_ROWS = 2000
MAPPED_CHUNKS = 16
FORMAT = 1  # part of every file's name: raise it when the same rows become other tokens or another file

_LENGTHS = ("inputs", "targets")


class TokenCache:
    """The examples of a build's rows, for several threads and processes: a file appears whole or not at all."""

    def __init__(self, build: Build, encoder: TextEncoder, folder: Path) -> None:
        self.build, self.encoder = build, encoder
        self.folder = folder / "tokens" / encoder.fingerprint[:16]
        shards = build.manifest.shards
        self._shard_starts = np.cumsum([0, *(shard.rows for shard in shards)]).tolist()
        # Chunks do not cross shards: [0, 2000), [2000, 3500) of the first shard, [3500, 5500) of the next.
        self._chunks = [
            (shard, first, min(first + CHUNK_ROWS, end))
            for shard, (start, end) in enumerate(pairwise(self._shard_starts))
            for first in range(start, end, CHUNK_ROWS)
        ]
        self._chunk_starts = np.array([first for _, first, _ in self._chunks], dtype=np.int64)
        self._open: OrderedDict[int, Examples] = OrderedDict()
        self._checked_shards: set[int] = set()
        self._lock = Lock()

    def windows(self) -> list[Ints]:
        """The row numbers of each chunk, in the order of the build."""
        return [np.arange(first, end, dtype=np.int64) for _, first, end in self._chunks]

    def examples(self, rows: Ints) -> Examples:
        """The examples of some rows, in their order.

        Raises CheckError for a shard that is not as the manifest says, FlancollectError for a full disk.
        """
        places = np.searchsorted(self._chunk_starts, rows, side="right") - 1
        numbers = np.unique(places).tolist()
        if len(numbers) == 1:
            chunk = self._chunk(numbers[0])
            return (
                chunk
                if len(rows) == len(chunk) and (rows == chunk.rows).all()
                else chunk.select(rows - chunk.rows[0])
            )
        # Chunk by chunk, then back into the order of `rows`: sorting is stable, so argsort undoes it.
        order = np.argsort(places, kind="stable")
        parts = []
        for number in numbers:
            chunk = self._chunk(number)
            parts.append(chunk.select(rows[places == number] - chunk.rows[0]))
        return joined(parts).select(np.argsort(order, kind="stable"))

    def _chunk(self, number: int) -> Examples:
        # Training and validation read from threads of their own.
        with self._lock:
            if number not in self._open:
                _, first, end = self._chunks[number]
                path = self._path(number)
                examples = _read(path, np.arange(first, end, dtype=np.int64)) or self._make(number, path)
                self._open[number] = examples
                if len(self._open) > MAPPED_CHUNKS:
                    self._open.popitem(last=False)
            self._open.move_to_end(number)
            return self._open[number]

    def _path(self, number: int) -> Path:
        shard, first, end = self._chunks[number]
        in_shard = first - self._shard_starts[shard]
        name = fingerprint([FORMAT, self.build.manifest.shards[shard].rows_sha256, in_shard, end - first])
        return self.folder / f"{name[:32]}.tokens"

    def _make(self, number: int, path: Path) -> Examples:
        shard, first, end = self._chunks[number]
        self._check(shard)
        rows = np.arange(first, end, dtype=np.int64)
        table = self.build.take(rows, columns=["inputs", "targets"])
        examples = self.encoder.encode(rows, table["inputs"].to_pylist(), table["targets"].to_pylist())
        with disk_errors(self.folder, "the tokens of other rows are kept"):
            self.folder.mkdir(parents=True, exist_ok=True)
            # Not flushed: what a power loss takes is noticed by its checksum, and made again.
            write_atomically(path, _as_bytes(examples), durable=False)
        return examples

    def _check(self, shard: int) -> None:
        """Hash a shard before the first of its rows is read."""
        if shard in self._checked_shards:
            return
        info = self.build.manifest.shards[shard]
        path = self.build.path / info.file
        try:
            intact = file_sha256(path) == info.sha256
        except OSError as error:
            raise CheckError(f"{path}: cannot be read: {error.strerror}") from error
        if not intact:
            raise CheckError(
                f"{path}: is damaged: its bytes are not those that the manifest names. `flancollect build` makes it "
                "anew"
            )
        self._checked_shards.add(shard)


def _as_bytes(examples: Examples) -> bytes:
    """A checksum of four bytes, then an Arrow stream of the lengths and of the tokens."""
    sink = pa.BufferOutputStream()
    for columns in (
        {"inputs": examples.inputs, "targets": examples.targets},
        {"tokens": examples.tokens},
    ):
        batch = pa.record_batch({name: pa.array(values) for name, values in columns.items()})
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
    data: bytes = sink.getvalue().to_pybytes()
    return zlib.crc32(data).to_bytes(4, "little") + data


def _read(path: Path, rows: Ints) -> Examples | None:
    """The examples of a file; None where it is absent, or not as it was written."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if len(data) < 8 or zlib.crc32(data[4:]) != int.from_bytes(data[:4], "little"):
        return None
    # Two streams in one file, one behind the other: lengths and tokens are columns of different length.
    source = pa.BufferReader(pa.py_buffer(data[4:]))
    lengths, tokens = (pa.ipc.open_stream(source).read_all() for _ in range(2))
    inputs, targets = (lengths[name].to_numpy() for name in _LENGTHS)
    return Examples.end_to_end(rows=rows, tokens=tokens["tokens"].to_numpy(), inputs=inputs, targets=targets)
