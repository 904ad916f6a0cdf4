"""The variants of a task: Flan's template types, and `_inv` for inverted templates.

`zs`/`fs`: without or with exemplars. `opt`/`noopt`: with or without the list of answer options. So `fs_noopt_inv`
shows exemplars, lists no options, and asks for what is forward the question.
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

    @property
    def inverse(self) -> str:
        """The variant that differs in direction alone: of zs_opt it is zs_opt_inv."""
        return self.name.removesuffix("_inv") if self.inverted else f"{self.name}_inv"

    @property
    def twin(self) -> str:
        """The variant that differs in the list of options alone: of zs_opt it is zs_noopt."""
        old, new = ("opt", "noopt") if self.options else ("noopt", "opt")
        return self.name.replace(old, new)


# The order is that of VariantName: dataset cards list and colour the variants by it.
VARIANTS: dict[str, Variant] = {
    f"{shots}_{options}{direction}": Variant(
        name=f"{shots}_{options}{direction}",
        few_shot=shots == "fs",
        options=options == "opt",
        inverted=direction == "_inv",
    )
    for direction in ("", "_inv")
    for options in ("opt", "noopt")
    for shots in ("zs", "fs")
}
