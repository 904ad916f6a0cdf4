from __future__ import annotations

import pytest
from jinja2.meta import find_undeclared_variables

from flancollect.jinja.expression import environment
from flancollect.jinja.rewrite import undeclared


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{{ a }} and {{ b.c[d] }}{{ a }}",
        "{{ [1, a, {b: c}] }}{{ a if b else c }}",
        "{{ range(a) }}{{ dict(x=a) }}{{ zip(a, b) }}",
        "{{ a | join(b) }}{{ a is divisibleby(b) }}{{ a | map('upper') | list }}",
        "{% if a %}{{ b }}{% elif c %}{{ d }}{% else %}{{ range(e) }}{% endif %}",
        "{{ a[b:c] ~ d > e }}",
        "{{ self }}{{ loop }}{{ caller }}{{ varargs }}",
        "{% raw %}{{ a }}{% endraw %}{{ true }}{{ none }}",
        "{% set a = a.b %}",
        "{% set a = b %}{{ a }}",
        "{% set a, b = b, c %}",
        "{% set a = b %}{% set b = c %}",
        "{% if a %}{% set b = c %}{% endif %}{{ b }}",
        "{% set n = namespace(x=a) %}{% set n.x = b %}{{ n.x }}",
        "{% set n.x = b %}",
        "{% for a in b %}{{ a }}{{ loop.index }}{% else %}{{ a }}{% endfor %}",
        "{% for a in b if a > c %}{{ d }}{% endfor %}",
        "{% macro m(a, b=c) %}{{ a }}{{ d }}{% endmacro %}{{ m(e) }}",
        "{% with a = b %}{{ a }}{{ c }}{% endwith %}{{ a }}",
        "{% set a %}{{ b }}{% endset %}{{ a }}",
        "{% filter upper %}{{ a }}{% endfilter %}",
        "{% call(x) a(b) %}{{ x }}{{ c }}{% endcall %}",
    ],
)
def test_names_that_come_from_the_row_are_those_that_jinja_finds(text: str) -> None:
    env = environment()
    assert undeclared(env.parse(text), env) == find_undeclared_variables(env.parse(text))
