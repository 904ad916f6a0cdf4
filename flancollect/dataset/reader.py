"""Reading finished builds: the manifest, and rows in mixture order or by number.

The one reader that training, evaluation, statistics and exports share. It needs no other part of flancollect than
the artifacts and schemas, so that a machine that only trains imports little.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from flancollect.artifacts import Manifest, PathLike, ShardInfo, read_artifact
from flancollect.dataset.schemas import schema_of
from flancollect.draw import Ints
from flancollect.errors import CheckError, UsageError, did_you_mean

if TYPE_CHECKING:
    from datasets import Dataset

MANIFEST = "manifest.json"
SHARD_FILES = "data-*-of-*.arrow"
WORK_FOLDER = ".work"


def read_manifest(out: Path) -> Manifest:
    """The manifest of a finished build.

    Raises UsageError where there is none, saying whether an unfinished build lies there; CheckError for a
    manifest that cannot be read.
    """
    path = out / MANIFEST
    if path.is_file():
        return read_artifact(path, Manifest, CheckError)
    if not out.is_dir():
        raise UsageError(f"{out}: no such folder. Give the --out folder of a `flancollect build`.")
    if (out / WORK_FOLDER).is_dir():
        raise UsageError(
            f"{out}: the build is not finished: it has no {MANIFEST}. Run the same `flancollect build` "
            f"command again: it resumes from {out / WORK_FOLDER}."
        )
    raise UsageError(f"{out}: not a build folder: it has no {MANIFEST}. `flancollect build` makes one.")


def open_build(build: PathLike | Build) -> Build:
    """A finished build in a folder, or one that is open already.

    Raises as `read_manifest`; shards are looked at when their rows are.
    """
    return build if isinstance(build, Build) else Build(Path(build), read_manifest(Path(build)))


class Build:
    """The rows of a finished build: `len`, iteration over rows as dictionaries, and rows by number.

    Row numbers count from 0 in mixture order, as `datasets.load_from_disk` does. Shards are memory-mapped: what is
    not looked at is not read. May be shared by threads; a pickled copy maps the shards again for itself. Reading
    raises CheckError for a shard that is missing, broken or of another size than the manifest says.
    """

    __slots__ = ("_lock", "_mapped", "_starts", "manifest", "path")

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path, self.manifest = path, manifest
        self._starts = _starts([shard.rows for shard in manifest.shards])
        self._mapped: dict[int, tuple[list[pa.RecordBatch], Ints]] = {}
        self._lock = Lock()

    def __reduce__(self) -> tuple[type[Build], tuple[Path, Manifest]]:
        # Neither a lock nor a mapping can be sent to another process.
        return type(self), (self.path, self.manifest)

    def __repr__(self) -> str:
        return f"<{self.manifest.kind} {self.manifest.mixture}: {len(self):,} rows in {self.path}>"

    @property
    def schema(self) -> pa.Schema:
        """The columns: those of a mixture, or of a benchmark."""
        return schema_of(self.manifest.kind)

    @property
    def content_hash(self) -> str:
        """What names the rows: equal in every build of the same rows in the same order and shards."""
        return self.manifest.content_hash

    def __len__(self) -> int:
        return self.manifest.rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for batch in self.batches():
            yield from batch.to_pylist()

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Some columns, or all, of each shard in order; no shard stays mapped when the next one comes.

        Memory-mapped: what is not looked at is not read.
        """
        names = self._names(columns)
        return (_shard_table(self.path / shard.file, shard, names) for shard in self.manifest.shards)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Some columns, or all, in batches of at most `shards.BATCH_ROWS` rows, in mixture order."""
        for table in self.tables(columns):
            yield from table.to_batches()

    def take(
        self, indices: Sequence[int] | npt.NDArray[np.integer], columns: Sequence[str] | None = None
    ) -> pa.Table:
        """The rows of these numbers, in the order given; a number may come more than once.

        They are copied out of the shards. Raises UsageError for a number that no row has. Of one column no more than
        2 GiB of text can be taken at once.
        """
        names = self._names(columns)
        rows = np.asarray(indices)
        if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
            raise UsageError(
                f"{self.path}: rows are taken by their numbers, given as a list of whole numbers; "
                f"this is {'a mask' if rows.dtype.kind == 'b' else repr(indices)[:80]}"
            )
        outside = rows[(rows < 0) | (rows >= len(self))]
        if len(outside):
            numbers = f"rows are 0..{len(self) - 1}" if len(self) else "it has none"
            raise UsageError(f"{self.path}: no row {outside[0]}; {numbers}")
        # Shards of 3, 2 and 4 rows start at [0, 3, 5]. The rows [6, 0, 4, 6] are taken sorted, as [0, 4, 6, 6], so
        # that each batch is looked at once: `order` is [1, 2, 0, 3]. They lie in shards [0, 1, 2, 2], which is
        # searchsorted(starts, sorted rows, "right") - 1, and there at rows [0, 1, 1, 1]; the same finds the batch in
        # a shard. Row n of what was taken is number order[n] of the result: argsort(order), [2, 0, 1, 3], brings all
        # back into the order given.
        rows = rows.astype(np.int64)
        order = np.argsort(rows, kind="stable")
        pieces: list[pa.RecordBatch] = []
        for shard, rows_in_shard in _by_part(self._starts, rows[order]):
            batches, starts = self._shard(shard)
            for number, rows_in_batch in _by_part(starts, rows_in_shard):
                batch = batches[number].select(names)
                # A batch that gives one row, as most do when few rows of many are taken, is sliced: that copies
                # nothing yet, and takes a quarter of the time.
                single = len(rows_in_batch) == 1
                pieces.append(batch.slice(rows_in_batch[0], 1) if single else batch.take(rows_in_batch))
        if not pieces:
            return pa.schema([self.schema.field(name) for name in names]).empty_table()
        return pa.Table.from_batches([pa.concat_batches(pieces).take(pa.array(np.argsort(order)))])

    def row(self, index: int) -> dict[str, Any]:
        """One row by number, as `take` gives it."""
        row: dict[str, Any] = self.take([index]).to_pylist()[0]
        return row

    def to_dataset(self) -> Dataset:
        """The rows as a `datasets.Dataset`, memory-mapped too."""
        from datasets import load_from_disk  # noqa: PLC0415 (its import takes seconds)

        return load_from_disk(str(self.path))

    def _names(self, columns: Sequence[str] | None) -> list[str]:
        """The columns to read. Raises UsageError for one that builds of this kind do not have."""
        names: list[str] = self.schema.names
        for name in columns or ():
            if name not in names:
                hint = did_you_mean(name, names, "Columns")
                raise UsageError(f"{self.path}: no column {name} in a {self.manifest.kind} build.{hint}")
        return names if columns is None else list(columns)

    def _shard(self, number: int) -> tuple[list[pa.RecordBatch], Ints]:
        """The batches of a shard and where each begins in it, mapped once and kept."""
        with self._lock:
            if number not in self._mapped:
                shard = self.manifest.shards[number]
                batches = _shard_table(self.path / shard.file, shard, self.schema.names).to_batches()
                self._mapped[number] = batches, _starts([batch.num_rows for batch in batches])
            return self._mapped[number]


@contextmanager
def open_shard(path: Path) -> Iterator[pa.ipc.RecordBatchStreamReader]:
    """A shard's batches one by one, memory-mapped. Raises pyarrow.ArrowInvalid for a broken file."""
    with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as reader:
        yield reader


