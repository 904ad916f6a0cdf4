"""One PromptSource template to the two texts of a template.

PromptSource renders prompt and target as one text, splits it at `|||` and strips both parts; what its
`answer_choices` render to is split likewise and handed to the template as a list. Here the text is split
before it is rendered where that is the same, and inside the template where it is not (the mark stands in a
branch, or the target uses what the prompt set). Values are never cut.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import nodes

from flancollect.cards.family import RESERVED
from flancollect.jinja.expression import (
    KEYED_FILTERS,
    TEMPLATE_METHODS,
    ExpressionError,
    compile_template,
    environment,
)

SEPARATOR = "|||"
INNER_SEPARATOR = "<|||>"  # what no value holds: the one in the text may stand in a row, too
CHOICES = "answer_choices"

_WORDS = re.compile(r"\w+")


class NotConvertible(Exception):  # noqa: N818
    """A template that has no place in our language; the text is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class P3Template:
    """The texts of a template, and the columns of the row that they read: name in the text to column."""

    input: str
    target: str
    needs: dict[str, str]


def convert_template(text: str, choices: str | None) -> P3Template:
    """Convert a template and its answer choices. Raises NotConvertible."""
    text = text.strip()
    tree = _checked(text)
    _checked(choices or "")
    if SEPARATOR not in text:
        raise NotConvertible(f"no {SEPARATOR} between prompt and target")
    columns = sorted((_variables(text) | _variables(choices or "")) - {CHOICES})
    renamed = _renamed(columns)
    head = _Head(choices=_choices_text(choices), renamed=renamed)
    halves = _halves(text, tree)
    if halves is not None:
        parts = [_stripped(half, head.of(half)) for half in halves]
    else:
        whole = _captured("p3_text", head.of(text) + text.replace(SEPARATOR, INNER_SEPARATOR))
        parts = [f"{whole}{_part(i)}" for i in (0, 1)]
    needs = {renamed.get(name, name): name for name in columns}
    return P3Template(input=parts[0], target=parts[1], needs=needs)


# --- checks ------------------------------------------------------------------------------------------------


def _checked(text: str) -> nodes.Template:
    """The tree of a text of which everything can be expected to run in the sandbox."""
    columns = _variables(text)
    tree = environment().parse(text)
    for call in tree.find_all(nodes.Call):
        _check_call(call, columns)
    return tree


def _check_call(call: nodes.Call, columns: frozenset[str]) -> None:
    if isinstance(call.node, nodes.Getattr) and call.node.attr not in TEMPLATE_METHODS:
        raise NotConvertible(f"calls .{call.node.attr}(), which no template may")
    if isinstance(call.node, nodes.Name) and call.node.name in columns:
        raise NotConvertible(f"calls {call.node.name}(), which does not exist")


def _variables(text: str) -> frozenset[str]:
    try:
        text.encode()
        return compile_template(text).variables
    except UnicodeEncodeError as error:
        raise NotConvertible("characters that no file can hold") from error
    except ExpressionError as error:
        raise NotConvertible(str(error)) from error


# --- what stands at the head of a text ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """What the original text takes for granted: the list of choices, and columns under their own names."""

    choices: str
    renamed: dict[str, str]

    def of(self, text: str) -> str:
        """The definitions that one text needs."""
        used = _variables(text)
        choices = self.choices if CHOICES in used else ""
        used |= _variables(choices)
        names = "".join(f"{{% set {old} = {new} %}}" for old, new in self.renamed.items() if old in used)
        return names + choices


def _renamed(columns: list[str]) -> dict[str, str]:
    """New names for columns that are called like a variable of our own."""
    renamed: dict[str, str] = {}
    for name in RESERVED:
        if name in columns:
            new = f"{name}_"
            while new in columns:
                new += "_"
            renamed[name] = new
    return renamed


def _choices_text(choices: str | None) -> str:
    """The statement that defines the list of choices."""
    if not choices:
        return f"{{% set {CHOICES} = none %}}"
    if not _variables(choices) and KEYED_FILTERS.isdisjoint(_WORDS.findall(choices)):
        try:
            rendered = compile_template(choices).render({})
        except ExpressionError as error:
            raise NotConvertible(f"answer choices: {error}") from error
        items = [part.strip() for part in rendered.split(SEPARATOR)]
        return f"{{% set {CHOICES} = {json.dumps(items, ensure_ascii=False)} %}}"
    captured = _captured("choices_text", choices.replace(SEPARATOR, INNER_SEPARATOR))
    split = f'choices_text.split("{INNER_SEPARATOR}") | map("trim") | list'
    return f"{captured}{{% set {CHOICES} = {split} %}}"


def _captured(name: str, text: str) -> str:
    return f"{{% set {name} %}}{text}{{% endset %}}"


# --- splitting ---------------------------------------------------------------------------------------------


def _halves(text: str, tree: nodes.Template) -> tuple[str, str] | None:
    """Prompt and target as two texts; None where only the rendered text can be split."""
    at_top = sum(
        node.data.count(SEPARATOR)
        for output in tree.body
        if isinstance(output, nodes.Output)
        for node in output.nodes
        if isinstance(node, nodes.TemplateData)
    )
    if at_top != 1 or text.count(SEPARATOR) != 1:
        return None
    prompt, target = text.split(SEPARATOR)
    carried = set(_assigned(environment().parse(prompt))) & _variables(target)
    return None if carried else (prompt, target)


def _assigned(tree: nodes.Template) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, nodes.Assign | nodes.AssignBlock):
            yield from (
                name.name
                for name in (node.target, *node.target.find_all(nodes.Name))
                if isinstance(name, nodes.Name)
            )
        elif isinstance(node, nodes.If):
            yield from (name.name for name in node.find_all(nodes.Name) if name.ctx == "store")
        elif isinstance(node, nodes.Macro):
            yield node.name


def _stripped(half: str, head: str) -> str:
    """A text that renders without space around it."""
    half = half.strip()
    if _clean_edges(half):
        return head + half
    return f"{head}{{% filter trim %}}{half}{{% endfilter %}}"


def _clean_edges(text: str) -> bool:
    """Whether a stripped text cannot begin or end with space: its edges are words or one of the choices."""
    body = environment().parse(text).body
    if not body or not isinstance(body[0], nodes.Output) or not isinstance(body[-1], nodes.Output):
        return not body
    return all(map(_clean, (body[0].nodes[0], body[-1].nodes[-1])))


def _clean(node: nodes.Expr) -> bool:
    if isinstance(node, nodes.Getitem):
        return isinstance(node.node, nodes.Name) and node.node.name == CHOICES
    return isinstance(node, nodes.TemplateData)


def _part(number: int) -> str:
    """Prompt (0) or target (1) of a captured text; nothing unless it has both, so that the row is dropped."""
    parts = f'p3_text.split("{INNER_SEPARATOR}")'
    return (
        f'{{% set p3_parts = {parts} %}}{{{{ p3_parts[{number}] | trim if p3_parts | length == 2 else "" }}}}'
    )
