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
# Not the problem: a bare and a told chain of one program would else land in different splits, and a model
# trained on the one could have met the other's answer.
CONTENT = ("program",)

Step = tuple[str, int]  # sign and number: ("x", 3) triples the value


def _step(draws: Draws, value: int) -> Step:
    """A step that keeps the value in 1..99; times is the rarest, as it soon leaves no room."""
    # A list times a truth value is the list or nothing: for 99 only "-" is left, for 1 "+" and "x".
    signs = ["+"] * (value < MOST) + ["-"] * (value > 1) + ["x"] * (2 * value <= MOST)
    sign = draws.pick(signs)
    if sign == "+":
        return sign, draws.between(1, min(9, MOST - value))
    if sign == "-":
        return sign, draws.between(1, min(9, value - 1))
    return sign, draws.between(2, min(3, MOST // value))


def _story(draws: Draws, start: int, steps: list[Step]) -> str:
    # The verbs are drawn once for the story, so that "finds" and "buys" do not seem to be different operations.
    who, things = draws.pick(NAMES), draws.pick(THINGS)
    gains = draws.pick(("finds {} more", "gets {} more", "buys {} more"))
    losses = draws.pick(("gives away {}", "loses {}", "sells {}"))
    sentences = [f"{who} has {start} {things}."]
    for sign, number in steps:
        # `.get`, as the dict is made for every sign: + 7 has no word, and needs none.
        does = {"+": gains, "-": losses, "x": f"{TIMES_WORD.get(number)} the number of {things}"}[sign]
        sentences.append(f"{who} {does.format(number)}.")
    return " ".join([*sentences, f"How many {things} does {who} have now?"])


def row(draws: Draws, *, telling: str, steps: str) -> dict[str, object]:
    """A chain of that many steps."""
    start = value = draws.between(2, 20)
    chain: list[Step] = []
    equations = []
    for _ in range(int(steps)):
        sign, number = _step(draws, value)
        result = value + number if sign == "+" else value - number if sign == "-" else value * number
        equations.append(f"{value} {sign} {number} = {result}.")
        chain.append((sign, number))
        value = result
    if telling == "bare":
        commands = {"+": "Add {}.", "-": "Subtract {}.", "x": "Multiply by {}."}
        sentences = [commands[sign].format(number) for sign, number in chain]
        problem = " ".join([f"Start with {start}.", *sentences, "What is the result?"])
    else:
        problem = _story(draws, start, chain)
    program = f"{start} " + " ".join(f"{sign}{number}" for sign, number in chain)  # such as "7 +3 x2"
    return {"problem": problem, "chain": " ".join(equations), "answer": str(value), "program": program}
