"""Lists and mappings that a template writes may grow; those of the row never do."""

from __future__ import annotations

from typing import Any

import pytest

from flancollect.jinja.expression import ExpressionError, compile_template


def render(text: str, **row: Any) -> str:
    return compile_template(text).render(row)


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("{% set l = [] %}{% for x in xs %}{{ l.append(x) or '' }}{% endfor %}{{ l | join('-') }}", "1-2"),
        ("{% set l = [1, 2] %}{{ l.pop() }}{{ l }}", "2[1]"),
        ("{% set d = {'a': 1} %}{% set _ = d.update({'b': 2}, c=3) %}{{ d }}", "{'a': 1, 'b': 2, 'c': 3}"),
        ("{% set d = {'l': []} %}{% set _ = d.l.append(xs) %}{{ d.l }}{{ d.pop('l') }}", "[[1, 2]][[1, 2]]"),
        ("{% set n = namespace(l=[]) %}{% set _ = n.l.append(1) %}{{ n.l }}", "[1]"),
        ("{% set _ = [].append(1) %}{{ 1 in [1, 2] }}{{ [1] == [1] }}", "TrueTrue"),
    ],
)
def test_own_values_grow(text: str, output: str) -> None:
    assert render(text, xs=[1, 2]) == output


@pytest.mark.parametrize(
    "text",
    [
        "{{ xs.append(3) }}",
        "{% set l = xs %}{{ l.append(3) }}",
        "{% set l = [xs] %}{{ l[0].append(3) }}",
        "{% set d = {'a': row} %}{{ d.a.update({'b': 1}) }}",
        "{% set l = [3, 1] %}{{ l.sort() }}",
        "{% set l = [3, 1] %}{{ l.extend(xs) }}",
    ],
)
def test_values_of_the_row_and_other_methods_are_refused(text: str) -> None:
    row: dict[str, Any] = {"xs": [1, 2], "row": {"a": 1}}
    with pytest.raises(ExpressionError, match="unsafe"):
        render(text, **row)
    assert row == {"xs": [1, 2], "row": {"a": 1}}


@pytest.mark.parametrize(
    "text",
    [
        "{% set l = [1] %}{% for x in l %}{{ l.append(x) or '' }}{% endfor %}",
        "{% set l = [] %}{% set _ = l.append(l) %}{{ l }}",
        "{% set l = ['x' * 1000] %}{% for _ in range(30) %}{% set _ = l.append([l, l]) %}{% endfor %}{{ l }}",
    ],
)
def test_growth_without_end_is_stopped(text: str) -> None:
    with pytest.raises(ExpressionError, match="too much"):
        render(text)
