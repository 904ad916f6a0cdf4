"""Boolean expressions to evaluate, true and false in equal measure.

`shape` is the outermost operator, or `nested` for two or three levels of any operators over plain truth
values. The flat shapes stand over number comparisons, which gives them enough different rows.
Columns: `expression` (fully bracketed) and `label` (1 for true). `xor` means exactly one of the two.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from flancollect.draw import Draws

SHAPES = ("and", "or", "xor", "not", "nested_2", "nested_3")

PARAMETERS: Mapping[str, tuple[str, ...]] = {"shape": SHAPES}
SCHEMA = pa.schema([("expression", pa.string()), ("label", pa.int64())])
CONTENT = ("expression",)

# The operand values that make an operator's result. An expression is made from its result downwards: drawn the
# other way, from random operands upwards, three of four `and`s would be false, and guessing "false" would pay.
OPERANDS: Mapping[tuple[str, bool], tuple[tuple[bool, ...], ...]] = {
    ("and", True): ((True, True),),
    ("and", False): ((False, True), (True, False), (False, False)),
    ("or", True): ((True, False), (False, True), (True, True)),
    ("or", False): ((False, False),),
    ("xor", True): ((True, False), (False, True)),
    ("xor", False): ((True, True), (False, False)),
    ("not", True): ((False,),),
    ("not", False): ((True,),),
}


def _comparison(draws: Draws, value: bool) -> str:
    """A comparison of two numbers that has this value; either number may stand first."""
    low = draws.between(1, 19)
    high = draws.between(low + 1, 20)
    if draws.chance(1, 2):
        return f"{low} {'<' if value else '>'} {high}"
    return f"{high} {'>' if value else '<'} {low}"


def _nested(draws: Draws, depth: int, result: bool) -> str:
    """An expression of exactly this depth along its first operand."""
    if depth == 0:
        return str(result).lower()
    operator = draws.pick(("and", "or", "xor", "not"))
    values = draws.pick(OPERANDS[operator, result])
    parts = [_nested(draws, depth - 1, values[0])]
    # The second operand, which `not` lacks, has any smaller depth: 0 to 2 in an expression of depth 3.
    parts += [_nested(draws, draws.below(depth), value) for value in values[1:]]
    bracketed = [part if part in ("true", "false") else f"({part})" for part in parts]
    return f"not {bracketed[0]}" if operator == "not" else f"{bracketed[0]} {operator} {bracketed[1]}"


def row(draws: Draws, *, shape: str) -> dict[str, object]:
    """An expression that was built from its result downwards."""
    result = draws.chance(1, 2)
    if shape.startswith("nested"):
        expression = _nested(draws, int(shape[-1]), result)
    else:
        parts = [_comparison(draws, value) for value in draws.pick(OPERANDS[shape, result])]
        expression = f"not ({parts[0]})" if shape == "not" else f"({parts[0]}) {shape} ({parts[1]})"
    return {"expression": expression, "label": int(result)}
