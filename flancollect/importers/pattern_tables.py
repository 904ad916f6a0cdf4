"""FLAN's pattern tables out of Python files: parsed, never run.

A table is a module-level name bound to a dictionary of lists; an entry is a pair of texts, or a call with
texts as keyword arguments. `TABLE["a"] = TABLE["b"]` makes another name for the same list. Tables that code
derives from others are not there to be read.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


class NotATable(Exception):  # noqa: N818
    """A file that cannot be parsed; the text is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One dictionary: its patterns by key, as mappings of part to text; None for a pattern of another form.

    A pair has the parts `inputs` and `targets`. `aliases` maps a further key to the key it repeats.
    """

    name: str
    patterns: dict[str, list[Mapping[str, str] | None]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)


def tables_in(source: str) -> list[Table]:
    """The tables of one file, in order. Raises NotATable."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise NotATable(f"not Python: {type(error).__name__}") from error
    tables: dict[str, Table] = {}
    for statement in tree.body:
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        target, value = statement.targets[0], statement.value
        if isinstance(target, ast.Name) and isinstance(value, ast.Dict):
            table = Table(name=target.id, patterns=dict(_patterns(value)))
            tables |= {target.id: table} if table.patterns else {}
        elif isinstance(target, ast.Subscript):
            _add_alias(tables, _entry(target), _entry(value))
    return list(tables.values())


def _patterns(value: ast.Dict) -> Iterator[tuple[str, list[Mapping[str, str] | None]]]:
    for key, patterns in zip(value.keys, value.values, strict=True):
        name = None if key is None else _text(key)
        if name is not None and isinstance(patterns, ast.List | ast.Tuple):
            found = [_pattern(pattern) for pattern in patterns.elts]
            if any(pattern is not None for pattern in found):
                yield name, found


def _pattern(node: ast.expr) -> Mapping[str, str] | None:
    if isinstance(node, ast.Tuple | ast.List) and len(node.elts) == 2:
        parts = dict(zip(("inputs", "targets"), map(_text, node.elts), strict=True))
    elif isinstance(node, ast.Call) and not node.args:
        parts = {
            word.arg: _text(word.value) for word in node.keywords if word.arg and not _is_flag(word.value)
        }
    else:
        return None
    texts = {name: text for name, text in parts.items() if text is not None}
    return texts if len(texts) == len(parts) and {"inputs", "targets"} <= texts.keys() else None


def _is_flag(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, bool)


def _text(node: ast.expr) -> str | None:
    """A literal text, or several added up; None for all else."""
    pieces = []
    rest = [node]
    while rest:
        node = rest.pop()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            rest += [node.right, node.left]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            pieces.append(node.value)
        else:
            return None
    return "".join(pieces)


def _entry(node: ast.expr) -> tuple[str, str] | None:
    """Table and key of `TABLE["key"]`."""
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        key = _text(node.slice)
        return None if key is None else (node.value.id, key)
    return None


def _add_alias(
    tables: Mapping[str, Table], entry: tuple[str, str] | None, same_as: tuple[str, str] | None
) -> None:
    if entry is None or same_as is None or entry[0] != same_as[0] or entry[0] not in tables:
        return
    table = tables[entry[0]]
    original = table.aliases.get(same_as[1], same_as[1])
    if original in table.patterns and entry[1] not in table.patterns:
        table.aliases[entry[1]] = original