def _shard_table(path: Path, shard: ShardInfo, columns: Sequence[str]) -> pa.Table:
    try:
        # Arrow may read a file that was cut between two batches without a word.
        if path.stat().st_size != shard.bytes:
            raise pa.ArrowInvalid(f"it should have {shard.bytes} bytes")
        with open_shard(path) as reader:
            table = reader.read_all().select(list(columns))
        if table.num_rows != shard.rows:
            raise pa.ArrowInvalid(f"it should have {shard.rows} rows")
        return table
    except (OSError, KeyError, pa.ArrowInvalid) as problem:
        raise CheckError(f"{path}: cannot be read: {problem}. `flancollect verify` says more.") from problem


def _starts(sizes: Sequence[int]) -> Ints:
    """Where each of several parts begins in the whole."""
    return np.cumsum([0, *sizes], dtype=np.int64)[:-1]


def _by_part(starts: Ints, rows: Ints) -> Iterator[tuple[int, Ints]]:
    """Each part that some sorted rows lie in, and their numbers counted from its beginning."""
    parts, firsts = np.unique(np.searchsorted(starts, rows, side="right") - 1, return_index=True)
    for part, numbers in zip(parts.tolist(), np.split(rows, firsts[1:]), strict=False):
        yield part, numbers - starts[part]
