"""What every card as written is made of: a frozen pydantic model, and the types that its values may have.

Strict YAML hands every scalar over as the text that was written (`null` and empty as None), and the field
here gives it its type; so `[no, yes]` stays two words and `weight: 0.40` becomes a number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

if TYPE_CHECKING:
    # Whoever only reads builds needs cards for their `score`, and no YAML.
    from flancollect.cards.strict_yaml import Document

# Names become folders and configurations of exports, parts of messages and CSV cells: no slash, no quotation mark, no
# line break, no dot or blank at either end, and no longer than a file's name may be with a variant's name behind it.
NAME = r"^\w([\w.+()&' -]*[\w+()&'-])?$"
NAME_BYTES = 200


def _split_cell(value: object) -> object:
    """Text where a list is expected is split at `;`, so that one index cell can hold several values."""
    return [part.strip() for part in value.split(";") if part.strip()] if isinstance(value, str) else value


def _checked_name(name: str) -> str:
    if not re.fullmatch(NAME, name):
        raise ValueError(
            "a name is of letters, digits, blanks and _ . + - ( ) & ', begins with a letter, digit or _ "
            "and ends in no dot or blank"
        )
    if len(name.encode()) > NAME_BYTES:
        raise ValueError(f"a name has at most {NAME_BYTES} bytes")
    return name


Name = Annotated[
    str,
    AfterValidator(_checked_name),
    Field(json_schema_extra={"pattern": NAME, "minLength": 1, "maxLength": NAME_BYTES}),
]
ExpressionText = Annotated[str, Field(min_length=1, max_length=2000)]
Texts = Annotated[list[str], BeforeValidator(_split_cell, json_schema_input_type=str | list[str])]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
# inf would pass `gt=0`, and leave nothing for the other shares.
Share = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Metric = Literal["accuracy", "exact_match", "f1", "squad", "bleu", "rouge", "pearson", "number"]


class Card(BaseModel):
    """Any card: unknown keys are refused and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


C = TypeVar("C", bound=Card)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedCard(Generic[C]):
    """A card as written, the document that it came from, which knows the line of each of its keys, and its file."""

    card: C
    document: Document
    path: Path


class LintRules(Card):
    """What the linter shall not say of a card: lint to the reason why it does not apply."""

    ignore: Annotated[dict[Name, Annotated[str, Field(min_length=1)]], Field(min_length=1)]


def naming_keys(kinds: Mapping[str, type[Card]], value: Mapping[Any, Any]) -> list[str]:
    """The keys of a value that say of which kind it is, in the order of `kinds`: models by their naming key.

    `{text: ..., choices: ...}` is of the kind `text` alone, although `choices` names a kind, too: a text answer
    has a field `choices`, but a choices answer has no field `text`.
    """
    keys = [key for key in kinds if key in value]
    return [
        key for key in keys if not any(key in kinds[other].model_fields for other in keys if other != key)
    ]


def model_by_key(what: str, kinds: Mapping[str, type[Card]]) -> BeforeValidator:
    """Picks the model by the key that names it, so that errors speak of that model alone.

    A plain pydantic union tries every model, and would answer one misspelled key with the errors of all of them.
    """

    def validate(value: object) -> object:
        if isinstance(value, Card):
            return value
        if not isinstance(value, dict):
            raise ValueError(f"{what} is a mapping with one of the keys: {', '.join(kinds)}")
        keys = naming_keys(kinds, value)
        if len(keys) != 1:
            raise ValueError(f"{what} needs exactly one of the keys: {', '.join(kinds)}")
        return kinds[keys[0]].model_validate(value)

    return BeforeValidator(validate)
