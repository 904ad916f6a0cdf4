"""From a name on the command line to a plan: find what is meant, look at its sources, share out rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from flancollect.artifacts import Lock, Progress, SourceLock, SplitLock, write_artifact
from flancollect.cards.benchmark_card import BenchmarkCard
from flancollect.cards.catalog import embedded_root, load_catalog
from flancollect.cards.entries import Catalog, Task, exemplar_task
from flancollect.cards.licenses import PolicyName, refusal
from flancollect.cards.mixture_card import MixtureCard
from flancollect.cards.select import Select, matches, select
from flancollect.cards.source_card import FileSource
from flancollect.cards.splits import parse_split
from flancollect.errors import CheckError, SourceError, UsageError, did_you_mean
from flancollect.planning.candidates import policies_of
from flancollect.planning.plan import BuildPlan, implicit_mixture, plan_benchmark, plan_mixture
from flancollect.sources import source_key
from flancollect.sources.lock import load_lock, resolve_sources, update_lock
from flancollect.sources.table import SourceAccess

KnownFrom = Literal["sources", "frozen", "declared"]

LOCK_FILE = "sources.lock.json"
DECLARED = "declared"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """What to plan: a mixture, benchmark, submix or task by name, and the settings that shape the rows.

    `license_policy` skips tasks whose license it does not take. `known_from`: `sources` looks at every
    source, at the commit that the lock pins; `frozen` takes the lock alone; `declared` reaches nothing, and
    fills gaps in the lock with the sizes that cards declare.
    """

    name: str
    catalogs: tuple[Path, ...] = ()
    rows: int | None = None
    seed: int = 0
    only: tuple[str, ...] = ()
    license_policy: PolicyName | None = None
    access: SourceAccess = field(default_factory=SourceAccess)
    lock: Path | None = None
    known_from: KnownFrom = "sources"


def prepare(
    wanted: BuildRequest,
    progress: Progress | None = None,
    *,
    card: MixtureCard | BenchmarkCard | None = None,
    adjust: Callable[[MixtureCard | BenchmarkCard], MixtureCard | BenchmarkCard] | None = None,
) -> tuple[Catalog, BuildPlan]:
    """Load the catalogue, look up the name, look at the sources, and plan.

    `card`, of a build's recipe, stands in for the name; `adjust` changes the card before planning. Raises
    CardError for bad cards, UsageError for a name or glob that nothing has, CheckError for a recipe of which
    the catalogue does not have all any more.
    """
    if wanted.rows is not None and wanted.rows < 1:
        raise UsageError(f"--rows {wanted.rows}: ask for at least one row")
    catalog = load_catalog(wanted.catalogs)
    if card is None:
        card = find(catalog, wanted.name)
    else:
        _refuse_gone(catalog, card, wanted.only)
    card = adjust(card) if adjust else card
    names = _tasks_of(catalog, card)
    if wanted.only:
        names = [name for name in names if matches(name, wanted.only)]
        if not names:
            raise UsageError(f"--only {' '.join(wanted.only)}: no task of {wanted.name} matches")
    policies = policies_of(card, wanted.license_policy)
    tasks = [catalog.tasks[name] for name in names if not refusal(catalog.tasks[name].card.license, policies)]
    keys = keys_of(with_lenders(catalog.tasks.values()))
    known = learn(tasks, wanted, progress)
    known |= dict.fromkeys(set(keys.values()) - set(known), SourceError("not part of this plan"))
    if isinstance(card, BenchmarkCard):
        plan = plan_benchmark(
            catalog,
            card,
            known,
            keys,
            rows=wanted.rows,
            seed=wanted.seed,
            only=wanted.only,
            license_policy=wanted.license_policy,
        )
    else:
        plan = plan_mixture(
            catalog,
            card,
            known,
            keys,
            rows=wanted.rows,
            seed=wanted.seed,
            only=wanted.only,
            license_policy=wanted.license_policy,
        )
    return catalog, plan


def _refuse_gone(catalog: Catalog, card: MixtureCard | BenchmarkCard, tasks: Sequence[str]) -> None:
    held = card.hold_out if isinstance(card, MixtureCard) else []
    gone = [name for name in tasks if name not in catalog.tasks]
    gone += [name for name in held if name not in catalog.benchmarks]
    if gone:
        raise CheckError(
            f"not in the catalogue: {', '.join(gone)}; give the --catalog that it was built with"
        )


def find(catalog: Catalog, name: str) -> MixtureCard | BenchmarkCard:
    """The mixture or benchmark of a name; a submix, task or task glob makes a mixture of all its rows."""
    if name in catalog.mixtures:
        return catalog.mixtures[name].card
    if name in catalog.benchmarks:
        return catalog.benchmarks[name].card
    mixture = implicit_mixture(catalog, name)
    if mixture is None:
        known = [*catalog.mixtures, *catalog.benchmarks, *catalog.tasks]
        raise UsageError(
            f'no mixture, benchmark, submix or task "{name}".' + did_you_mean(name, known, "There are", 12)
        )
    return mixture


def with_lenders(tasks: Iterable[Task]) -> list[Task]:
    """Tasks, and after each that borrows its exemplars the one that reads them."""
    pairs = ((task, exemplar_task(task)) for task in tasks)
    return [task for pair in pairs for task in pair if task is not None]


def key_of(task: Task) -> str:
    """The key of one task's source; see `keys_of`."""
    return keys_of([task])[task.card.task]


