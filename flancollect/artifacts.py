"""The files that flancollect writes for people and for itself: Lock, Manifest, Report.

All are JSON with sorted keys and a final newline, written to a temporary file and renamed, so that a file
is there whole or not at all. Lock and Manifest hold no times and no paths of this machine: equal inputs
give equal bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from flancollect.errors import FlancollectError

M = TypeVar("M", bound=BaseModel)

Progress = Callable[[str, int, int], None]
"""Called with a stage's name, how much of it is done, and how much there is."""

PathLike: TypeAlias = str | os.PathLike[str]
"""A folder or file as `open` takes it; what is made of one is a Path."""

BuildKind = Literal["mixture", "benchmark"]
"""What was built: a benchmark, or a mixture, of which a submix or tasks by name are one too."""

__version__ = "0.1.0"
"""The version of flancollect, as manifests name it; the package's `__version__`."""


class Artifact(BaseModel):
    """Any written file: unknown keys mean another version wrote it."""

    # A key that is not known is not skipped: it may say that the others mean something else.
    model_config = ConfigDict(extra="forbid", frozen=True)


class SplitLock(Artifact):
    """One split of a source: exact row count, and column name to Arrow type, in file order."""

    rows: int
    columns: dict[str, str]


class SourceLock(Artifact):
    """What a source was when it was looked at. `revision`: Hub commit, or `sha256:` over its content.

    `counts` has how many rows of a slice pass the `where` of a card, by both: `train where label == 1`.
    """

    revision: str
    splits: dict[str, SplitLock]
    counts: dict[str, int] = Field(default_factory=dict)

    @model_serializer(mode="wrap")
    def _without_empty_counts(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """The entry as it is written; most sources are read whole."""
        entry: dict[str, Any] = serialise(self)
        return entry if self.counts else {key: value for key, value in entry.items() if key != "counts"}


class Lock(Artifact):
    """sources.lock.json: every source by its key (`flancollect.sources.source_key`)."""

    format: int = 1
    sources: dict[str, SourceLock] = Field(default_factory=dict)


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: the text that hashes are taken of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def file_sha256(path: Path) -> str:
    """The SHA-256 (hex) of a file's bytes."""
    with path.open("rb", buffering=0) as file:  # file_digest has a buffer of its own
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(value: Any) -> str:
    """SHA-256 (hex) of the canonical JSON of a value."""
    # Text of cards and sources may hold lone surrogates, which have no UTF-8 but must have a hash.
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def write_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file so that it appears whole or not at all; if `durable`, also across power loss."""
    # In the same folder, as a rename is atomic within one file system only; hidden, and swept away by the next build.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as out:
            out.write(data)
            if durable:
                # Else the new name may be on the disk before the bytes are, and an empty file after a power loss.
                out.flush()
                os.fsync(out.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_artifact(path: Path, artifact: BaseModel, *, durable: bool = True) -> None:
    """Write an artifact as readable JSON with sorted keys, as `write_atomically` does."""
    text = json.dumps(artifact.model_dump(mode="json"), sort_keys=True, indent=1, ensure_ascii=False)
    write_atomically(path, (text + "\n").encode(), durable=durable)


def read_artifact(path: Path, model: type[M], error: type[FlancollectError]) -> M:
    """Read an artifact; a broken or foreign file raises `error` with the path and what is wrong."""
    try:
        return model.model_validate_json(path.read_bytes())
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror}") from problem
    except ValidationError as problem:
        # One error is enough: a file of another version differs in many places for one reason.
        first = problem.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise error(f"{path}: not a {model.__name__} of this version: {place}: {first['msg']}") from problem


class ShardInfo(Artifact):
    """One shard. `sha256` is over the file's bytes, `rows_sha256` over its rows however they are chunked."""

    file: str
    rows: int
    bytes: int
    sha256: str
    rows_sha256: str


class RunInfo(Artifact):
    """One sorted run of a job's file: how many rows, and the bytes of their cells."""

    rows: int
    bytes: int


class JobRecord(Artifact):
    """What ends a rendered job's file: with it the job is done. `bytes` counts the values of its rows.

    `shortened` counts the rows of which limits cut a field.

    `templates` has, by template, a hash of the texts that its rows were rendered with.
    """

    rows: int
    bytes: int
    rows_sha256: str
    shortened: int = 0
    dropped: dict[str, int] = Field(default_factory=dict)
    templates: dict[str, str] = Field(default_factory=dict)
    runs: list[RunInfo] = Field(default_factory=list)


class TaskRows(Artifact):
    """What one task gave in one variant. `dropped` counts the rows that were drawn and not used, by reason.

    `shortened` counts the rows of which limits cut the long field.
    `planned` is the quota before rendering: there are more rows where it made up for others, fewer where it had no
    more. `metric` and `cluster` are the card's; `subject` is the part of a benchmark that the task is of.
    `rows_sha256` is over the build's columns of its rows, so that two builds compare by task.
    """

    task: str
    submix: str
    task_source: str
    family: str
    license: str
    citation: str | None = None
    cluster: str = ""
    subject: str = ""
    metric: str
    languages: list[str]
    source_key: str
    revision: str
    variant: str
    planned: int
    rows: int
    shortened: int = 0
    dropped: dict[str, int] = Field(default_factory=dict)
    rows_sha256: str


SkipKind = Literal["source", "card", "plan", "hold_out", "dedup", "license", "unavailable", "quota"]


class Skipped(Artifact):
    """A task that is not in the build, and whether its source, its card, its license or the plan is why."""

    task: str
    reason: str
    kind: SkipKind


class LicenseRows(Artifact):
    """How many rows and tasks of a build are under one license, as their cards name it."""

    license: str
    rows: int
    tasks: int


class PartRows(Artifact):
    """A part of a mixture: the share of all rows that its weight gives it, rows planned, and rows there."""

    part: str
    share: float
    planned: int
    rows: int


class Coverage(Artifact):
    """How many of the tasks asked for are there. Tasks held out or refused for their license do not count."""

    planned_tasks: int
    built_tasks: int
    skipped_tasks: int


class Manifest(Artifact):
    """manifest.json: what a finished build holds. Without it a folder is no dataset.

    `content_hash` is over schema and rows of all shards; `recipe_hash` over the recipe; `catalogue_hash` over all
    that the rows of each task depend on, but for their number: card, templates, styles, source and seed. `short` is
    rows planned minus rows built. `distinct_rows` counts different pairs of input and target, `source_rows` different
    rows of sources; `parts` compares the shares asked for with those of the build. `recipe` is that of
    `planning/recipe.py`, as JSON. `license` is the license that the whole can carry and `license_reason` why;
    `licenses` says how many rows each source license covers, the most rows first. `complete` is for benchmarks: every
    question of every task is asked. `lacking` counts by task those that are not.
    """

    format: Literal[1] = 1
    flancollect: str
    render_version: int
    kind: BuildKind
    mixture: str
    seed: int
    rows_asked: int
    rows: int
    short: int
    distinct_rows: int
    source_rows: int
    content_hash: str
    recipe_hash: str
    catalogue_hash: str
    columns: dict[str, str]
    shards: list[ShardInfo]
    parts: list[PartRows]
    tasks: list[TaskRows]
    skipped: list[Skipped] = Field(default_factory=list)
    coverage: Coverage
    complete: bool = True
    lacking: dict[str, int] = Field(default_factory=dict)
    license: str = "unknown"
    license_reason: str = ""
    licenses: list[LicenseRows] = Field(default_factory=list)
    # Read by whoever plans the build again, and checked by `Recipe` then: planning is a floor above.
    recipe: dict[str, Any] = Field(default_factory=dict)

    @property
    def shortened(self) -> int:
        """Rows of which limits cut the long field."""
        return sum(task.shortened for task in self.tasks)


class ExportFile(Artifact):
    """One file of an export. `config` is None for what `load_dataset` does not open; `rows` 0 for documents.

    `values_bytes` is the size of its rows' columns in memory.
    """

    # Files of this name are replaced and removed, and the list may come from the Hub: nothing above the folder.
    file: str = Field(pattern=r"^[\w-][\w.+()&' -]*(/[\w-][\w.+()&' -]*)*$")
    config: str | None = None
    rows: int = 0
    values_bytes: int = 0
    bytes: int
    sha256: str


class Export(Artifact):
    """export.json: what an exported folder holds, and of which build. Without it the folder is unfinished.

    `key` is a hash of all that the files depend on: the build's manifest, the format and its settings.
    """

    format: Literal[1] = 1
    kind: str
    mixture: str
    rows: int
    content_hash: str
    recipe_hash: str
    provenance: bool
    key: str
    files: list[ExportFile]


# Times and memory are of one machine: kept out of the manifest, so that equal builds have equal manifests.
class Report(Artifact):
    """report.json: how one run of a build went on this machine. `times` is seconds by stage.

    `copied_rows` counts the rows of rendered jobs that an earlier run of them had already; `fallbacks`, by
    template, the rows that reference Jinja rendered in place of compiled code.
    """

    times: dict[str, float]
    wall_s: float
    rows_per_s: float
    peak_rss_mb: float
    workers: int
    rendered_jobs: int
    reused_jobs: int
    copied_rows: int
    fallbacks: dict[str, int] = Field(default_factory=dict)
