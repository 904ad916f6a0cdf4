"""README.md of an export: what it is, what is in it, how to make it again, and what it lacks. Pure.

A function of the build's manifest, of its rows' lengths and of the exported files; no time and no machine
enters. Text from cards is made safe for Markdown where it goes in.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml

from flancollect.artifacts import Manifest
from flancollect.exports.dataset_card.front import ExportListing, front_matter
from flancollect.exports.dataset_card.sources import license_table, source_table, source_uses
from flancollect.exports.dataset_card.text import code, fenced, percent, prose, table

K = TypeVar("K")

# Limits keep the card of 1,800 tasks readable; ATTRIBUTION.md and the manifest have all.
SOURCES_LISTED = 40
LANGUAGES_LISTED = 20
REASONS_LISTED = 100
TASKS_NAMED = 5
HERE = "PATH/TO/THIS/FOLDER"
_OF_ONE_SOURCE = re.compile(r"\S+://\S+: | \(looked for [^)]*\)|^\S+/\S+ \(\S+\): ")
"""What a reason says of one source alone: `https://host/a.json: `, ` (looked for data/a.json)`, `org/a (config): `."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthRow:
    """UTF-8 bytes of one text column in one template style ("all" for every row)."""

    column: str
    variant: str
    mean: float
    p50: int
    p90: int
    p99: int
    max: int


def dataset_card(
    manifest: Manifest, listing: ExportListing, lengths: Sequence[LengthRow], address: str = HERE
) -> str:
    """The card. `address` is what `load_dataset` is given: a Hub id, or a folder."""
    sections = [
        f"# {prose(title_of(manifest))}",
        _summary(manifest, listing),
        "## Load it",
        fenced(_loading(listing, address), "python"),
        "## What is in it",
        "![Rows by submixture and template style](composition.svg)",
        _composition(manifest),
        "Lengths in bytes of UTF-8, of instructions (`inputs`) and of what should be said (`targets`):",
        table(
            ("column", "template style", "mean", "median", "90 %", "99 %", "longest"),
            [
                (code(row.column), code(row.variant), f"{row.mean:,.1f}", row.p50, row.p90, row.p99, row.max)
                for row in lengths
            ],
        ),
        _languages(manifest),
        "## License",
        _license(manifest),
        license_table(manifest),
        "## Make it again",
        _rebuild(manifest),
        "## Sources",
        _sources(manifest),
        "## Known gaps",
        *_gaps(manifest),
        "## Bias and limits",
        _bias(manifest),
    ]
    return front_matter(manifest, title_of(manifest), listing) + "\n" + "\n\n".join(sections) + "\n"


def title_of(manifest: Manifest) -> str:
    """The mixture's title on one line, or its name."""
    return " ".join((manifest.recipe.get("title") or manifest.mixture).split())


def _summary(manifest: Manifest, listing: ExportListing) -> str:
    tasks = {task.task for task in manifest.tasks if task.rows}
    questions = (
        " `question` holds what scoring needs: choices, accepted answers, metric and subject; how answers are asked "
        "for, read out and counted is the `score` of the recipe below."
        if "question" in listing.schema.names
        else ""
    )
    return (
        f"{manifest.rows:,} rows of {len(tasks):,} tasks from {len(source_uses(manifest)):,} sources, "
        f"a {manifest.kind} built by flancollect {prose(manifest.flancollect)}. Every row is an instruction and what "
        f"should be said{_columns(listing)}; rows stand in the mixture's own order, shuffled once. "
        "`provenance`, where it was exported, says from which source row, template and exemplars a row was made."
        f"{questions}"
    )


def _columns(listing: ExportListing) -> str:
    """Where the two stand in the files."""
    names = listing.schema.names
    if "completion" in names:
        return " (`prompt` and `completion`, which begins with the blank between them)"
    if "messages" in names:
        return " (the two `messages` of a user and an assistant)"
    return " (`inputs` and `targets`)"


def _loading(listing: ExportListing, address: str) -> str:
    names = list(listing.configs())
    lines = ["from datasets import load_dataset", "", f'rows = load_dataset("{address}", split="train")']
    if len(names) > 1:
        lines.append(f'part = load_dataset("{address}", "{names[1]}", split="train")')
        lines.append(f"# configurations: {', '.join(names)}")
    return "\n".join(lines)


