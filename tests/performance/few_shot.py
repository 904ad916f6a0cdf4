"""Few-shot prompts of five exemplars on one core, to an Arrow column.

From fields: template and shot style are applied for every row and each of its exemplars, by `str.format` and
one join (what a plain Python loop does) or by Jinja compiled once, against exemplars that are rendered once and
gathered. From ready texts: input and target of every exemplar are there already, and only the shot style and
the join are left, with the style as an f-string in Python's own code, which is as fast as Python goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import repeat

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from jinja2.sandbox import SandboxedEnvironment

from flancollect.cards.style_card import ShotStyle
from flancollect.draw import Draws
from flancollect.jinja.evaluate import render_columns
from flancollect.render.few_shot import ShotSelection, few_shot_prompts
from flancollect.render.zero_shot import Example
from tests.performance.measure import WORDS, Contestant, Timing, compare

BENCH = "few-shot"
ROWS = 16_384
POOL = 512
SHOTS = 5
MORSEL = 8_192
ROOM = 10_000_000

TEMPLATE = 'Premise: {{ premise }}\nDoes it follow that "{{ hypothesis }}"?'
STYLE = ShotStyle(
    exemplar="Question: {{ input }}\nAnswer: {{ target }}", query="Question: {{ input }}\nAnswer:"
)
PLAIN_TEMPLATE = 'Premise: {premise}\nDoes it follow that "{hypothesis}"?'
PLAIN_EXEMPLAR = "Question: {input}\nAnswer: {target}"
PLAIN_QUERY = "Question: {input}\nAnswer:"

Row = dict[str, str]
Columns = dict[str, list[str]]
Places = npt.NDArray[np.int64]


def few_shot() -> Iterator[Timing]:
    """Both cases, for short and long texts."""
    for words in (20, 80):
        pool, questions, chosen = _made(words)
        size = f"{words} words each"
        yield from compare(
            BENCH, f"k=5 from fields, {size}", _from_fields(pool, questions, chosen), pa.Array.equals
        )
        yield from compare(
            BENCH, f"k=5 from ready texts, {size}", _ready(pool, questions, chosen), pa.Array.equals
        )


@lru_cache(maxsize=4)
def _made(words: int) -> tuple[list[Row], list[Row], Places]:
    """A pool, questions, and the exemplars of each, all keyed."""
    draws = Draws("few-shot", words)

    def row() -> Row:
        premise, hypothesis = (" ".join(draws.pick(WORDS) for _ in range(n)) for n in (words, 8))
        return {"premise": premise, "hypothesis": hypothesis, "answer": draws.pick(("yes", "no"))}

    pool, questions = [row() for _ in range(POOL)], [row() for _ in range(ROWS)]
    return pool, questions, np.array([[draws.below(POOL) for _ in range(SHOTS)] for _ in range(ROWS)])


def _from_fields(pool: list[Row], questions: list[Row], chosen: Places) -> dict[str, Contestant]:
    pool_columns, asked_columns = _columns(pool), _columns(questions)
    environment = SandboxedEnvironment(keep_trailing_newline=True)
    template, exemplar, query = (
        environment.from_string(text).render for text in (TEMPLATE, STYLE.exemplar, STYLE.query)
    )

    def gathered() -> pa.Array:
        exemplars = _examples(pool_columns)
        return _in_morsels(exemplars, chosen, lambda start: _examples(asked_columns, start, start + MORSEL))

    def formatted() -> pa.Array:
        prompts = []
        for row, places in zip(questions, chosen.tolist(), strict=True):
            parts = [
                PLAIN_EXEMPLAR.format(input=PLAIN_TEMPLATE.format(**pool[i]), target=pool[i]["answer"])
                for i in places
            ]
            parts.append(PLAIN_QUERY.format(input=PLAIN_TEMPLATE.format(**row)))
            prompts.append("\n\n".join(parts))
        return pa.array(prompts)

    def rendered() -> pa.Array:
        prompts = []
        for row, places in zip(questions, chosen.tolist(), strict=True):
            parts = [exemplar(input=template(pool[i]), target=pool[i]["answer"]) for i in places]
            prompts.append("\n\n".join([*parts, query(input=template(row))]))
        return pa.array(prompts)

    return {
        "flancollect": Contestant(run=gathered, rows=ROWS),
        "Python join per row": Contestant(run=formatted, rows=ROWS),
        "Jinja compiled once, join per row": Contestant(run=rendered, rows=ROWS),
    }


def _ready(pool: list[Row], questions: list[Row], chosen: Places) -> dict[str, Contestant]:
    exemplars, asked = _examples(_columns(pool)), _examples(_columns(questions))

    def gathered() -> pa.Array:
        return _in_morsels(exemplars, chosen, lambda start: asked[start : start + MORSEL])

    def joined() -> pa.Array:
        prompts = []
        for question, places in zip(asked, chosen.tolist(), strict=True):
            parts = [f"Question: {exemplars[i].input}\nAnswer: {exemplars[i].target}" for i in places]
            parts.append(f"Question: {question.input}\nAnswer:")
            prompts.append("\n\n".join(parts))
        return pa.array(prompts)

    return {
        "flancollect": Contestant(run=gathered, rows=ROWS),
        "Python f-strings and join per row": Contestant(run=joined, rows=ROWS),
    }


def _in_morsels(exemplars: list[Example], chosen: Places, asked: Callable[[int], list[Example]]) -> pa.Array:
    """Prompts of so many questions at a time: few enough for the processor's cache."""
    return pa.concat_arrays(
        [
            _gathered(exemplars, asked(start), chosen[start : start + MORSEL])
            for start in range(0, ROWS, MORSEL)
        ]
    )


def _columns(rows: list[Row]) -> Columns:
    return {name: [row[name] for row in rows] for name in rows[0]}


def _examples(columns: Columns, start: int = 0, stop: int | None = None) -> list[Example]:
    part = {name: column[start:stop] for name, column in columns.items()}
    answers = part.pop("answer")
    inputs = render_columns(TEMPLATE, part, len(answers))
    return list(map(Example, repeat(""), inputs, answers))


def _gathered(exemplars: list[Example], questions: list[Example], chosen: Places) -> pa.Array:
    shown = ShotSelection(exemplars=chosen.ravel(), counts=np.full(len(chosen), SHOTS))
    return pa.array(few_shot_prompts(STYLE, exemplars, shown, questions, ROOM)[0], pa.string())
