"""A finished build in another shape: Parquet for the Hub, JSON lines, TRL, conversations, seqio.

The folder holds the data files, a dataset card with what belongs to it, the build's manifest, and last of
all `export.json`, which lists every file with its hash. Stopped at any moment, the same command goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flancollect.artifacts import (
    Export,
    ExportFile,
    Manifest,
    PathLike,
    Progress,
    __version__,
    file_sha256,
    fingerprint,
    write_artifact,
    write_atomically,
)
from flancollect.dataset.disk_errors import disk_errors
from flancollect.dataset.reader import Build, open_build
from flancollect.dataset.stats import stats
from flancollect.errors import CheckError
from flancollect.exports.configs import FILE_ROWS, GROUP_ROWS
from flancollect.exports.dataset_card.card import HERE, LengthRow, dataset_card
from flancollect.exports.dataset_card.front import ExportListing
from flancollect.exports.dataset_card.picture import picture
from flancollect.exports.dataset_card.sources import attribution, bibliography
from flancollect.exports.files import write_files
from flancollect.exports.folder import acquire_export_folder, discard, finished, seal
from flancollect.exports.format import Format
from flancollect.exports.formats import format_of

EXPORT_VERSION = 1  # raised when equal builds give other files
BUILD_MANIFEST = "build-manifest.json"  # under its own name, manifest.json, the folder would pass for a build


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """In which shape. `address` is what the card tells `load_dataset` to open."""

    format: str = "parquet"
    provenance: bool = True
    address: str = HERE


DEFAULTS = ExportOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A finished export; `reused` when it lay there already and nothing was written."""

    export: Export
    reused: bool


def export(
    build: PathLike | Build,
    out: PathLike,
    options: ExportOptions = DEFAULTS,
    progress: Progress | None = None,
) -> Exported:
    """Export a finished build into the folder `out`.

    Raises UsageError when there is no finished build, no such format, or the folder holds something else,
    CheckError when the build's shards are not what its manifest says.
    """
    source, out = open_build(build), Path(out)
    _check_sizes(source)
    form = format_of(options.format, source.schema, provenance=options.provenance)
    key = _export_key(source.manifest, options)
    with (
        disk_errors(out, "finished files are kept"),
        acquire_export_folder(out, options.format, source.manifest.mixture, key) as staging,
    ):
        present = finished(out, key)
        if present is not None:
            discard(out)
            return Exported(export=present, reused=True)
        files = write_files(source, form, staging, progress)
        files += _write_documents(source, form, options.address, staging, files)
        new = Export(
            kind=options.format,
            mixture=source.manifest.mixture,
            rows=len(source),
            content_hash=source.content_hash,
            recipe_hash=source.manifest.recipe_hash,
            provenance="provenance" in form.columns,
            key=key,
            files=files,
        )
        seal(out, staging, new)
    return Exported(export=new, reused=False)


def _check_sizes(build: Build) -> None:
    """Look at every shard's size before any work; `verify` reads them."""
    problems = []
    for shard in build.manifest.shards:
        path = build.path / shard.file
        size = path.stat().st_size if path.is_file() else None
        if size != shard.bytes:
            state = "missing" if size is None else f"{size} bytes, not {shard.bytes}"
            problems.append(f"{path}: {state}; `flancollect build` makes it again")
    if problems:
        raise CheckError("\n".join(problems))


def _export_key(manifest: Manifest, options: ExportOptions) -> str:
    """A hash of all that the files depend on."""
    return fingerprint(
        {
            "manifest": manifest.model_dump(mode="json"),
            "format": options.format,
            "provenance": options.provenance,
            "address": options.address,
            "file_rows": FILE_ROWS,
            "group_rows": GROUP_ROWS,
            # The package's version too: the card names it, and its words may change with it.
            "version": [EXPORT_VERSION, __version__],
        }
    )[:32]


def _write_documents(
    build: Build, form: Format, address: str, staging: Path, data_files: list[ExportFile]
) -> list[ExportFile]:
    """Write the card and what belongs to it, and describe those files."""
    lengths = [
        LengthRow(
            column=column, variant=variant, mean=row.mean, p50=row.p50, p90=row.p90, p99=row.p99, max=row.max
        )
        for column, rows in stats(build.path).lengths.items()
        for variant, row in rows.items()
    ]
    listing = ExportListing(schema=form.schema, files=data_files)
    texts = {
        "README.md": dataset_card(build.manifest, listing, lengths, address),
        "ATTRIBUTION.md": attribution(build.manifest),
        "citations.bib": bibliography(build.manifest),
        "composition.svg": picture(build.manifest),
    }
    for name, text in texts.items():
        write_atomically(staging / name, text.encode())
    write_artifact(staging / BUILD_MANIFEST, build.manifest)
    paths = [staging / name for name in (*texts, BUILD_MANIFEST)]
    return [ExportFile(file=path.name, bytes=path.stat().st_size, sha256=file_sha256(path)) for path in paths]
