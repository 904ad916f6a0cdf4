from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flancollect.jinja.evaluate import evaluate_columns, render_columns, render_rows, why_not_compiled
from flancollect.jinja.expression import ExpressionError, compile_template
from tests.jinja.comparison import differences, native_differences
from tests.jinja.template_strategies import columns, expressions, templates


def _allowed(text: str) -> bool:
    try:
        compile_template(text)
    except ExpressionError:
        return False
    return True


@settings(max_examples=250, deadline=None)
@given(templates, columns)
def test_generated_code_gives_what_jinja_gives(text, table):
    assume(_allowed(text))
    assert differences(text, table, 3)[0] == []


@settings(max_examples=150, deadline=None)
@given(expressions, columns)
def test_generated_expressions_give_what_jinja_gives(text, table):
    assume(_allowed(f"{{{{ {text} }}}}"))
    assert native_differences(text, table, 3) == []


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("{{ a }}", {"a": ["x", "é🎉", ""]}),
        ("{{ a }}", {"a": [None, True, 1.0, 1e16, float("nan"), -0.0, 10**30, [1, "a", None], {"k": "v"}, b"x"]}),
        ("{{ a | lower }}{{ a | length }}", {"a": ["ABC", None, ["A"], {"k": 1}]}),
        ("{{ a.b.c }}{{ a['b']['c'] }}", {"a": [{"b": {"c": 1}}, {"b": {}}, {}, None]}),
        ("{{ a.items }}{{ a['items'] }}", {"a": [{"items": 1}]}),
        ("{{ a[0] }}{{ a[-1] }}{{ a[n] }}", {"a": [["x", "y"], "xy", [], {0: "z"}], "n": [1, 0, 0, 0]}),
        ("{{ a[0] | default('none there') }}", {"a": [["x"], [], "", None, {}]}),
        ("{% if a is defined and b is not defined %}{{ a }}{% endif %}", {"a": ["x"]}),
        ("{{ 'yes' if a }}", {"a": ["x", ""]}),
        ("{% set x = a %}{% for c in a %}{{ x }}{% set x = c %}{{ x }}{% endfor %}{{ x }}", {"a": ["abc", ""]}),
        ("{% if a %}{% set x = 1 %}{% endif %}{{ x }}", {"a": ["y", ""]}),
        ("{% for x in a %}{{ x }}{% endfor %}{{ x }}", {"a": [["p"]], "x": ["outside"]}),
        ("{% for a in a %}{{ a }}{% endfor %}{{ a }}", {"a": [["p", "q"]]}),
        ("{% with a = a | upper, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}", {"a": ["p"]}),
        ("{% set ns = namespace(n=0) %}{% for c in a %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}", {"a": ["ab"]}),
        ("{% for c in a %}{{ loop.cycle('x', 'y') }}{% endfor %}", {"a": ["abc"]}),
        ("{% for c in a recursive %}{{ c[0] }}{{ loop(c[1:]) }}{% endfor %}", {"a": [["ab", "c"]]}),
        ("{% macro m(x, y=2) %}[{{ x }}{{ y }}]{% endmacro %}{{ m(a) }}{{ m(a, y=3) }}", {"a": ["p", None]}),
        ("{% call(x) m() %}{{ x }}{% endcall %}{% macro m() %}{{ caller(1) }}{% endmacro %}", {"a": ["p"]}),
        ("  {%- if a -%}  x  {%- endif %}\n\n{#- c -#}\n {{- a }}\n", {"a": ["p"]}),
        ("{% raw %}{{ a }}{% endraw %}{{ '{{' }}}}\\n\\\"{", {"a": ["p"]}),
        ("{{ a | safe }}{{ (a | e) ~ a }}{{ (a | safe) + '<' }}{{ (a | e) | upper }}", {"a": ["<b>&"]}),
        ("{{ 1 if a else [] }}{{ (a, 1) }}{{ {'k': a} }}", {"a": ["p", "", None, 1.5]}),
        ("{{ a == 1 }}{{ a == true }}{{ a in [1, '1'] }}", {"a": [1, True, 1.0, "1"]}),
        ("{{ 7 // 2 }}{{ -7 % 3 }}{{ 2 ** 10 }}{{ 1 / 3 }}{{ a * 2 }}", {"a": [1, 1.5, "x", [1], None]}),
        ("{% set y = [] %}{% for x in a if x not in y %}{% set _ = y.append(x) %}{{ x }}{% endfor %}",
         {"a": [list("abab")]}),
        ("{% set y = [] %}{% for x in a | reject('in', y) %}{% set _ = y.append(x) %}{{ x }}{% endfor %}",
         {"a": ["abab"]}),
        ("{{ [a, b] | choice }}{{ ['p', 'q', 'r'] | random }}", {"a": ["x", "y", "z"], "b": ["é", None, "w"]}),
        ("{{ dict(k=a).k }}{{ dict([[a, 1]]) }}{{ zip(a, b) }}", {"a": ["xy"], "b": [[1, 2]]}),
        ("{% for x in a | map('choice') %}{{ x }}{% endfor %}", {"a": [[["p", "q"], ["r", "s"]]]}),
    ],
)  # fmt: skip
def test_what_jinja_gives_in_corners(text, table):
    rows = max(map(len, table.values()))
    assert differences(text, table, rows)[0] == []


