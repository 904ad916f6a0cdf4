"""The recipe of a build: the card and the request as one value, whatever kind of card it was.

Mixtures and benchmarks are planned and rendered alike, so a benchmark's recipe is that of a mixture with one
part, a fixed split and fixed styles. `manifest.json` holds the recipe, which is enough to plan the build again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from flancollect.cards.benchmark_card import BenchmarkCard, SplitName, TemplateChoice
from flancollect.cards.card import NAME, Card, Name, Positive, Texts
from flancollect.cards.entries import Catalog
from flancollect.cards.licenses import PolicyName
from flancollect.cards.mixture_card import Dedup, LicenseRule, Limits, MixtureCard, PartCard, Shots
from flancollect.cards.score_card import Score
from flancollect.cards.select import Select, select
from flancollect.cards.style_card import StyleKind
from flancollect.cards.variants import VARIANTS, VariantName
from flancollect.errors import CheckError, UsageError, did_you_mean
from flancollect.planning.request import BuildRequest

EVERYTHING = 1_000_000_000
"""The size of a mixture that nobody wrote a card for: more rows than any source has."""


class Recipe(Card):
    """What a build is made of. `rows` is the total asked for; None asks for all that there is.

    A task gives at most its part's `cap` rows, each at most `max_repeat` times per variant. `templates` says
    which of a family's serve. `hold_out` names benchmarks whose tasks, rows and templates must not occur; a
    benchmark's own recipe names none.
    """

    name: Name
    kind: Literal["mixture", "benchmark"]
    title: str = ""
    rows: Positive | None
    seed: int
    only: Texts = Field(default_factory=list)
    parts: Annotated[dict[Name, PartCard], Field(min_length=1)]
    split: SplitName = "train"
    templates: TemplateChoice = "trained"
    max_repeat: Positive = 1
    shots: Shots
    limits: Limits = Limits()
    styles: dict[StyleKind, Annotated[Texts, Field(min_length=1)]] = Field(default_factory=dict)
    score: Score | None = None
    dedup: Dedup = "none"
    hold_out: Texts = Field(default_factory=list)
    license: LicenseRule | None = None
    license_policy: PolicyName | None = None

    def in_variant(self, variant: str) -> Recipe:
        """The same with every task in one variant; a benchmark asks in its own and stays as it is.

        Raises UsageError for a variant that there is none of.
        """
        if variant not in VARIANTS:
            raise UsageError(f'--variant: no variant "{variant}". Variants: {", ".join(VARIANTS)}.')
        if self.kind == "benchmark":
            return self
        parts = {
            name: part.model_copy(update={"variants": {variant: 1.0}}) for name, part in self.parts.items()
        }
        return self.model_copy(update={"parts": parts})


def make_recipe(catalog: Catalog, request: BuildRequest) -> Recipe:
    """The recipe of a request. Raises UsageError for a name that nothing has."""
    name = request.name
    if name in catalog.mixtures:
        return recipe_of_card(catalog.mixtures[name].card, request)
    if name in catalog.benchmarks:
        return recipe_of_card(catalog.benchmarks[name].card, request)
    mixture = implicit_mixture(catalog, name)
    if mixture is None:
        names = [*catalog.mixtures, *catalog.benchmarks, *catalog.tasks]
        raise UsageError(
            f'no mixture, benchmark, submix or task "{name}".' + did_you_mean(name, names, "There are", 12)
        )
    # Nobody wrote a size: all rows are asked for, not the billion that a card has to say.
    return recipe_of_card(mixture, request).model_copy(update={"name": name, "rows": request.rows})


def implicit_mixture(catalog: Catalog, name: str) -> MixtureCard | None:
    """A mixture of one submix, or of the tasks that match a name or glob: everything that they hold."""
    # A submix goes before a task of the same name: the mixture card that usually bears it was looked for already.
    submixes = {task.card.submix for task in catalog.tasks.values()}
    selection = Select(submix=[name]) if name in submixes else Select(tasks=[name])
    if not select(catalog.tasks.values(), selection):
        return None
    part = PartCard(select=selection, variants={"zs_opt": 1.0, "fs_opt": 1.0})
    label = name if re.fullmatch(NAME, name) else "tasks"  # a glob is no name
    return MixtureCard(mixture=label, size=EVERYTHING, parts={label: part})


def recipe_of_card(card: MixtureCard | BenchmarkCard, request: BuildRequest) -> Recipe:
    """The recipe of a card, with the settings of a request; its name is the card's."""
    if isinstance(card, BenchmarkCard):
        return _benchmark_recipe(card, request)
    parts = {
        name: part.model_copy(update={"select": part.select or Select(submix=[name])})
        for name, part in card.parts.items()
    }
    return Recipe(
        name=card.mixture,
        kind="mixture",
        title=card.title,
        rows=card.size if request.rows is None else request.rows,
        seed=request.seed,
        only=list(request.only),
        parts=parts,
        max_repeat=card.max_repeat,
        shots=card.shots,
        limits=card.limits,
        styles=card.styles,
        dedup=card.dedup,
        hold_out=card.hold_out,
        license=card.license,
        license_policy=request.license_policy,
    )


def _benchmark_recipe(card: BenchmarkCard, request: BuildRequest) -> Recipe:
    """One part that takes each task's questions, in one variant, with the shots that the benchmark asks with."""
    ask = card.ask
    variants: dict[VariantName, float] = {ask.variant: 1.0}
    shots = max(ask.shots, 1)  # `Shots` counts from 1; a zero-shot variant shows none of them
    return Recipe(
        name=card.benchmark,
        kind="benchmark",
        title=card.title,
        rows=request.rows,
        seed=request.seed,
        only=list(request.only),
        parts={card.benchmark: PartCard(select=card.select, cap=card.rows_per_task, variants=variants)},
        split=card.split,
        templates=ask.templates,
        shots=Shots(min=shots, max=shots, max_input_bytes=ask.max_input_bytes, order=ask.exemplars),
        styles=ask.styles,
        score=card.score,
        license_policy=request.license_policy,
    )


def refuse_missing(catalog: Catalog, recipe: Recipe, tasks: Sequence[str]) -> None:
    """Raise CheckError for tasks, or benchmarks of an earlier build's recipe, that the catalogue has no more."""
    missing = [name for name in tasks if name not in catalog.tasks]
    missing += [name for name in recipe.hold_out if name not in catalog.benchmarks]
    if missing:
        raise CheckError(
            f"not in the catalogue: {', '.join(missing)}; give the --catalog that it was built with"
        )
