"""From a YAML document to a card model, with every violation as a problem at its line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from flancollect.cards.card import keys_naming_kinds
from flancollect.cards.source_card import SOURCES
from flancollect.cards.strict_yaml import Document
from flancollect.cards.task_card import ANSWERS
from flancollect.errors import Problem, did_you_mean

M = TypeVar("M", bound=BaseModel)
Loc = tuple[str | int, ...]


def check_model(model: type[M], value: Any, document: Document) -> tuple[M | None, list[Problem]]:
    """Validate a value that came from `document`; either the card or its problems."""
    if not isinstance(value, dict):
        return None, [Problem(document.file, 1, "a card is a mapping of keys to values")]
    try:
        return model.model_validate(value), []
    except ValidationError as error:
        return None, [
            Problem(document.file, document.line_of(problem["loc"]), _sentence(model, value, problem))
            for problem in error.errors(include_url=False)
        ]


def _sentence(model: type[BaseModel], value: Any, problem: Any) -> str:
    loc: Loc = tuple(part for part in problem["loc"] if part != "[key]")
    place = ".".join(map(str, loc))
    if problem["type"] == "extra_forbidden":
        key = str(loc[-1])
        return f'unknown key "{place}".' + did_you_mean(
            key, _keys_at(model, value, loc[:-1]), "Keys here", 20
        )
    if problem["type"] == "missing":
        known = ", ".join(_keys_at(model, value, loc[:-1]))
        return f'missing key "{place}". Keys here: {known}.'
    message = problem["msg"].removeprefix("Value error, ")
    shown = problem["input"]
    written = f' (written: "{shown}")' if isinstance(shown, str) and len(shown) < 80 else ""
    return f"{place}: {message}{written}" if place else message


def _keys_at(model: type[BaseModel], value: Any, loc: Loc) -> list[str]:
    """The keys that the model at a location accepts; empty when the location is a free mapping."""
    for part in loc:
        value = value[part] if isinstance(value, dict) and part in value else None
        found = (
            _model_of(_models_in(model.model_fields[str(part)].annotation), value)
            if part in model.model_fields
            else model
        )
        if found is None:
            return []
        model = found
    return list(model.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)


def _model_of(models: Iterator[type[BaseModel]], value: Any) -> type[BaseModel] | None:
    """Of a union's models, the one whose naming key the value has."""
    candidates = list(models)
    kinds = {key: kind for key, kind in (SOURCES | ANSWERS).items() if kind in candidates}
    keys = keys_naming_kinds(kinds, value or {})
    return kinds[keys[0]] if keys else next(iter(candidates), None)
