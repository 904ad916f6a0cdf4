"""What is drawn for each row: template, styles, exemplars. A Pick is all that is needed to render it again."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from flancollect.cards.family import Template
from flancollect.cards.mixture_card import Shots
from flancollect.cards.styles import Styles
from flancollect.cards.variants import Variant
from flancollect.draw import Draws, Ints, belows, draws, key, keys, streams
from flancollect.render.normalise import Content, Row
from flancollect.render.pairing import option_styles_for, styles_for, templates_beside

HALF = 1 << 63
"""Half of the 2**64 numbers that are drawn are below it."""

SMALL_POOL = 64  # pools up to this size are shuffled whole, so that duplicates in them cost no exemplar


class Pick(NamedTuple):
    """The decisions for one prompt. Style names are None where the style has nothing to do.

    `exemplars` are rows in the order shown; the renderer may use fewer, to keep within the budget. `exemplar_source`
    says what their numbers count: rows of the "pool", or the worked examples of the "card". `exemplar_templates` has
    the template of each exemplar.
    """

    template: Template
    option_style: str | None
    dialog_style: str | None
    shot_style: str | None
    exemplars: tuple[Row, ...]
    exemplar_templates: tuple[Template, ...] = ()
    exemplar_source: str = "pool"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExemplarPool:
    """Rows that may serve as exemplars. `source` says what their numbers count: "card" or "pool".

    `worked` are examples of the card with explanations, for prompts that show one of these in place of rows.
    """

    rows: list[Row]
    source: str
    worked: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawScope:
    """The names that key every decision of one job and one use of its rows.

    `draws_as` is the task's name, or the one that its card shares with other tasks, which then decide alike.
    """

    seed: int
    draws_as: str
    variant: Variant
    repeat: int

    def key(self, purpose: str) -> int:
        """The key of one purpose."""
        return key(self.seed, self.draws_as, self.variant.name, self.repeat, purpose)


def pick_rows(
    scope: DrawScope,
    rows: Sequence[Row],
    templates: Sequence[Template],
    styles: Styles,
    pool: ExemplarPool,
    shots: Shots,
) -> list[Pick]:
    """Draw the decisions for rows of a job, with exemplars of a pool.

    Each row's decisions depend on its own number alone.
    """
    if not rows:
        return []
    ids = np.array([row.id for row in rows], dtype=np.int64)
    few_shot = scope.variant.few_shot

    row_templates = [templates[number] for number in draw_templates(scope, ids, templates).tolist()]
    options = scope.variant.options

    def draw_styles(purpose: str, styles_of: Callable[[Template], Sequence[str]]) -> Sequence[str | None]:
        return _draw_names(scope.key(purpose), ids, row_templates, styles_of)

    option_styles = draw_styles("style of options", lambda each: option_styles_for(each, styles.options))
    dialog_styles = draw_styles("style of dialogs", lambda _: list(styles.dialogs))
    shot_styles: Sequence[str | None] = [None] * len(ids)
    if few_shot:
        shot_styles = draw_styles(
            "style of shots", lambda each: styles_for(each, styles.shots, options=options)
        )
    prompt_kinds = _prompt_kinds(scope, ids, pool, shots) if few_shot else [_NO_SHOTS] * len(rows)
    exemplars = _exemplars_of(scope, rows, prompt_kinds)
    picks = [
        Pick(
            template=template,
            option_style=option if template.shows_options and options and row.options else None,
            dialog_style=dialog,
            shot_style=shot,
            exemplars=row_exemplars,
            exemplar_templates=(template,) * len(row_exemplars),
            exemplar_source=kind.source,
        )
        for row, template, option, dialog, shot, kind, row_exemplars in zip(
            rows,
            row_templates,
            option_styles,
            dialog_styles,
            shot_styles,
            prompt_kinds,
            exemplars,
            strict=True,
        )
    ]
    mixed = [
        i for i, kind in enumerate(prompt_kinds) if kind.mixed and exemplars[i] and shot_styles[i] is not None
    ]
    _mix_templates(scope, ids, picks, mixed, templates, styles)
    return picks


def _draw_names(
    key: int, ids: Ints, templates: Sequence[Template], names_of: Callable[[Template], Sequence[str]]
) -> Sequence[str | None]:
    """For each row one of the names that its template has; None where there are none at all."""
    distinct = {template.id: template for template in templates}
    names = {name: names_of(template) for name, template in distinct.items()}
    first, *others = names.values()
    if not first:
        return [None] * len(ids)
    if others.count(first) == len(others):
        return [first[i] for i in belows(draws(key, ids), len(first)).tolist()]
    row_names = [names[template.id] for template in templates]
    counts = np.array(list(map(len, row_names)), dtype=np.uint64)
    positions = belows(draws(key, ids), counts).tolist()
    return [of_row[i] for of_row, i in zip(row_names, positions, strict=True)]


def draw_templates(scope: DrawScope, ids: Ints, templates: Sequence[Template]) -> Ints:
    """The number of the template that each row is rendered with."""
    return belows(draws(scope.key("template"), ids), len(templates)).astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class _PromptKind:
    """One kind of few-shot prompt: the rows it shows of, how many, and whether in templates of their own."""

    rows: Sequence[Row]
    source: str
    shots: Shots
    mixed: bool


_NO_SHOTS = _PromptKind(rows=(), source="pool", shots=Shots(), mixed=False)


def _prompt_kinds(scope: DrawScope, ids: Ints, pool: ExemplarPool, shots: Shots) -> list[_PromptKind]:
    """The kind of each row's prompt."""

    def kind(low: int, high: int, rows: Sequence[Row], source: str, *, mixed: bool) -> _PromptKind:
        between = shots.model_copy(update={"min": low, "max": high})
        return _PromptKind(rows=rows, source=source, shots=between, mixed=mixed)

    if pool.worked:
        # Of 2**64 numbers those below half of them are half: with `explained` 0.5 a draw of 2**62 shows a worked
        # example.
        purpose, most = "explained", int(shots.explained * 2**64)
        mixed = shots.templates == "mixed"
        first = kind(1, 1, pool.worked, "card", mixed=mixed)
        second = kind(2, 2, pool.rows, pool.source, mixed=mixed)
    elif shots.templates == "flan2022":
        purpose, most = "mixed templates", HALF if scope.variant.options else 0
        first = kind(5, 5, pool.rows, pool.source, mixed=True)
        # Ten templates take turns in rows that follow one another: of 25 rows, two or three have the question's.
        second = kind(2, 3, pool.rows, pool.source, mixed=False)
    else:
        every = kind(shots.min, shots.max, pool.rows, pool.source, mixed=shots.templates == "mixed")
        return [every] * len(ids)
    return [first if number < most else second for number in draws(scope.key(purpose), ids).tolist()]


