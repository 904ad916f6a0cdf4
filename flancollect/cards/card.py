"""What every card as written is made of: a frozen pydantic model, and the types that its values may have.

Strict YAML hands every scalar over as the text that was written (`null` and empty as None), and the field
here gives it its type; so `[no, yes]` stays two words and `weight: 0.40` becomes a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

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


def chosen_by_key(what: str, kinds: Mapping[str, type[Card]]) -> BeforeValidator:
    """Picks the model by the key that names it, so that errors speak of that model alone."""

    def choose(value: object) -> object:
        if isinstance(value, Card) or not isinstance(value, dict):
            return value
        named = [key for key in kinds if key in value]
        if len(named) != 1:
            raise ValueError(f"{what} needs exactly one of the keys: {', '.join(kinds)}")
        return kinds[named[0]].model_validate(value)

    return BeforeValidator(choose)