_LONG = 3_999_990


@pytest.mark.parametrize(
    "text",
    [
        "{{ t }}",
        "{{ t }}{{ t }}",
        "{{ t | lower }}{{ t | upper | length }}",
        "{% for i in range(n) %}{{ i }}{% endfor %}",
        "{% for i in range(n) %}{{ u }}{% endfor %}",
        "{% for i in range(n) %}{{ u | upper | lower | trim | length }}{% endfor %}",
        "{% for i in range(n) %}{% for j in range(n) %}{% endfor %}{% endfor %}",
        "{{ u * n }}",
        "{{ (u * n) | replace('a', 'bbbbbbbb') }}",
        "{{ u.split('a') | length }}{{ t.split('a') | length }}",
        "{% set s = namespace(t='ab') %}{% for i in range(n) %}{% set s.t = s.t ~ s.t %}{% endfor %}{{ s.t }}",
        "{% set x %}{{ t }}{% endset %}{% set y %}{{ t }}{% endset %}{{ x == y }}{{ x in y }}",
        "{% set y = [] %}{% for i in range(n) %}{% set _ = y.append(i) %}{% endfor %}{{ y | length }}",
        "{{ [t, t, t] | join('-') | length }}",
        "{{ [t] * n | length }}",
    ],
)
@pytest.mark.parametrize(("n", "length"), [(3, 100), (900, 20_000), (40_000, 400_000), (100_001, _LONG)])
def test_the_bounds_of_a_row_stand_where_they_stood(text, n, length):
    table = {"t": ["a" * length], "u": ["ab" * 50], "n": [n]}
    assert differences(text, table, 1)[0] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{% for i in range(10**12) %}{{ i }}{% endfor %}", "Range too big"),
        ("{{ 'x' * 10**10 }}", "a text longer than"),
        ("{% for i in [1] * 10**7 %}{% endfor %}", "a list longer than"),
        ("{% for i in range(1000) %}{% for j in range(1000) %}{% endfor %}{% endfor %}", "loop steps"),
    ],
)
def test_endless_work_stops_with_an_error_that_names_the_template(text, message):
    with pytest.raises(ExpressionError, match=message) as raised:
        render_columns(text, {"a": ["x"]}, 1)
    assert text[:40] in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "{{ a.__class__ }}",
        "{{ a['__class__'] }}",
        "{{ a['__cl' ~ 'ass__'] }}",
        "{{ a | attr('__class__') }}",
        "{{ a.upper.__self__ }}",
        "{{ a['upper'].__func__ }}",
        "{{ a.format.__globals__ }}",
        "{{ '{0.__class__}'.format(a) }}",
        "{{ [a] | map(attribute='__class__') | list }}",
        "{{ range.__globals__ }}",
        "{{ range['__globals__'] }}",
        "{{ dict.mro() }}",
        "{{ items.append(1) }}",
        "{{ items.clear() }}",
        "{{ d.update({'k': 2}) }}",
        "{{ d.pop('k') }}",
        "{% set items.x = 1 %}",
        "{% set _ = items.sort() %}",
        "{{ a.encode() }}",
        "{{ len(a) }}",
        "{{ type(a) }}",
        "{{ budget }}",
        "{{ out }}",
        "{{ columns }}",
        "{{ __builtins__ }}",
        "{{ namespace.__init__ }}",
        "{{ loop }}",
        "{{ a.mro() }}",
        "{% for x in items %}{{ loop.__class__ }}{% endfor %}",
    ],
)
def test_generated_code_reaches_nothing_that_the_sandbox_refuses(text):
    table = {"a": ["x"], "items": [[1, 2]], "d": [{"k": 1}]}
    try:
        compile_template(text)
    except ExpressionError:
        with pytest.raises(ExpressionError):
            render_columns(text, table, 1)
        return
    problems, outcome = differences(text, table, 1)
    assert problems == []
    assert isinstance(outcome.rows[0], ExpressionError)
    assert table == {"a": ["x"], "items": [[1, 2]], "d": [{"k": 1}]}


