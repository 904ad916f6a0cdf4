"""A null becomes no value, whatever works on it, whatever other rows have, in generated code as in reference Jinja."""

from __future__ import annotations

from typing import Any

import pytest

from flancollect.jinja.evaluate import evaluate_columns, render_rows
from flancollect.jinja.expression import ExpressionError, NullValueError, compile_expression, compile_template

ROW: dict[str, Any] = {
    "x": None,
    "nan": float("nan"),
    "text": "banana",
    "other": "y",
    "n": 2,
    "label": None,
    "list": [None],
    "named": {"ok": None, "there": "z"},
    "objects": [{"ok": "no"}, {"ok": None}],
    "empty": {},
}
FULL: dict[str, Any] = {
    "x": "v",
    "nan": 1.5,
    "text": "kiwi",
    "other": "w",
    "n": 1,
    "label": "spam",
    "list": ["u"],
    "named": {"ok": "yes", "there": "q"},
    "objects": [{"ok": "no"}, {"ok": "yes"}],
    "empty": {"k": 1},
}
MIXES = ([ROW], [ROW, ROW], [ROW, FULL], [FULL, ROW])
"""A row alone, among its like, and beside a row without holes: columns are of other kinds in each."""


def values(text: str) -> list[Any]:
    """What an expression gives for ROW in every mix, and from reference Jinja."""
    outcomes = []
    for rows in MIXES:
        columns = {name: [row[name] for row in rows] for name in ROW}
        outcomes.append(evaluate_columns(text, columns, len(rows))[rows.index(ROW)])
    try:
        outcomes.append(compile_expression(text).evaluate(ROW))
    except ExpressionError as error:
        outcomes.append(error)
    return outcomes


@pytest.mark.parametrize(
    "text",
    [
        *("text[x:]", "text[:x]", "text[::x]", "[1, 2][x:]", "text[(x):]", "list[x]", "x[1:]"),
        *("x == 'a'", "x != 'a'", "'a' < x", "nan > 0", "[x, n] != ['a', 'b']", "x in ['a']", "'a' in [x]"),
        *("list | first != 'a'", "(list | list)[0] != 'a'", "(objects | last).ok != 'no'", "-(list | first)"),
        *("named.get('ok') == 1", "named.ok ~ '.'", "x + 1", "n * nan", "'%s' % x", "'%s' % [x]"),
        *("'{}'.format(x)", "'{}'.format([x])", "x ~ '.'", "list ~ '.'", "[[x]] | join", "[list] | join(',')"),
        *("x | int", "x | upper", "list | upper", "list | string", "named | string", "list | trim"),
        *("list | title", "named | urlencode", "list | e", "list | clause", "list | label('A: ')", "x | length"),
        *("x is eq 'a'", "x is ne 'a'", "x is in ['a']", "x is gt 1", "nan is lt 1", "nan is odd", "x is true"),
        *("text | replace(x, 'a')", "dict(a=x).a == 'a'"),
        *("x is divisibleby 2", "'a' is ne x", "x is false", "x is sameas true", "x is lower"),
        *("1 if x else 0", "1 if not x else 0", "1 if list | first else 0", "1 if named.get('ok') else 0"),
        *("1 if x and n else 0", "1 if n and x else 0", "1 if x and x > 3 else 0", "1 if (x if n else n) else 0"),
        *("1 if x | default(none) else 0", "1 if empty.get('k') else 0"),
        *("not x", "not list | first", "'yes' if [x] | one else 'no'", "1 if (zip(list, list) | first)[0] == 1 else 0"),
        *("objects | selectattr('ok', 'ne', 'no') | list", "objects | rejectattr('ok', 'eq', 'no') | list"),
        *("list | select('ne', 'a') | list", "list | reject('eq', 'a') | list", "text ~ (list | first | line)"),
        *("range(x)", "x | round"),
    ],
)  # fmt: skip
def test_what_works_on_a_null_fails(text: str) -> None:
    assert [type(value) for value in values(text)] == [NullValueError] * 5, text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x or text", "banana"),
        ("x or label or text", "banana"),
        ("(label or x) or other", "y"),
        ("text | default(x)", "banana"),
        ("text | default(x) | default(label)", "banana"),
        ("x | default(text) | default(label)", "banana"),
        ("x | default(text, true)", "banana"),
        ("named.get('there', x)", "z"),
        ("named.get('none', text)", "banana"),
        ("x | default('d')", "d"),
        ("nan | default('d')", "d"),
        ("empty.gone | default('d')", "d"),
        ("'7' | int(x)", 7),
        ("x | int(7)", 7),
        ("x | int(x) | default('d')", "d"),
        ("x is none", True),
        ("nan is none", True),
        ("-1 if nan is none else (1 if nan > 0 else 0)", -1),
        ("-1 if x == none else 1", -1),
        ("x is defined", False),
        ("x is undefined", True),
        ("named.ok is defined", False),
        ("empty.gone is defined", False),
        ("text is defined", True),
        ("x is string", False),
        ("x if x else other", "y"),
        ("x | trim if x else other", "y"),
        ("other if not x else x", "y"),
        ("text if label is none or label == 'spam' else other", "banana"),
        ("label is defined and label != 'spam'", False),
        ("[x, text] | select | list", ["banana"]),
        ("objects | selectattr('ok') | list", [{"ok": "no"}]),
        ("objects | selectattr('ok', 'ne', none) | list", [{"ok": "no"}]),
        ("x is ne none", False),
        ("[x, text]", [None, "banana"]),
        ("text[:n]", "ba"),
        ("named | tojson", '{"ok": null, "there": "z"}'),
        ("named.keys() | list", ["ok", "there"]),
        ("x | many", []),
    ],
)
def test_a_null_may_be_asked_for_and_handed_on(text: str, value: Any) -> None:
    assert values(text) == [value] * 5


