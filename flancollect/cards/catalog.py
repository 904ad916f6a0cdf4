"""The catalogue: every card of the embedded collection and of private folders, read and cross-checked.

`load_catalog` reads all YAML files once, turns them into cards, expands families of tasks, checks every name
against every other, and raises one CardError with all problems, sorted by file and line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from flancollect.artifacts import PathLike
from flancollect.cards.benchmark_card import BenchmarkCard
from flancollect.cards.card import Card, LoadedCard
from flancollect.cards.cases import Cases, read_cases
from flancollect.cards.check_model import check_model
from flancollect.cards.cross_check import benchmark_problems, mixture_problems, name_problems, task_problems
from flancollect.cards.entries import Catalog, Task
from flancollect.cards.expand import expand
from flancollect.cards.family import Family, resolve_families
from flancollect.cards.family_card import FamilyCard
from flancollect.cards.mixture_card import MixtureCard
from flancollect.cards.paths import is_within
from flancollect.cards.strict_yaml import Document, load
from flancollect.cards.style_card import StylesCard
from flancollect.cards.styles import merge_styles
from flancollect.cards.task_card import TaskCard
from flancollect.errors import CardError, Problem, UsageError, did_you_mean

C = TypeVar("C", bound=Card)

KINDS = ("task", "family", "mixture", "benchmark")
STYLES_FILE = "_styles.yaml"
MIRROR_FILE = Path("mirror.yaml")  # a catalogue may bring its own; it is no card

_BROKEN = Family(name="", needs={}, options="none", example={}, templates=(), file="")
"""Stands for a family that is missing or has problems, which are reported already: its tasks add no echo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """One YAML file of one catalogue folder; `kind` is the kind of its card, or `styles`."""

    document: Document
    path: Path
    root: Path
    kind: str


@lru_cache(maxsize=1)
def embedded_root() -> Path:
    """The folder of the embedded collection: inside an installed package, or the checkout's top."""
    package = Path(__file__).resolve().parent.parent
    embedded = package / "embedded"
    return embedded if embedded.is_dir() else package.parent


def load_catalog(extra: Sequence[PathLike] = (), embedded: Path | None = None) -> Catalog:
    """Read the embedded collection and the private folders. Raises CardError with all problems at once.

    Private folders hold YAML files at any depth; the embedded one holds `task_cards/` and `templates/`.
    """
    if isinstance(extra, str | os.PathLike):
        raise UsageError(f"catalogs={extra!r}: give a list of folders, [{extra!r}]")
    root = embedded or embedded_root()
    problems: list[Problem] = []
    files = _read([root / "task_cards", root / "templates"], root, Path(), problems)
    names: dict[str, Path] = {}
    for folder in map(Path, extra):
        if not folder.is_dir():
            raise UsageError(f"--catalog {folder}: no such folder")
        # Source keys of files inside a private catalogue hold the folder's name: two of one name would mix up.
        if (first := names.setdefault(folder.resolve().name, folder)) is not folder:
            raise UsageError(f"--catalog {folder}: named as {first} is, and sources go by that; rename one")
        files += _read([folder], folder, folder, problems)

    written_families = _cards(files, "family", FamilyCard, problems)
    families, family_problems = resolve_families(written_families)
    families |= {name: _BROKEN for name in written_families if name not in families}
    styles, style_problems = merge_styles(_loaded(files, "styles", StylesCard, problems))
    problems += family_problems + style_problems
    tasks = _tasks(files, families, problems)
    mixtures = _cards(files, "mixture", MixtureCard, problems)
    catalog = Catalog(
        tasks=tasks,
        families=families,
        mixtures=mixtures,
        benchmarks=_cards(files, "benchmark", BenchmarkCard, problems),
        styles=styles,
        cases={} if problems else _cases(mixtures, tasks, problems),
    )
    if not problems:  # names are compared only when all of them are known
        problems += name_problems(catalog)
        problems += mixture_problems(catalog)
        problems += benchmark_problems(catalog)
    if problems:
        raise CardError(problems)
    return catalog


