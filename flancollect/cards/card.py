"""What every card as written is made of: a frozen pydantic model, and the types that its values may have.

Strict YAML hands every scalar over as the text that was written (`null` and empty as None), and the field
here gives it its type; so `[no, yes]` stays two words and `weight: 0.40` becomes a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

NAME = r"^[\w.+()&' -]+$"


def _listed(value: object) -> object:
    """Text where a list is expected is split at `;`, so that one index cell can hold several values."""
    return [part.strip() for part in value.split(";") if part.strip()] if isinstance(value, str) else value


Name = Annotated[str, Field(pattern=NAME, max_length=200)]
ExpressionText = Annotated[str, Field(min_length=1, max_length=2000)]
Texts = Annotated[list[str], BeforeValidator(_listed)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Metric = Literal["accuracy", "exact_match", "f1", "squad", "bleu", "rouge", "pearson", "number"]


class Card(BaseModel):
    """Any card: unknown keys are refused and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LintRules(Card):
    """What the linter shall not say of a card: lint to the reason why it does not apply."""

    ignore: Annotated[dict[Name, Annotated[str, Field(min_length=1)]], Field(min_length=1)]


def keys_naming_kinds(kinds: Mapping[str, type[Card]], value: Mapping[Any, Any]) -> list[str]:
    """The keys of a value that say which kind of card it is, in the order of `kinds`.

    Kinds by their naming key: `{text: ..., choices: ...}` is of the kind `text` alone, although `choices` names
    a kind too, because a text answer has a field `choices` and a choices answer has no field `text`.
    """
    keys = [key for key in kinds if key in value]
    return [
        key for key in keys if not any(key in kinds[other].model_fields for other in keys if other != key)
    ]


def model_by_key(what: str, kinds: Mapping[str, type[Card]]) -> BeforeValidator:
    """Picks the model by the key that names it, so that errors speak of that model alone."""

    def validate(value: object) -> object:
        if isinstance(value, Card) or not isinstance(value, dict):
            return value
        keys = keys_naming_kinds(kinds, value)
        if len(keys) != 1:
            raise ValueError(f"{what} needs exactly one of the keys: {', '.join(kinds)}")
        return kinds[keys[0]].model_validate(value)

    return BeforeValidator(validate)
