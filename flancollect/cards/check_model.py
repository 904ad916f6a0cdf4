"""From a YAML document to a card model, with every violation as a problem at its line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from flancollect.cards.card import naming_keys
from flancollect.cards.score_card import SCORES
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
            document.problem(violation["loc"], _sentence(model, value, violation))
            for violation in error.errors(include_url=False)
        ]


def _sentence(model: type[BaseModel], value: Any, violation: Any) -> str:
    """One of pydantic's error records in our words."""
    # pydantic marks a refused key of a mapping by a further part "[key]", which is not written in the card.
    loc: Loc = tuple(part for part in violation["loc"] if part != "[key]")
    place = ".".join(map(str, loc))
    if violation["type"] == "extra_forbidden":
        keys = _keys_at(model, value, loc[:-1])
        return f'unknown key "{place}".' + did_you_mean(str(loc[-1]), keys, "Keys here", 20)
    if violation["type"] == "missing":
        return f'missing key "{place}". Keys here: {", ".join(_keys_at(model, value, loc[:-1]))}.'
    message = violation["msg"].removeprefix("Value error, ")
    text = violation["input"]
    written = f' (written: "{text}")' if isinstance(text, str) and len(text) < 80 else ""
    return f"{place}: {message}{written}" if place else message


def _keys_at(model: type[BaseModel], value: Any, loc: Loc) -> list[str]:
    """The keys that the model at a location accepts; empty when the location is a free mapping."""
    for part in loc:
        value = value[part] if isinstance(value, dict) and part in value else None
        if part not in model.model_fields:
            continue  # a key of a free mapping, as `ask` in `forward.ask`: the model of its values is reached
        models = list(_models_in(model.model_fields[str(part)].annotation))
        if not models:
            return []
        # Of a union's models, the one whose naming key is written.
        kinds = {key: kind for key, kind in (SOURCES | ANSWERS | SCORES).items() if kind in models}
        keys = naming_keys(kinds, value or {})
        model = kinds[keys[0]] if keys else models[0]
    return list(model.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that stand anywhere in a type: TemplateCard in `dict[Name, TemplateCard]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