def _composition(manifest: Manifest) -> str:
    """Rows by submixture, and by template style."""
    by_submix, by_style = Counter[str](), Counter[str]()
    tasks: dict[str, set[str]] = {}
    for task in manifest.tasks:
        by_submix[task.submix] += task.rows
        by_style[task.variant] += task.rows
        tasks.setdefault(task.submix, set()).add(task.task)
    submixes = [
        (code(name), len(tasks[name]), rows, percent(rows, manifest.rows))
        for name, rows in _largest_first(by_submix)
    ]
    styles = [(code(name), rows, percent(rows, manifest.rows)) for name, rows in _largest_first(by_style)]
    return "\n\n".join(
        [
            table(("submixture", "tasks", "rows", "share"), submixes),
            table(("template style", "rows", "share"), styles),
        ]
    )


def _languages(manifest: Manifest) -> str:
    """Rows by the languages that a task names; a task of several counts under their combination."""
    by_languages: Counter[str] = Counter()
    for task in manifest.tasks:
        by_languages[", ".join(task.languages)] += task.rows
    return table(
        ("languages of the task", "rows", "share"),
        [
            (prose(name), rows, percent(rows, manifest.rows))
            for name, rows in _largest_first(by_languages)[:LANGUAGES_LISTED]
        ],
    )


def _license(manifest: Manifest) -> str:
    policy = manifest.recipe.get("license_policy")
    rules = [f"the policy {code(policy)}"] if policy else []
    own: dict[str, list[str]] = manifest.recipe.get("license") or {}
    if own:
        clauses = (f"{verb} {', '.join(map(code, names))}" for verb, names in own.items() if names)
        rules.append(f"the mixture's own rule ({'; '.join(clauses)})")
    refused = sum(skip.kind == "license" for skip in manifest.skipped)
    selection = f" Tasks were chosen by {' and '.join(rules)}: {refused:,} fell away." if rules else ""
    return (
        f"As a whole: **{prose(manifest.license)}**: {prose(manifest.license_reason)}.{selection} "
        "Each source's own license goes on holding for its rows (ATTRIBUTION.md). Computed from what the task "
        "cards say; no legal advice."
    )


def _rebuild(manifest: Manifest) -> str:
    card = yaml.safe_dump(_without_empty(manifest.recipe), sort_keys=False, allow_unicode=True, width=100)
    hashes = [
        ("content (rows, in order)", code(manifest.content_hash)),
        ("recipe (card and settings)", code(manifest.recipe_hash)),
        ("catalogue (cards, templates, styles used)", code(manifest.catalogue_hash)),
    ]
    return "\n\n".join(
        [
            f"With flancollect {prose(manifest.flancollect)}, the same cards (give private ones with `--catalog`) and "
            "the same sources (if they came from a mirror, with its `--mirror`), this command makes the same bytes:"
            f"{_missing_sources(manifest)}",
            fenced(rebuild_command(manifest), "sh"),
            table(("hash", "value"), hashes),
            f"Its recipe, from card and settings:\n\n{fenced(card, 'yaml')}",
        ]
    )


def _missing_sources(manifest: Manifest) -> str:
    """What else must be as it was: of a source that was missing, a build that has it takes rows."""
    missing = sum(skip.kind == "source" for skip in manifest.skipped)
    return f" (The sources of {missing:,} tasks could not be had, see Known gaps.)" if missing else ""


def rebuild_command(manifest: Manifest) -> str:
    """The command that builds the same rows."""
    recipe = manifest.recipe
    words = ["flancollect", "build", manifest.mixture]
    words += ["--rows", str(recipe["rows"])] if recipe.get("rows") else []  # a benchmark takes all it has
    words += ["--seed", str(manifest.seed)]
    words += [word for glob in recipe.get("only", ()) for word in ("--only", glob)]
    policy = recipe.get("license_policy")
    words += ["--license-policy", policy] if policy else []
    words += ["--allow-incomplete"] if _lacks_tasks(manifest) else []
    # Globs of --only hold stars, which a shell would expand.
    return f"{shlex.join(words)} --out DIR"


def _lacks_tasks(manifest: Manifest) -> bool:
    """Whether a benchmark was built although tasks of it are missing."""
    return manifest.kind == "benchmark" and any(skip.kind != "quota" for skip in manifest.skipped)


