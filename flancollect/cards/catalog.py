"""The catalogue: every card of the embedded collection and of private folders, read and cross-checked.

`load_catalog` reads all YAML files once, turns them into cards, expands families of tasks, checks every name
against every other, and raises one CardError with all problems, sorted by file and line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from flancollect.artifacts import PathLike
from flancollect.cards.benchmark_card import BenchmarkCard
from flancollect.cards.check_model import check_model
from flancollect.cards.cross_check import benchmark_problems, mixture_problems, task_problems
from flancollect.cards.entries import Catalog, LoadedCard, Task
from flancollect.cards.expand import expand
from flancollect.cards.family import Family, LoadedFamily, resolve_families
from flancollect.cards.family_card import FamilyCard
from flancollect.cards.mixture_card import MixtureCard
from flancollect.cards.paths import is_within
from flancollect.cards.strict_yaml import Document, load
from flancollect.cards.style_card import StylesCard
from flancollect.cards.styles import Styles, merge_styles
from flancollect.cards.task_card import TaskCard
from flancollect.errors import CardError, Problem, UsageError, did_you_mean

C = TypeVar("C", MixtureCard, BenchmarkCard)

KINDS = ("task", "family", "mixture", "benchmark")
STYLES_FILE = "_styles.yaml"
MIRROR_FILE = Path("mirror.yaml")  # a catalogue may bring its own; it is no card


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """One YAML file of one catalogue folder."""

    document: Document
    path: Path
    root: Path
    kind: str


@lru_cache(maxsize=1)
def embedded_root() -> Path:
    """The folder of the embedded collection: inside an installed package, or the checkout's top."""
    package = Path(__file__).resolve().parent.parent
    packed = package / "embedded"
    return packed if packed.is_dir() else package.parent


def load_catalog(extra: Sequence[PathLike] = (), embedded: Path | None = None) -> Catalog:
    """Read the embedded collection and the private folders. Raises CardError with all problems at once.

    Private folders hold YAML files at any depth; the embedded one holds `task_cards/` and `templates/`.
    """
    root = embedded or embedded_root()
    problems: list[Problem] = []
    files = list(_read(_yaml_files([root / "task_cards", root / "templates"], root, None), problems))
    names: dict[str, Path] = {}
    for folder in map(Path, extra):
        if not folder.is_dir():
            raise UsageError(f"--catalog {folder}: no such folder")
        if (first := names.setdefault(folder.resolve().name, folder)) is not folder:
            raise UsageError(f"--catalog {folder}: named as {first} is, and sources go by that; rename one")
        files += _read(_yaml_files([folder], folder, folder), problems)
    families, styles = _families_and_styles(files, problems)
    tasks = _tasks(files, families, problems)
    catalog = Catalog(
        tasks=tasks,
        families=families,
        mixtures=_named(files, "mixture", MixtureCard, problems),
        benchmarks=_named(files, "benchmark", BenchmarkCard, problems),
        styles=styles,
    )
    if not problems:  # names are compared only when all of them are known
        problems += mixture_problems(catalog)
        problems += benchmark_problems(catalog)
    if problems:
        raise CardError(problems)
    return catalog


# --- reading -----------------------------------------------------------------------------------------------


def _yaml_files(folders: Sequence[Path], root: Path, shown: Path | None) -> Iterator[tuple[Path, Path, str]]:
    for folder in folders:
        for path in sorted(p for pattern in ("*.yaml", "*.yml") for p in folder.rglob(pattern)):
            inside = path.relative_to(root)
            if inside != MIRROR_FILE and not any(part.startswith(".") for part in inside.parts):
                yield path, root, str(shown / inside) if shown else str(inside)


def _read(paths: Iterator[tuple[Path, Path, str]], problems: list[Problem]) -> Iterator[_File]:
    for path, root, shown in paths:
        try:
            if not is_within(path, root):
                raise CardError([Problem(shown, 0, "the link leaves the catalogue; copy the card into it")])
            document = load(path, shown)
            kind = _kind(path, document)
        except CardError as error:
            problems += error.problems
            continue
        yield _File(document=document, path=path, root=root, kind=kind)