def keys_of(tasks: Sequence[Task]) -> dict[str, str]:
    """By task name the key of the task's source as its card sees it.

    Reshaped rows are told apart from the source's own, and paths inside a private catalogue by its name.
    """
    embedded = embedded_root()
    roots = {task.root for task in tasks}
    catalogues = {root: "" if root == embedded else f" in {root.resolve().name}" for root in roots}
    return {task.card.task: _key(task, catalogues[task.root]) for task in tasks}


def _key(task: Task, catalogue: str) -> str:
    source, key = task.card.source, source_key(task.card.source)
    if task.card.reshape is not None:
        key += f" reshaped by {task.card.reshape}"
    if not catalogue or not isinstance(source, FileSource):
        return key
    local = any("://" not in place for places in source.files_of().values() for place in places)
    return f"{key}{catalogue}" if local else key


def learn(
    tasks: Sequence[Task], wanted: BuildRequest, progress: Progress | None
) -> dict[str, SourceLock | SourceError]:
    """What is known of each task's source, by source key; a failure is a value."""
    lock = load_lock(wanted.lock or embedded_root() / LOCK_FILE)
    tasks = _to_look_at(tasks)
    if wanted.known_from == "declared":
        return _locked_or_declared(tasks, lock)
    report = None if progress is None else (lambda done, total: progress("sources", done, total))
    return _looked_at(tasks, wanted.access, lock, wanted.known_from == "frozen", report)


def _to_look_at(tasks: Sequence[Task]) -> list[Task]:
    """Tasks and their lenders, without those whose cards say that their sources cannot be had."""
    return [task for task in with_lenders(tasks) if task.card.reason is None]


def _looked_at(
    tasks: Sequence[Task],
    access: SourceAccess,
    lock: Lock,
    frozen: bool,
    report: Callable[[int, int], None] | None,
) -> dict[str, SourceLock | SourceError]:
    keys = keys_of(tasks)
    sources = {keys[task.card.task]: (task.card.source, task.root) for task in tasks}
    shapes = {keys[task.card.task]: task.card.reshape for task in tasks if task.card.reshape is not None}
    return dict(resolve_sources(sources, access, lock, frozen=frozen, progress=report, shapes=shapes))


def _locked_or_declared(tasks: Sequence[Task], lock: Lock) -> dict[str, SourceLock | SourceError]:
    """By source key the lock's entry; for a source that it lacks, the split sizes that all its cards declare."""
    keys = keys_of(tasks)
    sizes: dict[str, dict[str, SplitLock]] = {}
    for task in tasks:
        declared = sizes.setdefault(keys[task.card.task], {})
        if task.card.rows is not None:
            declared.setdefault(_counted_split(task), SplitLock(rows=task.card.rows, columns={}))
    unknown = SourceError(
        "size unknown: the source is not in the lock and the card declares no `rows`; look at it with --resolve"
    )
    return {
        key: lock.sources.get(key) or (SourceLock(revision=DECLARED, splits=splits) if splits else unknown)
        for key, splits in sizes.items()
    }


def _counted_split(task: Task) -> str:
    """The source split that the card's `rows` counts: that of train, else of the first split it names."""
    splits = task.card.splits
    return parse_split(splits.get("train") or next(iter(splits.values()))).name


def _tasks_of(catalog: Catalog, card: MixtureCard | BenchmarkCard) -> list[str]:
    if isinstance(card, BenchmarkCard):
        return select(catalog.tasks.values(), card.select)
    wanted = [part.select or Select(submix=[name]) for name, part in card.parts.items()]
    return sorted({name for chosen in wanted for name in select(catalog.tasks.values(), chosen)})


def write_lock(
    globs: Sequence[str],
    catalogs: Sequence[Path],
    access: SourceAccess,
    out: Path | None,
    progress: Progress | None = None,
) -> tuple[Path, int, dict[str, str]]:
    """Look at the sources of all tasks that match and write the lock; sources not reached keep their entry.

    Gives the lock's path, how many sources were reached, and why others were not, by source key.
    """
    catalog = load_catalog(catalogs)
    tasks = [task for name, task in catalog.tasks.items() if not globs or matches(name, globs)]
    if not tasks:
        raise UsageError(
            f"no task matches {' '.join(globs)}." + did_you_mean(globs[0], catalog.tasks, "Tasks", 6)
        )
    path = out or embedded_root() / LOCK_FILE
    old = load_lock(path) if path.exists() else Lock()
    report = None if progress is None else (lambda done, total: progress("sources", done, total))
    resolved = _looked_at(_to_look_at(tasks), access, Lock(), False, report)
    try:
        write_artifact(path, update_lock(old, resolved))
    except OSError as error:
        raise UsageError(f"--out {path}: cannot be written: {error.strerror}") from error
    failed = {key: str(entry) for key, entry in resolved.items() if isinstance(entry, SourceError)}
    return path, len(resolved) - len(failed), failed
