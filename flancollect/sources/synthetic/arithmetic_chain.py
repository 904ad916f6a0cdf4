"""A start value and a few steps of plus, minus and times, with the calculation step by step.

Columns: `problem` (bare, or told as a short story with its question), `chain` (one equation per step),
`answer`, and `program` (start and steps, which decides the split in both tellings). Every value on the
way lies in 1..99.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from flancollect.draw import Draws
from flancollect.sources.synthetic.vocabulary import NAMES, words

THINGS = words("apples beads buttons cards coins marbles pencils shells stamps stones")
MOST = 99
TIMES_WORD = {2: "doubles", 3: "triples"}

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "telling": ("bare", "story"),
    "steps": ("2", "3", "4", "5", "6"),
}
SCHEMA = pa.schema(
    [("problem", pa.string()), ("chain", pa.string()), ("answer", pa.string()), ("program", pa.string())]
)
CONTENT = ("program",)

Step = tuple[str, int]


def _step(draws: Draws, value: int) -> Step:
    """A step that keeps the value in 1..99; times is the rarest, as it soon leaves no room."""
    signs = ["+"] * (value < MOST) + ["-"] * (value > 1) + ["x"] * (2 * value <= MOST)
    sign = draws.pick(signs)
    if sign == "+":
        return sign, draws.between(1, min(9, MOST - value))
    if sign == "-":
        return sign, draws.between(1, min(9, value - 1))
    return sign, draws.between(2, min(3, MOST // value))


def _after(value: int, step: Step) -> int:
    sign, number = step
    return value + number if sign == "+" else value - number if sign == "-" else value * number


def _bare(start: int, steps: list[Step]) -> str:
    words = {"+": "Add {}.", "-": "Subtract {}.", "x": "Multiply by {}."}
    told = [words[sign].format(number) for sign, number in steps]
    return " ".join([f"Start with {start}.", *told, "What is the result?"])


def _story(draws: Draws, start: int, steps: list[Step]) -> str:
    who, things = draws.pick(NAMES), draws.pick(THINGS)
    gains = draws.pick(("finds {} more", "gets {} more", "buys {} more"))
    losses = draws.pick(("gives away {}", "loses {}", "sells {}"))
    told = [f"{who} has {start} {things}."]
    for sign, number in steps:
        does = {"+": gains, "-": losses, "x": f"{TIMES_WORD.get(number)} the number of {things}"}[sign]
        told.append(f"{who} {does.format(number)}.")
    return " ".join([*told, f"How many {things} does {who} have now?"])


def row(draws: Draws, *, telling: str, steps: str) -> dict[str, object]:
    """A chain of that many steps."""
    start = value = draws.between(2, 20)
    taken: list[Step] = []
    equations = []
    for _ in range(int(steps)):
        sign, number = _step(draws, value)
        result = _after(value, (sign, number))
        equations.append(f"{value} {sign} {number} = {result}.")
        taken.append((sign, number))
        value = result
    problem = _bare(start, taken) if telling == "bare" else _story(draws, start, taken)
    program = f"{start} " + " ".join(f"{sign}{number}" for sign, number in taken)
    return {"problem": problem, "chain": " ".join(equations), "answer": str(value), "program": program}
