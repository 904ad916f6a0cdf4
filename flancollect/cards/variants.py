"""The variants of a task: Flan's template types, and `_inv` for inverted templates.

`zs`/`fs`: without or with exemplars. `opt`/`noopt`: with or without the list of answer options.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

VariantName = Literal[
    "zs_opt", "fs_opt", "zs_noopt", "fs_noopt", "zs_opt_inv", "fs_opt_inv", "zs_noopt_inv", "fs_noopt_inv"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What a variant name means."""

    name: str
    few_shot: bool
    options: bool
    inverted: bool

    @property
    def direction(self) -> Literal["forward", "inverted"]:
        """Which of a family's two groups of templates serves."""
        return "inverted" if self.inverted else "forward"


VARIANTS: dict[str, Variant] = {
    f"{shot}_{option}{turn}": Variant(
        name=f"{shot}_{option}{turn}", few_shot=shot == "fs", options=option == "opt", inverted=turn == "_inv"
    )
    for turn in ("", "_inv")
    for option in ("opt", "noopt")
    for shot in ("zs", "fs")
}