def _positions(values: Iterable[Hashable]) -> list[list[int]]:
    """The positions of equal values together, in the order of their first ones: of a, b, a they are [0, 2] and [1]."""
    positions: dict[Hashable, list[int]] = {}
    for position, value in enumerate(values):
        positions.setdefault(value, []).append(position)
    return list(positions.values())


def _exemplars_of(
    scope: DrawScope, rows: Sequence[Row], kinds: Sequence[_PromptKind]
) -> list[tuple[Row, ...]]:
    """The exemplars of each row."""
    exemplars: list[tuple[Row, ...]] = [()] * len(rows)
    for positions in _positions(map(id, kinds)):
        kind = kinds[positions[0]]
        if kind is not _NO_SHOTS:
            of_kind = _draw_exemplars(scope, [rows[i] for i in positions], kind.rows, kind.shots)
            for i, row_exemplars in zip(positions, of_kind, strict=True):
                exemplars[i] = row_exemplars
    return exemplars


def _mix_templates(
    scope: DrawScope,
    ids: Ints,
    picks: list[Pick],
    mixed: Sequence[int],
    templates: Sequence[Template],
    styles: Styles,
) -> None:
    """Deal templates to the exemplars of the picks at these positions, different ones as long as there are any."""
    names = (scope.seed, scope.draws_as, scope.variant.name, scope.repeat, "exemplar templates")
    for group in _positions((picks[i].template.id, picks[i].shot_style) for i in mixed):
        positions = [mixed[i] for i in group]
        template, style = picks[positions[0]].template, styles.shots[picks[positions[0]].shot_style or ""]
        beside = templates_beside(template, templates, style, options=scope.variant.options)
        # Each row shuffles the templates and deals them out in turn: with numbers [9, 2, 5] for templates a, b, c the
        # order is b, c, a, and four exemplars have b, c, a, b.
        numbers = streams(keys(names, ids[positions].tolist()), len(beside))
        for i, order in zip(positions, np.argsort(numbers, axis=1, kind="stable").tolist(), strict=True):
            dealt = tuple(beside[order[j % len(beside)]] for j in range(len(picks[i].exemplars)))
            picks[i] = picks[i]._replace(exemplar_templates=dealt)


def _draw_exemplars(
    scope: DrawScope, rows: Sequence[Row], pool: Sequence[Row], shots: Shots
) -> list[tuple[Row, ...]]:
    """Rows of the pool for each row, different ones if drawn; never the row itself nor one that asks the same thing."""
    if shots.order == "first":
        # A published prompt shows its rows as they are, also one that stands there twice (MMLU's college physics).
        return [tuple(each for each in pool if each.content != row.content)[: shots.max] for row in rows]
    # Each row has a stream of numbers of its own: the first says how many exemplars, the others which. With
    # shots 1..5 and a pool of 512, one row's numbers give a count of 3 and positions 17, 402, 17, 88, ...: the
    # second 17 is the same row, so 17, 402 and 88 are shown.
    names = (scope.seed, scope.draws_as, scope.variant.name, scope.repeat, "exemplars")
    numbers = streams(keys(names, (row.id for row in rows)), 1 + _tries(shots.max))
    counts = (belows(numbers[:, 0], shots.max - shots.min + 1) + np.uint64(shots.min)).tolist()
    positions = belows(numbers[:, 1:], len(pool)).tolist()
    exemplars = []
    for row, count, row_positions in zip(rows, counts, positions, strict=True):
        if len(pool) > max(SMALL_POOL, 4 * count):  # far more rows than needed: draw until enough differ
            order: Iterable[int] = row_positions[: _tries(count)]
        else:
            stream = Draws(*names, row.id)
            stream.between(shots.min, shots.max)  # the number that gave `count`: the shuffle goes on after it
            order = stream.shuffled(range(len(pool)))
        exemplars.append(_different(row, pool, order, count))
    return exemplars


def _tries(count: int) -> int:
    """Numbers that are drawn for so many exemplars: enough that repeats and equal rows cost hardly ever one."""
    return 4 * count + 8


def _different(row: Row, pool: Sequence[Row], order: Iterable[int], count: int) -> tuple[Row, ...]:
    """The first `count` rows of the pool in this order that differ from the row and from each other."""
    different: dict[Content, Row] = {}
    for position in order:
        exemplar = pool[position]
        if exemplar.content != row.content:
            different.setdefault(exemplar.content, exemplar)
            if len(different) == count:
                break
    return tuple(different.values())
