"""PromptSource: `templates/<dataset>[/<config>]/templates.yaml` to one family and one card per file.

Every template becomes one task, named by T0's rule behind `p3_`, whose target its own template renders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flancollect.errors import UsageError
from flancollect.importers.card_text import card_text, index_text
from flancollect.importers.conversion import Conversion, NotConverted
from flancollect.importers.hub_homes import HOMES, home_of
from flancollect.importers.names import MAX_LENGTH, plain_name, unique_name
from flancollect.importers.p3_template import NotConvertible, P3Template, convert_template
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
        shown = str(path.relative_to(src))
        try:
            document = _document(read_text(path, src, MAX_BYTES))
            dataset, config, templates = _parts(document)
        except (Unreadable, NotConvertible) as error:
            failed.append(NotConverted(path=shown, name="", reason=str(error)))
            continue
        family = unique_name(_family_name(dataset, config), {Path(name).stem for name in files}, MAX_FAMILY)
        done, left = _templates(shown, templates)
        failed += left
        if done:
            converted += len(done)
            files |= _catalogue_files(family, dataset, config, done)
    return Conversion(unit="templates", converted=converted, files=files, not_converted=tuple(sorted(failed)))


# --- reading -----------------------------------------------------------------------------------------------


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


def _document(text: str) -> Any:
    """The value of a YAML file."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise NotConvertible(f"not YAML of templates: nested deeper than {MAX_DEPTH} levels")
        return yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader with two more mappings)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotConvertible(f"not YAML: {' '.join(str(error).split())[:200]}") from error


def _parts(document: Any) -> tuple[str, str, Sequence[Mapping[str, Any]]]:
    """Dataset, config (empty if none) and templates of a file."""
    if not isinstance(document, dict) or not isinstance(document.get("templates"), dict):
        raise NotConvertible("no mapping with the keys dataset and templates")
    templates = list(document["templates"].values())
    dataset = document.get("dataset")
    if not isinstance(dataset, str) or not all(isinstance(template, dict) for template in templates):
        raise NotConvertible("no mapping with the keys dataset and templates")
    config = document.get("subset")
    return dataset, "" if config is None else str(config), templates


# --- converting --------------------------------------------------------------------------------------------


def _templates(
    path: str, templates: Sequence[Mapping[str, Any]]
) -> tuple[list[_Converted], list[NotConverted]]:
    done: dict[str, _Converted] = {}
    failed = []
    for template in sorted(
        templates, key=lambda template: (str(template.get("name")), str(template.get("id")))
    ):
        name = str(template.get("name") or template.get("id") or "")
        try:
            converted = convert_template(*_texts(template))
        except NotConvertible as error:
            failed.append(NotConverted(path=path, name=name, reason=str(error)))
            continue
        unique = unique_name(name, done, MAX_LENGTH - MAX_FAMILY - 1)
        done[unique] = _Converted(name=unique, texts=converted, **_metadata(template.get("metadata")))
    return list(done.values()), failed


def _texts(template: Mapping[str, Any]) -> tuple[str, str | None]:
    text, choices = template.get("jinja"), template.get("answer_choices")
    if not isinstance(text, str) or not isinstance(choices, str | None):
        raise NotConvertible("jinja and answer_choices are not text")
    return text, choices


def _metadata(metadata: object) -> dict[str, str]:
    """Metric and languages, as far as they are known here."""
    values = metadata if isinstance(metadata, dict) else {}
    metrics = [_METRICS[name] for name in _names(values.get("metrics")) if name in _METRICS]
    return {
        "metric": (metrics or ["exact_match"])[0],
        "languages": ";".join(_names(values.get("languages"))) or "en",
    }


def _names(value: object) -> list[str]:
    return [plain_name(item) for item in value if isinstance(item, str)] if isinstance(value, list) else []


# --- writing -----------------------------------------------------------------------------------------------


def _family_name(dataset: str, config: str) -> str:
    return "p3_" + "_".join(part for part in (dataset, config) if part)


def _catalogue_files(
    family: str, dataset: str, config: str, done: Sequence[_Converted]
) -> Iterator[tuple[str, str]]:
    """Family, card and index of one dataset."""
    columns = {new: old for template in done for new, old in template.texts.needs.items()}
    yield f"templates/{family}.yaml", card_text(_family(family, columns, done))
    card = _card(dataset, config, family, columns)
    yield f"task_cards/{family}.yaml", card_text(card, _note(dataset, config))
    rows = [(template.name, template.metric, template.languages) for template in done]
    yield f"task_cards/{family}.csv", index_text(_INDEX, rows)


def _family(family: str, columns: Mapping[str, str], done: Sequence[_Converted]) -> dict[str, Any]:
    return {
        "family": family,
        "needs": dict.fromkeys(sorted(columns), "any"),
        "options": "none",
        "forward": {
            template.name: {"input": template.texts.input, "target": template.texts.target}
            for template in done
        },
    }


def _card(dataset: str, config: str, family: str, columns: Mapping[str, str]) -> dict[str, Any]:
    home = home_of(dataset)
    return {
        "expand": {"over": f"{family}.csv"},
        "task": f"{family}_{{{{ template }}}}",
        "submix": SUBMIX,
        "source": {"hub": home.hub, "config": config or home.config},
        **({"splits": dict(home.splits)} if home.splits else {}),
        "family": family,
        "templates": "{{ template }}",
        "fields": {new: home.columns.get(old) or _expression(old) for new, old in sorted(columns.items())},
        "answer": {"rendered": "target"},
        "metric": "{{ metric }}",
        "license": "unknown",
        "languages": "{{ languages }}",
        "cluster": plain_name(dataset),
    }


def _expression(column: str) -> str:
    """The expression for a column; two names mean something else in a card."""
    return f'row["{column}"]' if column in ("doc", "row") else column


def _note(dataset: str, config: str) -> str:
    name = f"{dataset} ({config})" if config else dataset
    known = dataset in HOMES or "/" in dataset
    return f"Templates of PromptSource for {name}." + (
        "" if known else " The dataset keeps its old name, which the Hub forwards."
    )
