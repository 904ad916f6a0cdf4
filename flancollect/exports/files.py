"""The data files of an export, written one after the other into a staging folder.

A file is there whole or not at all, so an export that was stopped goes on at the first missing file.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa

from flancollect.artifacts import ExportFile, Manifest, Progress, file_sha256
from flancollect.dataset.reader import Build
from flancollect.exports import configs
from flancollect.exports.configs import Config
from flancollect.exports.format import Format


def configs_of(manifest: Manifest, form: Format) -> tuple[Config, ...]:
    """The configurations that a format has, the whole mixture first."""
    return (configs.everything(manifest), *(configs.by_style(manifest) if form.by_style else ()))


def write_files(
    build: Build, form: Format, staging: Path, progress: Progress | None = None
) -> list[ExportFile]:
    """Write all data files of a format and describe them, in the order of configurations and rows."""
    pairs = [(config, suffix) for config in configs_of(build.manifest, form) for suffix in form.writers]
    total = sum(len(config.files("", suffix)) for config, suffix in pairs)
    files: list[ExportFile] = []
    for config, suffix in pairs:
        for file in _write_config(build, form, config, suffix, staging):
            files.append(file)
            if progress is not None:
                progress("files", len(files), total)
    return files


def _write_config(
    build: Build, form: Format, config: Config, suffix: str, staging: Path
) -> Iterator[ExportFile]:
    """Write the files of one configuration that are not there yet, and describe each."""
    groups = configs.row_groups(build, config, list(form.columns))
    # `groups` goes on from file to file: each takes its share of the one pass over the shards.
    for name, rows in config.files(f"{config.name}/" if form.by_style else "", suffix):
        path, sizes = staging / name, [0]
        batches = _measured(islice(groups, -(-rows // configs.GROUP_ROWS)), sizes)
        if path.is_file():
            # An earlier run wrote it. Its rows are read all the same: the next file begins behind them.
            deque(batches, maxlen=0)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f"{path.name}.tmp")
            form.writers[suffix](temporary, batches)
            temporary.replace(path)
        yield ExportFile(
            file=name,
            config=config.name if suffix == form.suffix else None,
            rows=rows,
            values_bytes=sum(sizes),
            bytes=path.stat().st_size,
            sha256=file_sha256(path),
        )
    deque(groups, maxlen=0)  # so that the count of rows is checked at the end


def _measured(batches: Iterable[pa.RecordBatch], sizes: list[int]) -> Iterator[pa.RecordBatch]:
    """The same batches; the size of each in memory goes to `sizes` when it passes."""
    for batch in batches:
        sizes.append(batch.nbytes)
        yield batch
