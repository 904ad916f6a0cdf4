"""One PromptSource template to the two texts of a template.

PromptSource renders prompt and target as one text, splits it at `|||` and strips both parts; what its
`answer_choices` render to is split likewise and handed to the template as a list. Here the text is split
before it is rendered where that is the same, and inside the template where it is not (the mark stands in a
branch, or the target uses what the prompt set). Values are never cut.

    Is {{ name }} sweet? ||| {{ answer_choices[label] }}      split as written, into
        input   Is {{ name }} sweet?
        target  {% set answer_choices = ["yes", "no"] %}{{ answer_choices[label] }}
    {% if label %}{{ name }}? ||| yes{% endif %}              split inside, where the mark becomes `<|||>`:
        input   {% set p3_text %}{% if label %}{{ name }}? <|||> yes{% endif %}{% endset %} ... first part
        target  the same ... second part
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from jinja2 import nodes

from flancollect.cards.family import RESERVED
from flancollect.importers.conversion import NotConvertible
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
    # A column called like a variable of our own gets another name: the column `options` becomes `options_`.
    renamed: dict[str, str] = {}
    for column in (name for name in RESERVED if name in columns):
        renamed[column] = f"{column}_"
        while renamed[column] in columns:
            renamed[column] += "_"
    head = _Head(choices=_choices_definition(choices), renamed=renamed)
    halves = _halves(text, tree)
    if halves is not None:
        parts = [_trimmed(half, head.of(half)) for half in halves]
    else:
        body = head.of(text) + text.replace(SEPARATOR, INNER_SEPARATOR)
        whole = f"{{% set p3_text %}}{body}{{% endset %}}"
        whole += f'{{% set p3_parts = p3_text.split("{INNER_SEPARATOR}") %}}'
        # Nothing unless the row has both parts, so that it is dropped for an empty prompt.
        parts = [
            f'{whole}{{{{ p3_parts[{number}] | trim if p3_parts | length == 2 else "" }}}}'
            for number in (0, 1)
        ]
    needs = {renamed.get(name, name): name for name in columns}
    return P3Template(input=parts[0], target=parts[1], needs=needs)


def _checked(text: str) -> nodes.Template:
    """The tree of a text of which everything can be expected to run in the sandbox."""
    _variables(text)
    tree = environment().parse(text)
    # The sandbox would refuse these for every row; one reason for the template is better than thousands of drops.
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Getattr) and call.node.attr not in TEMPLATE_METHODS:
            raise NotConvertible(f"calls .{call.node.attr}(), which no template may")
    return tree


def _variables(text: str) -> frozenset[str]:
    try:
        text.encode()
        return compile_template(text).variables
    except UnicodeEncodeError as error:
        raise NotConvertible("characters that no file can hold") from error
    except ExpressionError as error:
        raise NotConvertible(str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    """What the original text takes for granted: the list of choices, and columns under their own names."""

    choices: str
    renamed: dict[str, str]

    def of(self, text: str) -> str:
        """The definitions that one text needs."""
        used = _variables(text)
        choices = self.choices if CHOICES in used else ""
        used |= _variables(choices)  # choices may read renamed columns, too
        names = "".join(f"{{% set {old} = {new} %}}" for old, new in self.renamed.items() if old in used)
        return names + choices


def _choices_definition(choices: str | None) -> str:
    """The statement that defines the list of choices: `sweet ||| sour` becomes `["sweet", "sour"]`."""
    if not choices:
        return f"{{% set {CHOICES} = none %}}"
    # What reads no column and draws nothing is the same for every row, and is rendered here once.
    if not _variables(choices) and KEYED_FILTERS.isdisjoint(_WORDS.findall(choices)):
        try:
            rendered = compile_template(choices).render({})
        except ExpressionError as error:
            raise NotConvertible(f"answer choices: {error}") from error
        items = [part.strip() for part in rendered.split(SEPARATOR)]
        return f"{{% set {CHOICES} = {json.dumps(items, ensure_ascii=False)} %}}"
    text = f"{{% set choices_text %}}{choices.replace(SEPARATOR, INNER_SEPARATOR)}{{% endset %}}"
    split = f'choices_text.split("{INNER_SEPARATOR}") | map("trim") | list'
    return f"{text}{{% set {CHOICES} = {split} %}}"


def _halves(text: str, tree: nodes.Template) -> tuple[str, str] | None:
    """Prompt and target as two texts; None where only the rendered text can be split."""
    # At the top level of the tree the mark is plain text of every rendering; in a branch or a string it may not be.
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
    # `{% set x = ... %} ... ||| {{ x }}`: the target alone would not know x.
    return None if _assigned(environment().parse(prompt)) & _variables(target) else (prompt, target)


def _assigned(tree: nodes.Template) -> set[str]:
    """The names that a text sets at its top level, where what follows sees them; loops keep theirs to themselves."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, nodes.Assign | nodes.AssignBlock):
            targets = (node.target, *node.target.find_all(nodes.Name))
            names |= {name.name for name in targets if isinstance(name, nodes.Name)}
        elif isinstance(node, nodes.If):
            names |= {name.name for name in node.find_all(nodes.Name) if name.ctx == "store"}
        elif isinstance(node, nodes.Macro):
            names.add(node.name)
    return names


def _trimmed(half: str, head: str) -> str:
    """A text that renders without space around it.

    The filter is left out where a stripped text cannot begin or end with space: its edges are words or one of the
    choices, which are stripped themselves. So most templates stay as readable as they were.
    """
    half = half.strip()
    body = environment().parse(half).body
    if not body:
        return head + half
    first, last = body[0], body[-1]
    if isinstance(first, nodes.Output) and isinstance(last, nodes.Output):
        edges = (first.nodes[0], last.nodes[-1])
        if all(
            isinstance(edge, nodes.TemplateData)
            or (
                isinstance(edge, nodes.Getitem)
                and isinstance(edge.node, nodes.Name)
                and edge.node.name == CHOICES
            )
            for edge in edges
        ):
            return head + half
    return f"{head}{{% filter trim %}}{half}{{% endfilter %}}"
