"""Nothing that a template can write leads to Python, or changes a row."""

from __future__ import annotations

import datetime
from contextlib import suppress
from typing import Any

import pytest

from flancollect.jinja.expression import ExpressionError, compile_expression, compile_template


def evaluate(text: str, row: dict[str, Any]) -> Any:
    return compile_expression(text).evaluate(row)


def error(text: str, row: dict[str, Any]) -> str:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, row)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "premise.__class__",
        "premise['__class__']",
        "premise | attr('__class__')",
        "[premise] | map(attribute='__class__') | list",
        "premise.__class__.__mro__[1].__subclasses__()",
        "''.__class__.mro()",
        "dict.mro()",
        "range.__globals__",
        "zip.__globals__['os']",
        "premise.upper.__self__",
        "'{0.__class__}'.format(premise)",
        "'{0[__class__]}'.format(premise)",
        "'{x.__class__}'.format_map({'x': 1})",
        "'{0.__init__.__globals__}' | format(premise)",
        "['{0.__class__}'] | map('format', premise) | map('attr', '__class__') | list",
        "words.append('x')",
        "words.clear()",
        "words.sort()",
        "words.reverse()",
        "doc.update({'a': 1})",
        "doc.pop('_id')",
        "doc.setdefault('a', 1)",
        "{}.fromkeys([1])",
        "(5).to_bytes(10, 'big')",
        "premise.encode('idna')",
        "premise.translate({})",
        "day.strftime('%c')",
        "namespace().__class__",
        "dict.fromkeys",
    ],
)
def test_nothing_leads_out_of_the_data_or_changes_it(text: str) -> None:
    row = {"premise": "x", "words": ["b", "a"], "doc": {"_id": 7}, "day": datetime.date(2020, 1, 2)}
    message = error(text, row)
    assert any(
        sign in message for sign in ("unsafe", "Python", "has no attribute", "TypeError", "call it")
    ), message
    assert row == {"premise": "x", "words": ["b", "a"], "doc": {"_id": 7}, "day": datetime.date(2020, 1, 2)}


def test_pythons_own_names_are_refused_when_compiled() -> None:
    with pytest.raises(ExpressionError, match="belongs to Python"):
        compile_template("{{ x.__class__ }}")


@pytest.mark.parametrize(
    "text",
    [
        "{{ self }}",
        "{{ self.x }}",
        "{% macro m() %}{{ caller }}{% endmacro %}{{ m() }}",
        "{% macro m() %}{{ m._func }}{% endmacro %}{{ m() }}",
        "{% for x in [1] %}{{ loop._iterable }}{% endfor %}",
        "{{ [1, 2] | indent }}",
        "{% set doc.x = 1 %}",
        "{% set ns = namespace() %}{{ ns.__init__ }}",
    ],
)
def test_jinjas_own_objects_lead_nowhere(text: str) -> None:
    with suppress(ExpressionError):
        assert "object at 0x" not in compile_template(text).render({"doc": {"_id": 7}})


def test_a_list_that_a_filter_reads_stays_as_it_was() -> None:
    row = {"words": ["b", "a"]}
    error("words | indent", row)
    evaluate("words | sort", row)
    evaluate("words | reverse", row)
    assert row == {"words": ["b", "a"]}
