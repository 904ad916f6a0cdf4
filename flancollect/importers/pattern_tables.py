"""FLAN's pattern tables out of Python files: parsed, never run.

A table is a module-level name bound to a dictionary of lists; an entry is a pair of texts, or a call with
texts as keyword arguments. `TABLE["a"] = TABLE["b"]` makes another name for the same list. Tables that code
derives from others are not there to be read. So this file

    PATTERNS = {"rte": [("{premise} Does it follow that {hypothesis}?", "{answer}"), build()]}
    PATTERNS["wnli"] = PATTERNS["rte"]
    SHORT = shorten(PATTERNS)

gives one table: `rte` with the parts `inputs` and `targets` of its first entry and None for the second, and the
alias `wnli` of `rte`.
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
            alias, original = _table_and_key(target), _table_and_key(value)
            if alias is None or original is None or alias[0] != original[0] or alias[0] not in tables:
                continue
            table = tables[alias[0]]
            key = table.aliases.get(
                original[1], original[1]
            )  # an alias of an alias repeats the first of them
            if key in table.patterns and alias[1] not in table.patterns:
                table.aliases[alias[1]] = key
    return list(tables.values())


def _patterns(value: ast.Dict) -> Iterator[tuple[str, list[Mapping[str, str] | None]]]:
    for key, entries in zip(value.keys, value.values, strict=True):
        name = None if key is None else _text(key)  # the key of `**other` is None
        if name is not None and isinstance(entries, ast.List | ast.Tuple):
            patterns = [_pattern(entry) for entry in entries.elts]
            # A list in which nothing is a pattern is a list of something else.
            if any(pattern is not None for pattern in patterns):
                yield name, patterns


def _pattern(node: ast.expr) -> Mapping[str, str] | None:
    if isinstance(node, ast.Tuple | ast.List) and len(node.elts) == 2:
        parts = dict(zip(("inputs", "targets"), map(_text, node.elts), strict=True))
    elif isinstance(node, ast.Call) and not node.args:
        # Flags such as `in_template_mix=False` say where FLAN uses a pattern, not what it is.
        parts = {
            word.arg: _text(word.value)
            for word in node.keywords
            if word.arg and not (isinstance(word.value, ast.Constant) and isinstance(word.value.value, bool))
        }
    else:
        return None
    texts = {name: text for name, text in parts.items() if text is not None}
    return texts if len(texts) == len(parts) and {"inputs", "targets"} <= texts.keys() else None


def _text(node: ast.expr) -> str | None:
    """A literal text, or several added up; None for all else."""
    pieces = []
    # `a + b + c` is a tree as deep as the sum is long, so it is walked without recursion, the left side first.
    stack = [node]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            stack += [node.right, node.left]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            pieces.append(node.value)
        else:
            return None
    return "".join(pieces)


def _table_and_key(node: ast.expr) -> tuple[str, str] | None:
    """Table and key of `TABLE["key"]`."""
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        key = _text(node.slice)
        return None if key is None else (node.value.id, key)
    return None