@pytest.mark.parametrize(
    "text", ["x", "named.ok", "list[0]", "x and n", "text and x", "x | default(label)", "list | first"]
)
def test_an_expression_may_come_to_a_null(text: str) -> None:
    assert values(text) == [None] * 5


@pytest.mark.parametrize(
    "text",
    [
        "{{ x }}",
        "{{ list }}",
        "{{ named }}",
        "{% if named.ok == 1 %}one{% else %}another{% endif %}",
        "{% if named.ok %}one{% else %}another{% endif %}",
        "{% for one in objects %}{{ 'a' if one.ok != 'no' else 'b' }}{% endfor %}",
        "{% for one in objects %}{{ one.ok | upper }}{% endfor %}",
        "{% for one in list %}{{ one }}{% endfor %}",
        "{{ 'yes' if named.ok else 'no' }}",
        "{{ list | join(', ') }}",
        "{{ list | numbered }}",
    ],
)
def test_a_template_writes_nothing_of_a_null(text: str) -> None:
    columns = {name: [value, FULL[name]] for name, value in ROW.items()}
    with pytest.raises(NullValueError):
        compile_template(text).render(ROW)
    first, second = render_rows(text, columns, 2).rows
    assert isinstance(first, NullValueError)
    assert isinstance(second, str)


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("{% if named.ok %}({{ named.ok }}){% endif %}.", "."),
        ("{% for one in objects %}{{ one.ok | default('?') }}{% endfor %}", "no?"),
        ("{{ named.ok or 'none' }}", "none"),
        ("{% if named.ok is none %}none{% else %}{{ named.ok == 1 }}{% endif %}", "none"),
    ],
)
def test_a_template_may_ask_for_a_null(text: str, rendered: str) -> None:
    columns = {name: [value, FULL[name]] for name, value in ROW.items()}
    assert render_rows(text, columns, 2).rows[0] == rendered
    assert compile_template(text).render(ROW) == rendered


@pytest.mark.parametrize("text", ["0.9", "1.5", " 2.25 "])
def test_a_whole_number_is_all_of_what_it_is_made_of(text: str) -> None:
    for value in (text, float(text)):
        with pytest.raises(ExpressionError, match=r"^not a whole number: "):
            compile_expression("v | int").evaluate({"v": value})
        assert compile_expression("v | int(-1)").evaluate({"v": value}) == -1
        assert compile_expression("v | float | round | int").evaluate({"v": value}) == round(float(text))


@pytest.mark.parametrize(
    ("value", "number"), [("7", 7), (" 7 ", 7), ("2.0", 2), (3.0, 3), (True, 1), ("1e3", 1000)]
)
def test_other_ways_of_writing_a_whole_number_are_read(value: Any, number: int) -> None:
    assert compile_expression("v | int").evaluate({"v": value}) == number


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("text[x:]", "null in x"),
        ("named.ok ~ '.'", "null in named.ok"),
        ("list | first | upper", "null in list | first"),
        ("named.get('ok') == 1", "null in named.get()"),
        ("list[0] == 'a'", "null in list[0]"),
    ],
)
def test_an_error_says_what_is_null(text: str, says: str) -> None:
    with pytest.raises(NullValueError) as error:
        compile_expression(text).evaluate(ROW)
    assert str(error.value).startswith(f"{says} (")