def _read(folders: Sequence[Path], root: Path, prefix: Path, problems: list[Problem]) -> list[_File]:
    """The YAML files of a catalogue, by folder and path. `prefix` stands before their names in problems."""
    files = []
    for path in (p for folder in folders for p in sorted([*folder.rglob("*.yaml"), *folder.rglob("*.yml")])):
        name = path.relative_to(root)
        # Hidden folders are of editors and tools, and may hold copies of cards.
        if name == MIRROR_FILE or any(part.startswith(".") for part in name.parts):
            continue
        file = str(prefix / name)
        if not is_within(path, root):
            problems.append(Problem(file, 0, "the link leaves the catalogue; copy the card into it"))
            continue
        try:
            document = load(path, file)
        except CardError as error:
            problems += error.problems
            continue
        keys = document.value if isinstance(document.value, dict) else {}
        order = ("task", "mixture", "benchmark", "family")  # a task card names its family too
        kind = next((key for key in order if key in keys), None)
        if path.name == STYLES_FILE:
            kind = "styles"
        if kind is None:
            what = f"not a card: it needs one of the keys {', '.join(KINDS)}."
            problems.append(Problem(file, 1, f"{what} Keys here: {', '.join(keys) or 'none'}."))
            continue
        files.append(_File(document=document, path=path, root=root, kind=kind))
    return files


def _loaded(
    files: Sequence[_File], kind: str, model: type[C], problems: list[Problem]
) -> list[LoadedCard[C]]:
    """The cards of one kind that fit their model, in the order of the files."""
    loaded = []
    for file in files:
        if file.kind == kind:
            card, card_problems = check_model(model, file.document.value, file.document)
            problems += card_problems
            if card is not None:
                loaded.append(LoadedCard(card=card, document=file.document, path=file.path))
    return loaded


def _cards(
    files: Sequence[_File], kind: str, model: type[C], problems: list[Problem]
) -> dict[str, LoadedCard[C]]:
    """The same by the name that stands under the key `kind`, sorted; of two cards of one name the first stays."""
    cards: dict[str, LoadedCard[C]] = {}
    for loaded in _loaded(files, kind, model, problems):
        name = getattr(loaded.card, kind)
        first = cards.setdefault(name, loaded).document
        if first is not loaded.document:
            place = f"{first.file}:{first.line_of((kind,))}"
            what = f'{kind} "{name}" exists already at {place}; rename one'
            problems.append(loaded.document.problem((kind,), what))
    return dict(sorted(cards.items()))


def _cases(
    mixtures: Mapping[str, LoadedCard[MixtureCard]], tasks: Mapping[str, Task], problems: list[Problem]
) -> dict[str, Mapping[str, Cases]]:
    """The published cases by the name of each mixture whose card names a file of them."""
    files: dict[Path, Mapping[str, Cases]] = {}  # twelve mixtures share one file
    cases = {}
    for name, loaded in mixtures.items():
        if loaded.card.cases is None:
            continue
        path = loaded.path.parent / loaded.card.cases
        if path not in files:
            file = f"{loaded.document.file.rpartition('/')[0]}/{loaded.card.cases}".lstrip("/")
            try:
                files[path] = read_cases(loaded.path.parent, loaded.card.cases, file, tasks)
            except CardError as error:
                problems += error.problems
                files[path] = {}
        cases[name] = files[path]
    return cases


def _tasks(
    files: Sequence[_File], families: Mapping[str, Family], problems: list[Problem]
) -> dict[str, Task]:
    """The tasks of all task cards by name, sorted; a file that expands gives many."""
    # `expand: {over: templates}` makes no tasks of inverted templates: P3 counts the forward ones.
    forward = {
        name: [template.name for template in family.templates if template.direction == "forward"]
        for name, family in families.items()
    }
    tasks: dict[str, Task] = {}
    for file in files:
        if file.kind != "task":
            continue
        document = file.document
        lines = {".".join(map(str, path)): line for path, line in document.lines.items()}
        try:
            for value in expand(document, file.path, forward):
                card, card_problems = check_model(TaskCard, value, document)
                problems += card_problems
                if card is None:
                    continue
                if card.family not in families:
                    what = f'family: no family "{card.family}".'
                    what += did_you_mean(card.family, sorted(families), "Families")
                    problems.append(document.problem(("family",), what))
                family = families.get(card.family, _BROKEN)
                task = Task(card=card, family=family, root=file.root, file=document.file, lines=lines)
                if family is not _BROKEN:
                    problems += task_problems(task)
                # Draws and job files are keyed by a task's name, so of two cards of one name none replaces the other.
                first = tasks.setdefault(card.task, task)
                if first is not task:
                    place = f"{first.file}:{first.lines.get('task', 1)}"
                    problems.append(
                        task.problem("task", f'"{card.task}" exists already at {place}; rename one')
                    )
        except CardError as error:
            problems += error.problems
    return dict(sorted(tasks.items()))
