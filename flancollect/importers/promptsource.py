"""PromptSource: `templates/<dataset>[/<config>]/templates.yaml` to one family and one card per file.

Every template becomes one task, named by T0's rule behind `p3_`, whose target its own template renders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flancollect.cards.columns import DOC, ROW
from flancollect.errors import UsageError
from flancollect.importers.card_text import card_text, index_text
from flancollect.importers.conversion import Conversion, NotConverted, NotConvertible
from flancollect.importers.hub_homes import HOMES, home_of
from flancollect.importers.names import MAX_LENGTH, plain_name, unique_name
from flancollect.importers.p3_template import P3Template, convert_template
from flancollect.importers.source_files import Unreadable, files_matching, read_text

SUBMIX = "promptsource"
FILE = "templates.yaml"
MAX_BYTES = 4_000_000
MAX_DEPTH = 20
MAX_FAMILY = 80

_METRICS = {
    "Accuracy": "accuracy",
    "BLEU": "bleu",
    "ROUGE": "rouge",
    "Squad": "squad",
    "COQA F1": "f1",
    "Pearson Correlation": "pearson",
}
_TAGS = ("!Template", "!TemplateMetadata")
_INDEX = ("template", "metric", "languages")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Converted:
    """One template of a file as we hold it."""

    name: str
    texts: P3Template
    metric: str
    languages: str


def convert(src: Path) -> Conversion:
    """Convert a checkout of PromptSource, or its folder of templates. Raises UsageError if it is neither."""
    paths = [path for path in files_matching(src, [f"**/{FILE}"]) if ".git" not in path.parts]
    if not paths:
        raise UsageError(f"{src}: no {FILE} below it; name a checkout of bigscience-workshop/promptsource")
    files: dict[str, str] = {}
    failed: list[NotConverted] = []
    converted = 0
    for path in paths:
        name = str(path.relative_to(src))
        try:
            dataset, config, templates = _read(read_text(path, src, MAX_BYTES))
        except (Unreadable, NotConvertible) as error:
            failed.append(NotConverted(path=name, name="", reason=str(error)))
            continue
        of_file = _convert_templates(name, templates, failed)
        if of_file:
            family = "_".join(part for part in ("p3", dataset, config) if part)
            family = unique_name(family, {Path(file).stem for file in files}, MAX_FAMILY)
            files |= _catalogue_files(family, dataset, config, of_file)
            converted += len(of_file)
    return Conversion(unit="templates", converted=converted, files=files, not_converted=tuple(sorted(failed)))


_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BASE):  # type: ignore[misc]  # which of the two it is depends on the machine
    """Plain values only; the tags of PromptSource are mappings like any other.

    What is referred to is shared, not copied, so that references cannot make much of little. Merge keys
    would copy; without this method they are refused.
    """

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leave merge keys alone."""


for _tag in _TAGS:
    _Loader.add_constructor(_tag, lambda loader, node: loader.construct_mapping(node, deep=True))


def _read(text: str) -> tuple[str, str, Sequence[Mapping[str, Any]]]:
    """Dataset, config (empty if none) and templates of a file. Raises NotConvertible."""
    depth = 0
    try:
        # Values are built by recursion, so their depth is counted on the events first.
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise NotConvertible(f"not YAML of templates: nested deeper than {MAX_DEPTH} levels")
        document = yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader with two more mappings)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotConvertible(f"not YAML: {' '.join(str(error).split())[:200]}") from error
    values = document if isinstance(document, dict) else {}
    dataset, config, by_id = values.get("dataset"), values.get("subset"), values.get("templates")
    if (
        not isinstance(dataset, str)
        or not isinstance(by_id, dict)
        or not all(isinstance(template, dict) for template in by_id.values())
    ):
        raise NotConvertible("no mapping with the keys dataset and templates")
    # A config may be written as a number: `subset: 1` of some dataset is its config "1".
    return dataset, "" if config is None else str(config), list(by_id.values())


def _convert_templates(
    path: str, templates: Sequence[Mapping[str, Any]], failed: list[NotConverted]
) -> list[_Converted]:
    """The templates that can be converted, by name; the others are added to `failed`."""
    converted: dict[str, _Converted] = {}
    # Ids are drawn when a template is written, so their order in the file says nothing; of equal names they decide
    # which one is numbered.
    for template in sorted(templates, key=lambda entry: (str(entry.get("name")), str(entry.get("id")))):
        name = str(template.get("name") or template.get("id") or "")
        text, choices = template.get("jinja"), template.get("answer_choices")
        try:
            if not isinstance(text, str) or not isinstance(choices, str | None):
                raise NotConvertible("jinja and answer_choices are not text")
            texts = convert_template(text, choices)
        except NotConvertible as error:
            failed.append(NotConverted(path=path, name=name, reason=str(error)))
            continue
        metadata = template.get("metadata")
        values = metadata if isinstance(metadata, dict) else {}
        metrics = [_METRICS[metric] for metric in _names(values.get("metrics")) if metric in _METRICS]
        # Tasks are called `<family>_<template>`, and a task's name has MAX_LENGTH characters at most.
        unique = unique_name(name, converted, MAX_LENGTH - MAX_FAMILY - 1)
        converted[unique] = _Converted(
            name=unique,
            texts=texts,
            metric=(metrics or ["exact_match"])[0],
            languages=";".join(_names(values.get("languages"))) or "en",
        )
    return list(converted.values())


def _names(value: object) -> list[str]:
    return [plain_name(item) for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _catalogue_files(
    family: str, dataset: str, config: str, templates: Sequence[_Converted]
) -> Iterator[tuple[str, str]]:
    """Family, card and index of one dataset."""
    columns = {name: column for template in templates for name, column in template.texts.needs.items()}
    yield (
        f"templates/{family}.yaml",
        card_text(
            {
                "family": family,
                "needs": dict.fromkeys(sorted(columns), "any"),
                "options": "none",  # where they are listed, the template's own text does it
                "forward": {
                    template.name: {"input": template.texts.input, "target": template.texts.target}
                    for template in templates
                },
            }
        ),
    )
    note = f"Templates of PromptSource for {dataset}{f' ({config})' if config else ''}."
    if dataset not in HOMES and "/" not in dataset:
        note += " The dataset keeps its old name, which the Hub forwards."
    yield f"task_cards/{family}.yaml", card_text(_card(dataset, config, family, columns), note)
    rows = [(template.name, template.metric, template.languages) for template in templates]
    yield f"task_cards/{family}.csv", index_text(_INDEX, rows)


def _card(dataset: str, config: str, family: str, columns: Mapping[str, str]) -> dict[str, Any]:
    home = home_of(dataset)
    # Two names mean something else in an expression, so columns called so are reached through the row.
    fields = {
        name: home.columns.get(column) or (f'row["{column}"]' if column in (DOC, ROW) else column)
        for name, column in sorted(columns.items())
    }
    return {
        "expand": {"over": f"{family}.csv"},
        "task": f"{family}_{{{{ template }}}}",
        "submix": SUBMIX,
        "source": {"hub": home.hub, "config": config or home.config},
        **({"splits": dict(home.splits)} if home.splits else {}),
        "family": family,
        "templates": "{{ template }}",
        "fields": fields,
        "answer": {"rendered": "target"},
        "metric": "{{ metric }}",
        "license": "unknown",  # PromptSource says nothing of it, and a guess would pass license policies
        "languages": "{{ languages }}",
        "cluster": plain_name(dataset),
    }