@given(st.text(max_size=30).filter(lambda text: "{" not in text))
def test_any_text_stands_as_it_is(text):
    assume(_allowed(text))
    for template in (text, f"{text}{{{{ a }}}}", f"{{{{ a }}}}{text}{{{{ a }}}}"):
        assert differences(template, {"a": ["x"]}, 1)[0] == []


def test_rows_that_the_generated_code_is_in_doubt_of_fall_back_to_jinja_and_are_named():
    text = "{% set x = a.nothing %}{{ a.b }}"
    outcome = render_rows(text, {"a": [{"b": 1}, {"b": 2, "nothing": 3}]}, 2)
    assert (outcome.rows, outcome.fallback) == (["1", "2"], [0])
    sure = "{{ a.keys() | list }}{{ a['nothing'] is defined }}{% for x in [] %}{{ a['nothing'] }}{% endfor %}"
    outcome = render_rows(sure, {"a": [{"b": 1}]}, 1)
    assert (outcome.rows, outcome.fallback) == (["['b']False"], [])


def test_a_template_that_is_not_compiled_renders_all_the_same_and_says_why():
    macro = "{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(a) }}"
    assert why_not_compiled(macro) == "macro is not covered"
    assert render_columns(macro, {"a": ["p", "q"]}, 2) == ["<p>", "<q>"]
    assert why_not_compiled("{{ a }}") is None


def test_a_failing_row_does_not_stop_the_others():
    outcome = render_rows("{{ a + 'x' }}", {"a": ["p", 1, "q"]}, 3)
    assert [outcome.rows[0], outcome.rows[2]] == ["px", "qx"]
    assert isinstance(outcome.rows[1], ExpressionError)
    assert outcome.fallback == [1]


def test_no_rows_give_no_texts():
    assert render_columns("{{ a }}", {"a": []}, 0) == []


def test_a_template_without_variables_is_rendered_for_every_row():
    assert render_columns("x", {"a": ["p", "q"]}, 2) == ["x", "x"]


def test_a_bare_column_is_itself():
    values = [1, None, {"k": [1]}]
    assert evaluate_columns("a", {"a": values}, 3) == values


def test_an_expression_that_fails_leaves_its_error_in_place():
    first, second = evaluate_columns("a.b", {"a": [{"b": None}, {}]}, 2)
    assert first is None
    assert isinstance(second, ExpressionError)