def _without_empty(value: Any) -> Any:
    """A card without the keys that say nothing."""
    # From the inside out: a mapping whose last key falls away is empty too. 0 and False are values.
    if isinstance(value, dict):
        entries = {key: _without_empty(item) for key, item in value.items()}
        return {key: item for key, item in entries.items() if item not in (None, [], {}, "")}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def _sources(manifest: Manifest) -> str:
    uses = source_uses(manifest)
    more = len(uses) - SOURCES_LISTED
    rest = f"\n\nand {more:,} more sources, all in ATTRIBUTION.md." if more > 0 else ""
    return (
        f"{source_table(uses[:SOURCES_LISTED], manifest.rows)}{rest}\n\n"
        "What was made of each: ATTRIBUTION.md. What to cite: citations.bib."
    )


def _gaps(manifest: Manifest) -> list[str]:
    coverage = manifest.coverage
    lines = [f"{coverage.built_tasks:,} of the {coverage.planned_tasks:,} tasks asked for are in it."]
    if not manifest.complete:
        lines.append(
            "Questions of the benchmark are missing: no score here can be compared with one of the whole."
        )
    if manifest.rows < manifest.rows_asked:
        lines.append(f"{manifest.rows_asked:,} rows were asked for; {manifest.rows:,} are there.")
    if manifest.shortened:
        lines.append(f"{manifest.shortened:,} rows were shortened to keep within the limits.")
    if manifest.short:
        lines.append(f"{manifest.short:,} planned rows could not be made: see the reasons below.")
    dropped: Counter[str] = Counter()
    for task in manifest.tasks:
        dropped.update(task.dropped)
    # A source of a thousand tasks that cannot be had is one line, not a thousand.
    reasons: dict[tuple[str, str], list[str]] = {}
    for skip in manifest.skipped:
        reasons.setdefault((skip.kind, _OF_ONE_SOURCE.sub("", skip.reason)), []).append(skip.task)
    skipped = []
    for (kind, reason), count in _largest_first({key: len(tasks) for key, tasks in reasons.items()}):
        tasks = ", ".join(map(code, reasons[kind, reason][:TASKS_NAMED]))
        more = f" and {count - TASKS_NAMED:,} more" if count > TASKS_NAMED else ""
        skipped.append((f"{tasks}{more}", count, kind, prose(reason)))
    if skipped:
        lines += [
            "Tasks that are not in it:",
            table(("tasks", "count", "why", "reason"), skipped[:REASONS_LISTED]),
        ]
    if dropped:
        rows = [(count, prose(reason)) for reason, count in _largest_first(dropped)]
        lines += ["Rows that were drawn and not used:", table(("rows", "reason"), rows)]
    return lines


def _bias(manifest: Manifest) -> str:
    by_task: Counter[str] = Counter()
    english = 0
    for task in manifest.tasks:
        by_task[task.task] += task.rows
        english += task.rows if task.languages == ["en"] else 0
    top = sum(rows for _, rows in _largest_first(by_task)[:10])
    benchmarks = manifest.recipe.get("hold_out") or []
    notes = [
        "Rows are taken from the sources as they are: errors, stereotypes, personal names and offensive text "
        "of the sources are in here too. Nothing was filtered for content.",
        f"{percent(english, manifest.rows)} of the rows are of tasks in English alone; instructions are worded "
        "in the language of the templates, mostly English, whatever the language of the text.",
        f"The ten largest of {len(by_task):,} tasks make up {percent(top, manifest.rows)} of the rows.",
        "Answers are what the source's annotators or generators gave, in the words of templates; few "
        "templates per task are repeated over many rows.",
        f"Held out for benchmarks: {', '.join(map(code, benchmarks))}."
        if benchmarks
        else "No benchmark was held out: its test rows may share sources with these rows.",
    ]
    return "\n".join(f"- {note}" for note in notes)


def _largest_first(counts: Mapping[K, int]) -> list[tuple[K, int]]:
    """The largest count first, equal ones by name: the order of a card never depends on that of tasks."""
    items: Iterable[tuple[Any, int]] = counts.items()
    return sorted(items, key=lambda item: (-item[1], item[0]))