def _kind(path: Path, document: Document) -> str:
    if path.name == STYLES_FILE:
        return "styles"
    keys = document.value if isinstance(document.value, dict) else {}
    order = ("task", "mixture", "benchmark", "family")  # a task card names its family too
    kind = next((key for key in order if key in keys), None)
    if kind is None:
        here = ", ".join(map(str, keys)) or "none"
        what = f"not a card: it needs one of the keys {', '.join(KINDS)}. Keys here: {here}."
        raise CardError([Problem(document.file, 1, what)])
    return kind


def _families_and_styles(files: Sequence[_File], problems: list[Problem]) -> tuple[dict[str, Family], Styles]:
    written: dict[str, LoadedFamily] = {}
    style_files: list[tuple[StylesCard, Document]] = []
    for file in files:
        if file.kind == "family":
            family, found = check_model(FamilyCard, file.document.value, file.document)
            problems += found
            if family is not None and family.family in written:
                problems.append(
                    _twice(file.document, "family", family.family, written[family.family].document)
                )
            elif family is not None:
                written[family.family] = LoadedFamily(card=family, document=file.document)
        elif file.kind == "styles":
            styles, found = check_model(StylesCard, file.document.value, file.document)
            problems += found
            style_files += [(styles, file.document)] if styles is not None else []
    families, family_problems = resolve_families(written)
    merged, style_problems = merge_styles(style_files)
    problems += family_problems + style_problems
    broken = {name for name in written if name not in families}
    return families | dict.fromkeys(broken, _BROKEN), merged


_BROKEN = Family(name="", needs={}, options="none", example={}, templates=(), file="")
"""Stands for a family whose own problems are reported already, so that its tasks add no echo."""


def _named(
    files: Sequence[_File], kind: str, model: type[C], problems: list[Problem]
) -> dict[str, LoadedCard[C]]:
    found: dict[str, LoadedCard[C]] = {}
    for file in files:
        if file.kind != kind:
            continue
        card, wrong = check_model(model, file.document.value, file.document)
        problems += wrong
        if card is None:
            continue
        name = getattr(card, kind)
        if name in found:
            problems.append(_twice(file.document, kind, name, found[name].document))
        found[name] = LoadedCard(card=card, document=file.document)
    return dict(sorted(found.items()))


def _twice(document: Document, kind: str, name: str, first: Document) -> Problem:
    place = f"{first.file}:{first.line_of((kind,))}"
    return Problem(
        document.file, document.line_of((kind,)), f'{kind} "{name}" exists already at {place}; rename one'
    )


# --- tasks -------------------------------------------------------------------------------------------------


def _tasks(
    files: Sequence[_File], families: Mapping[str, Family], problems: list[Problem]
) -> dict[str, Task]:
    templates = {
        name: [w.name for w in f.templates if w.direction == "forward"] for name, f in families.items()
    }
    tasks: dict[str, Task] = {}
    for file in files:
        if file.kind != "task":
            continue
        lines = {".".join(map(str, path)): line for path, line in file.document.lines.items()}
        try:
            for value in expand(file.document, file.path, templates):
                card, found = check_model(TaskCard, value, file.document)
                problems += found
                if card is None:
                    continue
                task = _task(card, file, lines, families, problems)
                if card.task in tasks:
                    first = tasks[card.task]
                    place = f"{first.file}:{first.lines.get('task', 1)}"
                    what = f'task: "{card.task}" exists already at {place}; rename one'
                    problems.append(Problem(file.document.file, file.document.line_of(("task",)), what))
                elif task is not None:
                    tasks[card.task] = task
        except CardError as error:
            problems += error.problems
    return dict(sorted(tasks.items()))


def _task(
    card: TaskCard,
    file: _File,
    lines: Mapping[str, int],
    families: Mapping[str, Family],
    problems: list[Problem],
) -> Task | None:
    family = families.get(card.family)
    if family is None:
        what = f'family: no family "{card.family}".' + did_you_mean(card.family, sorted(families), "Families")
        problems.append(Problem(file.document.file, file.document.line_of(("family",)), what))
        return None
    task = Task(card=card, family=family, root=file.root, file=file.document.file, lines=lines)
    if family is not _BROKEN:
        problems += task_problems(task)
    return task
